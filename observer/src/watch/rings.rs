//! The rings, as one thing to wait for and to empty, so that no record is worked on before what it follows from.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use aya::maps::{MapData, RingBuf};
use observer_common::LostIndex;
use tokio::io::{
    Interest,
    unix::{AsyncFd, AsyncFdReadyGuard},
};

use crate::event::{Stream as LostStream, Via};
use crate::kernel::{
    Probes,
    record::{Record, decode},
};
use crate::notice::notice;

/// At most this many growth hints at a time: a kill never waits behind more.
const GROWTH_BATCH: usize = 256;

/// What probes tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sees {
    /// Victims.
    pub(super) victims: bool,
    /// The kernel's choices.
    pub(super) choices: bool,
    /// OOMs in which nothing could be killed.
    pub(super) unkilled: bool,
    /// Births of cgroups.
    pub(super) births: bool,
    /// Which cgroups charge.
    pub(super) growth: bool,
}

/// What owns a file descriptor from its making to its drop.
pub(super) trait Owns: AsRawFd {}
impl Owns for RingBuf<MapData> {}
impl Owns for File {}

type Ring = AsyncFd<RingBuf<MapData>>;

struct Attached {
    kills: Ring,
    cgroups: Ring,
    signals: Ring,
    execs: Ring,
    growth: Ring,
    /// Whether hints were left in the growth ring: the kernel wakes nobody for those (kernel/bpf/ringbuf.c:
    /// `bpf_ringbuf_commit` does where the reader had caught up only).
    has_more: bool,
    told: [u64; 5],
    probes: crate::kernel::load::Attached,
}

/// The kernel's records, or none where no probe could be attached.
pub(super) struct Rings(Option<Attached>);

impl Rings {
    pub(super) fn new(probes: Option<Probes>) -> io::Result<Self> {
        let Some(Probes {
            kills,
            cgroups,
            signals,
            execs,
            growth,
            walk: _,
            attached,
        }) = probes
        else {
            return Ok(Self(None));
        };
        Ok(Self(Some(Attached {
            kills: wait_for(kills)?,
            cgroups: wait_for(cgroups)?,
            signals: wait_for(signals)?,
            execs: wait_for(execs)?,
            growth: wait_for(growth)?,
            has_more: false,
            told: [0; 5],
            probes: attached,
        })))
    }

    /// What probes tell, and what has to be learnt in another way.
    pub(super) fn sees(&self) -> Sees {
        Sees {
            victims: self.attached("mark_victim"),
            choices: self.attached("oom_kill_process"),
            unkilled: self.attached("out_of_memory"),
            births: self.attached("cgroup_mkdir"),
            growth: self.attached("page_counter_try_charge"),
        }
    }

    fn attached(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|attached| {
            attached
                .probes
                .list
                .iter()
                .any(|probe| probe.name == name && matches!(probe.via, Via::Fentry | Via::Kprobe | Via::Tracepoint))
        })
    }

    /// Waits until a ring has something. Never, without rings.
    pub(super) async fn readable(&mut self) {
        let Some(attached) = &mut self.0 else {
            return std::future::pending().await;
        };
        // Readiness is taken back before the rings are emptied: what arrives in between makes them ready again.
        let clear = |guard: io::Result<AsyncFdReadyGuard<'_, RingBuf<MapData>>>| {
            if let Ok(mut guard) = guard {
                guard.clear_ready();
            }
        };
        tokio::select! {
            guard = attached.kills.readable() => clear(guard),
            guard = attached.cgroups.readable() => clear(guard),
            guard = attached.signals.readable() => clear(guard),
            guard = attached.execs.readable() => clear(guard),
            guard = attached.growth.readable() => clear(guard),
        }
    }

    /// What the rings hold, in the order it is to be worked on: births, programs, kills, signals, growth.
    pub(super) fn drain(&mut self) -> Vec<Record> {
        let Some(attached) = &mut self.0 else { return Vec::new() };
        // More may come while this runs. What follows from another is taken before that: of whatever is taken the cause
        // is taken too. systemd's signals follow from kills, and all speak of programs and cgroups.
        let signals = take(attached.signals.get_mut(), usize::MAX);
        let kills = take(attached.kills.get_mut(), usize::MAX);
        let execs = take(attached.execs.get_mut(), usize::MAX);
        let mut records = take(attached.cgroups.get_mut(), usize::MAX);
        records.extend(execs);
        records.extend(kills);
        records.extend(signals);
        let growth = take(attached.growth.get_mut(), GROWTH_BATCH);
        attached.has_more = growth.len() >= GROWTH_BATCH;
        records.extend(growth);
        records
    }

    /// Whether the last [`Rings::drain`] left something, for which [`Rings::readable`] would not wake.
    pub(super) fn has_more(&self) -> bool {
        self.0.as_ref().is_some_and(|attached| attached.has_more)
    }

    /// What was lost since it was last asked.
    pub(super) fn newly_lost(&mut self) -> Vec<(LostStream, u64)> {
        let Some(attached) = &mut self.0 else { return Vec::new() };
        let streams = [
            (LostIndex::Kill, LostStream::Kill),
            (LostIndex::Cgroup, LostStream::Cgroup),
            (LostIndex::Growth, LostStream::Growth),
            (LostIndex::Signal, LostStream::Signal),
            (LostIndex::Exec, LostStream::Exec),
        ];
        let mut lost = Vec::new();
        for ((index, stream), told) in streams.into_iter().zip(&mut attached.told) {
            let total = attached.probes.lost(index);
            let new = total.saturating_sub(*told);
            if new > 0 {
                *told = total;
                lost.push((stream, new));
            }
        }
        lost
    }
}

/// Something to be waited for: a ring, or an open file.
pub(super) fn wait_for<T: Owns>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: it owns its file descriptor from its making to its drop, and gives the same one whenever asked.
    unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) }.map_err(|error| error.into_parts().1)
}

fn take(ring: &mut RingBuf<MapData>, most: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < most
        && let Some(item) = ring.next()
    {
        match decode(&item) {
            Ok(record) => records.push(record),
            Err(error) => notice(format_args!("{error}")),
        }
    }
    records
}
