//! From registers and a copy of the stack to the addresses of the functions that are on it.
//!
//! Programs are built without frame pointers as a rule, but with unwind information, for exceptions (`.eh_frame`). framehop goes by
//! that, and by frame pointers where code has none, as what a JIT writes. An address that nothing can be executed at
//! ends the walk: nothing is guessed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use framehop::Unwinder as _;
use observer_common::{PageRecord, STACK_LEN};

use super::images::{Images, Mapping, Section, mappings};
use crate::event::FRAMES;

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
        let mut frames = process
            .unwinder
            .iter_frames(record.ip, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        let end = loop {
            match frames.next() {
                Ok(Some(frame)) => {
                    let address = frame.address_for_lookup();
                    if !process.mappings.iter().any(|mapping| mapping.range.contains(&address)) {
                        break Walked::Lost;
                    }
                    addresses.push(address);
                    if addresses.len() >= FRAMES {
                        break Walked::Cut;
                    }
                }
                Ok(None) => break Walked::Whole,
                Err(_) => break Walked::Lost,
            }
        };
        let end = if end == Walked::Lost && is_cut {
            Walked::Cut
        } else {
            end
        };
        (addresses, end)
    }

    /// What a process that was met can execute, with a number that no other mappings have.
    pub(super) fn images(&self, pid: u32) -> (&[Mapping], u64) {
        self.processes
            .get(&pid)
            .map_or((&[], 0), |process| (&process.mappings, process.number))
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
            mappings,
            number: self.numbers,
            looked,
        };
        self.processes.insert(pid, process);
    }
}
