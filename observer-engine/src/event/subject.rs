//! Whom a line is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::CgroupId;
use crate::unit::is_same_unit;

/// The cgroup a line is about, and the unit it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subject {
    /// The system unit: `myapp.service`. For a user's unit the manager's: `user@1000.service`.
    pub unit: Option<String>,
    /// The unit of a user's own manager.
    pub user_unit: Option<String>,
    /// The innermost slice, or the unit itself where it is one.
    pub slice: Option<String>,
    /// systemd's invocation id, 32 hexadecimal digits.
    pub invocation_id: Option<String>,
    /// The cgroup itself.
    pub cgroup: CgroupRef,
    /// The container, where the cgroup is a container runtime's.
    pub container: Option<Container>,
}

impl Subject {
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
    /// The kernel's id of the cgroup.
    pub id: Option<CgroupId>,
    /// The path below the root of the hierarchy, beginning with `/`. A byte that is no UTF-8 is the character of its value and
    /// `U+EF00`.
    pub path: Option<String>,
}

/// A container: runtime, id and pod as the cgroup's path has them, names from the runtime's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// `docker`, `podman`, `containerd`, `cri-o`, …
    pub runtime: String,
    /// The runtime's id of the container.
    pub id: String,
    /// The user whose own runtime it is, and who could give it any id; `null` where it is the host's.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The container's name, where the runtime's files tell it.
    pub name: Option<String>,
    /// The pod's uid.
    pub pod: Option<String>,
    /// The pod's name, where the runtime's files tell it.
    #[serde(default)]
    pub pod_name: Option<String>,
    /// The pod's namespace, where the runtime's files tell it.
    pub namespace: Option<String>,
}

/// A cgroup's path and those above it, nearest first.
pub fn ancestry(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/')
            .map(|(above, _)| above)
            .filter(|above| !above.is_empty())
    })
}
