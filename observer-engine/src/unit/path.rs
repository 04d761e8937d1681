//! systemd's naming rules for cgroups (src/basic/cgroup-util.c: `cg_path_get_unit`, `cg_path_get_user_unit`,
//! `cg_path_get_slice`). A function of the path's text alone.

use super::container;
use crate::event::{CgroupRef, Container, Subject, ancestry};
use crate::measure::CgroupId;

/// Unit types that have a cgroup.
const SUFFIXES: [&str; 6] = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"];

/// What a cgroup's path says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitPath {
    /// The system unit.
    pub unit: Option<String>,
    /// The unit of a user's manager.
    pub user_unit: Option<String>,
    /// The innermost slice.
    pub slice: Option<String>,
    /// The container.
    pub container: Option<Container>,
    /// Whether the path is the unit's own cgroup, not one below it.
    pub is_unit: bool,
}

/// A path component as a unit name: systemd puts a `_` before names that would clash with the kernel's own files.
fn unit_name(component: &str) -> Option<&str> {
    let name = component.strip_prefix('_').unwrap_or(component);
    SUFFIXES
        .iter()
        .any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
        .then_some(name)
}

fn is_slice(name: &str) -> bool {
    name.ends_with(".slice")
}

impl UnitPath {
    /// Reads a path below the root of the hierarchy.
    #[must_use]
    pub fn parse(path: &str) -> Self {
        let mut parsed = Self {
            container: container::of(path),
            ..Self::default()
        };
        let mut rest = path.split('/').filter(|component| !component.is_empty()).peekable();
        (parsed.unit, parsed.slice) = Self::level(&mut rest);
        if parsed.unit.is_none() {
            // A slice's own cgroup is that unit's.
            parsed.unit.clone_from(&parsed.slice);
        }
        let is_manager = parsed
            .unit
            .as_deref()
            .is_some_and(|unit| unit.starts_with("user@") && unit.ends_with(".service"));
        if is_manager && rest.peek().is_some() {
            let (unit, slice) = Self::level(&mut rest);
            parsed.user_unit = unit.or(slice);
        }
        parsed.is_unit = parsed.unit.is_some() && rest.peek().is_none();
        parsed
    }

    /// Slices, then the unit in them.
    fn level<'a>(rest: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> (Option<String>, Option<String>) {
        let mut slice = None;
        while let Some(name) = rest.peek().and_then(|component| unit_name(component)) {
            rest.next();
            if !is_slice(name) {
                return (Some(name.to_owned()), slice);
            }
            slice = Some(name.to_owned());
        }
        (None, slice)
    }

    /// As events tell it.
    #[must_use]
    pub fn into_subject(self, id: Option<CgroupId>, path: &str, invocation_id: Option<String>) -> Subject {
        Subject {
            unit: self.unit,
            user_unit: self.user_unit,
            slice: self.slice,
            invocation_id,
            cgroup: CgroupRef {
                id,
                path: Some(path.to_owned()),
            },
            container: self.container,
        }
    }

    /// The unit that a person means: the user's where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.user_unit.as_deref().or(self.unit.as_deref())
    }
}

/// The cgroup of the unit or container that a path lies in: its own path where it lies in none. Slices are not what lies
/// in them.
#[must_use]
pub fn unit_cgroup(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let whole = UnitPath::parse(path);
    let is_unit = |above: &UnitPath| {
        let name = above.name().filter(|name| above.is_unit && !is_slice(name));
        name.is_some() && name == whole.name()
    };
    let is_container = |above: &UnitPath| whole.container.is_some() && above.container == whole.container;
    let all = ancestry(path);
    // The outermost that is still the same.
    all.filter(|above| {
        let above = UnitPath::parse(above);
        is_unit(&above) || is_container(&above)
    })
    .last()
    .unwrap_or(path)
}

/// Whether two cgroups are one unit's or one container's. A path says that, a name does not: pods have none, the units of
/// a user's manager have the manager's, and two users' units may have the same.
#[must_use]
pub fn is_same_unit(one: &str, other: &str) -> bool {
    unit_cgroup(one) == unit_cgroup(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_is_known_by_its_cgroup_and_not_by_a_name_that_many_have() {
        let user = |id: u32, rest: &str| format!("/user.slice/user-{id}.slice/user@{id}.service{rest}");
        let pod = |id: &str| {
            format!(
                "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{}",
                id.repeat(64)
            )
        };
        let same = is_same_unit;
        assert!(same("/system.slice/a.service", "/system.slice/a.service/inner"));
        assert!(!same("/system.slice/a.service", "/system.slice/b.service"));
        assert!(!same("/system.slice", "/system.slice/a.service"));
        assert!(!same("/system.slice/one", "/system.slice/two"), "neither is a unit");
        assert!(!same("/one", "/two"));
        let (app, other) = (user(1000, "/app.slice/x.service"), user(1001, "/app.slice/x.service"));
        assert!(same(&app, &format!("{app}/inner")));
        assert!(!same(&app, &other), "another user's");
        assert!(!same(&app, &user(1000, "")) && !same(&app, &user(1000, "/app.slice")));
        assert!(same(&pod("5"), &format!("{}/inner", pod("5"))));
        assert!(!same(&pod("5"), &pod("6")));
    }

    fn told(path: &str) -> (Option<String>, Option<String>, Option<String>, bool) {
        let parsed = UnitPath::parse(path);
        (parsed.unit, parsed.user_unit, parsed.slice, parsed.is_unit)
    }

    fn expected(
        unit: &str,
        user: &str,
        slice: &str,
        own: bool,
    ) -> (Option<String>, Option<String>, Option<String>, bool) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (some(unit), some(user), some(slice), own)
    }

    #[test]
    fn systemds_own_layout_is_read() {
        for (path, result) in [
            ("/", expected("", "", "", false)),
            ("/init.scope", expected("init.scope", "", "", true)),
            ("/system.slice", expected("system.slice", "", "system.slice", true)),
            (
                "/system.slice/myapp.service",
                expected("myapp.service", "", "system.slice", true),
            ),
            (
                "/system.slice/myapp.service/payload/x",
                expected("myapp.service", "", "system.slice", false),
            ),
            (
                "/system.slice/system-leak.slice/leak@a\\x2db.service",
                expected("leak@a\\x2db.service", "", "system-leak.slice", true),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope",
                expected("session-3.scope", "", "user-1000.slice", true),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/leak.service",
                expected("user@1000.service", "leak.service", "user-1000.slice", true),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service",
                expected("user@1000.service", "", "user-1000.slice", true),
            ),
            (
                "/system.slice/_cgroup.mount",
                expected("cgroup.mount", "", "system.slice", true),
            ),
            ("/myapp.service", expected("myapp.service", "", "", true)),
            ("/lxc/box", expected("", "", "", false)),
            (
                "/system.slice/.service",
                expected("system.slice", "", "system.slice", false),
            ),
        ] {
            assert_eq!(told(path), result, "{path}");
        }
    }
}
