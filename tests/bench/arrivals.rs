//! Writes down when each line of others arrives: `NAME NANOSECONDS LINE`, the time of CLOCK_MONOTONIC at which the read
//! that brought it returned. A thread for each, so that none waits for another's line.
//!
//! Arguments: `NAME=PATH`, a pipe or `/dev/kmsg`, to be read until it ends; of a directory, `NAME NANOSECONDS LENGTH FILE`
//! each time that a file in it has been written to.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use rustix::fs::inotify;
use rustix::time::{ClockId, clock_gettime};

fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Reads one source to its end.
fn read(name: &str, path: &str) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    // What has come of a line that is not whole yet.
    let mut begun: Vec<u8> = Vec::new();
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            // Records of the kernel's log were overwritten: it goes on with the next.
            Err(error) if error.kind() == ErrorKind::BrokenPipe || error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let at = now();
        begun.extend_from_slice(buffer.get(..length).unwrap_or_default());
        let mut told = Vec::new();
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            told.extend_from_slice(format!("{name} {at} ").as_bytes());
            told.extend(begun.drain(..=end));
        }
        if !told.is_empty() {
            std::io::stdout().lock().write_all(&told)?;
        }
    }
}

/// Tells of every write to the files of a directory. Never ends.
fn watch(name: &str, path: &Path) -> std::io::Result<()> {
    let inotify = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&inotify, path, inotify::WatchFlags::MODIFY)?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&inotify, &mut buffer);
    loop {
        let event = events.next()?;
        let at = now();
        let Some(file) = event.file_name() else { continue };
        let file = file.to_string_lossy();
        let length = path.join(&*file).metadata()?.len();
        writeln!(std::io::stdout().lock(), "{name} {at} {length} {file}")?;
    }
}

fn main() -> ExitCode {
    let sources: Vec<(String, String)> = std::env::args()
        .skip(1)
        .filter_map(|word| {
            word.split_once('=')
                .map(|(name, path)| (name.to_owned(), path.to_owned()))
        })
        .collect();
    if sources.is_empty() {
        eprintln!("usage: arrivals NAME=PATH...");
        return ExitCode::from(2);
    }
    let readers: Vec<_> = sources
        .into_iter()
        .map(|(name, path)| {
            thread::spawn(move || {
                let is_directory = Path::new(&path).is_dir();
                let result = if is_directory {
                    watch(&name, Path::new(&path))
                } else {
                    read(&name, &path)
                };
                if let Err(error) = result {
                    eprintln!("arrivals: {name}: {path}: {error}");
                }
            })
        })
        .collect();
    for reader in readers {
        // A reader that panicked has said so.
        let _ = reader.join();
    }
    ExitCode::SUCCESS
}
