//! From a cgroup's path to the unit, slice, user unit and container it belongs to, and what systemd says of a unit.
//!
//! In: paths, and the system bus where there is one. Out: [`crate::event::Subject`]s. Paths alone give all that names
//! can give; the bus adds descriptions, results and restarts.

mod container;
pub mod ends;
mod invocation;
pub mod oomd;
mod path;
mod select;
pub mod systemd;

pub use container::Names;
pub use invocation::invocation_id;
pub use path::UnitPath;
pub use select::Selection;
