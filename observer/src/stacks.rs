//! Which code took the memory that is still there: pages followed, their stacks unwound and named.
//!
//! In: records of pages that were taken, with a copy of the stack that asked for them (`kernel/pages.rs`), and which of
//! them are still there. Out: [`Stacks`] events, and the forms that tools for flame graphs and profiles take them in. A stack is
//! unwound and named when it comes, since its process may be gone a moment later; what a process made itself and has not named by then is
//! looked up once more for the report.

mod folded;
mod images;
mod kallsyms;
mod kinds;
mod names;
mod perf_map;
mod pprof;
mod runtime;
mod table;
mod unwind;

use std::collections::HashMap;
use std::rc::Rc;

use observer_common::{COMM_LEN, PageRecord};

use crate::event::{FRAMES, Runtime, Stack, Stacks, Subject, owner_name};
use crate::measure::{Bytes, CgroupId, Tgid};

pub use folded::folded;
pub(crate) use folded::path;
pub use pprof::pprof;
pub(crate) use table::table;

use kallsyms::Kallsyms;
use names::{Frame, NamedBy, Names};
use unwind::{Unwinding, Walked};

/// Different stacks at most; what comes in others is told without its frames.
const MOST_STACKS: usize = 16_384;

/// Stacks of one unit that are told, largest first.
pub const TOLD: usize = 256;

/// Feeds what reads a process's maps, for `fuzz/`: what it makes of them is nobody else's business.
#[doc(hidden)]
pub fn feed(bytes: &[u8]) {
    perf_map::feed(bytes);
    images::feed(bytes);
}

/// A stack as it is kept: each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kept {
    pid: u32,
    comm: [u8; COMM_LEN],
    gfp: u32,
    frames: Rc<[Frame]>,
    kernel: Rc<[u64]>,
    end: Walked,
    runtime: Option<Runtime>,
}

/// A page that is followed.
#[derive(Debug, Clone, Copy)]
struct Page {
    time: u64,
    cgroup: CgroupId,
    stack: u32,
    pages: u64,
}

/// Everything that was followed so far.
pub struct Follower {
    one_in: u32,
    unwinding: Unwinding,
    names: Names,
    stacks: Vec<Rc<Kept>>,
    known: HashMap<Rc<Kept>, u32>,
    pages: HashMap<u64, Page>,
}

/// The pages that were there at one time.
#[derive(Debug)]
pub struct Snapshot(HashMap<u64, Page>);

/// What one unit holds.
#[derive(Debug, Default)]
pub struct Held {
    /// All of it, in bytes.
    pub bytes: u64,
    /// Of that, by stacks that were not followed to their end, or have no names.
    pub unresolved: u64,
    /// Its stacks, largest first.
    pub stacks: Vec<Stack>,
}

impl Follower {
    /// For pages of which one in `one_in` is told.
    #[must_use]
    pub fn new(one_in: u32) -> Self {
        Self {
            one_in,
            unwinding: Unwinding::default(),
            names: Names::new(),
            stacks: Vec::new(),
            known: HashMap::new(),
            pages: HashMap::new(),
        }
    }

    /// A page was taken.
    pub fn taken(&mut self, record: &PageRecord) {
        let (addresses, end) = self.unwinding.walk(record);
        let executable = self.unwinding.executable(record.tgid);
        let functions = self.names.of(record.tgid, &addresses, executable);
        let kernel = usize::try_from(record.kernel_length).unwrap_or(usize::MAX);
        let kept = Kept {
            pid: record.tgid,
            comm: record.comm,
            gfp: record.gfp,
            frames: functions.frames,
            kernel: record.kernel.iter().take(kernel).copied().collect(),
            end: if functions.is_lost { Walked::Lost } else { end },
            runtime: executable.runtime,
        };
        let stack = self.intern(kept);
        let page = Page {
            time: record.time,
            cgroup: CgroupId(record.cgroup_id),
            stack,
            // A folio of more pages than that is followed always, and stands for itself.
            pages: u64::from(self.one_in).max(1 << record.order.min(32)),
        };
        self.pages.insert(record.page, page);
    }

    fn intern(&mut self, kept: Kept) -> u32 {
        if let Some(&number) = self.known.get(&kept) {
            return number;
        }
        let kept = if self.stacks.len() < MOST_STACKS {
            kept
        } else {
            Kept {
                frames: [].into(),
                kernel: [].into(),
                end: Walked::Lost,
                ..kept
            }
        };
        let kept = Rc::new(kept);
        if let Some(&number) = self.known.get(&kept) {
            return number;
        }
        let number = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
        self.stacks.push(Rc::clone(&kept));
        self.known.insert(kept, number);
        number
    }

    /// How many pages are kept in mind, those that went included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether no page came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Forgets the pages that are not among those that are still there, by address and time.
    pub fn keep(&mut self, live: &HashMap<u64, u64>) {
        self.pages.retain(|page, kept| live.get(page) == Some(&kept.time));
    }

    /// The pages that are kept in mind now, after [`Follower::keep`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.pages.clone())
    }

    /// Goes back to what was there then.
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.pages = snapshot.0;
    }

    /// Names what had no name when it came, as far as it has one by now.
    fn name_again(&mut self) {
        for kept in &mut self.stacks {
            let executable = self.unwinding.executable(kept.pid);
            if let Some(functions) = self.names.again(kept.pid, &kept.frames, executable) {
                *kept = Rc::new(Kept {
                    frames: functions.frames,
                    end: if functions.is_lost { Walked::Lost } else { kept.end },
                    ..Kept::clone(kept)
                });
            }
        }
    }

    /// What each of these groups of cgroups holds now, after [`Follower::keep`]. `page_size` is in bytes.
    #[must_use]
    pub fn held(&mut self, group_of: impl Fn(CgroupId) -> Option<usize>, groups: usize, page_size: u64) -> Vec<Held> {
        self.name_again();
        let mut sums: HashMap<(usize, u32), u64> = HashMap::new();
        for page in self.pages.values() {
            if let Some(group) = group_of(page.cgroup) {
                *sums.entry((group, page.stack)).or_default() += page.pages * page_size;
            }
        }
        let kernel = Kallsyms::of(self.stacks.iter().flat_map(|stack| stack.kernel.iter().copied()));
        // What differs in the kernel's part alone is told as one.
        let mut alike: HashMap<_, (u64, u32)> = HashMap::new();
        for ((group, number), bytes) in sums {
            let Some(kept) = self.stacks.get(number as usize) else {
                continue;
            };
            let functions = kernel.names(&kept.kernel);
            let Some(kind) = kinds::kind(&functions, kept.gfp) else {
                continue;
            };
            let key = (group, kind, kept.pid, kept.comm, Rc::clone(&kept.frames), kept.end);
            let sum = alike.entry(key).or_insert((0, number));
            *sum = (sum.0 + bytes, sum.1.min(number));
        }
        let mut held: Vec<Held> = (0..groups).map(|_| Held::default()).collect();
        for ((group, kind, ..), (bytes, number)) in alike {
            if let (Some(kept), Some(held)) = (self.stacks.get(number as usize), held.get_mut(group)) {
                let functions = kinds::beyond_the_allocator(kernel.names(&kept.kernel));
                held.add(stack(kept, bytes, kind, functions));
            }
        }
        for held in &mut held {
            held.stacks.sort_by(|a, b| {
                let names = || (&a.comm, &a.frames).cmp(&(&b.comm, &b.frames));
                b.bytes.cmp(&a.bytes).then_with(names)
            });
        }
        held
    }
}

impl Held {
    fn add(&mut self, (stack, is_resolved): (Stack, bool)) {
        self.bytes += stack.bytes.0;
        if !is_resolved {
            self.unresolved += stack.bytes.0;
        }
        self.stacks.push(stack);
    }
}

/// As it is told, and whether it was followed to its end and has names.
fn stack(kept: &Kept, bytes: u64, kind: crate::event::PageKind, kernel: Vec<String>) -> (Stack, bool) {
    let frames: Vec<&Frame> = kept.frames.iter().take(FRAMES).collect();
    let is_named = |frame: &&Frame| matches!(frame.named_by, NamedBy::File | NamedBy::Map);
    let unnamed = runtime::unnamed(kept.runtime, &kept.frames, kept.end == Walked::Lost);
    let is_resolved = kept.end != Walked::Lost && unnamed.is_none() && frames.iter().any(is_named);
    let whole = kept.end == Walked::Whole;
    let end = kept.comm.iter().position(|byte| *byte == 0).unwrap_or(COMM_LEN);
    let comm = kept.comm.get(..end).unwrap_or_default();
    let stack = Stack {
        bytes: Bytes(bytes),
        kind,
        pid: Tgid(kept.pid),
        comm: crate::engine::raw::text(comm),
        frames: frames.iter().map(|frame| frame.name.to_string()).collect(),
        lines: frames
            .iter()
            .map(|frame| frame.line.as_deref().map(str::to_owned))
            .collect(),
        kernel,
        whole,
        unnamed,
    };
    (stack, is_resolved)
}

/// What a unit's stacks are called.
pub(crate) fn name(stacks: &Stacks) -> String {
    let subject = &stacks.subject;
    owner_name(subject.name(), subject.cgroup.path.as_deref()).unwrap_or_else(|| "all units".to_owned())
}

/// The stacks of several units as one, each below its unit's name.
#[must_use]
pub fn together(units: &[Stacks]) -> Option<Stacks> {
    let mut all = units.first()?.clone();
    if units.len() == 1 {
        return Some(all);
    }
    all.subject = Subject::default();
    all.bytes = Bytes(units.iter().map(|unit| unit.bytes.0).sum());
    all.stacks = units
        .iter()
        .flat_map(|unit| {
            let name = name(unit);
            unit.stacks.iter().map(move |stack| Stack {
                comm: format!("{name}: {}", stack.comm),
                ..stack.clone()
            })
        })
        .collect();
    Some(all)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::PageKind;

    pub(crate) fn stacks() -> Stacks {
        let text = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let lines = |lines: &[Option<&str>]| lines.iter().map(|line| line.map(str::to_owned)).collect::<Vec<_>>();
        Stacks {
            subject: Subject {
                unit: Some("a.service".to_owned()),
                ..Subject::default()
            },
            window_seconds: 30.0,
            one_in: 64,
            bytes: Bytes(4 << 20),
            grown: Some(5 << 20),
            unresolved: 0.0,
            lost: 0,
            stacks: vec![
                Stack {
                    bytes: Bytes(3 << 20),
                    kind: PageKind::Anon,
                    pid: Tgid(7),
                    comm: "a".to_owned(),
                    frames: text(&["leaf", "main"]),
                    lines: lines(&[Some("src/a.c:12"), Some("src/a.c:30")]),
                    kernel: text(&["do_anonymous_page", "handle_mm_fault"]),
                    whole: true,
                    unnamed: None,
                },
                Stack {
                    bytes: Bytes(1 << 20),
                    kind: PageKind::Kernel,
                    pid: Tgid(7),
                    comm: "a".to_owned(),
                    frames: text(&["write", "main"]),
                    lines: lines(&[None, Some("src/a.c:31")]),
                    kernel: text(&["anon_pipe_write", "vfs_write"]),
                    whole: true,
                    unnamed: None,
                },
            ],
            held: Vec::new(),
        }
    }

    /// A page of this test's own process, as a record tells it; without a stack.
    fn record(page: u64, time: u64, order: u32) -> PageRecord {
        PageRecord {
            page,
            time,
            order,
            gfp: 0x14_0cca,
            cgroup_id: 5,
            tgid: std::process::id(),
            ..bytemuck::Zeroable::zeroed()
        }
    }

    #[test]
    fn what_is_still_there_counts_each_page_for_those_that_were_not_followed() {
        let mut follower = Follower::new(64);
        for (page, time, order) in [(1, 10, 0), (2, 11, 0), (3, 12, 9)] {
            follower.taken(&record(page, time, order));
        }
        // The second was given back, and taken again by somebody whose record was lost.
        follower.keep(&HashMap::from([(1, 10), (2, 99), (3, 12)]));
        let held = follower.held(|id| (id.0 == 5).then_some(0), 1, 4096);
        assert_eq!(held[0].bytes, (64 + 512) * 4096);
        assert_eq!(held[0].unresolved, held[0].bytes, "nothing was at address 0");
        assert_eq!(held[0].stacks.len(), 1);
        assert!(follower.held(|_| None, 1, 4096)[0].stacks.is_empty());
    }

    #[test]
    fn folded_stacks_go_from_the_outermost_to_the_innermost() {
        let mut out = Vec::new();
        folded(&stacks().stacks, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "a;main;leaf 3145728\na;main;write;vfs_write_[k];anon_pipe_write_[k] 1048576\n"
        );
    }
}
