//! The least that looking at every cgroup can cost from files: `memory.current` of each, once a second, from files that
//! stay open. Prints nothing but how many it read.
//!
//! Arguments: how many rounds; optionally the root of the cgroups.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// Opens the file of every cgroup below `folder`.
fn open(folder: &Path, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // One that went away meanwhile is none.
            files.extend(File::open(entry.path().join("memory.current")));
            open(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn run(rounds: u32, root: &Path) -> std::io::Result<usize> {
    let mut files = Vec::new();
    open(root, &mut files)?;
    let begun = Instant::now();
    let mut bytes = 0;
    for round in 0..rounds {
        thread::sleep((begun + Duration::from_secs(1) * round).saturating_duration_since(Instant::now()));
        let mut text = [0; 32];
        for file in &files {
            bytes += file.read_at(&mut text, 0).unwrap_or(0);
        }
    }
    std::hint::black_box(bytes);
    Ok(files.len())
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(Ok(rounds)), root) = (words.next().map(|word| word.parse()), words.next()) else {
        eprintln!("usage: plain ROUNDS [ROOT]");
        return ExitCode::from(2);
    };
    match run(
        rounds,
        &root.map_or_else(|| PathBuf::from("/sys/fs/cgroup"), PathBuf::from),
    ) {
        Ok(files) => {
            println!("{files}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("plain: {error}");
            ExitCode::FAILURE
        }
    }
}
