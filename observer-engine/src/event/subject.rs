//! Whom a line is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::CgroupId;
use crate::unit::is_same_unit;

/// The cgroup that an event is about, and its unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subject {
    /// The system unit, `myapp.service`. For a user's unit this is its manager, `user@1000.service`.
    pub unit: Option<String>,
    /// The user's unit (`systemctl --user`).
    pub user_unit: Option<String>,
    /// The innermost slice; the unit itself if it is a slice.
    pub slice: Option<String>,
    /// systemd's invocation id, 32 hexadecimal digits.
    pub invocation_id: Option<String>,
    /// The cgroup.
    pub cgroup: CgroupRef,
    /// The container, if a container runtime made the cgroup.
    pub container: Option<Container>,
}

impl Subject {
    /// The unit that a person means: the user's where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.user_unit.as_deref().or(self.unit.as_deref())
    }

    /// Whether two lines are about one unit or container: by their cgroups' paths; by name only where one has no path, as
    /// what systemd writes into the journal.
    #[must_use]
    pub fn is_same_unit(&self, other: &Self) -> bool {
        match (&self.cgroup.path, &other.cgroup.path) {
            (Some(path), Some(other)) => is_same_unit(path, other),
            _ => self.unit.is_some() && self.unit == other.unit && self.user_unit == other.user_unit,
        }
    }
}

/// A cgroup by its id and path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CgroupRef {
    /// The cgroup's id in the kernel: its directory's inode.
    pub id: Option<CgroupId>,
    /// The path below the root of the hierarchy, beginning with `/`. A byte that is not UTF-8 becomes the character `U+EF00` plus its
    /// value.
    pub path: Option<String>,
}

/// A container: runtime, id and pod from the cgroup's path, names from the runtime's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// `docker`, `podman`, `containerd`, `cri-o`, `lxc`, `systemd-nspawn`, …
    pub runtime: String,
    /// The container's id; the name it was given, where the runtime has no other (LXC, systemd-nspawn, `ctr`).
    pub id: String,
    /// The user whose rootless runtime made it, and who could choose any id; `null` if it is the host's.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The container's name, if the runtime's files have it.
    pub name: Option<String>,
    /// The pod's UID; podman's its id.
    pub pod: Option<String>,
    /// The pod's name, if the runtime's files have it.
    #[serde(default)]
    pub pod_name: Option<String>,
    /// The pod's namespace, if the runtime's files have it.
    pub namespace: Option<String>,
}

impl Container {
    /// The pod as `kubectl` names it: `NAMESPACE/NAME`; without the namespace if that is not known.
    #[must_use]
    pub fn pod_in_full(&self) -> Option<String> {
        let pod = self.pod_name.as_ref()?;
        Some(match &self.namespace {
            Some(namespace) => format!("{namespace}/{pod}"),
            None => pod.clone(),
        })
    }
}

impl Container {
    /// As a person names it: `NAMESPACE/POD/NAME`, or its name alone where it is in no pod with a name.
    #[must_use]
    pub fn in_full(&self) -> Option<String> {
        match (self.pod_in_full(), &self.name) {
            (Some(pod), Some(name)) => Some(format!("{pod}/{name}")),
            (pod, name) => pod.or_else(|| name.clone()),
        }
    }
}

/// A cgroup's path and those above it, nearest first.
pub fn ancestry(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/')
            .map(|(above, _)| above)
            .filter(|above| !above.is_empty())
    })
}
