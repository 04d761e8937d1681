//! Containers by a cgroup's path alone: runtime, id and pod. Their names stand in the runtimes' files; a machine of LXC's or
//! systemd-nspawn's has its name for id.
//!
//! A path's names are chosen by whoever may make cgroups there. So a name tells of a container only where none but root makes
//! them: in systemd's slices, in the trees that the runtimes have at the root, and in their own services'. Below another unit, or
//! below a container, names are that unit's or container's; a user's manager makes that user's containers.

use crate::event::Container;

/// Docker, podman, containerd and CRI-O, under systemd's cgroup driver (`NAME-ID.scope`) and the plain one.
const SCOPES: [(&str, &str); 5] = [
    ("docker", "docker"),
    ("libpod", "podman"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
];

/// Where runtimes and kubelet make their trees with the plain driver; containerd's own clients (`ctr`, `nerdctl`) in the
/// namespace's, LXC before 4.0 and Proxmox in `lxc`.
const TREES: [&str; 6] = ["docker", "libpod_parent", "kubepods", "default", "k8s.io", "lxc"];

/// What kubelet makes in its tree, beside a pod.
const CLASSES: [&str; 2] = ["besteffort", "burstable"];

/// Services that make containers in their own cgroup.
const RUNTIMES: [&str; 8] = [
    "containerd.service",
    "cri-containerd.service",
    "crio.service",
    "docker.service",
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
];

/// Bytes of a name that a container was given, at most: a machine's is a host name, containerd takes 76.
const NAME_AT_MOST: usize = 76;

/// Where a path has led so far.
#[derive(Default)]
struct Place<'a> {
    parent: Option<&'a str>,
    tree: Option<&'a str>,
    pod: Option<String>,
    /// The user whose manager's it is.
    uid: Option<u32>,
    in_service: bool,
}

pub(super) fn of(path: &str) -> Option<Container> {
    let mut place = Place::default();
    let mut rest = path.split('/').filter(|component| !component.is_empty()).peekable();
    while let Some(component) = rest.next() {
        place.pod = pod_uid(component).filter(|_| place.uid.is_none()).or(place.pod);
        let known = place
            .container(component)
            .map(|(runtime, id)| (runtime, id.to_owned(), None));
        let named = || {
            let (runtime, name) = place.machine(component, rest.peek().copied())?;
            Some((runtime, name.clone(), Some(name)))
        };
        if let Some((runtime, id, name)) = known.or_else(named) {
            return Some(Container {
                runtime: runtime.to_owned(),
                id,
                uid: place.uid,
                name,
                pod: place.pod,
                pod_name: None,
                namespace: None,
            });
        }
        if !place.enter(component) {
            return None;
        }
    }
    None
}

impl<'a> Place<'a> {
    /// The container whose cgroup is of this name here: its runtime and id.
    fn container(&self, component: &'a str) -> Option<(&'static str, &'a str)> {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let scope = SCOPES
            .iter()
            .find_map(|(prefix, runtime)| Some((*runtime, named(name, prefix)?)));
        let plain = || match self.parent? {
            "docker" => Some("docker"),
            "default" | "k8s.io" => Some("containerd"),
            // kubelet's plain driver does not say whose; containerd is the one that takes its paths as they are.
            parent if pod_uid(parent).is_some() => Some("containerd"),
            _ => None,
        };
        let plain = || Some((plain().filter(|_| self.tree.is_some())?, name));
        scope.or_else(plain).filter(|(_, id)| is_id(id))
    }

    /// The container that goes by the name it was given, if this is its cgroup and `below` the next: its runtime and name.
    fn machine(&self, component: &str, below: Option<&str>) -> Option<(&'static str, String)> {
        let in_slice = self.tree.is_none() && !self.in_service && self.uid.is_none();
        let (runtime, name) = match self.parent {
            // liblxc's `cgroups/cgfsng.c`.
            None => ("lxc", component.strip_prefix("lxc.payload.")?.to_owned()),
            Some("lxc") if self.tree.is_some() => ("lxc", component.to_owned()),
            Some("default" | "k8s.io") if self.tree.is_some() => ("containerd", component.to_owned()),
            Some(_) if in_slice => {
                let of_unit = component.strip_prefix("systemd-nspawn@");
                let name = match of_unit.and_then(|name| name.strip_suffix(".service")) {
                    Some(name) => name,
                    // Machines of all kinds are in such scopes, and systemd-nspawn alone has a `payload` there
                    // (src/nspawn/nspawn-cgroup.c).
                    None if below == Some("payload") => component.strip_prefix("machine-")?.strip_suffix(".scope")?,
                    None => return None,
                };
                ("systemd-nspawn", unescaped(name)?)
            }
            Some(_) => return None,
        };
        let is_name =
            |name: &String| !name.is_empty() && name.len() <= NAME_AT_MOST && !name.contains(char::is_whitespace);
        Some((runtime, name)).filter(|(_, name)| is_name(name))
    }

    /// Goes on into a cgroup of this name; whether none but root, or its user's manager, makes cgroups in it.
    fn enter(&mut self, component: &'a str) -> bool {
        let before = self.parent.replace(component);
        let is_first = before.is_none();
        if component.ends_with(".slice") && self.tree.is_none() && !self.in_service {
            return true;
        }
        if is_first && TREES.contains(&component) {
            self.tree = Some(component);
            return true;
        }
        if self.tree == Some("kubepods") {
            return CLASSES.contains(&component) || pod_uid(component).is_some();
        }
        if self.tree == Some("libpod_parent") && before == self.tree {
            self.pod = Some(component.to_owned()).filter(|pod| is_id(pod));
            return self.pod.is_some();
        }
        if self.tree.is_some() || self.in_service || self.uid.is_some() {
            return false;
        }
        let user = component
            .strip_prefix("user@")
            .and_then(|name| name.strip_suffix(".service"));
        if let Some(uid) = user {
            self.uid = uid.parse().ok();
            return self.uid.is_some();
        }
        self.in_service = RUNTIMES.contains(&component);
        self.in_service
    }
}

/// As all but `ctr` make them.
fn is_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A part of a unit's name without `\x2d` and the like (systemd's `unit_name_unescape()`).
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split("\\x");
    let mut text = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        text.push(u8::from_str_radix(code, 16).ok()?);
        text.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(text).ok()
}

/// What follows a runtime's name: `docker-ID`, or `SLICE:docker:ID` where a name made for systemd's driver is taken by
/// the plain one.
fn named<'a>(name: &'a str, runtime: &str) -> Option<&'a str> {
    match name.split_once(':') {
        Some((_, rest)) => rest.strip_prefix(runtime)?.strip_prefix(':'),
        None => name.strip_prefix(runtime)?.strip_prefix('-'),
    }
}

/// `kubepods-burstable-pod1234_5678.slice` or `pod1234-5678`: the pod's uid; `machine-libpod_pod_1234.slice`: the id of
/// podman's.
fn pod_uid(component: &str) -> Option<String> {
    let component = component.split(':').next().unwrap_or(component);
    let of_podman = component.strip_prefix("machine-libpod_pod_");
    if let Some(id) = of_podman.and_then(|name| name.strip_suffix(".slice")) {
        return is_id(id).then(|| id.to_owned());
    }
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
            let container = of(&path).unwrap();
            assert_eq!(
                (container.runtime.as_str(), container.pod.as_deref()),
                (runtime, pod),
                "{path}"
            );
            assert_eq!(container.id, id);
            let uid = path.contains("user@1000").then_some(1000);
            assert_eq!(container.uid, uid, "{path}");
        }
        for path in [
            "/system.slice/docker-short.scope".to_owned(),
            format!("/machine.slice/libpod-conmon-{id}.scope"),
            format!("/system.slice/default/{id}"),
            format!("/libpod_parent/x/libpod-{id}"),
        ] {
            assert_eq!(of(&path), None, "{path}");
        }
    }

    #[test]
    fn what_has_a_name_for_id_is_named_by_its_path() {
        let id = "0123456789abcdef".repeat(4);
        for (path, runtime, name) in [
            ("/lxc.payload.box".to_owned(), "lxc", "box"),
            (format!("/lxc.payload.box/system.slice/docker-{id}.scope"), "lxc", "box"),
            ("/lxc/104/ns/system.slice/web.service".to_owned(), "lxc", "104"),
            (
                "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/app.service".to_owned(),
                "systemd-nspawn",
                "web-1",
            ),
            (
                "/machine.slice/machine-box.scope/payload".to_owned(),
                "systemd-nspawn",
                "box",
            ),
            ("/default/shop".to_owned(), "containerd", "shop"),
        ] {
            let container = of(&path).unwrap();
            let told = (
                container.runtime.as_str(),
                container.id.as_str(),
                container.name.as_deref(),
            );
            assert_eq!(told, (runtime, name, Some(name)), "{path}");
        }
        for path in [
            "/lxc.payload.",
            "/lxc.monitor.box",
            "/lxc",
            "/default",
            "/system.slice/web.service/lxc.payload.box",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/systemd-nspawn@box.service",
            "/user.slice/user-1000.slice/user@1000.service/machine.slice/machine-box.scope/payload",
            // A machine of libvirt's, say: it may be no container.
            "/machine.slice/machine-qemu\\x2d1\\x2dbox.scope/libvirt/emulator",
            "/machine.slice/machine-box.scope",
            "/machine.slice/systemd-nspawn@box\\x2.service",
            "/machine.slice/systemd-nspawn@box\\xff.service",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn a_pod_of_podmans_is_known_by_its_cgroup() {
        let (id, pod) = ("0123456789abcdef".repeat(4), "f".repeat(64));
        for path in [
            format!("/machine.slice/machine-libpod_pod_{pod}.slice/libpod-{id}.scope/container"),
            format!("/libpod_parent/{pod}/libpod-{id}"),
        ] {
            let container = of(&path).unwrap();
            assert_eq!((container.id, container.pod), (id.clone(), Some(pod.clone())));
        }
        assert_eq!(of(&format!("/libpod_parent/{pod}/{pod}/libpod-{id}")), None);
        let short = of(&format!("/machine.slice/machine-libpod_pod_f.slice/libpod-{id}.scope")).unwrap();
        assert_eq!(short.pod, None);
    }

    #[test]
    fn in_a_cgroup_that_is_anothers_to_fill_names_say_nothing() {
        let id = "0123456789abcdef".repeat(4);
        let pod = "pod0a1b2c3d-0000-1111-2222-333344445555";
        for path in [
            format!("/user.slice/user-1000.slice/session-3.scope/docker-{id}.scope"),
            format!("/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service/docker-{id}.scope"),
            format!("/user.slice/user-1000.slice/user@1000.service/docker/{id}"),
            format!("/user.slice/user-1000.slice/user@1000.service/kubepods/{pod}/{id}"),
            format!("/system.slice/web.service/docker-{id}.scope"),
            format!("/system.slice/web.service/system.slice/docker-{id}.scope"),
            format!("/system.slice/web.service/kubepods/besteffort/{pod}/{id}"),
            format!("/system.slice/docker.service/x/docker-{id}.scope"),
            format!("/docker/x/docker/{id}"),
        ] {
            assert_eq!(of(&path), None, "{path}");
        }
        let inner = "f".repeat(64);
        for path in [
            format!("/system.slice/docker-{id}.scope/docker-{inner}.scope"),
            format!("/docker/{id}/docker/{inner}"),
            format!("/docker/{id}/kubelet/kubepods/besteffort/{pod}/{inner}"),
        ] {
            let container = of(&path).unwrap();
            assert_eq!((container.id, container.pod), (id.clone(), None), "{path}");
        }
        let rootless = format!("/user.slice/user-1000.slice/user@1000.service/kubepods-{pod}.slice/docker-{id}.scope");
        let container = of(&rootless).unwrap();
        assert_eq!((container.uid, container.pod), (Some(1000), None));
    }
}
