//! Which units a command is about, as systemctl and journalctl have it.

use globset::{Glob, GlobMatcher};

use super::UnitPath;
use crate::event::Subject;

/// The suffixes that make a name complete.
const SUFFIXES: [&str; 6] = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"];

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("'{pattern}' is no unit name or pattern: {reason}")]
pub struct SelectionError {
    /// As it was written.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    glob: GlobMatcher,
}

impl Pattern {
    fn new(text: String) -> Result<Self, SelectionError> {
        // systemd escapes with backslashes, which a glob would take for its own.
        let glob = Glob::new(&text.replace('\\', "\\\\")).map_err(|error| SelectionError {
            pattern: text.clone(),
            reason: error.kind().to_string(),
        })?;
        Ok(Self {
            text,
            glob: glob.compile_matcher(),
        })
    }

    fn matches(&self, name: &str) -> bool {
        self.text == name || self.glob.is_match(name)
    }
}

/// Which units; none selected means every unit.
#[derive(Debug, Default)]
pub struct Selection {
    units: Vec<Pattern>,
    user_units: Vec<Pattern>,
    slices: Vec<Pattern>,
    cgroups: Vec<String>,
}

/// A name as systemctl takes it: `.service` is implied.
fn mangle(name: &str, suffix: &str) -> String {
    if SUFFIXES.iter().any(|known| name.ends_with(known)) {
        name.to_owned()
    } else {
        format!("{name}{suffix}")
    }
}

impl Selection {
    /// From what the command line has.
    ///
    /// # Errors
    /// Where a pattern is none.
    pub fn new(
        units: &[String],
        user_units: &[String],
        slices: &[String],
        cgroups: &[String],
    ) -> Result<Self, SelectionError> {
        let patterns = |names: &[String], suffix: &str| {
            names
                .iter()
                .map(|name| Pattern::new(mangle(name, suffix)))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            units: patterns(units, ".service")?,
            user_units: patterns(user_units, ".service")?,
            slices: patterns(slices, ".slice")?,
            cgroups: cgroups
                .iter()
                .map(|path| format!("/{}", path.trim_start_matches("/sys/fs/cgroup").trim_matches('/')))
                .collect(),
        })
    }

    /// Whether nothing in particular is selected: every unit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.user_units.is_empty() && self.slices.is_empty() && self.cgroups.is_empty()
    }

    /// Whether a cgroup is selected, or lies below one that is.
    #[must_use]
    pub fn matches(&self, unit: &UnitPath, path: &str) -> bool {
        let any = |patterns: &[Pattern], name: Option<&str>| {
            name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        };
        self.is_empty()
            || any(&self.units, unit.unit.as_deref())
            || any(&self.user_units, unit.user_unit.as_deref())
            || path.split('/').any(|component| any(&self.slices, Some(component)))
            || self.cgroups.iter().any(|selected| {
                path.strip_prefix(selected.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    || selected == "/"
            })
    }

    /// Whether whom a line is about is selected.
    #[must_use]
    pub fn covers(&self, subject: &Subject) -> bool {
        if self.is_empty() {
            return true;
        }
        let unit = UnitPath {
            unit: subject.unit.clone(),
            user_unit: subject.user_unit.clone(),
            slice: subject.slice.clone(),
            ..UnitPath::default()
        };
        self.matches(&unit, subject.cgroup.path.as_deref().unwrap_or_default())
    }

    /// The one unit that is selected, where it is one and named in full.
    #[must_use]
    pub fn single_unit(&self) -> Option<String> {
        let alone =
            self.units.len() == 1 && self.user_units.is_empty() && self.slices.is_empty() && self.cgroups.is_empty();
        self.literal_units().pop().filter(|_| alone)
    }

    /// The system units that are named in full, without globs.
    #[must_use]
    pub fn literal_units(&self) -> Vec<String> {
        let literal = |pattern: &&Pattern| !pattern.text.contains(['*', '?', '[', '{']);
        self.units
            .iter()
            .filter(literal)
            .map(|pattern| pattern.text.clone())
            .collect()
    }

    /// What is selected, for a person.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let patterns = self.units.iter().chain(&self.user_units).chain(&self.slices);
        patterns
            .map(|pattern| pattern.text.as_str())
            .chain(self.cgroups.iter().map(String::as_str))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(names: &[&str]) -> Selection {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Selection::new(&names, &[], &[], &[]).unwrap()
    }

    fn selected(selection: &Selection, path: &str) -> bool {
        selection.matches(&UnitPath::parse(path), path)
    }

    #[test]
    fn service_is_implied_and_sub_cgroups_belong_to_their_unit() {
        let selection = units(&["myapp"]);
        assert!(selected(&selection, "/system.slice/myapp.service"));
        assert!(selected(&selection, "/system.slice/myapp.service/sub"));
        assert!(!selected(&selection, "/system.slice/myapp2.service"));
        assert_eq!(selection.literal_units(), ["myapp.service"]);
    }

    #[test]
    fn globs_and_escapes_are_systemds() {
        let selection = units(&["leak@*"]);
        assert!(selected(&selection, "/system.slice/system-leak.slice/leak@one.service"));
        assert!(selection.literal_units().is_empty());
        assert!(selected(
            &units(&["leak@a\\x2db"]),
            "/system.slice/leak@a\\x2db.service"
        ));
        assert!(Selection::new(&["[".to_owned()], &[], &[], &[]).is_err());
    }

    #[test]
    fn nothing_selected_is_every_unit_and_a_slice_is_all_below_it() {
        assert!(selected(&units(&[]), "/anything"));
        let slice = Selection::new(&[], &[], &["batch".to_owned()], &["/sys/fs/cgroup/lxc/".to_owned()]).unwrap();
        assert!(selected(&slice, "/batch.slice/a.service"));
        assert!(selected(&slice, "/lxc/box"));
        assert!(!selected(&slice, "/lxc2"));
    }
}
