//! Containers by a cgroup's path alone: runtime, id and pod. Their names stand in the runtimes' files.
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

/// Where runtimes and kubelet make their trees with the plain driver; containerd's own clients (`ctr`, `nerdctl`) in the namespace's.
const TREES: [&str; 5] = ["docker", "libpod_parent", "kubepods", "default", "k8s.io"];

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
    for component in path.split('/').filter(|component| !component.is_empty()) {
        place.pod = pod_uid(component).filter(|_| place.uid.is_none()).or(place.pod);
        if let Some((runtime, id)) = place.container(component) {
            return Some(Container {
                runtime: runtime.to_owned(),
                id: id.to_owned(),
                uid: place.uid,
                name: None,
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
            "libpod_parent" => Some("podman"),
            "default" | "k8s.io" => Some("containerd"),
            // kubelet's plain driver does not say whose; containerd is the one that takes its paths as they are.
            parent if pod_uid(parent).is_some() => Some("containerd"),
            _ => None,
        };
        let is_id = |id: &&str| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let plain = || Some((plain().filter(|_| self.tree.is_some())?, name));
        scope.or_else(plain).filter(|(_, id)| is_id(id))
    }

    /// Goes on into a cgroup of this name; whether none but root, or its user's manager, makes cgroups in it.
    fn enter(&mut self, component: &'a str) -> bool {
        let is_first = self.parent.is_none();
        self.parent = Some(component);
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
            format!("/machine.slice/systemd-nspawn@box.service/payload/system.slice/docker-{id}.scope"),
            format!("/lxc.payload.box/docker/{id}"),
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
