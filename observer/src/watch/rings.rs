//! The rings, as one thing to wait for and to empty, so that no record is worked on before what it follows from.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::task::Poll;

use aya::maps::{MapData, RingBuf};
use observer_common::Ring;
use tokio::io::{Interest, unix::AsyncFd};

use crate::event::{Stream as LostStream, Via};
use crate::kernel::{
    Probes,
    record::{Record, decode},
};
use crate::notice::notice;
use crate::page;

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
    /// Whether a choice comes of a limit that was set.
    pub(super) limits_set: bool,
    /// Births of cgroups.
    pub(super) births: bool,
    /// Which cgroups charge.
    pub(super) growth: bool,
}

/// What owns a file descriptor from its making to its drop.
pub(super) trait Owns: AsRawFd {}
impl Owns for RingBuf<MapData> {}
impl Owns for File {}

/// The rings as they are emptied. More may come meanwhile: what follows from another is taken before that, so that of whatever
/// is taken the cause is taken too. systemd's signals follow from kills, and all speak of programs and cgroups.
const TAKEN: [Ring; 5] = [Ring::Signals, Ring::Kills, Ring::Execs, Ring::Cgroups, Ring::Growth];

/// What was taken as it is worked on: causes first.
const WORKED_ON: [Ring; 5] = [Ring::Cgroups, Ring::Execs, Ring::Kills, Ring::Signals, Ring::Growth];

struct Attached {
    /// In the order of [`Ring::ALL`].
    rings: Vec<AsyncFd<RingBuf<MapData>>>,
    /// Whether hints were left in the growth ring: the kernel wakes nobody for those (kernel/bpf/ringbuf.c:
    /// `bpf_ringbuf_commit` does where the reader had caught up only).
    has_more: bool,
    /// What each lost, as last asked.
    lost: [u64; Ring::ALL.len()],
    /// Signals that were not told, as last asked.
    repeated: u64,
    probes: crate::kernel::load::Attached,
}

/// The kernel's records, or none where no probe could be attached.
pub(super) struct Rings(Option<Attached>);

impl Rings {
    pub(super) fn new(probes: Option<Probes>) -> io::Result<Self> {
        let Some(Probes { rings, attached, .. }) = probes else {
            return Ok(Self(None));
        };
        Ok(Self(Some(Attached {
            rings: rings.into_iter().map(wait_for).collect::<io::Result<_>>()?,
            has_more: false,
            lost: [0; Ring::ALL.len()],
            repeated: 0,
            probes: attached,
        })))
    }

    /// What probes tell, and what has to be learnt in another way.
    pub(super) fn sees(&self) -> Sees {
        Sees {
            victims: self.attached("mark_victim"),
            choices: self.attached("oom_kill_process"),
            unkilled: self.attached("out_of_memory"),
            limits_set: self.attached("memory_max_write"),
            births: self.attached("cgroup_mkdir"),
            growth: self.attached("refill_stock"),
        }
    }

    /// Whether its maps can be asked with what capabilities are in effect.
    pub(super) fn can_be_asked(&self) -> bool {
        self.0.as_ref().is_none_or(|attached| attached.probes.can_be_asked())
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
        poll_fn(|context| {
            let mut is_any = false;
            for ring in &mut attached.rings {
                if let Poll::Ready(guard) = ring.poll_read_ready(context) {
                    is_any = true;
                    if let Ok(mut guard) = guard {
                        guard.clear_ready();
                    }
                }
            }
            if is_any { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// What the rings hold, in the order it is to be worked on: births, programs, kills, signals, growth.
    pub(super) fn drain(&mut self) -> Vec<Record> {
        let Some(attached) = &mut self.0 else { return Vec::new() };
        let mut taken: [Vec<Record>; Ring::ALL.len()] = Default::default();
        for ring in TAKEN {
            let most = if ring == Ring::Growth { GROWTH_BATCH } else { usize::MAX };
            let place = ring as usize;
            if let (Some(ring), Some(records)) = (attached.rings.get_mut(place), taken.get_mut(place)) {
                *records = take(ring.get_mut(), most);
            }
        }
        attached.has_more = taken
            .get(Ring::Growth as usize)
            .is_some_and(|growth| growth.len() >= GROWTH_BATCH);
        let worked_on = WORKED_ON
            .into_iter()
            .filter_map(|ring| taken.get_mut(ring as usize).map(std::mem::take));
        worked_on.flatten().collect()
    }

    /// Whether the last [`Rings::drain`] left something, for which [`Rings::readable`] would not wake.
    pub(super) fn has_more(&self) -> bool {
        self.0.as_ref().is_some_and(|attached| attached.has_more)
    }

    /// What was lost since it was last asked.
    pub(super) fn newly_lost(&mut self) -> Vec<(LostStream, u64)> {
        let Some(attached) = &mut self.0 else { return Vec::new() };
        let mut news = Vec::new();
        for (ring, known) in Ring::ALL.into_iter().zip(&mut attached.lost) {
            let total = attached.probes.lost(ring);
            let new = total.saturating_sub(*known);
            if new > 0 {
                *known = total;
                news.push((stream(ring), new));
            }
        }
        let repeated = attached.probes.repeated();
        let new = repeated.saturating_sub(std::mem::replace(&mut attached.repeated, repeated));
        if new > 0 {
            news.push((LostStream::Repeated, new));
        }
        news
    }
}

/// As the stream names what a ring lost.
fn stream(ring: Ring) -> LostStream {
    match ring {
        Ring::Kills => LostStream::Kill,
        Ring::Cgroups => LostStream::Cgroup,
        Ring::Growth => LostStream::Growth,
        Ring::Signals => LostStream::Signal,
        Ring::Execs => LostStream::Exec,
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
        match decode(&item, page::size()) {
            Ok(record) => records.push(record),
            Err(error) => notice(format_args!("{error}")),
        }
    }
    records
}
