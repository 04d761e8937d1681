//! Which program a process is, by what it cannot choose: the file that it runs, where only root may have put that there.
//!
//! A name (`comm`), a command line and a container's files are a process's own. The file behind `/proc/PID/exe` is the
//! kernel's word; it counts where it is the host's file of that path, and root's with every folder above it, as sshd has it for
//! its keys. Of a script the interpreter is such a file, and the script has to be one too.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::namespaces;
use crate::measure::Tgid;

/// Written to by others than the owner.
const OTHERS_WRITE: u32 = 0o022;

/// A command line is read up to here, in bytes.
const MAX_CMDLINE: usize = 4096;

/// Interpreters whose script is the program.
const INTERPRETERS: [&str; 3] = ["python", "perl", "ruby"];

/// The file name of the program that a process runs; `None` where it is not certain that root put it there.
#[must_use]
pub fn program(pid: Tgid) -> Option<String> {
    namespaces::pids_are_the_hosts()
        .then(|| of(&Path::new("/proc").join(pid.to_string()), 0))
        .flatten()
}

/// Of the process whose folder this is, with files that belong to this user.
fn of(process: &Path, owner: u32) -> Option<String> {
    let exe = process.join("exe");
    let path = fs::read_link(&exe).ok()?;
    // Behind the link is the file itself, whatever stands at its path now or in the process's own mounts.
    let running = fs::metadata(&exe).ok()?;
    let path = kept(&path, owner).filter(|(_, meta)| is_same(meta, &running))?.0;
    let name = path.file_name()?.to_str()?;
    if !INTERPRETERS.iter().any(|interpreter| name.starts_with(interpreter)) {
        return Some(name.to_owned());
    }
    let script = script(process)?;
    let path = kept(&script, owner)?.0;
    path.file_name()?.to_str().map(str::to_owned)
}

/// The script that an interpreter was given.
fn script(process: &Path) -> Option<PathBuf> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let line = line.get(..MAX_CMDLINE).unwrap_or(&line);
    let mut words = line.split(|byte| *byte == 0).skip(1);
    let word = words.find(|word| !word.starts_with(b"-"))?;
    Some(PathBuf::from(OsStr::from_bytes(word)))
}

/// The file at a path and what it is, where it and the folders above it belong to this user and nobody else writes to them.
fn kept(path: &Path, owner: u32) -> Option<(PathBuf, Metadata)> {
    let path = path.is_absolute().then(|| path.canonicalize().ok()).flatten()?;
    let is_kept = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|meta| meta.uid() == owner && meta.mode() & OTHERS_WRITE == 0)
    };
    let meta = fs::metadata(&path).ok().filter(Metadata::is_file)?;
    path.ancestors().all(is_kept).then_some((path, meta))
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A process that runs this file, with these words.
    fn process(exe: &Path, words: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        symlink(exe, dir.path().join("exe")).unwrap();
        fs::write(dir.path().join("cmdline"), words.join("\0") + "\0").unwrap();
        dir
    }

    /// The host's own files: what is kept from the root of the tree on is not made by a test in a folder that all write to.
    fn hosts(name: &str) -> Option<PathBuf> {
        let path = Path::new("/usr/bin").join(name).canonicalize().ok()?;
        kept(&path, 0).map(|(path, _)| path)
    }

    #[test]
    fn a_program_of_the_hosts_is_known_by_its_file() {
        let Some(cat) = hosts("cat") else { return };
        let process = process(&cat, &["earlyoom"]);
        assert_eq!(
            of(process.path(), 0).as_deref(),
            cat.file_name().and_then(OsStr::to_str)
        );
        assert_eq!(of(process.path(), 4_294_000_000), None, "it is another's");
    }

    #[test]
    fn a_file_where_others_may_write_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("earlyoom");
        fs::write(&file, "").unwrap();
        let me = fs::metadata(&file).unwrap().uid();
        // Whatever the modes here, the folder of all temporary ones is open to everybody.
        let process = process(&file, &["earlyoom"]);
        assert_eq!(of(process.path(), me), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(of(process.path(), me), None);
    }

    #[test]
    fn a_script_is_what_counts_and_not_what_the_command_line_says() {
        let Some(python) = hosts("python3").or_else(|| hosts("perl")) else {
            return;
        };
        let Some(script) = hosts("ldd").or_else(|| hosts("which")) else {
            return;
        };
        let runs = |words: &[&str]| of(process(&python, words).path(), 0);
        let path = script.to_str().unwrap();
        assert_eq!(
            runs(&["x", path]).as_deref(),
            script.file_name().and_then(OsStr::to_str)
        );
        assert_eq!(runs(&["x", "-u", path]), runs(&["x", path]));
        assert_eq!(runs(&["x", "nohang"]), None, "a word is no file");
        let forged = tempfile::tempdir().unwrap();
        let nohang = forged.path().join("nohang");
        fs::write(&nohang, "").unwrap();
        assert_eq!(runs(&["x", nohang.to_str().unwrap()]), None);
        assert_eq!(runs(&["x"]), None);
    }

    #[test]
    fn a_file_that_only_has_the_path_of_another_is_not_it() {
        let (Some(cat), Some(ls)) = (hosts("cat"), hosts("ls")) else {
            return;
        };
        let (one, other) = (fs::metadata(cat).unwrap(), fs::metadata(ls).unwrap());
        assert!(is_same(&one, &one) && !is_same(&one, &other));
    }
}
