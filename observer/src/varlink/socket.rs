//! The place where a service listens: made, found dead, removed.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::private::{self, Callers};

/// A socket that listens; its name is removed with this, unless another has taken it.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    /// Device and inode.
    file: Option<(u64, u64)>,
}

impl Socket {
    /// Makes one, in a folder that is there and that nobody else may write to.
    ///
    /// # Errors
    /// Where there is no such folder, or something of that name: a socket that is dead goes before (see [`sweep`]).
    pub(crate) fn listen(path: &Path, callers: Callers) -> io::Result<(Self, UnixListener)> {
        let listener = private::socket(path, callers)?;
        let socket = Self {
            path: path.to_owned(),
            file: file(path),
        };
        Ok((socket, listener))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that is left is found dead by whoever connects, and removed by the next oomtrace.
        if file(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn file(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Removes what a run left that had no time to: a socket at which nobody listens, and nothing else.
pub(crate) fn sweep(path: &Path) {
    if is_socket(path) && is_dead(path) {
        let _ = fs::remove_file(path);
    }
}

/// Whether somebody listens there, as far as that may be seen.
pub(crate) fn is_heard(path: &Path) -> bool {
    is_socket(path) && !is_dead(path)
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
}

/// Whether nobody listens at a socket. Who is too busy to accept is alive, and is not waited for.
fn is_dead(path: &Path) -> bool {
    let refused = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)
    };
    refused() == Err(rustix::io::Errno::CONNREFUSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_the_dead_makes_room_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        sweep(&path);
        assert!(!is_heard(&path));
        drop(UnixListener::bind(&path).unwrap());
        assert!(!is_heard(&path));
        sweep(&path);
        let (socket, _listener) = Socket::listen(&path, Callers::Everyone).unwrap();
        sweep(&path);
        assert!(is_heard(&path));
        let taken = Socket::listen(&path, Callers::Everyone).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        drop(socket);
        assert!(!path.exists());
        fs::write(&path, "no socket").unwrap();
        sweep(&path);
        assert!(path.exists() && !is_heard(&path));
    }

    #[test]
    fn at_the_end_the_socket_of_another_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let (socket, _listener) = Socket::listen(&path, Callers::Owner).unwrap();
        let other = UnixListener::bind(dir.path().join("b")).unwrap();
        fs::rename(dir.path().join("b"), &path).unwrap();
        drop(socket);
        assert!(is_heard(&path));
        drop(other);
    }
}
