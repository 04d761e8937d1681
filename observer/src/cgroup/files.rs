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

/// Larger than any of these files: `memory.stat` is below 2 KiB on 7.2.
const BUFFER: usize = 8192;

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

/// Which of a cgroup's files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// All.
    All,
    /// Those that a walk over the cgroups does not stand in for: what it is made of, and its stalls.
    Composition,
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
        let pick = |two: &str, one: &str| {
            let name = if v1 { one } else { two };
            let is_wanted = which == Which::All || matches!(name, "memory.stat" | "memory.pressure");
            if name.is_empty() || !is_wanted {
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
        let current = pick(usage, usage)?;
        if current.is_none() && which == Which::All {
            return Err(CgroupError::Gone(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            v1,
            which,
            current,
            peak: pick("memory.peak", "memory.max_usage_in_bytes")?,
            low: pick("memory.low", "")?,
            high: pick("memory.high", "")?,
            max: pick("memory.max", "memory.limit_in_bytes")?,
            swap_current: pick("memory.swap.current", "memory.memsw.usage_in_bytes")?,
            swap_max: pick("memory.swap.max", "")?,
            kernel: pick("", "memory.kmem.usage_in_bytes")?,
            stat: pick("memory.stat", "memory.stat")?,
            events: pick("memory.events", "memory.oom_control")?,
            events_local: pick("memory.events.local", "")?,
            pressure: pick("memory.pressure", "")?,
            failures: pick("", "memory.failcnt")?,
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

    /// Whether these are all files.
    pub(super) fn are_all(&self) -> bool {
        self.which == Which::All
    }

    /// Reads the files, or of all files those of the composition.
    ///
    /// # Errors
    /// [`CgroupError::Gone`] where the cgroup went since it was opened; [`CgroupError::Unreadable`] where a file is there
    /// and cannot be read.
    pub fn read(&self, which: Which) -> Result<Reading, CgroupError> {
        let mut buffer = [0; BUFFER];
        let failed = |source| CgroupError::Unreadable {
            path: self.path.clone(),
            source,
        };
        let is_whole = which == Which::All;
        let mut value = |file: &Option<File>| -> Result<Option<u64>, CgroupError> {
            let file = file.as_ref().filter(|_| is_whole);
            let text = read(file, &mut buffer).map_err(failed)?;
            Ok(text.and_then(number))
        };
        let current = value(&self.current)?;
        if current.is_none() && is_whole {
            return Err(CgroupError::Gone(self.path.clone()));
        }
        let mut memory = Memory {
            current: current.map(Bytes),
            peak: value(&self.peak)?.map(Bytes),
            low: value(&self.low)?.map(Bytes),
            high: value(&self.high)?.map(Bytes),
            max: value(&self.max)?
                .filter(|max| !self.v1 || *max < V1_UNLIMITED)
                .map(Bytes),
            swap_current: value(&self.swap_current)?.map(Bytes),
            swap_max: value(&self.swap_max)?.map(Bytes),
            kernel: value(&self.kernel)?.map(Bytes),
            ..Memory::default()
        };
        let failures = value(&self.failures)?;
        if self.v1 {
            // memsw counts both.
            let both = memory.swap_current.zip(memory.current);
            memory.swap_current = both.map(|(both, current)| both.saturating_sub(current));
        }
        let mut text = |file: &Option<File>, parse: &mut dyn FnMut(&str)| -> Result<(), CgroupError> {
            if let Some(text) = read(file.as_ref(), &mut buffer).map_err(failed)? {
                parse(text);
            }
            Ok(())
        };
        let (mut reclaimable, mut events, mut events_local, mut stalled) = (None, None, None, None);
        text(&self.stat, &mut |text| reclaimable = stat(text, self.v1, &mut memory))?;
        text(&self.pressure, &mut |text| stalled = pressure(text))?;
        if is_whole {
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

/// What a file says; `None` where there is none, or what it says is no text.
fn read<'a>(file: Option<&File>, buffer: &'a mut [u8; BUFFER]) -> io::Result<Option<&'a str>> {
    let Some(file) = file else { return Ok(None) };
    match file.read_at(buffer, 0) {
        Ok(length) => Ok(buffer.get(..length).and_then(|text| std::str::from_utf8(text).ok())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number alone in a file; `max` and anything else is none.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// `name number` lines, as flat-keyed files have them (Documentation/admin-guide/cgroup-v2.rst).
fn flat(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        Some((name, number(value)?))
    })
}

/// Fills in the composition and gives what is reclaimable.
fn stat(text: &str, v1: bool, memory: &mut Memory) -> Option<Bytes> {
    let mut cache = None;
    let mut kernel_parts = None;
    for (name, value) in flat(text) {
        let size = Some(Bytes(value));
        // v1 has the same names twice: `total_` counts what is below too, as v2 always does.
        let name = if v1 {
            let Some(name) = name.strip_prefix("total_") else {
                continue;
            };
            name
        } else {
            name
        };
        match name {
            "anon" | "rss" => memory.anon = size,
            "file" | "cache" => memory.file = size,
            "shmem" => memory.shmem = size,
            "kernel" => memory.kernel = size,
            "slab_reclaimable" => memory.slab_reclaimable = size,
            "slab_unreclaimable" => memory.slab_unreclaimable = size,
            "sock" => memory.sock = size,
            "kernel_stack" => memory.kernel_stack = size,
            "pagetables" => memory.pagetables = size,
            "sec_pagetables" => memory.sec_pagetables = size,
            "percpu" => memory.percpu = size,
            "vmalloc" => memory.vmalloc = size,
            "hugetlb" => memory.hugetlb = size,
            "zswap" => memory.zswap = size,
            "zswapped" => memory.zswapped = size,
            "active_file" | "inactive_file" => cache = Some(cache.unwrap_or(0_u64).saturating_add(value)),
            _ => {}
        }
        // Before 5.18 there is no `kernel` (a8c49af3be5f added it), and its parts are told one by one, but not all of them:
        // pages that no slab and no stack has, a pipe's among them, are in `memory.current` alone.
        if matches!(name, "kernel_stack" | "pagetables" | "percpu" | "slab") {
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

fn events(text: &str) -> MemoryEvents {
    let mut events = MemoryEvents::default();
    for (name, value) in flat(text) {
        match name {
            "low" => events.low = value,
            "high" => events.high = value,
            "max" => events.max = value,
            "oom" => events.oom = value,
            "oom_kill" => events.oom_kill = value,
            "oom_group_kill" => events.oom_group_kill = value,
            "sock_throttled" => events.sock_throttled = Some(value),
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
pub(super) fn feed(text: &str) {
    for v1 in [false, true] {
        let _ = stat(text, v1, &mut Memory::default());
    }
    let _ = (number(text), events(text), pressure(text));
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
            .read(Which::All)
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
            .read(Which::All)
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
            "kernel 90\nkernel_stack 1\npagetables 2\nsec_pagetables 3\npercpu 4\nvmalloc 5\nhugetlb 6\nzswap 7\nzswapped 8\n",
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
        assert_eq!(events("low 1\nsock_throttled 9\n").sock_throttled, Some(9));
        assert_eq!(events("low 1\n").sock_throttled, None, "not counted is not none");
    }

    #[test]
    fn before_5_18_the_kernels_parts_are_added_up() {
        let mut memory = Memory::default();
        stat(
            "anon 1\nkernel_stack 10\npagetables 20\npercpu 1\nslab 3\nslab_reclaimable 2\n",
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
        stat("anon 10\nfile 20\nsock 5\nkernel_stack 1\nslab 3\n", false, &mut memory);
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
            .read(Which::All)
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
