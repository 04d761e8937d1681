//! Where captures lie and how they are named: `oomtrace-BOOTID-TIME.jsonl.zst`.
//!
//! In: paths. Out: which files are one stream, and in what order.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::measure::Timestamp;

/// Where captures are written and looked for unless it is told otherwise.
pub(crate) const CAPTURES: &str = "/var/lib/oomtrace";

const PREFIX: &str = "oomtrace-";
const SUFFIX: &str = ".jsonl.zst";

/// The name of a capture that begins now.
pub(crate) fn began(boot: &str, now: jiff::Timestamp) -> String {
    format!("{PREFIX}{boot}-{}{SUFFIX}", now.strftime("%Y%m%dT%H%M%S%.6fZ"))
}

/// Whether a file is named as a recorder names its captures.
pub(crate) fn is_capture(path: &Path) -> bool {
    parts(path).is_some()
}

/// The boot in a capture's name.
pub(super) fn boot(path: &Path) -> Option<&str> {
    parts(path).map(|(boot, _)| boot)
}

/// The time in a capture's name.
pub(super) fn time(path: &Path) -> Option<Timestamp> {
    let (_, time) = parts(path)?;
    jiff::Timestamp::strptime("%Y%m%dT%H%M%S%.fZ%z", format!("{time}+0000"))
        .ok()
        .map(Timestamp)
}

/// The boot and the time of a capture's name.
fn parts(path: &Path) -> Option<(&str, &str)> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.rsplit_once('-')
}

/// The streams at a path, each as its files in their order. A folder's captures of one boot are one stream.
pub(super) fn streams(path: &Path) -> io::Result<Vec<VecDeque<PathBuf>>> {
    if !path.is_dir() {
        return Ok(vec![VecDeque::from([path.to_owned()])]);
    }
    let mut files = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.is_file() && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
    });
    // By name: those of a boot follow each other in time.
    files.sort();
    if files.is_empty() {
        let words = "no recordings (*.jsonl, *.jsonl.zst) in this folder";
        return Err(io::Error::new(io::ErrorKind::NotFound, words));
    }
    let mut streams: BTreeMap<String, VecDeque<PathBuf>> = BTreeMap::new();
    for file in files {
        let key = boot(&file).map_or_else(|| file.display().to_string(), |boot| format!("boot {boot}"));
        streams.entry(key).or_default().push_back(file);
    }
    Ok(streams.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_it_began() {
        let now: jiff::Timestamp = "2026-11-21T03:12:44.123456Z".parse().unwrap();
        let path = PathBuf::from(began("0123456789abcdef", now));
        assert_eq!(time(&path), Some(Timestamp(now)));
        assert_eq!(boot(&path), Some("0123456789abcdef"));
        assert_eq!(time(Path::new("oomtrace-a-b.jsonl.zst")), None);
    }
}
