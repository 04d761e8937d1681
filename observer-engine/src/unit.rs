//! From a cgroup's path to the unit, slice, user unit and container it belongs to, and what the ends of units mean.
//!
//! In: text. Out: [`UnitPath`]s, and [`crate::event::Subject`]s. Functions of the text alone.

mod container;
pub mod ends;
mod path;

pub use path::{UnitPath, is_same_unit, unit_cgroup};
