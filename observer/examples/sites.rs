//! Takes memory in places that are known, for the scenario `stacks`: 21 MiB in one, 9 MiB in another, 30 MiB in a third that gives
//! all of it back, 12 MiB of a memfd, and 8 MiB in pipes. Waits before for as many seconds as its argument says, and for ever after. With
//! `leak` behind that the first place takes a MiB a second for ever, for the scenario `stacks_warned`.
//!
//! Functions have names that no compiler changes, and no frame pointers, as programs are built.

// What fails here fails the scenario.
#![allow(clippy::expect_used)]

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

const PAGE: usize = 4096;
const ROUNDS: usize = 32;

/// Touches new pages, and returns where they are.
#[inline(always)]
fn touch(length: usize) -> *mut core::ffi::c_void {
    // SAFETY: a new private mapping at a place of the kernel's choosing; nothing else refers to it.
    let mapped = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    let start = mapped.expect("a mapping");
    // SAFETY: the whole mapping made above, which is writable.
    unsafe {
        madvise(start, length, Advice::LinuxNoHugepage).expect("small pages");
        for offset in (0..length).step_by(PAGE) {
            start.cast::<u8>().add(offset).write_volatile(1);
        }
    }
    start
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_seventy() {
    std::hint::black_box(touch((21 << 20) / ROUNDS));
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_thirty() {
    std::hint::black_box(touch((9 << 20) / ROUNDS));
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_freeing() {
    let length = (30 << 20) / ROUNDS;
    let start = touch(length);
    // SAFETY: the whole mapping; nothing refers to it any more.
    unsafe { munmap(start, length) }.expect("to unmap");
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_memfd(file: &mut File) {
    file.write_all(&vec![1; (12 << 20) / ROUNDS]).expect("room in a memfd");
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_pipe(pipe: &mut File) {
    pipe.write_all(&[1; 256 << 10]).expect("room in a pipe");
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn caller(memfd: &mut File) {
    site_seventy();
    site_freeing();
    site_thirty();
    site_memfd(memfd);
    // No call is the last thing done: all of them return here.
    std::hint::black_box(());
}

/// A MiB a second by the clock: a machine that is busy for a while changes no slope.
fn leak() -> ! {
    let begun = std::time::Instant::now();
    for round in 1_u64.. {
        site_seventy();
        let due = begun + Duration::from_millis(round * 656);
        std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
    }
    unreachable!("the rounds have no end")
}

fn main() {
    let wait = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    std::thread::sleep(Duration::from_secs(wait));
    if std::env::args().nth(2).as_deref() == Some("leak") {
        leak();
    }
    let memfd = rustix::fs::memfd_create("sites", rustix::fs::MemfdFlags::CLOEXEC).expect("a memfd");
    let mut memfd = File::from(memfd);
    let mut pipes = Vec::new();
    for _ in 0..ROUNDS {
        caller(&mut memfd);
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20).expect("a large pipe");
        let mut writer = File::from(writer);
        site_pipe(&mut writer);
        pipes.push((reader, writer));
        // An emulated guest is slow to take what is told of the pages.
        std::thread::sleep(Duration::from_millis(250));
    }
    println!("done");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
