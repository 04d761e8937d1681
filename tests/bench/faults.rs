//! Touches pages for the first time and prints what one fault took, in nanoseconds of this process's own CPU time.
//!
//! Arguments: how many pages; optionally how many MiB of page cache to fill first, so that the faults meet the limit; with `malloc` behind
//! that each page is asked of malloc, as what follows allocations expects it.

use std::alloc::{Layout, alloc};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::thread::disable_transparent_huge_pages;
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

fn mapped(pages: usize) -> Result<f64, Box<dyn std::error::Error>> {
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

/// The same with memory that is asked for page by page, and never given back.
fn allocated(pages: usize) -> Result<f64, Box<dyn std::error::Error>> {
    disable_transparent_huge_pages(true)?;
    let layout = Layout::from_size_align(PAGE, 16)?;
    let before = cpu_time();
    for _ in 0..pages {
        // SAFETY: the layout has a size; what was allocated is written to within it, and not at all where there was none.
        unsafe {
            let page = alloc(layout);
            if page.is_null() {
                return Err("malloc failed".into());
            }
            page.write_volatile(1);
        }
    }
    Ok((cpu_time() - before) / pages as f64)
}

fn run(pages: usize, cache: usize, how: Option<&str>) -> Result<f64, Box<dyn std::error::Error>> {
    if cache > 0 {
        fill_cache(cache)?;
    }
    match how {
        Some("malloc") => allocated(pages),
        _ => mapped(pages),
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok());
    let Some(pages) = number(0) else {
        eprintln!("usage: faults PAGES [CACHE-MIB [malloc]]");
        return ExitCode::from(2);
    };
    match run(pages, number(1).unwrap_or(0), words.get(2).map(String::as_str)) {
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
