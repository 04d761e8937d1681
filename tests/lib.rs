//! What runs against real kernels: scenarios, fixtures, traces.
