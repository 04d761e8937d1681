//! `oomtrace resolve`: which unit a cgroup or process belongs to.

use anyhow::{Context as _, anyhow};

use crate::cgroup::{Hierarchy, cgroup_of};
use crate::cli::{Exit, Failure};
use crate::event::Subject;
use crate::measure::Tgid;
use crate::unit::{Names, UnitPath, invocation_id};

/// Resolves a path or process id.
///
/// # Errors
/// Where there is no such process, or no memory cgroups.
pub fn run(what: &str) -> Result<Subject, Failure> {
    let hierarchy = Hierarchy::detect()?;
    let path = match what.parse() {
        Ok(pid) => {
            let gone = || Failure::new(Exit::NotFound, anyhow!("no process {pid}; it has ended or is hidden"));
            cgroup_of(&hierarchy, Tgid(pid)).ok_or_else(gone)?
        }
        Err(_) => {
            let root = hierarchy.root().to_str().context("the cgroup root is no text")?;
            format!("/{}", what.strip_prefix(root).unwrap_or(what).trim_matches('/'))
        }
    };
    let unit = UnitPath::parse(&path);
    let invocation = invocation_id(&hierarchy, &path, &unit);
    let mut subject = unit.into_subject(hierarchy.id_of(&path).ok(), &path, invocation);
    if let Some(container) = &mut subject.container {
        Names::default().name(container);
    }
    Ok(subject)
}
