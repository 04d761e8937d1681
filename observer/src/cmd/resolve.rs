//! `oomtrace resolve`: which unit a cgroup or process belongs to, and which cgroup a unit or container has.

use anyhow::{Context as _, anyhow};

use crate::cgroup::{Hierarchy, cgroup_of};
use crate::cli::{Exit, Failure};
use crate::event::Subject;
use crate::measure::Tgid;
use crate::unit::{Asked, Names, Selection, UnitPath, invocation_id, present};

/// Resolves a path, a process id or a name; a name may be that of several.
///
/// # Errors
/// Where there is no such cgroup, process or name, or no memory cgroups.
pub fn run(what: &str) -> Result<Vec<Subject>, Failure> {
    if what.is_empty() {
        let message = anyhow!("which cgroup, process or name? An empty one was given");
        return Err(Failure::new(Exit::Usage, message));
    }
    let hierarchy = Hierarchy::detect()?;
    let root = hierarchy.root().to_str().context("the cgroup root is no text")?;
    let path = match what.parse() {
        Ok(pid) => {
            let gone = || Failure::new(Exit::NotFound, anyhow!("no process {pid}; it has ended or is hidden"));
            Some(cgroup_of(&hierarchy, Tgid(pid)).ok_or_else(gone)?)
        }
        Err(_) => {
            let path = format!("/{}", what.strip_prefix(root).unwrap_or(what).trim_matches('/'));
            let is_within = !path.split('/').any(|part| part == ".." || part == ".");
            (is_within && hierarchy.id_of(&path).is_ok()).then_some(path)
        }
    };
    match path {
        Some(path) => Ok(vec![subject(&hierarchy, &path)]),
        None if what.starts_with('/') => Err(Failure::new(Exit::NotFound, anyhow!("no such cgroup: {what}"))),
        None => named(&hierarchy, what),
    }
}

fn named(hierarchy: &Hierarchy, name: &str) -> Result<Vec<Subject>, Failure> {
    let selection =
        Selection::new(&[name.to_owned()], &[], &[], &[]).map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut asked = Asked::default();
    let all = present(hierarchy);
    // The outermost of each: what lies below a unit's own cgroup is the unit's.
    let found: Vec<Subject> = all
        .into_iter()
        .filter(|subject| asked.see(&selection, subject))
        .filter_map(|found| Some(subject(hierarchy, found.cgroup.path.as_deref()?)))
        .collect();
    if asked.is_missed(&selection) {
        let near = asked.near(&selection);
        let message = anyhow!("no cgroup, process, running unit or container '{name}'{near}");
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(found)
}

fn subject(hierarchy: &Hierarchy, path: &str) -> Subject {
    let unit = UnitPath::parse(path);
    let invocation = invocation_id(hierarchy, path, &unit);
    let mut subject = unit.into_subject(hierarchy.id_of(path).ok(), path, invocation);
    Names::default().name(&mut subject.container, path);
    subject
}
