//! Archives and checksums that depend on names and content alone.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tar::{Builder, EntryType, Header};
use xshell::{Shell, cmd};

/// The whole of `root` as `name/…`, gzipped: owned by root, in the order of names, every file as old as `epoch`.
pub(super) fn tarball(root: &Path, name: &str, epoch: u64, to: &Path) -> Result<()> {
    let mut entries = Vec::new();
    for path in files(root)? {
        let inside = Path::new(name).join(path.strip_prefix(root)?);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        entries.push((inside, mode(&path), bytes));
    }
    fs::write(to, gzip(&tar(entries, epoch)?)?).with_context(|| format!("cannot write {}", to.display()))
}

/// A tar of root's files (place, mode, content), as old as `epoch`.
pub(super) fn tar(entries: impl IntoIterator<Item = (PathBuf, u32, Vec<u8>)>, epoch: u64) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (inside, mode, bytes) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(epoch);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, inside, bytes.as_slice())?;
    }
    Ok(archive.into_inner()?)
}

fn mode(path: &Path) -> u32 {
    let is_program = path.parent().is_some_and(|parent| parent.ends_with("bin"));
    if is_program { 0o755 } else { 0o644 }
}

/// Every file below `folder`, in the order of their paths.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// As gzip(1) makes it, without a name and a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new("gzip")
        .args(["-9", "--no-name"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run gzip")?;
    let Some(mut input) = child.stdin.take() else {
        bail!("gzip takes no input");
    };
    let output = std::thread::scope(|scope| {
        let writing = scope.spawn(move || input.write_all(bytes));
        let output = child.wait_with_output();
        match writing.join() {
            Ok(written) => written.and(output),
            Err(_) => Err(std::io::Error::other("the writer gave up")),
        }
    })?;
    ensure!(output.status.success(), "gzip: {}", output.status);
    Ok(output.stdout)
}

/// What `sha256sum --check` reads, of every file in `folder`, into its file `name`.
pub(super) fn checksums(folder: &Path, name: &str) -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(folder);
    let mut names = Vec::new();
    for path in files(folder)? {
        names.push(path.strip_prefix(folder)?.to_owned());
    }
    let sums = cmd!(sh, "sha256sum {names...}").quiet().read()?;
    let mut file = File::create(folder.join(name))?;
    writeln!(file, "{sums}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tarball_depends_on_names_and_content_alone() {
        let make = |order: [&str; 2]| {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root/bin");
            fs::create_dir_all(&root).unwrap();
            for name in order {
                fs::write(root.join(name), name).unwrap();
            }
            let to = folder.path().join("out.tar.gz");
            tarball(root.parent().unwrap(), "x-1", 1_700_000_000, &to).unwrap();
            fs::read(to).unwrap()
        };
        let first = make(["a", "b"]);
        std::thread::sleep(std::time::Duration::from_millis(1100)); // times of files have another second
        assert_eq!(first, make(["b", "a"]));
    }
}
