//! The user's cache folder: tools, downloads, kernels and root images, one folder each, named with its version.
//!
//! An entry is made in a temporary folder beside its place and renamed when it is whole, so a cut-off leaves nothing
//! half-made, and a lock file lets one of two xtasks make it while the other waits. Entries are never changed after
//! that: another version is another entry. Deleting the folder is always safe.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::step;

/// `$XDG_CACHE_HOME/oomtrace`, else `~/.cache/oomtrace`.
pub(crate) fn root() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute()) // the XDG specification: a relative path is to be ignored
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("no cache folder: neither XDG_CACHE_HOME nor HOME is set")?;
    let root = base.join("oomtrace");
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    Ok(root)
}

/// The folder of the entry `name`, made by `make` if it isn't there yet; `why` is told to the user before.
///
/// `make` is given an empty folder. What it leaves there must not contain the folder's own path: it is renamed.
pub(crate) fn entry(name: &str, why: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    let place = root.join(name);
    if place.exists() {
        return Ok(place);
    }
    let _lock = lock(&root, name)?;
    if place.exists() {
        return Ok(place); // the other xtask made it while we waited
    }
    step(why);
    let draft = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .tempdir_in(&root)
        .with_context(|| format!("cannot create a folder in {}", root.display()))?;
    make(draft.path()).with_context(|| format!("cannot make {name}"))?;
    fs::rename(draft.path(), &place).with_context(|| format!("cannot rename {name} into {}", root.display()))?;
    let _renamed = draft.keep(); // nothing left to delete under the old name
    Ok(place)
}

/// A short name for a recipe: another recipe, another name, another entry.
pub(crate) fn key(recipe: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Holds the lock `name` in `folder`, which is made, until the returned file is dropped, waiting for whoever has it.
pub(crate) fn lock(folder: &Path, name: &str) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!(".{name}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        step(format!("waiting for another xtask that holds {}", path.display()));
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// Whether `path` was written less than `age` ago.
pub(crate) fn is_fresh(path: &Path, age: Duration) -> bool {
    fs::metadata(path)
        .and_then(|meta| meta.modified())
        .is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed < age))
}
