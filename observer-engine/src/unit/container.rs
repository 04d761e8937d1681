//! Containers by a cgroup's path alone: runtime, id and pod. Their names stand in the runtimes' files.

use crate::event::Container;

/// Docker, podman, containerd and CRI-O, under systemd's cgroup driver (`NAME-ID.scope`) and the plain one.
pub(super) fn of(path: &str) -> Option<Container> {
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
        pod_name: None,
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
        }
        for path in [
            "/system.slice/docker-short.scope".to_owned(),
            format!("/machine.slice/libpod-conmon-{id}.scope"),
            format!("/system.slice/default/{id}"),
        ] {
            assert_eq!(of(&path), None, "{path}");
        }
    }
}
