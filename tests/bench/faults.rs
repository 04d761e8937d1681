//! Touches pages for the first time and prints what one fault took, in nanoseconds of this process's own CPU time.
//!
//! Arguments: how many pages; optionally how many MiB of page cache to fill first, so that the faults meet the limit.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::time::{ClockId, clock_gettime};

const PAGE: usize = 4096;

fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Fills the page cache of this process's cgroup with clean pages.
fn fill_cache(mebibytes: usize) -> std::io::Result<()> {
    let path = "/var/tmp/oomtrace-faults";
    let mut buffer = vec![1_u8; 1 << 20];
    let mut file = File::create(path)?;
    for _ in 0..mebibytes {
        file.write_all(&buffer)?;
    }
    file.sync_all()?;
    let mut file = File::open(path)?;
    while file.read(&mut buffer)? > 0 {}
    std::fs::remove_file(path)?;
    // Kept open until the end: a file that is gone has no cache.
    std::mem::forget(file);
    Ok(())
}

fn run(pages: usize, cache: usize) -> Result<f64, Box<dyn std::error::Error>> {
    if cache > 0 {
        fill_cache(cache)?;
    }
    let length = pages * PAGE;
    // SAFETY: a new private mapping at a place of the kernel's choosing; nothing else refers to it.
    let start = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )?
    };
    // SAFETY: the whole mapping made above.
    unsafe { madvise(start, length, Advice::LinuxNoHugepage)? };
    let before = cpu_time();
    for page in 0..pages {
        // SAFETY: within the mapping, which is writable.
        unsafe { start.cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
    let took = cpu_time() - before;
    // SAFETY: the whole mapping; nothing refers to it any more.
    unsafe { munmap(start, length)? };
    Ok(took / pages as f64)
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).map(|word| word.parse());
    let (Some(Ok(pages)), cache) = (words.next(), words.next()) else {
        eprintln!("usage: faults PAGES [CACHE-MIB]");
        return ExitCode::from(2);
    };
    match run(pages, cache.and_then(Result::ok).unwrap_or(0)) {
        Ok(nanoseconds) => {
            println!("{nanoseconds:.1}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::FAILURE
        }
    }
}
