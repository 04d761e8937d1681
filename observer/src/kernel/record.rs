//! Ring bytes, decoded to typed records. Here pages become bytes, codes become enums and "not read" becomes `None`.

use bytemuck::AnyBitPattern;
use observer_common::{
    ARGS_LEN, CgroupRecord, ExecRecord, GrowthRecord, Kind, Marked, OomRecord, Right, SignalRecord, SizesRecord,
    TaskRecord, UNKNOWN_U64, VictimRecord,
};

use crate::engine::raw;
use crate::measure::{BootNanos, Bytes, CgroupId, PageSize, Pages, Sizes, Tgid, Tid};

/// What a kernel record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The kernel has chosen.
    Oom(Oom),
    /// A task was marked as a victim.
    Victim(Victim),
    /// The kernel has found nothing to kill.
    OomWithoutKill(Oom),
    /// A deadly signal was sent.
    Signal(Signal),
    /// A process has ended of a deadly signal.
    SignalDeath(Signal),
    /// A process runs another program.
    Exec(Exec),
    /// A cgroup came, went or was renamed.
    Cgroup(CgroupChange),
    /// Look at this cgroup now.
    Growth(CgroupId),
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its process; `None` where only the thread is known.
    pub tgid: Option<Tgid>,
    /// Its thread.
    pub tid: Tid,
    /// Its memory cgroup.
    pub cgroup: Option<CgroupId>,
    /// When its process was started.
    pub started: Option<BootNanos>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// The process that made it, or that took it over.
    pub parent: Option<Tgid>,
    /// Whether its process was ending already.
    pub exiting: bool,
    /// Its name.
    pub comm: String,
}

/// A process runs another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// When.
    pub time: BootNanos,
    /// Who.
    pub task: Task,
    /// Its command line, words joined with spaces, as far as it was told (`…` where it goes on); `None` where there is none.
    pub cmdline: Option<String>,
}

/// One OOM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oom {
    /// When.
    pub time: BootNanos,
    /// `oc->constraint` as the kernel's number.
    pub constraint: i32,
    /// The task that asked for memory.
    pub trigger: Task,
    /// The chosen victim.
    pub chosen: Task,
    /// The limit's owner; `None` = the host.
    pub owner: Option<CgroupId>,
    /// The owner's limit; `None` = none, or not read.
    pub limit: Option<Bytes>,
    /// The owner's usage.
    pub usage: Option<Bytes>,
    /// The owner's swap usage.
    pub swap_usage: Option<Bytes>,
    /// The owner's swap limit; `None` = none, or not read.
    pub swap_max: Option<Bytes>,
    /// The memory nodes it may use, where a cpuset or a memory policy names them.
    pub nodes: Vec<u32>,
    /// `oc->gfp_mask`, 0 of the page-fault path; `None` = not read.
    pub gfp: Option<u32>,
    /// `oc->order`; -1 = the magic key.
    pub order: i32,
    /// What the trigger was writing to.
    pub writing: Writing,
}

/// One victim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// When.
    pub time: BootNanos,
    /// The time of its [`Oom`].
    pub oom_time: Option<BootNanos>,
    /// The trigger's process.
    pub trigger_tgid: Tgid,
    /// The trigger's thread.
    pub trigger_tid: Tid,
    /// The trigger's name.
    pub trigger_comm: String,
    /// Who was marked.
    pub task: Task,
    /// Whether it was not marked but shares the memory of one that was.
    pub shared_mm: bool,
    /// How large it was.
    pub sizes: Sizes,
}

/// A deadly signal, SIGKILL or SIGTERM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// When it was sent.
    pub time: BootNanos,
    /// Its number.
    pub number: u32,
    /// Who sent it; of a death not known here.
    pub sender: Task,
    /// Who got it.
    pub target: Task,
    /// What the sender was writing to.
    pub writing: Writing,
    /// Whether the kernel sent it on its own behalf.
    pub by_kernel: bool,
    /// Whether the sender may kill whomever it wants on this host; `None` = not read.
    pub may_kill_all: Option<bool>,
    /// The sender's effective user.
    pub euid: Option<u32>,
    /// The host's user who answers for the sender.
    pub owner: Option<u32>,
    /// How large the target was.
    pub sizes: Sizes,
}

/// A cgroup file that can kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// None.
    Nothing,
    /// `cgroup.kill`.
    CgroupKill,
    /// `memory.max`.
    MemoryMax,
}

/// A cgroup came, went or was renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupChange {
    /// Which of the three.
    pub change: Change,
    /// When.
    pub time: BootNanos,
    /// The cgroup.
    pub id: CgroupId,
    /// Its path.
    pub path: String,
}

/// What happened to a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Born,
    /// It is gone.
    Gone,
    /// It has another name.
    Renamed,
    /// A task was moved into it: it is there.
    Joined,
}

/// Bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a record of {length} bytes and kind {kind} is none of this version's; the eBPF object and oomtrace do not match"
)]
pub struct DecodeError {
    /// How many bytes.
    pub length: usize,
    /// What they say they are.
    pub kind: u32,
}

/// Decodes one record of a kernel with such pages.
///
/// # Errors
/// [`DecodeError`] where the kind is unknown or the length is not that kind's.
pub fn decode(bytes: &[u8], page: PageSize) -> Result<Record, DecodeError> {
    let kind = bytes.first_chunk().map_or(0, |head| u32::from_ne_bytes(*head));
    let error = DecodeError {
        length: bytes.len(),
        kind,
    };
    let change = |change| exact::<CgroupRecord>(bytes).map(|record| Record::Cgroup(cgroup(&record, change)));
    let record = match kind {
        k if k == Kind::Oom as u32 => exact(bytes).map(|record| Record::Oom(oom(&record, page))),
        k if k == Kind::Victim as u32 => exact(bytes).map(|record| Record::Victim(victim(&record, page))),
        k if k == Kind::OomWithoutKill as u32 => exact(bytes).map(|record| Record::OomWithoutKill(oom(&record, page))),
        k if k == Kind::Signal as u32 => exact(bytes).map(|record| Record::Signal(signal(&record, page))),
        k if k == Kind::SignalDeath as u32 => exact(bytes).map(|record| Record::SignalDeath(signal(&record, page))),
        k if k == Kind::Exec as u32 => exact(bytes).map(|record| Record::Exec(exec(&record))),
        k if k == Kind::CgroupMkdir as u32 => change(Change::Born),
        k if k == Kind::CgroupRmdir as u32 => change(Change::Gone),
        k if k == Kind::CgroupRename as u32 => change(Change::Renamed),
        k if k == Kind::CgroupAttach as u32 => change(Change::Joined),
        k if k == Kind::Growth as u32 => {
            exact::<GrowthRecord>(bytes).map(|record| Record::Growth(CgroupId(record.cgroup_id)))
        }
        _ => None,
    };
    record.ok_or(error)
}

fn exact<T: AnyBitPattern>(bytes: &[u8]) -> Option<T> {
    bytemuck::try_pod_read_unaligned(bytes).ok()
}

fn known(value: u64) -> Option<u64> {
    (value != UNKNOWN_U64).then_some(value)
}

fn user(number: u32) -> Option<u32> {
    (number != u32::MAX).then_some(number)
}

fn pages(value: u64, page: PageSize) -> Option<Bytes> {
    known(value).map(|pages| Pages(pages).to_bytes(page))
}

fn limit(value: u64, page: PageSize) -> Option<Bytes> {
    known(value).and_then(|limit| Pages(limit).to_limit(page))
}

fn nanos(value: u64) -> Option<BootNanos> {
    (value != 0).then_some(BootNanos(value))
}

/// The name up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    raw::text(bytes.get(..end).unwrap_or_default())
}

fn task(record: &TaskRecord) -> Task {
    Task {
        tgid: (record.tgid != 0).then_some(Tgid(record.tgid)),
        tid: Tid(record.tid),
        cgroup: (record.cgroup_id != 0).then_some(CgroupId(record.cgroup_id)),
        started: nanos(record.start_time),
        uid: user(record.uid),
        oom_score_adj: i16::try_from(record.oom_score_adj).ok(),
        parent: (record.parent_tgid != 0).then_some(Tgid(record.parent_tgid)),
        exiting: record.exiting != 0,
        comm: text(&record.comm),
    }
}

fn exec(record: &ExecRecord) -> Exec {
    let length = usize::try_from(record.length).unwrap_or(ARGS_LEN).min(ARGS_LEN);
    let args = record.args.get(..length).unwrap_or_default();
    // Each word ends with a zero byte; the last one is cut where there was no more room.
    let mut words = raw::text(args.strip_suffix(&[0]).unwrap_or(args)).replace('\0', " ");
    if length == ARGS_LEN {
        words.push('…');
    }
    Exec {
        time: BootNanos(record.time),
        task: task(&record.task),
        cmdline: Some(words).filter(|words| !words.is_empty()),
    }
}

fn oom(record: &OomRecord, page: PageSize) -> Oom {
    Oom {
        time: BootNanos(record.time),
        constraint: record.constraint,
        trigger: task(&record.trigger),
        chosen: task(&record.chosen),
        owner: (record.owner_id != 0).then_some(CgroupId(record.owner_id)),
        limit: limit(record.limit, page),
        usage: pages(record.usage, page),
        swap_usage: pages(record.swap_usage, page),
        swap_max: limit(record.swap_limit, page),
        nodes: (0..u64::BITS).filter(|node| record.nodes >> node & 1 == 1).collect(),
        gfp: (record.gfp != u32::MAX).then_some(record.gfp),
        order: record.order,
        writing: writing(record.writing),
    }
}

fn victim(record: &VictimRecord, page: PageSize) -> Victim {
    Victim {
        time: BootNanos(record.time),
        oom_time: nanos(record.oom_time),
        trigger_tgid: Tgid(record.trigger_tgid),
        trigger_tid: Tid(record.trigger_tid),
        trigger_comm: text(&record.trigger_comm),
        task: task(&record.task),
        shared_mm: record.marked == Marked::SharedMm as u32,
        sizes: sizes(&record.sizes, page),
    }
}

fn sizes(record: &SizesRecord, page: PageSize) -> Sizes {
    Sizes {
        total_vm: pages(record.total_vm, page),
        anon: pages(record.anon, page),
        file: pages(record.file, page),
        shmem: pages(record.shmem, page),
        swap: pages(record.swap, page),
        pgtables: known(record.pgtables_bytes).map(Bytes),
    }
}

fn writing(number: u32) -> Writing {
    use observer_common::Writing as Code;
    match number {
        n if n == Code::CgroupKill as u32 => Writing::CgroupKill,
        n if n == Code::MemoryMax as u32 => Writing::MemoryMax,
        _ => Writing::Nothing,
    }
}

fn signal(record: &SignalRecord, page: PageSize) -> Signal {
    Signal {
        time: BootNanos(record.time),
        number: record.signal,
        sender: task(&record.sender),
        target: task(&record.target),
        writing: writing(record.writing),
        by_kernel: record.by_kernel != 0,
        may_kill_all: match record.right {
            right if right == Right::All as u32 => Some(true),
            right if right == Right::Own as u32 => Some(false),
            _ => None,
        },
        euid: user(record.sender_euid),
        owner: user(record.sender_owner),
        sizes: sizes(&record.sizes, page),
    }
}

fn cgroup(record: &CgroupRecord, change: Change) -> CgroupChange {
    CgroupChange {
        change,
        time: BootNanos(record.time),
        id: CgroupId(record.id),
        path: text(&record.path),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    fn a_victim() -> VictimRecord {
        VictimRecord {
            kind: Kind::Victim as u32,
            trigger_tid: 7,
            sizes: SizesRecord {
                anon: 16,
                ..SizesRecord::UNKNOWN
            },
            task: TaskRecord {
                tgid: 41,
                tid: 42,
                uid: u32::MAX,
                comm: *b"python3\0leftover",
                ..TaskRecord::zeroed()
            },
            ..VictimRecord::zeroed()
        }
    }

    #[test]
    fn a_victims_pages_become_bytes_and_what_was_not_read_none() {
        let record = a_victim();
        let Ok(Record::Victim(victim)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
            panic!("no victim")
        };
        assert_eq!(victim.sizes.anon, Some(Bytes(65_536)));
        assert_eq!(victim.sizes.swap, None);
        assert_eq!(victim.task.uid, None);
        assert_eq!(victim.task.tgid, Some(Tgid(41)));
        assert_eq!(victim.task.comm, "python3");
        assert_eq!(victim.task.started, None);
    }

    /// A limit of 64 MiB and what it holds, as kernels with such pages count them.
    #[test]
    fn sizes_are_the_same_whatever_the_kernels_pages() {
        for kib in [4, 16, 64] {
            let page = PageSize::new(kib << 10).unwrap();
            let pages = (64 << 10) / kib;
            let record = OomRecord {
                kind: Kind::Oom as u32,
                limit: pages,
                usage: pages,
                swap_limit: i64::MAX as u64 / (kib << 10),
                ..OomRecord::zeroed()
            };
            let Ok(Record::Oom(oom)) = decode(bytemuck::bytes_of(&record), page) else {
                panic!("no oom")
            };
            let limit = Some(Bytes(64 << 20));
            assert_eq!((oom.limit, oom.usage, oom.swap_max), (limit, limit, None), "{kib} KiB");
            let mut record = a_victim();
            record.sizes.anon = pages;
            let Ok(Record::Victim(victim)) = decode(bytemuck::bytes_of(&record), page) else {
                panic!("no victim")
            };
            assert_eq!(victim.sizes.anon, limit, "{kib} KiB");
        }
    }

    #[test]
    fn a_signal_keeps_who_sent_it_and_through_what() {
        let record = SignalRecord {
            kind: Kind::Signal as u32,
            signal: 9,
            writing: observer_common::Writing::CgroupKill as u32,
            sender: TaskRecord {
                tgid: 7,
                ..TaskRecord::zeroed()
            },
            ..SignalRecord::zeroed()
        };
        let Ok(Record::Signal(signal)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
            panic!("no signal")
        };
        assert_eq!((signal.number, signal.writing), (9, Writing::CgroupKill));
        assert_eq!((signal.sender.tgid, signal.by_kernel), (Some(Tgid(7)), false));
    }

    #[test]
    fn a_signals_sender_has_the_right_that_was_read_or_none_is_known() {
        let right = |right: u32| {
            let record = SignalRecord {
                kind: Kind::Signal as u32,
                right,
                sender_owner: u32::MAX,
                ..SignalRecord::zeroed()
            };
            let Ok(Record::Signal(signal)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
                panic!("no signal")
            };
            (signal.may_kill_all, signal.euid, signal.owner)
        };
        assert_eq!(right(Right::Own as u32), (Some(false), Some(0), None));
        assert_eq!(right(Right::All as u32).0, Some(true));
        assert_eq!([Right::Unknown as u32, 77].map(|code| right(code).0), [None, None]);
    }

    #[test]
    fn an_unlimited_owner_has_no_limit() {
        let record = OomRecord {
            kind: Kind::Oom as u32,
            limit: i64::MAX as u64 / 4096,
            ..OomRecord::zeroed()
        };
        let Ok(Record::Oom(oom)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
            panic!("no oom")
        };
        assert_eq!(oom.limit, None);
    }

    #[test]
    fn flags_that_were_not_read_are_not_those_of_the_page_fault_path() {
        let flags = |gfp| {
            let record = OomRecord {
                kind: Kind::Oom as u32,
                gfp,
                ..OomRecord::zeroed()
            };
            let Ok(Record::Oom(oom)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
                panic!("no oom")
            };
            oom.gfp
        };
        assert_eq!((flags(0), flags(u32::MAX)), (Some(0), None));
    }

    #[test]
    fn every_other_length_is_refused() {
        let record = a_victim();
        let bytes = bytemuck::bytes_of(&record);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], PageSize::SMALL).is_err(), "{end}");
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(
            decode(&longer, PageSize::SMALL),
            Err(DecodeError { length: 161, kind: 2 })
        );
    }

    #[test]
    fn a_path_without_an_end_is_taken_whole() {
        let mut record = CgroupRecord::zeroed();
        record.kind = Kind::CgroupMkdir as u32;
        record.path = [b'a'; observer_common::CGROUP_PATH_LEN];
        let Ok(Record::Cgroup(change)) = decode(bytemuck::bytes_of(&record), PageSize::SMALL) else {
            panic!("no cgroup")
        };
        assert_eq!(change.path.len(), observer_common::CGROUP_PATH_LEN);
    }
}
