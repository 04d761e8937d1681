//! From registers and a copy of the stack to the addresses of the functions that are on it.
//!
//! Programs are built without frame pointers as a rule, but with unwind information, for exceptions (`.eh_frame`). framehop goes by
//! that, and by frame pointers where code has none, as what a JIT writes. An address that nothing can be executed at
//! ends the walk: nothing is guessed. Code that keeps no frame pointer, but says with its next two instructions where it returns to, is followed by
//! these: Python's trampolines (`-X perf`) do, and how distributions build Python it keeps none itself.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use framehop::{FrameAddress, Unwinder as _};
use observer_common::{PageRecord, STACK_LEN};

use super::images::{Images, Mapping, Section, mappings};
use super::runtime;
use crate::event::{FRAMES, Runtime};

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{CacheAarch64 as Cache, UnwindRegsAarch64 as Regs, UnwinderAarch64 as Unwinder};
#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{CacheX86_64 as Cache, UnwindRegsX86_64 as Regs, UnwinderX86_64 as Unwinder};

/// A process's mappings are looked at again this often, and at once where an address is in none of them, but not within the
/// second time.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Processes that are kept in mind; those that came first go first.
const MOST_PROCESSES: usize = 256;

/// How far a stack was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Walked {
    /// To its end.
    Whole,
    /// As far as was copied of it: it is deeper.
    Cut,
    /// To where nothing says how it goes on.
    Lost,
}

struct Process {
    unwinder: Unwinder<Section>,
    mappings: Vec<Mapping>,
    /// Another one each time that the mappings change: what an address was called holds for these only.
    number: u64,
    looked: Instant,
    /// Its memory, where it can be read.
    memory: Memory,
    runtime: Option<Runtime>,
}

/// What a process can execute.
#[derive(Clone, Copy)]
pub(super) struct Executable<'a> {
    pub(super) mappings: &'a [Mapping],
    /// Of these mappings and no others.
    pub(super) number: u64,
    pub(super) memory: Option<&'a Memory>,
    pub(super) runtime: Option<Runtime>,
}

impl<'a> Executable<'a> {
    /// The mapping that an address is in.
    pub(super) fn mapping(&self, address: u64) -> Option<&'a Mapping> {
        self.mappings.iter().find(|mapping| mapping.range.contains(&address))
    }
}

/// A process's memory, read as it is now.
#[derive(Debug, Default)]
pub(super) struct Memory(Option<File>);

impl Memory {
    pub(super) fn of(pid: u32) -> Self {
        Self(File::open(format!("/proc/{pid}/mem")).ok())
    }

    /// As many bytes as this; `None` where it is gone or not to be read.
    pub(super) fn read<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.0.as_ref()?.read_exact_at(&mut bytes, address).ok()?;
        Some(bytes)
    }
}

/// The processes that were met, and the files they have mapped.
#[derive(Default)]
pub(super) struct Unwinding {
    processes: HashMap<u32, Process>,
    images: Images,
    cache: Cache,
    numbers: u64,
}

impl Unwinding {
    /// The addresses on a process's stack, innermost first, each within the instruction that calls, and how far they go.
    pub(super) fn walk(&mut self, record: &PageRecord) -> (Vec<u64>, Walked) {
        self.look(record.tgid, record.ip);
        let Some(process) = self.processes.get(&record.tgid) else {
            return (Vec::new(), Walked::Lost);
        };
        let length = usize::try_from(record.stack_length).unwrap_or(0).min(STACK_LEN);
        let stack = record.stack.get(..length).unwrap_or_default();
        let mut is_cut = false;
        let mut read = |address: u64| {
            let offset = usize::try_from(address.wrapping_sub(record.sp)).unwrap_or(usize::MAX);
            let word = offset
                .checked_add(8)
                .and_then(|end| stack.get(offset..end))
                .and_then(|word| word.first_chunk());
            is_cut |= word.is_none() && (length..length + STACK_LEN).contains(&offset.saturating_add(7));
            word.map(|word| u64::from_ne_bytes(*word)).ok_or(())
        };
        #[cfg(target_arch = "x86_64")]
        let registers = Regs::new(record.ip, record.sp, record.fp);
        #[cfg(target_arch = "aarch64")]
        let registers = Regs::new(record.lr, record.sp, record.fp);
        let mut registers = registers;
        let mut at = FrameAddress::InstructionPointer(record.ip);
        let mut addresses = Vec::new();
        let end = loop {
            let address = at.address_for_lookup();
            let Some(mapping) = process.mappings.iter().find(|mapping| mapping.range.contains(&address)) else {
                break Walked::Lost;
            };
            addresses.push(address);
            if addresses.len() >= FRAMES {
                break Walked::Cut;
            }
            let told = mapping
                .is_made()
                .then(|| returning(at, &process.memory, &mut registers, &mut read));
            let next = match told.flatten() {
                Some(to) => Ok(Some(to)),
                None => process
                    .unwinder
                    .unwind_frame(at, &mut registers, &mut self.cache, &mut read),
            };
            match next.map(|next| next.map(FrameAddress::from_return_address)) {
                Ok(Some(Some(next))) => at = next,
                Ok(None) => break Walked::Whole,
                Ok(Some(None)) | Err(_) => break Walked::Lost,
            }
        };
        let end = if end == Walked::Lost && is_cut {
            Walked::Cut
        } else {
            end
        };
        (addresses, end)
    }

    /// What a process that was met can execute.
    pub(super) fn executable(&self, pid: u32) -> Executable<'_> {
        let process = self.processes.get(&pid);
        Executable {
            mappings: process.map_or(&[], |process| &process.mappings),
            number: process.map_or(0, |process| process.number),
            memory: process.map(|process| &process.memory),
            runtime: process.and_then(|process| process.runtime),
        }
    }

    /// Sees to it that a process's mappings are known, one of this address among them.
    fn look(&mut self, pid: u32, address: u64) {
        if let Some(process) = self.processes.get(&pid) {
            let is_known = process.mappings.iter().any(|mapping| mapping.range.contains(&address));
            if process.looked.elapsed() < if is_known { LOOK } else { LOOK_AGAIN } {
                return;
            }
        }
        // Of one that is gone, what was known holds on.
        let Some(mappings) = mappings(pid) else { return };
        let looked = Instant::now();
        if let Some(process) = self.processes.get_mut(&pid)
            && process.mappings == mappings
        {
            process.looked = looked;
            return;
        }
        let mut unwinder = Unwinder::new();
        for mapping in &mappings {
            if let Some(module) = self.images.module(pid, mapping) {
                unwinder.add_module(module);
            }
        }
        if self.processes.len() >= MOST_PROCESSES && !self.processes.contains_key(&pid) {
            let oldest = self.processes.iter().min_by_key(|(_, process)| process.looked);
            if let Some(oldest) = oldest.map(|(pid, _)| *pid) {
                self.processes.remove(&oldest);
            }
        }
        self.numbers += 1;
        let process = Process {
            unwinder,
            runtime: runtime::of(&mappings),
            mappings,
            number: self.numbers,
            looked,
            memory: Memory::of(pid),
        };
        self.processes.insert(pid, process);
    }
}

/// Where a function returns to that goes on with `add $N, %rsp; ret`: what it has on the stack is then `N` bytes, whatever its frame pointer is. The
/// registers are the caller's afterwards.
#[cfg(target_arch = "x86_64")]
fn returning(
    at: FrameAddress,
    memory: &Memory,
    registers: &mut Regs,
    read: &mut impl FnMut(u64) -> Result<u64, ()>,
) -> Option<u64> {
    let FrameAddress::ReturnAddress(address) = at else {
        return None;
    };
    let [0x48, 0x83, 0xc4, length @ 0..=0x7f, 0xc3] = memory.read(address.get())? else {
        return None;
    };
    let place = registers.sp().checked_add(u64::from(length))?;
    let to = read(place).ok()?;
    registers.set_sp(place.checked_add(8)?);
    registers.set_ip(to);
    Some(to)
}

/// Elsewhere whatever calls keeps a frame pointer: without it, there is no returning.
#[cfg(not(target_arch = "x86_64"))]
fn returning(_: FrameAddress, _: &Memory, _: &mut Regs, _: &mut impl FnMut(u64) -> Result<u64, ()>) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn code_without_a_frame_pointer_is_followed_where_it_says_how_it_returns() {
        // add $8,%rsp; ret, as behind the call in Python's trampolines, and a function that goes on otherwise.
        static RETURNS: [u8; 5] = [0x48, 0x83, 0xc4, 0x08, 0xc3];
        static GOES_ON: [u8; 5] = [0x48, 0x83, 0xc4, 0x08, 0x90];
        let memory = Memory::of(std::process::id());
        let stack = HashMap::from([(0x1000, 0x11), (0x1008, 0x4000), (0x1010, 0x22)]);
        let mut read = |address: u64| stack.get(&address).copied().ok_or(());
        let follow = |code: &'static [u8; 5], registers: &mut Regs, read: &mut dyn FnMut(u64) -> Result<u64, ()>| {
            let at = FrameAddress::from_return_address(code.as_ptr() as u64).unwrap();
            returning(at, &memory, registers, &mut |address| read(address))
        };
        let mut registers = Regs::new(0, 0x1000, 0x5555);
        assert_eq!(follow(&GOES_ON, &mut registers, &mut read), None);
        assert_eq!(follow(&RETURNS, &mut registers, &mut read), Some(0x4000));
        assert_eq!((registers.sp(), registers.bp()), (0x1010, 0x5555));
        // Beyond what was copied.
        assert_eq!(follow(&RETURNS, &mut registers, &mut read), None);
        assert_eq!(registers.sp(), 0x1010);
    }
}
