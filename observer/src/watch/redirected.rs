//! Standard output that is a file: opened anew by its name when it was renamed or removed, as logrotate(8) does before it asks for
//! a reload.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::notice::notice;

/// This process's standard output.
const STDOUT: &str = "/proc/self/fd/1";

/// The file that it was at the start, by its name.
#[derive(Debug)]
pub(super) struct Redirected(PathBuf);

impl Redirected {
    /// `None` where it is no file, as a terminal and a pipe.
    pub(super) fn find() -> Option<Self> {
        let path = fs::read_link(STDOUT).ok()?;
        let is_named = is_same(&path, &fs::metadata(STDOUT).ok().filter(fs::Metadata::is_file)?);
        is_named.then_some(Self(path))
    }

    /// Opens the file of that name, where it is another by now. Each line is one write, so none is in two files.
    pub(super) fn reopen(&self) {
        let path = &self.0;
        match anew(path) {
            Ok(None) => {}
            Ok(Some(file)) => {
                if let Err(error) = rustix::stdio::dup2_stdout(&file) {
                    notice(format_args!("cannot write to {} from now on: {error}", path.display()));
                }
            }
            Err(error) => notice(format_args!(
                "cannot open {}: {error}; the stream goes on into the file that it was",
                path.display()
            )),
        }
    }
}

fn anew(path: &Path) -> io::Result<Option<File>> {
    let now = fs::metadata(STDOUT)?;
    if is_same(path, &now) {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(now.mode() & 0o777);
    options.open(path).map(Some)
}

/// Whether a name is that file's.
fn is_same(path: &Path, file: &fs::Metadata) -> bool {
    fs::metadata(path).is_ok_and(|named| (named.dev(), named.ino()) == (file.dev(), file.ino()))
}
