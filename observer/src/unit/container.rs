//! The names of containers, from the files that the runtimes keep of each container for themselves. No daemon is asked: it
//! may be what ran out of memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lru::LruCache;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::event::Container;

/// How long after it found nothing a look is worth another; in tests at once.
const PAUSE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 1 });

/// Containers whose names are remembered; who was not looked at for longest goes first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// A runtime's file is read up to this size, in bytes. A record of one container has some KiB; podman's list has all.
const MAX_FILE: u64 = 16 << 20;

/// What a runtime's files call a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    name: Option<String>,
    pod_name: Option<String>,
    namespace: Option<String>,
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

impl Default for Names {
    fn default() -> Self {
        Self::below(Path::new("/"))
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

    /// Puts in what the runtime's files tell. The files of a user's own podman are not read: root does not trust them.
    pub fn name(&mut self, container: &mut Container) {
        if container.uid.is_some() {
            // Its id may be another's of the host's.
            return;
        }
        let is_due = |looked: &Looked| looked.named.is_none() && looked.at.elapsed() >= PAUSE;
        if self.known.peek(&container.id).is_none_or(is_due) {
            let named = read(&self.root, container);
            let at = Instant::now();
            self.known.put(container.id.clone(), Looked { named, at });
        }
        let looked = self.known.get(&container.id);
        let named = looked.and_then(|looked| looked.named.clone()).unwrap_or_default();
        container.name = named.name;
        container.pod_name = named.pod_name;
        container.namespace = named.namespace;
    }
}

fn read(root: &Path, container: &Container) -> Option<Named> {
    let id = container.id.as_str();
    match container.runtime.as_str() {
        "docker" => docker(root, id),
        "podman" => podman(root, id),
        "cri-o" => bundle(
            &root
                .join("run/containers/storage/overlay-containers")
                .join(id)
                .join("userdata"),
        ),
        // A namespace of containerd's each: `k8s.io`, `default`, …
        "containerd" => std::fs::read_dir(root.join("run/containerd/io.containerd.runtime.v2.task"))
            .into_iter()
            .flatten()
            .flatten()
            .find_map(|namespace| bundle(&namespace.path().join(id))),
        _ => None,
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Labels by which kubelet tells a runtime what a container is (its `pkg/kubelet/types/labels.go`).
fn labelled(labels: &HashMap<String, String>) -> Named {
    let label = |name: &str| labels.get(name).cloned();
    Named {
        name: label("io.kubernetes.container.name"),
        pod_name: label("io.kubernetes.pod.name"),
        namespace: label("io.kubernetes.pod.namespace"),
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
    let record: Record = json(&root.join("var/lib/docker/containers").join(id).join("config.v2.json"))?;
    let labels = record.config.and_then(|config| config.labels).unwrap_or_default();
    let named = labelled(&labels);
    Some(Named {
        name: named
            .name
            .or_else(|| Some(record.name?.trim_start_matches('/').to_owned())),
        ..named
    })
}

/// The list that podman's storage keeps, and that of containers run with `--rm` (containers/storage's `containers.go`).
fn podman(root: &Path, id: &str) -> Option<Named> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        #[serde(default)]
        names: Vec<String>,
    }
    let lists = [
        "var/lib/containers/storage/overlay-containers/containers.json",
        "var/lib/containers/storage/overlay-containers/volatile-containers.json",
        "run/containers/storage/overlay-containers/volatile-containers.json",
    ];
    let listed = lists
        .iter()
        .filter_map(|list| json::<Vec<Listed>>(&root.join(list)))
        .flatten()
        .find(|listed| listed.id == id)?;
    Some(Named {
        name: listed.names.into_iter().next(),
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtimes_files_tell_the_names() {
        let host = tempfile::tempdir().unwrap();
        let id = |digit: &str| digit.repeat(64);
        let put = |path: String, text: String| {
            let path = host.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
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
            names.name(&mut container);
            let words = [container.name, container.pod_name, container.namespace];
            words.map(Option::unwrap_or_default).join(" ").trim_end().to_owned()
        };
        assert_eq!(told(&mut names, "docker", "1"), "web");
        assert_eq!(told(&mut names, "podman", "2"), "db");
        assert_eq!(told(&mut names, "podman", "3"), "once");
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
        names.name(&mut of_a_user);
        assert_eq!(of_a_user.name, None, "it has the id of root's");
        // What was read is known when the files are gone.
        std::fs::remove_dir_all(host.path().join("var")).unwrap();
        assert_eq!(told(&mut names, "docker", "1"), "web");
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
        names.name(&mut container);
        assert_eq!(container.name, None);
        let folder = host.path().join("var/lib/docker/containers").join(&container.id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("config.v2.json"),
            r#"{"Name":"/web","Config":{"Labels":{}}}"#,
        )
        .unwrap();
        names.name(&mut container);
        assert_eq!(container.name.as_deref(), Some("web"));
        // What was found once is known when the files are gone.
        std::fs::remove_dir_all(&folder).unwrap();
        names.name(&mut container);
        assert_eq!(container.name.as_deref(), Some("web"));
    }
}
