//! The three system calls that aya does not make: attaching an iterator with its parameters, beginning a walk, and mapping a map.
//!
//! Layouts are those of include/uapi/linux/bpf.h.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;

use aya::programs::ProgramFd;

const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_ITER_CREATE: libc::c_long = 33;
const BPF_TRACE_ITER: u32 = 28;
/// Parents before children.
const BPF_CGROUP_ITER_DESCENDANTS_PRE: u32 = 2;

/// `bpf_iter_link_info.cgroup`. Without a cgroup it is the root that this process sees (kernel/bpf/cgroup_iter.c).
#[repr(C)]
struct CgroupIterInfo {
    order: u32,
    cgroup_fd: u32,
    cgroup_id: u64,
}

/// `bpf_attr.link_create`, as far as iterators have it.
#[repr(C)]
struct LinkCreate {
    prog_fd: i32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: *const CgroupIterInfo,
    iter_info_len: u32,
    reserved: u32,
}

/// `bpf_attr.iter_create`.
#[repr(C)]
struct IterCreate {
    link_fd: i32,
    flags: u32,
}

/// bpf(2) for the calls that return a descriptor.
fn bpf<T>(call: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes of `attributes` as are given, and writes none for these calls; every pointer in it
    // is to something that the caller holds.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, call, &raw const *attributes, size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: it was made just now, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The attached iterator. Dropping it detaches it.
pub struct Link(OwnedFd);

impl Link {
    /// Attaches a loaded `iter/cgroup` program to the whole v2 hierarchy.
    ///
    /// # Errors
    /// Where the kernel refuses it.
    pub fn new(program: &ProgramFd) -> io::Result<Self> {
        let info = CgroupIterInfo {
            order: BPF_CGROUP_ITER_DESCENDANTS_PRE,
            cgroup_fd: 0,
            cgroup_id: 0,
        };
        let attributes = LinkCreate {
            prog_fd: program.as_fd().as_raw_fd(),
            target_fd: 0,
            attach_type: BPF_TRACE_ITER,
            flags: 0,
            iter_info: &raw const info,
            iter_info_len: 16,
            reserved: 0,
        };
        bpf(BPF_LINK_CREATE, &attributes).map(Self)
    }

    /// Lets the program meet every cgroup once.
    ///
    /// # Errors
    /// Where the kernel does not run it to the end.
    pub(super) fn run(&self) -> io::Result<()> {
        let attributes = IterCreate {
            link_fd: self.0.as_raw_fd(),
            flags: 0,
        };
        let mut walk = File::from(bpf(BPF_ITER_CREATE, &attributes)?);
        // The program prints nothing: the first read is the walk, and returns the end of the file.
        while walk.read(&mut [0; 64])? > 0 {}
        Ok(())
    }
}

/// The beginning of a `BPF_F_MMAPABLE` array, to read.
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the address is valid in every thread, and belongs to this value alone.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps at least `length` bytes, more so that it seldom has to be done again.
    pub(super) fn new(map: BorrowedFd<'_>, length: usize, most: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let length = length.next_multiple_of(STEP).min(most.next_multiple_of(page)).max(page);
        // SAFETY: a new mapping at a place of the kernel's choosing; nothing else refers to it.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Self { start, length })
    }

    /// What stands there.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped, and as long, until this value is dropped. The kernel writes to it while a walk runs only, and whoever
        // begins one has the only reference to it.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; nothing refers to it any more. What fails here cannot be helped.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// Mappings grow by so many bytes: a page of the largest, or some.
const STEP: usize = 64 << 10;
