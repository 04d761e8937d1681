//! The memory files of one cgroup, held open and read without allocation.
//!
//! In: the files of cgroup v2, or those of v1 that mean the same. Out: a [`Reading`] in bytes. A file that is missing or
//! says something unheard-of gives `None` for what it would have told, never 0.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::io::Errno;

use super::{CgroupError, Hierarchy};
use crate::event::{CgroupVersion, Memory, MemoryEvents, Pressure};
use crate::measure::Bytes;

/// Where files are read to, one after the other. Larger than any of them: `memory.stat` is below 2 KiB on 7.2.
#[derive(Debug)]
pub struct Buffer([u8; 8192]);

impl Default for Buffer {
    fn default() -> Self {
        Self([0; 8192])
    }
}

/// v1 has no word for "no limit": `PAGE_COUNTER_MAX` pages in bytes, rounded down to pages (mm/page_counter.c).
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_f000;

/// What the files of a cgroup say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Sizes and limits.
    pub memory: Memory,
    /// `memory.events`.
    pub events: Option<MemoryEvents>,
    /// `memory.events.local`: the cgroup's own, without those below it.
    pub events_local: Option<MemoryEvents>,
    /// `memory.pressure`.
    pub pressure: Option<Pressure>,
    /// What reclaim could give back before a kill: page cache, dirty pages too, and reclaimable slab.
    pub reclaimable: Option<Bytes>,
}

/// Which of a cgroup's files are read; each has those before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// Those that a walk over the cgroups does not stand in for: what it is made of, and its stalls.
    Composition,
    /// What is used and what happened: what moves from one second to the next.
    Counters,
    /// All: the limits too, which somebody sets.
    All,
}

/// The open files of one cgroup.
#[derive(Debug)]
pub struct MemoryFiles {
    path: String,
    v1: bool,
    which: Which,
    current: Option<File>,
    peak: Option<File>,
    low: Option<File>,
    high: Option<File>,
    max: Option<File>,
    swap_current: Option<File>,
    swap_max: Option<File>,
    kernel: Option<File>,
    stat: Option<File>,
    events: Option<File>,
    events_local: Option<File>,
    pressure: Option<File>,
    failures: Option<File>,
}

fn usage_file(hierarchy: &Hierarchy) -> &'static str {
    match hierarchy.version() {
        CgroupVersion::V2 => "memory.current",
        CgroupVersion::V1 | CgroupVersion::Hybrid => "memory.usage_in_bytes",
    }
}

/// What a cgroup uses now, and nothing else of it; `None` where it is gone.
#[must_use]
pub fn usage(hierarchy: &Hierarchy, path: &str) -> Option<Bytes> {
    let text = std::fs::read_to_string(hierarchy.dir(path).join(usage_file(hierarchy))).ok()?;
    text.trim().parse().ok().map(Bytes)
}

/// What tells that a file is not there, or is none of this kernel's, as against one that could not be read:
/// `ENODEV` of a cgroup that went while its file was open (fs/kernfs), `EOPNOTSUPP` of pressure that is switched off.
fn is_absent(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    error.kind() == io::ErrorKind::NotFound || matches!(number, Some(Errno::NODEV | Errno::OPNOTSUPP))
}

impl MemoryFiles {
    /// How many files a cgroup has at most, of those that are held open.
    pub const MOST: usize = 11;

    /// Opens what is there; of all files the usage file must be.
    ///
    /// # Errors
    /// [`CgroupError::Gone`] where there is no such cgroup; [`CgroupError::Unreadable`] where one of its files is there and
    /// cannot be opened: what it would have said must not pass for what a missing file says.
    pub fn open(hierarchy: &Hierarchy, path: &str, which: Which) -> Result<Self, CgroupError> {
        let dir = hierarchy.dir(path);
        let v1 = hierarchy.version() != CgroupVersion::V2;
        let pick = |least: Which, two: &str, one: &str| {
            let name = if v1 { one } else { two };
            if name.is_empty() || which < least {
                return Ok(None);
            }
            match File::open(dir.join(name)) {
                Ok(file) => Ok(Some(file)),
                Err(error) if is_absent(&error) => Ok(None),
                Err(source) => Err(CgroupError::Unreadable {
                    path: dir.join(name).display().to_string(),
                    source,
                }),
            }
        };
        let usage = usage_file(hierarchy);
        let current = pick(Which::Counters, usage, usage)?;
        if current.is_none() && which >= Which::Counters {
            return Err(CgroupError::Gone(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            v1,
            which,
            current,
            peak: pick(Which::Counters, "memory.peak", "memory.max_usage_in_bytes")?,
            low: pick(Which::All, "memory.low", "")?,
            high: pick(Which::All, "memory.high", "")?,
            max: pick(Which::All, "memory.max", "memory.limit_in_bytes")?,
            swap_current: pick(Which::Counters, "memory.swap.current", "memory.memsw.usage_in_bytes")?,
            swap_max: pick(Which::All, "memory.swap.max", "")?,
            kernel: pick(Which::Counters, "", "memory.kmem.usage_in_bytes")?,
            stat: pick(Which::Composition, "memory.stat", "memory.stat")?,
            events: pick(Which::Counters, "memory.events", "memory.oom_control")?,
            events_local: pick(Which::Counters, "memory.events.local", "")?,
            pressure: pick(Which::Composition, "memory.pressure", "")?,
            failures: pick(Which::Counters, "", "memory.failcnt")?,
        })
    }

    /// How many files are open.
    #[must_use]
    pub fn count(&self) -> usize {
        let files = [
            &self.current,
            &self.peak,
            &self.low,
            &self.high,
            &self.max,
            &self.swap_current,
            &self.swap_max,
            &self.kernel,
            &self.stat,
            &self.events,
            &self.events_local,
            &self.pressure,
            &self.failures,
        ];
        files.into_iter().flatten().count()
    }

    /// Whether these are open, where they are there.
    pub(super) fn has(&self, which: Which) -> bool {
        self.which >= which
    }

    /// Reads the files, or of those that are open the ones that are asked for.
    ///
    /// # Errors
    /// [`CgroupError::Gone`] where the cgroup went since it was opened; [`CgroupError::Unreadable`] where a file is there
    /// and cannot be read.
    pub fn read(&self, which: Which, buffer: &mut Buffer) -> Result<Reading, CgroupError> {
        let failed = |source| CgroupError::Unreadable {
            path: self.path.clone(),
            source,
        };
        let mut value = |least: Which, file: &Option<File>| -> Result<Option<u64>, CgroupError> {
            let file = file.as_ref().filter(|_| which >= least);
            let text = read(file, buffer).map_err(failed)?;
            Ok(text.and_then(|text| number(text.trim_ascii())))
        };
        let current = value(Which::Counters, &self.current)?;
        if current.is_none() && which >= Which::Counters {
            return Err(CgroupError::Gone(self.path.clone()));
        }
        let mut memory = Memory {
            current: current.map(Bytes),
            peak: value(Which::Counters, &self.peak)?.map(Bytes),
            low: value(Which::All, &self.low)?.map(Bytes),
            high: value(Which::All, &self.high)?.map(Bytes),
            max: value(Which::All, &self.max)?
                .filter(|max| !self.v1 || *max < V1_UNLIMITED)
                .map(Bytes),
            swap_current: value(Which::Counters, &self.swap_current)?.map(Bytes),
            swap_max: value(Which::All, &self.swap_max)?.map(Bytes),
            kernel: value(Which::Counters, &self.kernel)?.map(Bytes),
            ..Memory::default()
        };
        let failures = value(Which::Counters, &self.failures)?;
        if self.v1 {
            // memsw counts both.
            let both = memory.swap_current.zip(memory.current);
            memory.swap_current = both.map(|(both, current)| both.saturating_sub(current));
        }
        let mut text = |file: &Option<File>, parse: &mut dyn FnMut(&[u8])| -> Result<(), CgroupError> {
            if let Some(text) = read(file.as_ref(), buffer).map_err(failed)? {
                parse(text);
            }
            Ok(())
        };
        let (mut reclaimable, mut events, mut events_local, mut stalled) = (None, None, None, None);
        text(&self.stat, &mut |text| reclaimable = stat(text, self.v1, &mut memory))?;
        text(&self.pressure, &mut |text| {
            stalled = std::str::from_utf8(text).ok().and_then(pressure);
        })?;
        if which >= Which::Counters {
            text(&self.events, &mut |text| events = Some(self::events(text)))?;
            text(&self.events_local, &mut |text| events_local = Some(self::events(text)))?;
        }
        if let (Some(events), Some(failures)) = (&mut events, failures) {
            events.max = failures;
        }
        Ok(Reading {
            memory,
            events,
            events_local,
            pressure: stalled,
            reclaimable,
        })
    }
}

/// What a file says; `None` where there is none.
fn read<'a>(file: Option<&File>, buffer: &'a mut Buffer) -> io::Result<Option<&'a [u8]>> {
    let Some(file) = file else { return Ok(None) };
    match file.read_at(&mut buffer.0, 0) {
        Ok(length) => Ok(buffer.0.get(..length)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A number and nothing else; `max` is none.
fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.checked_sub(b'0').filter(|digit| *digit < 10).map(u64::from);
    let (first, rest) = digits.split_first()?;
    rest.iter().try_fold(digit(first)?, |number, byte| {
        number.checked_mul(10)?.checked_add(digit(byte)?)
    })
}

/// `name number` lines, as flat-keyed files have them (Documentation/admin-guide/cgroup-v2.rst). As bytes: of a sample of a
/// cgroup, reading `memory.stat` as text took a third of the instructions.
fn flat(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, left) = rest.split_at_checked(end).filter(|_| !rest.is_empty())?;
        rest = left.get(1..).unwrap_or_default();
        let (name, value) = line.split_at_checked(memchr::memchr(b' ', line).unwrap_or(line.len()))?;
        Some(value.get(1..).and_then(number).map(|value| (name, value)))
    })
    .flatten()
}

/// Fills in the composition and gives what is reclaimable.
fn stat(text: &[u8], v1: bool, memory: &mut Memory) -> Option<Bytes> {
    let mut cache = None;
    let mut kernel_parts = None;
    for (name, value) in flat(text) {
        let size = Some(Bytes(value));
        // v1 has the same names twice: `total_` counts what is below too, as v2 always does.
        let name = if v1 {
            let Some(name) = name.strip_prefix(b"total_") else {
                continue;
            };
            name
        } else {
            name
        };
        match name {
            b"anon" | b"rss" => memory.anon = size,
            b"file" | b"cache" => memory.file = size,
            b"shmem" => memory.shmem = size,
            b"kernel" => memory.kernel = size,
            b"slab_reclaimable" => memory.slab_reclaimable = size,
            b"slab_unreclaimable" => memory.slab_unreclaimable = size,
            b"sock" => memory.sock = size,
            b"kernel_stack" => memory.kernel_stack = size,
            b"pagetables" => memory.pagetables = size,
            b"sec_pagetables" => memory.sec_pagetables = size,
            b"percpu" => memory.percpu = size,
            b"vmalloc" => memory.vmalloc = size,
            b"hugetlb" => memory.hugetlb = size,
            b"zswap" => memory.zswap = size,
            b"zswapped" => memory.zswapped = size,
            b"active_file" | b"inactive_file" => cache = Some(cache.unwrap_or(0_u64).saturating_add(value)),
            _ => {}
        }
        // Before 5.18 there is no `kernel` (a8c49af3be5f added it), and its parts are told one by one, but not all of them:
        // pages that no slab and no stack has, a pipe's among them, are in `memory.current` alone.
        if matches!(name, b"kernel_stack" | b"pagetables" | b"percpu" | b"slab") {
            kernel_parts = Some(kernel_parts.unwrap_or(0_u64).saturating_add(value));
        }
    }
    if memory.kernel.is_none() {
        memory.kernel = kernel_parts.map(|parts| Bytes(parts).max(rest(memory)));
    }
    let slab = memory.slab_reclaimable.unwrap_or_default().0;
    cache.map(|cache| Bytes(cache.saturating_add(slab)))
}

/// What is charged and has no name of its own.
fn rest(memory: &Memory) -> Bytes {
    [memory.anon, memory.file, memory.sock]
        .into_iter()
        .flatten()
        .fold(memory.current.unwrap_or_default(), Bytes::saturating_sub)
}

fn events(text: &[u8]) -> MemoryEvents {
    let mut events = MemoryEvents::default();
    for (name, value) in flat(text) {
        match name {
            b"low" => events.low = value,
            b"high" => events.high = value,
            b"max" => events.max = value,
            b"oom" => events.oom = value,
            b"oom_kill" => events.oom_kill = value,
            b"oom_group_kill" => events.oom_group_kill = value,
            b"sock_throttled" => events.sock_throttled = Some(value),
            _ => {}
        }
    }
    events
}

/// `some avg10=0.00 avg60=… total=…` and `full …` (Documentation/accounting/psi.rst).
pub(super) fn pressure(text: &str) -> Option<Pressure> {
    let avg10 = |kind: &str| {
        let line = text.lines().find(|line| line.starts_with(kind))?;
        let value = line.split(' ').find_map(|part| part.strip_prefix("avg10="))?;
        value.parse::<f64>().ok().filter(|value| value.is_finite())
    };
    Some(Pressure {
        some_avg10: avg10("some")?,
        full_avg10: avg10("full")?,
    })
}

/// Every parser of this module, for `super::feed`.
pub(super) fn feed(text: &[u8]) {
    for v1 in [false, true] {
        let _ = stat(text, v1, &mut Memory::default());
    }
    let _ = (
        number(text),
        events(text),
        std::str::from_utf8(text).ok().and_then(pressure),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn cgroup(version: CgroupVersion, files: &[(&str, &str)]) -> (tempfile::TempDir, Hierarchy) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a.service")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join("a.service").join(name), text).unwrap();
        }
        let hierarchy = Hierarchy::at(dir.path().to_owned(), version, 0);
        (dir, hierarchy)
    }

    const STAT: &str = "anon 100\nfile 50\nkernel 9\nshmem 5\ninactive_file 30\nactive_file 15\nfile_dirty 4\n\
                        file_writeback 1\nslab_reclaimable 2\nslab_unreclaimable 3\nsock 1\n";

    #[test]
    fn v2_files_are_read_and_no_limit_is_none() {
        let (_dir, hierarchy) = cgroup(
            CgroupVersion::V2,
            &[
                ("memory.current", "160\n"),
                ("memory.max", "67108864\n"),
                ("memory.high", "max\n"),
                ("memory.stat", STAT),
                (
                    "memory.events",
                    "low 0\nhigh 1\nmax 46\noom 2\noom_kill 1\noom_group_kill 0\n",
                ),
                (
                    "memory.pressure",
                    "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.25 avg60=0 avg300=0 total=1\n",
                ),
            ],
        );
        let reading = MemoryFiles::open(&hierarchy, "/a.service", Which::All)
            .unwrap()
            .read(Which::All, &mut Buffer::default())
            .unwrap();
        assert_eq!(reading.memory.current, Some(Bytes(160)));
        assert_eq!(reading.memory.max, Some(Bytes(64 << 20)));
        assert_eq!(reading.memory.high, None);
        assert_eq!(reading.memory.peak, None);
        assert_eq!(reading.memory.kernel, Some(Bytes(9)));
        assert_eq!(reading.reclaimable, Some(Bytes(30 + 15 + 2)));
        assert_eq!(reading.events.unwrap().max, 46);
        assert_eq!(
            reading.pressure,
            Some(Pressure {
                some_avg10: 1.5,
                full_avg10: 0.25
            })
        );
    }

    #[test]
    fn v1_files_mean_the_same() {
        let (_dir, hierarchy) = cgroup(
            CgroupVersion::Hybrid,
            &[
                ("memory.usage_in_bytes", "160\n"),
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory.memsw.usage_in_bytes", "200\n"),
                (
                    "memory.stat",
                    "rss 1\ntotal_rss 100\ntotal_cache 50\ntotal_shmem 5\ntotal_inactive_file 30\n",
                ),
                ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
                ("memory.failcnt", "7\n"),
            ],
        );
        let reading = MemoryFiles::open(&hierarchy, "/a.service", Which::All)
            .unwrap()
            .read(Which::All, &mut Buffer::default())
            .unwrap();
        assert_eq!(reading.memory.max, None);
        assert_eq!(reading.memory.anon, Some(Bytes(100)));
        assert_eq!(reading.memory.swap_current, Some(Bytes(40)));
        assert_eq!(reading.events.map(|events| (events.oom_kill, events.max)), Some((3, 7)));
    }

    #[test]
    fn the_kernels_parts_and_what_newer_kernels_count_are_told_by_name() {
        let mut memory = Memory::default();
        stat(
            b"kernel 90\nkernel_stack 1\npagetables 2\nsec_pagetables 3\npercpu 4\nvmalloc 5\nhugetlb 6\nzswap 7\nzswapped 8\n",
            false,
            &mut memory,
        );
        let size = |bytes| Some(Bytes(bytes));
        let told = Memory {
            kernel: size(90),
            kernel_stack: size(1),
            pagetables: size(2),
            sec_pagetables: size(3),
            percpu: size(4),
            vmalloc: size(5),
            hugetlb: size(6),
            zswap: size(7),
            zswapped: size(8),
            ..Memory::default()
        };
        assert_eq!(memory, told);
        assert_eq!(events(b"low 1\nsock_throttled 9\n").sock_throttled, Some(9));
        assert_eq!(events(b"low 1\n").sock_throttled, None, "not counted is not none");
    }

    #[test]
    fn before_5_18_the_kernels_parts_are_added_up() {
        let mut memory = Memory::default();
        stat(
            b"anon 1\nkernel_stack 10\npagetables 20\npercpu 1\nslab 3\nslab_reclaimable 2\n",
            false,
            &mut memory,
        );
        assert_eq!(memory.kernel, Some(Bytes(34)));
    }

    #[test]
    fn before_5_18_what_has_no_name_is_the_kernels() {
        let mut memory = Memory {
            current: Some(Bytes(100)),
            ..Memory::default()
        };
        stat(
            b"anon 10\nfile 20\nsock 5\nkernel_stack 1\nslab 3\n",
            false,
            &mut memory,
        );
        assert_eq!(memory.kernel, Some(Bytes(65)));
    }

    #[test]
    fn garbage_is_nothing_and_a_missing_cgroup_is_gone() {
        let (_dir, hierarchy) = cgroup(
            CgroupVersion::V2,
            &[
                ("memory.current", "1\n"),
                ("memory.stat", "anon\nfile x\n\u{0}"),
                ("memory.pressure", "some avg10="),
            ],
        );
        let reading = MemoryFiles::open(&hierarchy, "/a.service", Which::All)
            .unwrap()
            .read(Which::All, &mut Buffer::default())
            .unwrap();
        assert_eq!(
            (reading.memory.anon, reading.memory.file, reading.pressure),
            (None, None, None)
        );
        assert!(matches!(
            MemoryFiles::open(&hierarchy, "/b.service", Which::All),
            Err(CgroupError::Gone(_))
        ));
    }
}
