//! systemd's naming rules for cgroups (src/basic/cgroup-util.c: `cg_path_get_unit`, `cg_path_get_user_unit`,
//! `cg_path_get_slice`), and the container runtimes' below them. A function of the path's text alone.

use crate::event::{CgroupRef, Container, Subject};
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
            container: container(path),
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

/// Docker, podman, containerd and CRI-O, under systemd's cgroup driver (`NAME-ID.scope`) and the plain one.
fn container(path: &str) -> Option<Container> {
    const SCOPES: [(&str, &str); 5] = [
        ("docker", "docker"),
        ("libpod", "podman"),
        ("cri-containerd", "containerd"),
        ("nerdctl", "containerd"),
        ("crio", "cri-o"),
    ];
    let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
    let pod = components.iter().find_map(|component| pod_uid(component));
    let is_id = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (runtime, id) = components.iter().enumerate().rev().find_map(|(place, component)| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let scope = SCOPES
            .iter()
            .find_map(|(prefix, runtime)| Some((*runtime, named(name, prefix)?)));
        if let Some((runtime, id)) = scope {
            return is_id(id).then_some((runtime, id));
        }
        let parent = *components.get(place.checked_sub(1)?)?;
        match parent {
            "docker" if is_id(name) => Some(("docker", name)),
            "libpod_parent" if is_id(name) => Some(("podman", name)),
            // containerd's own clients: the namespace, then the container (`ctr`, `nerdctl` with the plain driver).
            "default" | "k8s.io" if place == 1 && is_id(name) => Some(("containerd", name)),
            // kubelet's plain driver does not say whose; containerd is the one that takes its paths as they are.
            _ if pod_uid(parent).is_some() && is_id(name) => Some(("containerd", name)),
            _ => None,
        }
    })?;
    Some(Container {
        runtime: runtime.to_owned(),
        id: id.to_owned(),
        name: None,
        pod,
        namespace: None,
    })
}

/// What follows a runtime's name: `docker-ID`, or `SLICE:docker:ID` where a name made for systemd's driver is taken by
/// the plain one.
fn named<'a>(name: &'a str, runtime: &str) -> Option<&'a str> {
    match name.split_once(':') {
        Some((_, rest)) => rest.strip_prefix(runtime)?.strip_prefix(':'),
        None => name.strip_prefix(runtime)?.strip_prefix('-'),
    }
}

/// `kubepods-burstable-pod1234_5678.slice` or `pod1234-5678`: the pod's uid.
fn pod_uid(component: &str) -> Option<String> {
    let component = component.split(':').next().unwrap_or(component);
    let name = match component.strip_suffix(".slice") {
        Some(slice) if slice.starts_with("kubepods") => slice.rsplit_once("-pod")?.1,
        Some(_) => return None,
        None => component.strip_prefix("pod")?,
    };
    let uid = name.replace('_', "-");
    (uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn containers_of_every_runtime_are_named() {
        let id = "0123456789abcdef".repeat(4);
        let uid = "0a1b2c3d-0000-1111-2222-333344445555";
        let under = uid.replace('-', "_");
        for (path, runtime, pod) in [
            (format!("/system.slice/docker-{id}.scope"), "docker", None),
            (format!("/docker/{id}"), "docker", None),
            (format!("/machine.slice/libpod-{id}.scope/container"), "podman", None),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{under}.slice/cri-containerd-{id}.scope"
                ),
                "containerd",
                Some(uid),
            ),
            (
                format!("/kubepods.slice/kubepods-pod{under}.slice/crio-{id}.scope"),
                "cri-o",
                Some(uid),
            ),
            (format!("/kubepods/besteffort/pod{uid}/{id}"), "containerd", Some(uid)),
            (format!("/kubepods/besteffort/pod{uid}/crio-{id}"), "cri-o", Some(uid)),
            (
                format!("/system.slice/containerd.service/kubepods-pod{under}.slice:cri-containerd:{id}"),
                "containerd",
                Some(uid),
            ),
            (format!("/libpod_parent/libpod-{id}"), "podman", None),
            (
                format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope/container"),
                "podman",
                None,
            ),
            (format!("/system.slice/nerdctl-{id}.scope"), "containerd", None),
            (format!("/default/{id}"), "containerd", None),
        ] {
            let container = UnitPath::parse(&path).container.unwrap();
            assert_eq!(
                (container.runtime.as_str(), container.pod.as_deref()),
                (runtime, pod),
                "{path}"
            );
            assert_eq!(container.id, id);
        }
        for path in [
            "/system.slice/docker-short.scope".to_owned(),
            format!("/machine.slice/libpod-conmon-{id}.scope"),
            format!("/system.slice/default/{id}"),
        ] {
            assert_eq!(UnitPath::parse(&path).container, None, "{path}");
        }
    }
}
