//! Which units a command is about, as systemctl and journalctl have it.

use glob::{MatchOptions, Pattern as Glob};

use super::UnitPath;
use super::asked::container_names;
use crate::event::{Container, Subject, ancestry};

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

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    glob: Glob,
}

/// What `-u` takes: a unit, a user's unit, a container by its name or its id's beginning, a pod as `namespace/pod`.
#[derive(Debug, Clone)]
struct Name {
    unit: Pattern,
    /// As it was written, without the suffix that is implied.
    written: Pattern,
}

/// Digits of a container's id that are taken for one, at least.
const ID_AT_LEAST: usize = 6;

impl Name {
    fn new(name: &str) -> Result<Self, SelectionError> {
        Ok(Self {
            unit: Pattern::new(mangle(name))?,
            written: Pattern::new(name.to_owned())?,
        })
    }

    fn matches(&self, unit: &UnitPath) -> bool {
        let names = [unit.unit.as_deref(), unit.user_unit.as_deref()];
        names.into_iter().flatten().any(|name| self.unit.matches(name))
            || unit
                .container
                .as_ref()
                .is_some_and(|container| self.is_container(container))
    }

    fn is_container(&self, container: &Container) -> bool {
        let written = &self.written.text;
        // What is no digit belongs to a name, which is written in full.
        let is_digits = written.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_id = written.len() >= ID_AT_LEAST && is_digits && container.id.starts_with(written.as_str());
        let pod = container.pod_name.as_deref();
        let names = container_names(container);
        is_id
            || self.written.glob.matches(&container.id)
            || names.iter().any(|name| self.written.matches(name))
            || pod.is_some_and(|pod| self.written.matches(pod))
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self, SelectionError> {
        // A backslash is itself, as in the names that systemd escapes.
        let glob = Glob::new(&text).map_err(|error| SelectionError {
            pattern: text.clone(),
            reason: error.msg.to_owned(),
        })?;
        Ok(Self { text, glob })
    }

    fn matches(&self, name: &str) -> bool {
        self.text == name || self.glob.matches(name)
    }

    /// Of a path a `*` is a part between two slashes, as a shell has it.
    fn matches_path(&self, path: &str) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        self.text == path || self.glob.matches_with(path, options)
    }
}

/// Which units; none selected means every unit.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    units: Vec<Name>,
    user_units: Vec<Pattern>,
    slices: Vec<Pattern>,
    cgroups: Vec<Pattern>,
}

/// A name as systemctl takes it: `.service` is implied, but for globs, which match units of every type (src/basic/unit-name.c:
/// `unit_name_mangle_with_suffix`).
fn mangle(name: &str) -> String {
    if is_glob(name) {
        name.to_owned()
    } else {
        complete(name, ".service")
    }
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn complete(name: &str, suffix: &str) -> String {
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
        let mut all = [units, user_units, slices, cgroups].into_iter().flatten();
        if all.any(String::is_empty) {
            return Err(SelectionError {
                pattern: String::new(),
                reason: "it is empty".to_owned(),
            });
        }
        let patterns = |names: &[String], whole: fn(&str) -> String| {
            let patterns = names.iter().map(|name| Pattern::new(whole(name)));
            patterns.collect::<Result<Vec<_>, _>>()
        };
        // A path is one wherever it stands: what is printed is taken.
        let (paths, units): (Vec<&String>, Vec<&String>) = units.iter().partition(|name| name.starts_with('/'));
        Ok(Self {
            units: units
                .iter()
                .map(|name| Name::new(name))
                .collect::<Result<Vec<_>, _>>()?,
            user_units: patterns(user_units, mangle)?,
            slices: patterns(slices, |name| complete(name, ".slice"))?,
            cgroups: cgroups
                .iter()
                .chain(paths)
                .map(|path| format!("/{}", path.trim_start_matches("/sys/fs/cgroup").trim_matches('/')))
                .map(Pattern::new)
                .collect::<Result<Vec<_>, _>>()?,
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
            || self.units.iter().any(|name| name.matches(unit))
            || any(&self.user_units, unit.user_unit.as_deref())
            || path.split('/').any(|component| any(&self.slices, Some(component)))
            || self
                .cgroups
                .iter()
                .any(|selected| selected.text == "/" || ancestry(path).any(|above| selected.matches_path(above)))
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
            container: container(subject).filter(|_| !self.units.is_empty()),
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
        let literal = |pattern: &&Pattern| !is_glob(&pattern.text);
        let units = self.units.iter().map(|name| &name.unit);
        units.filter(literal).map(|pattern| pattern.text.clone()).collect()
    }

    /// What a line must hold that is about one of those; nothing where a pattern, or a path or an id, may be anything.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let names = self.units.iter().map(|name| &name.written);
        let patterns = names.chain(&self.user_units).chain(&self.slices);
        let written: Vec<String> = patterns.map(|pattern| pattern.text.clone()).collect();
        let is_plain = |text: &String| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_@:".contains(&byte))
        };
        if self.cgroups.is_empty() && written.iter().all(is_plain) {
            written
        } else {
            Vec::new()
        }
    }

    /// Whether a name may be that of a container, which stands in the runtimes' files and not in a cgroup's path.
    #[must_use]
    pub fn may_be_container(&self) -> bool {
        !self.units.is_empty()
    }

    /// What is selected, for a person.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let units = self.units.iter().map(|name| &name.unit);
        let patterns = units.chain(&self.user_units).chain(&self.slices);
        patterns
            .map(|pattern| pattern.text.as_str())
            .chain(self.cgroups.iter().map(|pattern| pattern.text.as_str()))
            .collect()
    }
}

/// A line's container; by its path where it has none: a stream that somebody made.
fn container(subject: &Subject) -> Option<Container> {
    let by_path = || UnitPath::parse(subject.cgroup.path.as_deref()?).container;
    subject.container.clone().or_else(by_path)
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
    fn a_glob_of_a_path_matches_whole_components_and_what_lies_below() {
        let pods = units(&["/kubepods/*/pod1*"]);
        assert!(selected(&pods, "/kubepods/burstable/pod12"));
        assert!(selected(&pods, "/kubepods/burstable/pod12/abc"));
        assert!(!selected(&pods, "/kubepods/burstable"));
        assert!(!selected(&pods, "/kubepods/a/b/pod12"));
        assert!(selected(&units(&["/"]), "/a.service"), "all lies below it");
        // A name with a bracket in it is itself.
        assert!(selected(&units(&["/a[1].scope"]), "/a[1].scope/b"));
    }

    #[test]
    fn a_glob_matches_units_of_every_type_and_slices_by_their_option_alone() {
        let machine = "/machine.slice/machine-qemu\\x2d1\\x2dbox.scope/libvirt";
        assert!(selected(&units(&["machine-qemu*"]), machine));
        assert!(!selected(&units(&["machine-qemu*.service"]), machine));
        let slice = Selection::new(&[], &[], &["web*".to_owned()], &[]).unwrap();
        assert!(selected(&slice, "/web-a.slice/b.service"));
        assert!(!selected(&slice, "/system.slice/web.service"));
    }

    #[test]
    fn every_name_that_is_printed_is_taken() {
        let id = "5e6f7a8b9c0d".to_owned() + &"0".repeat(52);
        let path = format!("/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{id}");
        let user = "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service";
        let mut pod = UnitPath::parse(&path);
        let container = pod.container.as_mut().unwrap();
        container.name = Some("app".to_owned());
        container.pod_name = Some("web-7d9f".to_owned());
        container.namespace = Some("prod".to_owned());
        for name in [
            "5e6f7a8b9c0d",
            "*5e6f7a8b9c0d*",
            "app",
            "prod/web-7d9f",
            "prod/web-7d9f/app",
            "web-7d9f",
            "prod/*",
            &path,
        ] {
            assert!(units(&[name]).matches(&pod, &path), "{name}");
        }
        for name in ["5e6f", "ap", "web", "dev/web-7d9f", "app.service"] {
            assert!(!units(&[name]).matches(&pod, &path), "{name}");
        }
        // Of what has a name for id that is the beginning of none.
        let (named, box_path) = (units(&["harbour"]), "/lxc.payload.harbour-2");
        assert!(selected(&units(&["harbour-2"]), box_path) && !selected(&named, box_path));
        assert!(selected(&units(&["firefox"]), user));
        assert!(selected(&units(&[user]), user));
        assert!(!selected(&units(&["firefox"]), "/system.slice/fire.service"));
        assert!(units(&["firefox"]).covers(&UnitPath::parse(user).into_subject(None, user, None)));
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
