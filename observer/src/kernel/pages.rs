//! Follows pages of chosen cgroups from when they are taken until they are given back.
//!
//! It is the same object as the watch's, with two other programs attached and its maps in their full size.

use std::path::Path;

use aya::maps::{HashMap, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, EbpfLoader};
use observer_common::{Offsets, PageRecord, SamplingState};

use super::load::{KernelError, Object, may_load, reason};
use super::{btf::KernelTypes, record::DecodeError};
use crate::heap;
use crate::measure::CgroupId;

/// How many pages are followed at once. An entry takes some 80 bytes.
pub const MOST_LIVE: u32 = 65_536;

/// Room for 480 records: while the first stack of a large program is named, which takes a moment, more of them come.
const RING_SIZE: u32 = 2 << 20;

/// What a `struct page` has as a rule, in bytes.
const PAGE_STRUCT: u32 = 64;

/// Cgroups whose pages are followed.
pub const MOST_CGROUPS: u32 = 4_096;

/// Pages that are followed, and their records.
pub struct Pages {
    /// What was taken, as it comes.
    pub ring: RingBuf<MapData>,
    chosen: HashMap<MapData, u64, u8>,
    live: HashMap<MapData, u64, u64>,
    unfollowed: PerCpuArray<MapData, u64>,
    // Holds the links.
    _ebpf: Ebpf,
}

impl Pages {
    /// Attaches. One page in `one_in`, rounded up to a power of two, is followed, of those that processes of [chosen](Self::choose) cgroups take.
    ///
    /// # Errors
    /// Where the kernel's types cannot be read, or the programs cannot be loaded or attached.
    pub fn load(one_in: u32) -> Result<Self, KernelError> {
        may_load()?;
        let one_in = one_in.max(1).next_power_of_two();
        let mut offsets = Offsets::NONE;
        let types = KernelTypes::read(Path::new("/sys/kernel/btf/vmlinux"))
            .map_err(|error| KernelError::Unsupported(error.to_string()))?;
        types.fill(&mut offsets);
        let sampling = SamplingState::of(
            one_in,
            types
                .size("page")
                .and_then(|size| u32::try_from(size).ok())
                .unwrap_or(PAGE_STRUCT),
        );
        drop(types);
        let mut ebpf = EbpfLoader::new()
            .override_global("OFFSETS", bytemuck::bytes_of(&offsets), true)
            .override_global("SAMPLING", bytemuck::bytes_of(&sampling), true)
            .map_max_entries("LIVE", MOST_LIVE)
            .map_max_entries("CHOSEN", MOST_CGROUPS)
            .map_max_entries("PAGES", RING_SIZE)
            // Those of the watch.
            .map_max_entries("KILLS", 1 << 16)
            .map_max_entries("CGROUPS", 1 << 16)
            .map_max_entries("GROWTH", 1 << 16)
            .map_max_entries("SIGNALS", 1 << 16)
            .map_max_entries("EXECS", 1 << 16)
            .map_max_entries("CHARGED", 1)
            .map_max_entries("SIGNALLED", 1)
            .map_max_entries("SENDERS", 1)
            .map_max_entries("WALK_TABLE", 1)
            .load(Object::unpack()?.bytes())
            .map_err(|error| KernelError::Load(Box::new(error)))?;
        heap::give_back();
        let mut map = |name| ebpf.take_map(name).ok_or(KernelError::NoMap(name));
        let (ring, chosen, live, unfollowed) = (map("PAGES")?, map("CHOSEN")?, map("LIVE")?, map("UNFOLLOWED")?);
        for name in ["mm_page_alloc", "mm_page_free"] {
            attach(&mut ebpf, name).map_err(|error| KernelError::Unsupported(format!("{name}: {}", reason(&error))))?;
        }
        Ok(Self {
            ring: RingBuf::try_from(ring)?,
            chosen: HashMap::try_from(chosen)?,
            live: HashMap::try_from(live)?,
            unfollowed: PerCpuArray::try_from(unfollowed)?,
            _ebpf: ebpf,
        })
    }

    /// Follows pages of a cgroup's own processes, too.
    ///
    /// # Errors
    /// Where as many as there is room for are followed already ([`MOST_CGROUPS`]).
    pub fn choose(&mut self, id: CgroupId) -> Result<(), MapError> {
        self.chosen.insert(id.0, 0, 0)
    }

    /// Of a cgroup that has gone nobody takes any more.
    pub fn leave(&mut self, id: CgroupId) {
        // It may not have had room.
        let _ = self.chosen.remove(&id.0);
    }

    /// The pages that are still there, each by its address, with when it was taken in nanoseconds of `CLOCK_BOOTTIME`.
    pub fn live(&self) -> impl Iterator<Item = (u64, u64)> {
        // What goes while it is walked over is left out; a walk that begins anew tells some twice, to the same end.
        self.live.iter().flatten()
    }

    /// Pages that should have been followed, and found the buffers full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.unfollowed.get(&0, 0).map_or(0, |counts| counts.iter().sum())
    }
}

fn attach(ebpf: &mut Ebpf, name: &str) -> Result<(), ProgramError> {
    let missing = || ProgramError::InvalidName { name: name.to_owned() };
    let program: &mut RawTracePoint = ebpf.program_mut(name).ok_or_else(missing)?.try_into()?;
    program.load()?;
    program.attach(name)?;
    Ok(())
}

/// Decodes one record of the ring.
///
/// # Errors
/// Where it is none.
pub fn decode(bytes: &[u8]) -> Result<Box<PageRecord>, DecodeError> {
    bytemuck::try_pod_read_unaligned(bytes)
        .map(Box::new)
        .map_err(|_| DecodeError {
            length: bytes.len(),
            kind: bytes.first_chunk().map_or(0, |head| u32::from_ne_bytes(*head)),
        })
}
