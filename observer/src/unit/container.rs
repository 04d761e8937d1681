//! The names of containers, from the files that the runtimes keep of each container for themselves. No daemon is asked: it
//! may be what ran out of memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lru::LruCache;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::UnitPath;
use crate::event::{Container, ancestry};

/// How long after it found nothing a look is worth another; in tests at once.
const PAUSE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 1 });

/// Containers whose names are remembered; who was not looked at for longest goes first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// A runtime's file is read up to this size, in bytes. A record of one container has some KiB; podman's list has all.
const MAX_FILE: u64 = 16 << 20;

/// Whose a machine's scope is until its file is read.
const MACHINED: &str = "systemd-machined";

/// What a runtime's files call a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    name: Option<String>,
    pod_name: Option<String>,
    namespace: Option<String>,
    /// The runtime of a machine of systemd-machined's.
    runtime: Option<String>,
    /// The cgroup that podman gave it, where that is known.
    cgroup: Option<String>,
}

/// Names, read once for each container: its files may be gone at its kill. A cgroup may be there before they are: where
/// nothing is found they are looked for again.
#[derive(Debug)]
pub struct Names {
    root: PathBuf,
    known: LruCache<String, Looked>,
}

/// What a look into a container's files found, and when that was.
#[derive(Debug)]
struct Looked {
    named: Option<Named>,
    at: Instant,
}

/// The host's files as a container sees them that shares the host's processes (`--pid=host`); it takes `CAP_SYS_PTRACE`.
const HOST: &str = "/proc/1/root";

/// The folder below which the host's files are.
fn host() -> &'static Path {
    let folder = |path: &str| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let other = folder(HOST).filter(|host| Some(*host) != folder("/"));
    Path::new(other.map_or("/", |_| HOST))
}

impl Default for Names {
    fn default() -> Self {
        Self::below(host())
    }
}

impl Names {
    /// Of the host whose files are here.
    fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            known: LruCache::new(REMEMBERED),
        }
    }

    /// Puts in what the runtime's files tell of the container of a cgroup, and whether it is in one where its path alone does
    /// not say. The files of a user's own podman are not read: root does not trust them.
    pub fn name(&mut self, container: &mut Option<Container>, path: &str) {
        if let Some(container) = container {
            self.fill(container);
        } else if let Some((mut claimed, cgroup)) = claim(path) {
            let named = self.fill(&mut claimed);
            let is_true = named.runtime.is_some() || named.cgroup.as_deref() == Some(cgroup);
            *container = Some(claimed).filter(|_| is_true);
        }
    }

    fn fill(&mut self, container: &mut Container) -> Named {
        if container.uid.is_some() {
            // Its id may be another's of the host's.
            return Named::default();
        }
        let is_due = |looked: &Looked| looked.named.is_none() && looked.at.elapsed() >= PAUSE;
        if self.known.peek(&container.id).is_none_or(is_due) {
            let named = read(&self.root, container);
            let at = Instant::now();
            self.known.put(container.id.clone(), Looked { named, at });
        }
        let looked = self.known.get(&container.id);
        let named = looked.and_then(|looked| looked.named.clone()).unwrap_or_default();
        if let Some(runtime) = &named.runtime {
            container.runtime.clone_from(runtime);
            container.id = named.name.clone().unwrap_or_default();
        }
        // A machine of LXC's, say, has its name from its cgroup.
        container.name = named.name.clone().or(container.name.take());
        container.pod_name.clone_from(&named.pod_name);
        container.namespace.clone_from(&named.namespace);
        named
    }
}

/// The container that a cgroup's path claims where others than a runtime may make cgroups, and that container's own cgroup: only
/// the runtime's files say whether it is true.
fn claim(path: &str) -> Option<(Container, &str)> {
    ancestry(path).find_map(|cgroup| {
        let (above, name) = cgroup.rsplit_once('/')?;
        // Of `podman run --cgroups=split`, as Quadlet has it in each of its services.
        let (runtime, id, unit) = match name.strip_prefix("libpod-payload-") {
            Some(id) => ("podman", id, above),
            // A machine of systemd-machined's, maybe a virtual one.
            None if name.starts_with("machine-") && name.ends_with(".scope") => (MACHINED, name, cgroup),
            None => return None,
        };
        let parsed = UnitPath::parse(unit);
        // A user makes cgroups in their manager's as fast as they like, and each would be looked up.
        let is_users = parsed.unit.as_deref().is_some_and(|unit| unit.starts_with("user@"));
        let is_systems = parsed.is_unit && parsed.user_unit.is_none() && !is_users;
        let container = Container {
            runtime: runtime.to_owned(),
            id: id.to_owned(),
            uid: None,
            name: None,
            pod: None,
            pod_name: None,
            namespace: None,
        };
        is_systems.then_some((container, cgroup))
    })
}

fn read(root: &Path, container: &Container) -> Option<Named> {
    let id = container.id.as_str();
    match container.runtime.as_str() {
        "docker" => docker(root, id),
        "podman" => podman(root, id),
        "cri-o" => lists(&root.join("run/containers/storage"))
            .into_iter()
            .find_map(|list| bundle(&list.join(id).join("userdata"))),
        // A namespace of containerd's each: `k8s.io`, `default`, …
        "containerd" => std::fs::read_dir(root.join("run/containerd/io.containerd.runtime.v2.task"))
            .into_iter()
            .flatten()
            .flatten()
            .find_map(|namespace| bundle(&namespace.path().join(id))),
        MACHINED => machine(&root.join("run/systemd/machines").join(format!("unit:{id}"))),
        _ => None,
    }
}

/// What systemd-machined keeps of the machine of a unit, where it is a container (`src/machine/machine.c`: `machine_save()`).
fn machine(file: &Path) -> Option<Named> {
    let text = String::from_utf8(bytes(file)?).ok()?;
    let told = |key: &str| {
        let mut fields = text.lines().filter_map(|line| line.split_once('='));
        fields.find_map(|(name, value)| (name == key && !value.is_empty()).then(|| value.to_owned()))
    };
    let is_container = told("CLASS")? == "container";
    is_container.then_some(Named {
        name: Some(told("NAME")?),
        runtime: Some(told("SERVICE")?),
        ..Named::default()
    })
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut text).ok()?;
    Some(text)
}

fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&bytes(path)?).ok()
}

/// Labels by which kubelet tells a runtime what a container is (its `pkg/kubelet/types/labels.go`).
fn labelled(labels: &HashMap<String, String>) -> Named {
    let label = |name: &str| labels.get(name).cloned();
    Named {
        name: label("io.kubernetes.container.name"),
        pod_name: label("io.kubernetes.pod.name"),
        namespace: label("io.kubernetes.pod.namespace"),
        ..Named::default()
    }
}

/// dockerd's record of a container (moby's `container/container.go`).
fn docker(root: &Path, id: &str) -> Option<Named> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Record {
        name: Option<String>,
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        labels: Option<HashMap<String, String>>,
    }
    let folder = docker_root(root).unwrap_or_else(|| root.join("var/lib/docker"));
    let record: Record = json(&folder.join("containers").join(id).join("config.v2.json"))?;
    let labels = record.config.and_then(|config| config.labels).unwrap_or_default();
    let named = labelled(&labels);
    Some(Named {
        name: named
            .name
            .or_else(|| Some(record.name?.trim_start_matches('/').to_owned())),
        ..named
    })
}

/// Where dockerd keeps what it has, if an administrator chose the place.
fn docker_root(root: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Daemon {
        #[serde(rename = "data-root")]
        data_root: PathBuf,
    }
    let daemon: Daemon = json(&root.join("etc/docker/daemon.json"))?;
    Some(root.join(daemon.data_root.strip_prefix("/").ok()?))
}

/// Where a storage of podman's or CRI-O's lists containers: by the driver of their files, `overlay-containers`,
/// `vfs-containers` and the like.
fn lists(storage: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(storage).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().ends_with("-containers"))
        .map(|entry| entry.path())
        .collect()
}

/// The list that podman's storage keeps, and that of containers run with `--rm` (containers/storage's `containers.go`).
fn podman(root: &Path, id: &str) -> Option<Named> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        #[serde(default)]
        names: Vec<String>,
    }
    let storages = ["var/lib/containers/storage", "run/containers/storage"].map(|storage| lists(&root.join(storage)));
    let names = ["containers.json", "volatile-containers.json"];
    #[derive(Deserialize)]
    struct Spec {
        linux: Linux,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Linux {
        cgroups_path: Option<String>,
    }
    let (list, listed) = storages
        .iter()
        .flatten()
        .flat_map(|list| names.map(|name| (list, list.join(name))))
        .filter_map(|(list, file)| Some((list, json::<Vec<Listed>>(&file)?)))
        .find_map(|(list, all)| Some((list, all.into_iter().find(|listed| listed.id == id)?)))?;
    let spec: Option<Spec> = json(&list.join(id).join("userdata/config.json"));
    Some(Named {
        name: listed.names.into_iter().next(),
        cgroup: spec.and_then(|spec| spec.linux.cgroups_path),
        ..Named::default()
    })
}

/// What a runtime gave to runc: `config.json`, whose annotations are containerd's (`internal/cri/annotations`), nerdctl's
/// or CRI-O's (`pkg/annotations`).
fn bundle(directory: &Path) -> Option<Named> {
    #[derive(Deserialize)]
    struct Spec {
        #[serde(default)]
        annotations: HashMap<String, String>,
    }
    let spec: Spec = json(&directory.join("config.json"))?;
    let told = |name: &str| spec.annotations.get(name).cloned();
    let labels = told("io.kubernetes.cri-o.Labels").and_then(|labels| serde_json::from_str(&labels).ok());
    let labelled = labelled(&labels.unwrap_or_default());
    Some(Named {
        name: told("io.kubernetes.cri.container-name")
            .or_else(|| told("nerdctl/name"))
            .or(labelled.name),
        pod_name: told("io.kubernetes.cri.sandbox-name").or(labelled.pod_name),
        namespace: told("io.kubernetes.cri.sandbox-namespace").or(labelled.namespace),
        ..Named::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of a host's, with the folders that it is in.
    fn lay(host: &Path, path: &str, text: &str) {
        let path = host.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_runtimes_files_tell_the_names() {
        let host = tempfile::tempdir().unwrap();
        let id = |digit: &str| digit.repeat(64);
        let put = |path: String, text: String| lay(host.path(), &path, &text);
        put(
            format!("var/lib/docker/containers/{}/config.v2.json", id("1")),
            r#"{"ID":"1","Name":"/web","Config":{"Hostname":"x","Labels":{}}}"#.to_owned(),
        );
        let storage = "var/lib/containers/storage/overlay-containers";
        put(
            format!("{storage}/containers.json"),
            format!(r#"[{{"id":"{}","names":["db","other"],"layer":"x"}}]"#, id("2")),
        );
        put(
            "var/lib/containers/storage/vfs-containers/containers.json".to_owned(),
            format!(r#"[{{"id":"{}","names":["old"],"layer":"x"}}]"#, id("9")),
        );
        put(
            format!("{storage}/volatile-containers.json"),
            format!(r#"[{{"id":"{}","names":["once"]}}]"#, id("3")),
        );
        put(
            format!(
                "run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json",
                id("4")
            ),
            r#"{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"app",
                "io.kubernetes.cri.sandbox-name":"app-7d9f","io.kubernetes.cri.sandbox-namespace":"prod"}}"#
                .to_owned(),
        );
        put(
            format!("run/containers/storage/overlay-containers/{}/userdata/config.json", id("5")),
            r#"{"annotations":{"io.kubernetes.cri-o.Labels":
                "{\"io.kubernetes.container.name\":\"job\",\"io.kubernetes.pod.name\":\"job-1\",\"io.kubernetes.pod.namespace\":\"batch\"}"}}"#
                .to_owned(),
        );
        put(
            format!(
                "run/containerd/io.containerd.runtime.v2.task/default/{}/config.json",
                id("6")
            ),
            r#"{"annotations":{"nerdctl/name":"cache"}}"#.to_owned(),
        );
        put(
            format!("var/lib/docker/containers/{}/config.v2.json", id("7")),
            "{".to_owned(),
        );
        let mut names = Names::below(host.path());
        let told = |names: &mut Names, runtime: &str, digit: &str| {
            let mut container = Container {
                runtime: runtime.to_owned(),
                id: id(digit),
                uid: None,
                name: None,
                pod: None,
                pod_name: None,
                namespace: None,
            };
            names.fill(&mut container);
            let words = [container.name, container.pod_name, container.namespace];
            words.map(Option::unwrap_or_default).join(" ").trim_end().to_owned()
        };
        assert_eq!(told(&mut names, "docker", "1"), "web");
        assert_eq!(told(&mut names, "podman", "2"), "db");
        assert_eq!(told(&mut names, "podman", "3"), "once");
        assert_eq!(told(&mut names, "podman", "9"), "old", "another driver's list");
        assert_eq!(told(&mut names, "containerd", "4"), "app app-7d9f prod");
        assert_eq!(told(&mut names, "cri-o", "5"), "job job-1 batch");
        assert_eq!(told(&mut names, "containerd", "6"), "cache");
        assert_eq!(told(&mut names, "docker", "7"), "", "torn");
        assert_eq!(told(&mut names, "docker", "8"), "", "not there");
        let mut of_a_user = Container {
            runtime: "podman".to_owned(),
            id: id("2"),
            uid: Some(1000),
            name: None,
            pod: None,
            pod_name: None,
            namespace: None,
        };
        names.fill(&mut of_a_user);
        assert_eq!(of_a_user.name, None, "it has the id of root's");
        // What was read is known when the files are gone.
        std::fs::remove_dir_all(host.path().join("var")).unwrap();
        assert_eq!(told(&mut names, "docker", "1"), "web");
    }

    #[test]
    fn docker_may_keep_its_files_elsewhere() {
        let host = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| lay(host.path(), path, text);
        put(
            "etc/docker/daemon.json",
            r#"{"data-root":"/srv/docker","log-driver":"journald"}"#,
        );
        put(
            &format!("srv/docker/containers/{}/config.v2.json", "1".repeat(64)),
            r#"{"Name":"/web","Config":{"Labels":{}}}"#,
        );
        let mut container = UnitPath::parse(&format!("/docker/{}", "1".repeat(64)))
            .container
            .unwrap();
        Names::below(host.path()).fill(&mut container);
        assert_eq!(container.name.as_deref(), Some("web"));
    }

    #[test]
    fn what_a_path_only_claims_is_a_container_if_the_runtime_says_so() {
        let host = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| lay(host.path(), path, text);
        let id = "1".repeat(64);
        let storage = "var/lib/containers/storage/overlay-containers";
        let payload = format!("/system.slice/shop.service/libpod-payload-{id}");
        put(
            &format!("{storage}/volatile-containers.json"),
            &format!(r#"[{{"id":"{id}","names":["shop"]}}]"#),
        );
        put(
            &format!("{storage}/{id}/userdata/config.json"),
            &format!(r#"{{"linux":{{"cgroupsPath":"{payload}"}}}}"#),
        );
        let in_a_users = format!(
            "/user.slice/user-1000.slice/user@1000.service/libpod-payload-{}",
            "3".repeat(64)
        );
        put(
            &format!("{storage}/containers.json"),
            &format!(r#"[{{"id":"{}","names":["theirs"]}}]"#, "3".repeat(64)),
        );
        put(
            &format!("{storage}/{}/userdata/config.json", "3".repeat(64)),
            &format!(r#"{{"linux":{{"cgroupsPath":"{in_a_users}"}}}}"#),
        );
        for (name, class) in [("box", "container"), ("desk", "vm")] {
            put(
                &format!("run/systemd/machines/unit:machine-{name}.scope"),
                &format!(
                    "# This is private data. Do not parse.\nNAME={name}\nSCOPE=machine-{name}.scope\nSERVICE=libvirt-lxc\nCLASS={class}\n"
                ),
            );
        }
        let mut names = Names::below(host.path());
        let mut told = |path: &str| {
            let mut container = UnitPath::parse(path).container;
            names.name(&mut container, path);
            let container = container?;
            Some(format!("{} {} {}", container.runtime, container.id, container.name?))
        };
        let split = Some(format!("podman {id} shop"));
        assert_eq!(told(&payload), split);
        assert_eq!(told(&format!("{payload}/inner")), split);
        assert_eq!(
            told("/machine.slice/machine-box.scope"),
            Some("libvirt-lxc box box".to_owned())
        );
        for other in [
            in_a_users,
            "/system.slice/shop.service".to_owned(),
            format!("/system.slice/web.service/libpod-payload-{id}"),
            format!("/system.slice/shop.service/x/libpod-payload-{id}"),
            format!("/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service/libpod-payload-{id}"),
            format!("/system.slice/shop.service/libpod-payload-{}", "2".repeat(64)),
            "/machine.slice/machine-desk.scope/libvirt".to_owned(),
            "/machine.slice/machine-other.scope".to_owned(),
            "/system.slice/shop.service/machine-box.scope".to_owned(),
        ] {
            assert_eq!(told(&other), None, "{other}");
        }
    }

    #[test]
    fn a_name_that_the_cgroup_tells_is_kept() {
        let host = tempfile::tempdir().unwrap();
        let mut names = Names::below(host.path());
        for path in ["/lxc.payload.box", "/default/box"] {
            let mut container = UnitPath::parse(path).container.unwrap();
            names.fill(&mut container);
            assert_eq!(container.name.as_deref(), Some("box"), "{path}");
        }
    }

    #[test]
    fn files_that_come_after_the_cgroup_are_read_too() {
        let host = tempfile::tempdir().unwrap();
        let mut names = Names::below(host.path());
        let mut container = Container {
            runtime: "docker".to_owned(),
            id: "1".repeat(64),
            uid: None,
            name: None,
            pod: None,
            pod_name: None,
            namespace: None,
        };
        names.fill(&mut container);
        assert_eq!(container.name, None);
        let folder = host.path().join("var/lib/docker/containers").join(&container.id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("config.v2.json"),
            r#"{"Name":"/web","Config":{"Labels":{}}}"#,
        )
        .unwrap();
        names.fill(&mut container);
        assert_eq!(container.name.as_deref(), Some("web"));
        // What was found once is known when the files are gone.
        std::fs::remove_dir_all(&folder).unwrap();
        names.fill(&mut container);
        assert_eq!(container.name.as_deref(), Some("web"));
    }
}
