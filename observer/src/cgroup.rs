//! Memory cgroups: which there are, by id and path, and what their files say.
//!
//! In: the mounted hierarchy and the kernel's births and ends. Out: plain values. It must never know units or records.

mod arguments;
mod files;
pub mod host;
pub mod namespaces;
pub mod nodes;
mod objects;
mod open;
mod processes;
mod program;
mod scan;
mod tasks;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::engine::raw;
use crate::event::CgroupVersion;
use crate::measure::CgroupId;

pub use files::{Buffer, MemoryFiles, Reading, Which, usage};
pub use objects::{Cache, Seen, Wanted, objects, slab};
pub use open::OpenFiles;
pub use processes::{Birth, Glance, Whole, birth, glance, pids, whole};
pub use program::program;
pub use scan::{MAX_LIVE, scan};
pub use tasks::{TaskInfo, cgroup_of, cmdline, environment, held, process, processes, tasks, tgid_of};

/// Why cgroups cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// No memory controller is mounted.
    #[error("no memory cgroups are mounted; boot with the memory controller on (cgroup_enable=memory)")]
    NoMemoryController,
    /// Another mount lies over them.
    #[error("the cgroups at {0} are hidden by another mount; run in the host's mount namespace")]
    Hidden(String),
    /// The cgroup is gone.
    #[error("cgroup {0} is gone")]
    Gone(String),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Feeds every parser of the kernel's files, for `fuzz/`: what they make of a text is nobody else's business.
#[doc(hidden)]
pub fn feed(bytes: &[u8]) {
    tasks::feed(bytes);
    files::feed(bytes);
    objects::feed(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        host::feed(text);
        nodes::feed(text);
    }
}

/// The mounted hierarchy that the memory controller is on.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    root: PathBuf,
    version: CgroupVersion,
    id: u32,
}

impl Hierarchy {
    /// Finds the hierarchy that the memory controller is on.
    ///
    /// # Errors
    /// Where none is mounted, or `/proc` cannot be read.
    pub fn detect() -> Result<Self, CgroupError> {
        let path = "/proc/self/mountinfo";
        // Whoever mounts something names the place: what is no UTF-8 is none of ours.
        let text = fs::read(path).map_err(|source| CgroupError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let text = String::from_utf8_lossy(&text);
        let controllers = fs::read_to_string("/proc/cgroups").unwrap_or_default();
        let mounts = Self::from_mounts(&text, &controllers);
        // In a container there may be the host's beside its own.
        let whole = mounts.iter().find(|mount| mount.is_whole());
        let found = whole.or(mounts.first()).ok_or(CgroupError::NoMemoryController)?.clone();
        // Mounted is not yet to be seen: it may be closed to this user, or lie under another mount.
        fs::read(found.root.join("cgroup.procs")).map_err(|source| {
            let path = found.root.display().to_string();
            match source.kind() {
                io::ErrorKind::NotFound => CgroupError::Hidden(path),
                _ => CgroupError::Unreadable { path, source },
            }
        })?;
        Ok(found)
    }

    /// A hierarchy at a known place.
    #[must_use]
    pub fn at(root: PathBuf, version: CgroupVersion, id: u32) -> Self {
        Self { root, version, id }
    }

    /// Every place that the memory controller's hierarchy is mounted at: v1's where it is on v1, else v2's.
    fn from_mounts(mountinfo: &str, controllers: &str) -> Vec<Self> {
        let mut unified = Vec::new();
        let mut legacy = Vec::new();
        for line in mountinfo.lines() {
            // proc_pid_mountinfo(5): `… mount-point options - type source super-options`
            let Some((left, right)) = line.split_once(" - ") else {
                continue;
            };
            let Some(point) = left.split(' ').nth(4) else { continue };
            let mut right = right.split(' ');
            match right.next() {
                Some("cgroup2") => unified.push(point),
                Some("cgroup")
                    if right
                        .nth(1)
                        .is_some_and(|options| options.split(',').any(|o| o == "memory")) =>
                {
                    legacy.push(point);
                }
                _ => {}
            }
        }
        // proc(5), /proc/cgroups: `subsys_name hierarchy num_cgroups enabled`
        let id = controllers.lines().find_map(|line| {
            let mut fields = line.split_whitespace();
            (fields.next()? == "memory")
                .then(|| fields.next()?.parse().ok())
                .flatten()
        });
        let (points, version, id) = match (legacy.is_empty(), id) {
            (true, _) => (unified, CgroupVersion::V2, 0),
            (false, None) => return Vec::new(),
            (false, Some(id)) if unified.is_empty() => (legacy, CgroupVersion::V1, id),
            (false, Some(id)) => (legacy, CgroupVersion::Hybrid, id),
        };
        let at = |point: &str| Self::at(point.into(), version, id);
        points.into_iter().map(at).collect()
    }

    /// Whether it is mounted from its root: a container's own is a part of it, with the same names in another place.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        // kernfs counts from its root (fs/kernfs/dir.c: `kernfs_create_root`).
        self.id_of("/").is_ok_and(|id| id == CgroupId(1))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How memory cgroups are mounted.
    #[must_use]
    pub fn version(&self) -> CgroupVersion {
        self.version
    }

    /// The hierarchy's id, as the kernel's tracepoints and `/proc/PID/cgroup` have it; 0 = v2.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The directory of a cgroup.
    #[must_use]
    pub fn dir(&self, path: &str) -> PathBuf {
        let path = raw::bytes(path.trim_start_matches('/'));
        self.root.join(OsStr::from_bytes(&path))
    }

    /// The id of the cgroup that is at this path now: the inode number of its directory (kernfs, 64-bit kernels).
    ///
    /// # Errors
    /// Where it is gone or hidden, or is a file of a cgroup's.
    pub fn id_of(&self, path: &str) -> io::Result<CgroupId> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = fs::metadata(self.dir(path))?;
        if !meta.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(CgroupId(meta.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
    const LEGACY: &str = "40 32 0:35 / /sys/fs/cgroup/memory rw,relatime shared:14 - cgroup cgroup rw,memory\n\
                          41 32 0:36 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct";
    const CONTROLLERS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t9\t1\nmemory\t6\t12\t1\n";

    #[test]
    fn the_memory_controllers_hierarchy_is_found_in_each_layout() {
        let first = |mounts: &str| Hierarchy::from_mounts(mounts, CONTROLLERS).into_iter().next().unwrap();
        let unified = first(UNIFIED);
        assert_eq!((unified.version(), unified.id()), (CgroupVersion::V2, 0));
        let legacy = first(LEGACY);
        assert_eq!((legacy.version(), legacy.id()), (CgroupVersion::V1, 6));
        assert_eq!(
            legacy.dir("/system.slice/a.service"),
            Path::new("/sys/fs/cgroup/memory/system.slice/a.service")
        );
        let hybrid = first(&format!("{UNIFIED}\n{LEGACY}"));
        assert_eq!(hybrid.version(), CgroupVersion::Hybrid);
        assert!(Hierarchy::from_mounts("garbage - x", CONTROLLERS).is_empty());
    }

    #[test]
    fn every_place_it_is_mounted_at_is_looked_at() {
        let own = "900 880 0:30 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw";
        let hosts = "901 880 0:30 /../.. /host/cgroup ro - cgroup2 cgroup rw";
        let found = Hierarchy::from_mounts(&format!("{own}\n{hosts}"), "");
        let roots: Vec<_> = found.iter().map(Hierarchy::root).collect();
        assert_eq!(roots, [Path::new("/sys/fs/cgroup"), Path::new("/host/cgroup")]);
    }
}
