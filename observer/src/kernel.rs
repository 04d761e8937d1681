//! The kernel side's other half: loads the programs, attaches each probe in the best way there is, decodes records.
//!
//! In: the eBPF object, the running kernel's BTF and tracepoint formats, ring bytes, the kernel's log. Out: typed
//! [`record`]s, the list of probes with their ways. It must never know units, paths or verdicts.

pub mod btf;
pub mod format;
pub mod load;
pub mod log;
pub mod pages;
pub mod plan;
pub mod record;
pub mod walk;

pub use load::{KernelError, Probes, missing_capabilities};
