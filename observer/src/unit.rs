//! What the machine says of units and containers beside their cgroups' paths, and which of them are selected.
//!
//! In: the system bus where there is one, cgroups' attributes, runtimes' files. Out: plain values: descriptions, results,
//! restarts, invocations, names.

mod asked;
mod container;
mod invocation;
pub mod oomd;
mod owner;
pub mod prekill;
mod select;
pub mod systemd;

pub use asked::{Asked, container_names, did_you_mean, present};
pub use container::Names;
pub use invocation::invocation_id;
pub use oomtrace_engine::unit::{UnitPath, ends, is_same_unit, unit_cgroup};
pub use select::Selection;
