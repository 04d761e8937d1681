//! Takes 12 MiB in a function that it has just made, as a JIT does, for the scenario `stacks_runtimes`: the function's name stands in
//! `/tmp/perf-PID.map` alone, where PID is what the process calls itself. Its own file is gone by then. Waits before for as many seconds
//! as its argument says, and for ever after.

// What fails here fails the scenario.
#![allow(clippy::expect_used)]

use std::time::Duration;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect};

const PAGE: usize = 4096;
const ROUNDS: usize = 24;

/// `push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret`: as a JIT writes it for those who follow frame pointers.
const CODE: [u8; 8] = [0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3];

fn map(length: usize) -> *mut core::ffi::c_void {
    // SAFETY: a new private mapping at a place of the kernel's choosing; nothing else refers to it.
    let mapped = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    mapped.expect("a mapping")
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn site_below_jit() {
    let length = (12 << 20) / ROUNDS;
    let start = map(length);
    // SAFETY: the whole mapping made above, which is writable.
    unsafe {
        madvise(start, length, Advice::LinuxNoHugepage).expect("small pages");
        for offset in (0..length).step_by(PAGE) {
            start.cast::<u8>().add(offset).write_volatile(1);
        }
    }
    std::hint::black_box(start);
}

/// What is made, and the same as a function.
fn made() -> (usize, extern "C" fn(extern "C" fn())) {
    let start = map(PAGE);
    // SAFETY: the mapping is as long and writable, and is executable before it is a function; these bytes are one that calls what it is given.
    let function = unsafe {
        start.cast::<[u8; 8]>().write(CODE);
        mprotect(start, PAGE, MprotectFlags::READ | MprotectFlags::EXEC).expect("executable memory");
        std::mem::transmute::<*mut core::ffi::c_void, extern "C" fn(extern "C" fn())>(start)
    };
    (start as usize, function)
}

fn main() {
    let wait = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    std::fs::remove_file(std::env::current_exe().expect("a path")).expect("its own file");
    std::thread::sleep(Duration::from_secs(wait));
    let (start, function) = made();
    let map = format!("/tmp/perf-{}.map", std::process::id());
    std::fs::write(map, format!("{start:x} {:x} jitted_function\n", CODE.len())).expect("a map of symbols");
    for _ in 0..ROUNDS {
        function(site_below_jit);
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("done");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
