//! Files of our own: nobody else reads them, and nothing that lies in their place is taken for them.
//!
//! Captures hold command lines, and those hold passwords; what is written here is written by root. So a file is made for
//! its owner alone whatever the umask, a link is not followed, a pipe is not waited for, and a folder that others may
//! write to is refused: whatever is checked there may be another thing a moment later.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::process::{getegid, geteuid};

/// Only its owner's.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// Everyone may write.
const OPEN: u32 = 0o666;

/// Bits of a mode: others may write, the group may.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// Only a file's owner may rename or delete it in such a folder.
const STICKY: u32 = 0o1000;

/// Makes a folder where there is none, and those above it.
///
/// # Errors
/// Where it cannot be made, or where others may put something there.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    let meta = fs::metadata(path)?;
    let mode = meta.mode();
    if is_anyones(&meta) {
        return Err(io::Error::other(format!(
            "others may write to this folder (mode {:o}, owner {}): make it the recorder's own (chown, chmod go-w), or take another",
            mode & 0o7777,
            meta.uid()
        )));
    }
    Ok(())
}

/// Opens a file that is there, to be read.
///
/// # Errors
/// Where there is none, or something else.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a configuration file that is there. It may be a link, as configuration management leaves them, but neither the file nor
/// its folder may be anyone else's to write to: it names a program to run.
///
/// # Errors
/// Where there is none, or others may change what it says.
pub(crate) fn configuration(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let refused = |what: &str, meta: &Metadata| {
        let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
        let fault = format!("others may write to {what} (mode {mode:o}, owner {owner}): chown root and chmod go-w it");
        io::Error::new(io::ErrorKind::PermissionDenied, fault)
    };
    if is_anyones(&meta) {
        return Err(refused("it", &meta));
    }
    // A link's own folder, and the one that it leads to.
    let real = fs::canonicalize(path)?;
    let folders = [path.parent(), real.parent()].into_iter().flatten();
    for folder in folders.filter(|folder| !folder.as_os_str().is_empty()) {
        let meta = fs::metadata(folder)?;
        // In a folder like /tmp nobody can put another file in the place of ours.
        if is_anyones(&meta) && meta.mode() & STICKY == 0 {
            return Err(refused(&format!("its folder {}", folder.display()), &meta));
        }
    }
    Ok(file)
}

/// Opens a file that is there, to be written to at its end.
///
/// # Errors
/// As [`read`].
pub(crate) fn append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().append(true), path)
}

/// Makes a file that is not there.
///
/// # Errors
/// Where something is there.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create_new(true), path)
}

/// Makes a file in the place of whatever is there.
///
/// # Errors
/// Where what is there cannot be removed.
pub(crate) fn replace(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_new(path)
}

/// Who may connect to a socket, which is to write to it (unix(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// Root, and whoever may pass over a file's mode.
    Owner,
    /// Every user of this machine.
    Everyone,
}

/// Makes a socket that listens, in a folder that is there and that nobody else may write to. It has its name only once it listens with that mode: one that refuses is a dead one's. Neither is anything replaced that
/// has the name.
///
/// # Errors
/// Where there is no such folder, or something of that name.
pub(crate) fn socket(path: &Path, callers: Callers) -> io::Result<UnixListener> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let meta = fs::metadata(folder)?;
    if is_anyones(&meta) {
        return Err(io::Error::other(format!(
            "others may write to its folder {} (mode {:o}, owner {}): chown root and chmod go-w it",
            folder.display(),
            meta.mode() & 0o7777,
            meta.uid()
        )));
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    let draft = folder.join(hidden);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&draft)?;
    let mode = match callers {
        Callers::Owner => FILE,
        Callers::Everyone => OPEN,
    };
    let named = fs::set_permissions(&draft, fs::Permissions::from_mode(mode))
        .and_then(|()| Ok(renameat_with(CWD, &draft, CWD, path, RenameFlags::NOREPLACE)?))
        .and_then(|()| listener.set_nonblocking(true));
    if named.is_err() {
        let _ = fs::remove_file(&draft);
    }
    named.map(|()| listener)
}

/// Opens a file to hold a lock on, made where there is none; nobody else can open it, and so nobody can hold it before us.
///
/// # Errors
/// As [`read`].
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let file = open(
        OpenOptions::new().read(true).write(true).create(true).truncate(false),
        path,
    )?;
    file.set_permissions(fs::Permissions::from_mode(FILE))?;
    Ok(file)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = options.mode(FILE).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    let fault = if !meta.is_file() {
        "it is no regular file"
    } else if !is_ours(&meta) {
        "it is somebody else's"
    } else if meta.nlink() > 1 {
        "it has another name too (a hard link)"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(fault))
}

/// Whether others than root and who runs this may change it.
fn is_anyones(meta: &Metadata) -> bool {
    let mode = meta.mode();
    let is_strange = mode & GROUP_WRITES != 0 && ![0, getegid().as_raw()].contains(&meta.gid());
    mode & OTHERS_WRITE != 0 || is_strange || !is_ours(meta)
}

/// Whether it is root's or who runs this.
fn is_ours(meta: &Metadata) -> bool {
    [0, geteuid().as_raw()].contains(&meta.uid())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(&dir.path().join("a"))), (0o700, 0o700));
        for (name, make) in [
            ("new", create_new as fn(&Path) -> _),
            ("replaced", replace),
            ("lock", lock),
        ] {
            make(&inner.join(name)).unwrap();
            assert_eq!(mode(&inner.join(name)), 0o600);
        }
        fs::set_permissions(inner.join("lock"), fs::Permissions::from_mode(0o666)).unwrap();
        lock(&inner.join("lock")).unwrap();
        assert_eq!(mode(&inner.join("lock")), 0o600);
    }

    #[test]
    fn what_lies_in_its_place_is_not_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        fs::write(place("secret"), "secret").unwrap();
        symlink(place("secret"), place("link")).unwrap();
        symlink(place("nowhere"), place("dangling")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            place("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        fs::create_dir(place("folder")).unwrap();
        for name in ["link", "dangling", "fifo", "folder"] {
            for open in [read as fn(&Path) -> _, append, create_new, lock] {
                assert!(open(&place(name)).is_err(), "{name}");
            }
        }
        fs::hard_link(place("secret"), place("second")).unwrap();
        assert!(append(&place("second")).is_err());
        fs::remove_file(place("second")).unwrap();
        replace(&place("link")).unwrap();
        assert_eq!(fs::read(place("secret")).unwrap(), b"secret");
        assert!(!place("nowhere").exists());
    }

    #[test]
    fn a_socket_is_its_owners_alone_unless_it_is_open_and_takes_nobodys_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        // What a run left that was killed in between is in nobody's way.
        drop(UnixListener::bind(dir.path().join(".a")).unwrap());
        let listener = socket(&path, Callers::Owner).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(
            socket(&path, Callers::Everyone).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nor is anything left of that"
        );
        drop(listener);
        fs::remove_file(&path).unwrap();
        drop(socket(&path, Callers::Everyone).unwrap());
        assert_eq!(mode(&path), 0o666);
        fs::remove_file(&path).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = socket(&path, Callers::Everyone).unwrap_err().to_string();
        assert!(error.contains("others may write to its folder"), "{error}");
        let nowhere = socket(&dir.path().join("none/a"), Callers::Everyone).unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_somebody_elses_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        read(&path).unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
            return;
        }
        for open in [read as fn(&Path) -> _, append, lock] {
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("somebody else's"), "{error}");
        }
        std::os::unix::fs::chown(dir.path(), Some(65_534), None).unwrap();
        assert!(folder(dir.path()).is_err());
    }

    #[test]
    fn a_configuration_that_others_may_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.conf");
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(&path, "").unwrap();
        set(&path, 0o644);
        configuration(&path).unwrap();
        symlink(&path, dir.path().join("link")).unwrap();
        configuration(&dir.path().join("link")).unwrap();
        set(&path, 0o646);
        for name in ["a.conf", "link"] {
            let error = configuration(&dir.path().join(name)).unwrap_err().to_string();
            assert!(error.contains("others may write to it (mode 646"), "{error}");
        }
        set(&path, 0o644);
        set(dir.path(), 0o777);
        let error = configuration(&path).unwrap_err().to_string();
        assert!(error.contains("others may write to its folder"), "{error}");
        set(dir.path(), 0o1777);
        configuration(&path).unwrap();
        assert!(configuration(dir.path()).is_err());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o1777, 0o702] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = folder(dir.path()).unwrap_err().to_string();
            assert!(error.contains("others may write"), "{error}");
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder(dir.path()).unwrap();
    }
}
