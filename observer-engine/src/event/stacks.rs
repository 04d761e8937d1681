//! Which code took the memory that is still there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Object, Subject, few};
use crate::measure::{Bytes, Tgid};

/// Which code took a unit's memory in a time, as far as that memory is still there at its end.
///
/// One page in `one_in` was followed from when it was taken; sizes are estimates for all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stacks {
    /// The unit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// How long pages were followed, in seconds.
    pub window_seconds: f64,
    /// One page in so many was followed.
    pub one_in: u32,
    /// What was taken meanwhile and is still there. Memory from before is not in it, nor what has gone to swap.
    pub bytes: Bytes,
    /// How much `memory.current` changed meanwhile, to compare with.
    #[serde(default)]
    pub grown: Option<i64>,
    /// Share of `bytes` whose stack of the process could not be followed to its end or has no names, 0 to 1.
    pub unresolved: f64,
    /// Pages that were to be followed and could not be, all together: the buffers were full.
    #[serde(default)]
    pub lost: u64,
    /// The stacks, largest first.
    #[serde(deserialize_with = "few::samples")]
    pub stacks: Vec<Stack>,
    /// What holds the unit's shared memory at the end, and what of the kernel's is known by what it is for; most first.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Object>,
}

impl Stacks {
    /// Keeps the largest stacks, so many that they are no longer than this as JSON, in bytes: a line of a stream has a bound.
    pub fn trim(&mut self, most: usize) {
        let mut length = 0_usize;
        let mut fits = |stack: &&Stack| {
            let own = serde_json::to_vec(stack).map_or(usize::MAX, |text| text.len());
            length = length.saturating_add(own);
            length <= most
        };
        let count = self.stacks.iter().take_while(&mut fits).count();
        self.stacks.truncate(count);
    }
}

/// What kind of memory a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Anonymous: heap, stacks, private mappings.
    Anon,
    /// Page cache of files.
    File,
    /// Shared memory: tmpfs, memfd, SysV and POSIX segments.
    Shmem,
    /// The kernel's, on the unit's behalf: page tables, slab, pipes, sockets.
    Kernel,
}

impl PageKind {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::File => "file",
            Self::Shmem => "shmem",
            Self::Kernel => "kernel",
        }
    }
}

/// What runs code that is in no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// HotSpot, Java's.
    Java,
    /// Node.js.
    Node,
    /// CPython 3.
    Python,
    /// Another.
    Other,
}

/// One place in the code, with all the calls that led there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stack {
    /// What it took and is still there.
    pub bytes: Bytes,
    /// What kind of memory.
    pub kind: PageKind,
    /// The process.
    pub pid: Tgid,
    /// The thread's name.
    pub comm: String,
    /// The process's functions, innermost first; a frame without a name is its module and offset, or its address.
    #[serde(deserialize_with = "few::frames")]
    pub frames: Vec<String>,
    /// Where each of `frames` stands in the source, as `FILE:LINE`; `null` without debug information.
    #[serde(default, deserialize_with = "few::frames")]
    pub lines: Vec<Option<String>>,
    /// The kernel's functions, innermost first.
    #[serde(default, deserialize_with = "few::frames")]
    pub kernel: Vec<String>,
    /// Whether the stack of the process was followed to its end.
    #[serde(default)]
    pub whole: bool,
    /// Runtime of the code on this stack that has no name in `frames`, and would have one if that were started as docs/guide.md says. Left out where
    /// there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<Runtime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_a_line_is_left_out_from_the_smallest_on() {
        let stack = |bytes| Stack {
            bytes: Bytes(bytes),
            kind: PageKind::Anon,
            pid: Tgid(1),
            comm: String::new(),
            frames: vec!["f".repeat(1_000); 10],
            lines: Vec::new(),
            kernel: Vec::new(),
            whole: true,
            unnamed: None,
        };
        let mut stacks = Stacks {
            subject: Subject::default(),
            window_seconds: 1.0,
            one_in: 1,
            bytes: Bytes(60),
            grown: None,
            unresolved: 0.0,
            lost: 0,
            stacks: vec![stack(30), stack(20), stack(10)],
            held: Vec::new(),
        };
        stacks.trim(25_000);
        let left: Vec<u64> = stacks.stacks.iter().map(|stack| stack.bytes.0).collect();
        assert_eq!((left, stacks.bytes), (vec![30, 20], Bytes(60)));
    }
}
