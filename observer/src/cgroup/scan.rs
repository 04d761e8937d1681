//! Every memory cgroup that is there, by one look at the hierarchy's directories.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirEntryExt as _;

use super::Hierarchy;
use crate::engine::raw;
use crate::measure::CgroupId;

/// Cgroups, at most; what is over that is found by its path when it is needed.
pub const MAX_LIVE: usize = 65_536;

/// Reads the whole hierarchy: ids and paths, parents before children. A directory that vanishes or is closed is passed over.
#[must_use]
pub fn scan(hierarchy: &Hierarchy) -> Vec<(CgroupId, String)> {
    let mut found: Vec<(CgroupId, String)> = hierarchy
        .id_of("/")
        .map(|id| (id, "/".to_owned()))
        .into_iter()
        .collect();
    let mut waiting = vec![String::new()];
    while let Some(path) = waiting.pop() {
        let Ok(entries) = fs::read_dir(hierarchy.dir(&path)) else {
            continue;
        };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if found.len() >= MAX_LIVE {
                return found;
            }
            let path = format!("{path}/{}", raw::text(entry.file_name().as_bytes()));
            found.push((CgroupId(entry.ino()), path.clone()));
            waiting.push(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CgroupVersion;

    #[test]
    fn every_cgroup_is_found_behind_the_one_above_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a.slice/b.service/below")).unwrap();
        fs::write(dir.path().join("a.slice/memory.current"), "1\n").unwrap();
        let hierarchy = Hierarchy::at(dir.path().to_owned(), CgroupVersion::V2, 0);
        let found = scan(&hierarchy);
        let paths: Vec<&str> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(
            paths,
            ["/", "/a.slice", "/a.slice/b.service", "/a.slice/b.service/below"]
        );
        assert!(
            found
                .iter()
                .all(|(id, path)| hierarchy.id_of(path).is_ok_and(|own| own == *id))
        );
    }

    #[test]
    fn a_cgroup_whose_name_is_no_utf8_is_found_and_read() {
        use std::ffi::OsStr;

        use crate::cgroup::{OpenFiles, Which};
        use crate::measure::Bytes;

        let dir = tempfile::tempdir().unwrap();
        for (name, usage) in [
            (&b"bad\xff\xfe\x80.service"[..], "7"),
            (b"bad\xfe\xff\x80.service", "8"),
        ] {
            let cgroup = dir.path().join(OsStr::from_bytes(name));
            fs::create_dir(&cgroup).unwrap();
            fs::write(cgroup.join("memory.current"), usage).unwrap();
        }
        let hierarchy = Hierarchy::at(dir.path().to_owned(), CgroupVersion::V2, 0);
        let mut open = OpenFiles::within_limit();
        let mut used: Vec<Option<Bytes>> = scan(&hierarchy)
            .iter()
            .filter(|(_, path)| path != "/")
            .map(|(id, path)| open.read(&hierarchy, *id, path, Which::All).unwrap().memory.current)
            .collect();
        used.sort_unstable();
        assert_eq!(used, [Some(Bytes(7)), Some(Bytes(8))]);
    }
}
