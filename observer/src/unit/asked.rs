//! Whether what was asked for is there, and what is called alike where it is not.

use std::collections::BTreeSet;

use super::systemd::near_misses;
use super::{Names, Selection, UnitPath, unit_cgroup};
use crate::cgroup::{Hierarchy, scan};
use crate::event::{Container, Subject};

/// Names that are remembered, at most.
const NAMES: usize = 16_384;

/// What a stream told of, against what is selected.
#[derive(Debug, Default)]
pub struct Asked {
    is_met: bool,
    names: BTreeSet<String>,
}

impl Asked {
    /// A line is about this. Whether it is selected.
    pub fn see(&mut self, selection: &Selection, subject: &Subject) -> bool {
        let covered = selection.covers(subject);
        self.is_met |= covered;
        if !self.is_met && self.names.len() < NAMES {
            self.names.extend(names(subject));
        }
        covered
    }

    /// Whether nothing was told of what is selected.
    #[must_use]
    pub fn is_missed(&self, selection: &Selection) -> bool {
        !selection.is_empty() && !self.is_met
    }

    /// `; did you mean shop-api.service?`, where something is called alike.
    #[must_use]
    pub fn near(&self, selection: &Selection) -> String {
        let known: Vec<String> = self.names.iter().cloned().collect();
        did_you_mean(&selection.names(), &known)
    }
}

/// `; did you mean shop-api.service?`, where something is called like one of those.
#[must_use]
pub fn did_you_mean(wanted: &[&str], known: &[String]) -> String {
    let mut near: Vec<String> = wanted.iter().flat_map(|name| near_misses(name, known)).collect();
    near.dedup();
    if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(", "))
    }
}

/// Every name that a person may call it by.
fn names(subject: &Subject) -> impl Iterator<Item = String> {
    let units = [&subject.unit, &subject.user_unit, &subject.slice];
    let container = subject.container.as_ref().map(container_names);
    units
        .into_iter()
        .flatten()
        .cloned()
        .chain(container.into_iter().flatten())
}

/// A container's name and that of its pod, as `-u` takes them.
#[must_use]
pub fn container_names(container: &Container) -> Vec<String> {
    let mut names: Vec<String> = container.name.iter().cloned().collect();
    names.extend(container.pod_in_full());
    names.extend(container.in_full().filter(|name| !names.contains(name)));
    names
}

/// The units and containers that are there now, each by its own cgroup.
#[must_use]
pub fn present(hierarchy: &Hierarchy) -> Vec<Subject> {
    let mut runtimes = Names::default();
    let own = scan(hierarchy)
        .into_iter()
        .filter(|(_, path)| unit_cgroup(path) == path.trim_end_matches('/'));
    own.map(|(id, path)| {
        let mut subject = UnitPath::parse(&path).into_subject(Some(id), &path, None);
        runtimes.name(&mut subject.container, &path);
        subject
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said_with_what_is_called_alike() {
        let selection = Selection::new(&["shop-ap".to_owned()], &[], &[], &[]).unwrap();
        let subject = |path: &str| UnitPath::parse(path).into_subject(None, path, None);
        let mut asked = Asked::default();
        assert!(!asked.see(&selection, &subject("/system.slice/shop-api.service")));
        assert!(!asked.see(&selection, &subject("/system.slice/zebra.service")));
        assert!(asked.is_missed(&selection));
        assert_eq!(asked.near(&selection), "; did you mean shop-api.service?");
        assert!(asked.see(&selection, &subject("/system.slice/shop-ap.service")));
        assert!(!asked.is_missed(&selection));
        assert!(
            !Asked::default().is_missed(&Selection::default()),
            "nothing is asked for"
        );
    }
}
