//! Names of code that a process makes itself, from the map that its runtime writes: `/tmp/perf-PID.map`.
//!
//! In: the file as the process sees it, a line for each piece of code, `START SIZE NAME` (tools/perf/Documentation/jit-interface.txt of the
//! kernel). Out: the name of an address. A map grows while its program runs, so it is read on whenever it is longer than before. A runtime
//! uses the place of code that it threw away for other code: of two lines about one place the later one counts. The file is
//! another's: it is read within bounds, a line that is none is passed over, and what could be anybody's is not believed.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use procfs::process::Process;
use rustix::fs::OFlags;
use rustix::time::{ClockId, clock_gettime};

/// A map is looked for again this often where there is none; that it is still the same file, this often.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(2);

/// Pieces of code in all maps together. What more there are have no names.
const MOST_PIECES: usize = 1 << 17;

/// Bytes of a map that are read, and of a line.
const MOST_BYTES: u64 = 256 << 20;
const MOST_LINE: usize = 16 << 10;

/// Maps that are kept open; those that were looked at longest ago go first.
const MOST_MAPS: usize = 256;

/// The end of what was read of a map, in bytes: where it has changed, the map was written anew.
const TAIL: usize = 64;

/// How much later than its map a process may seem to begin, in seconds: its start is known in ticks since boot, and the clock is set now
/// and then.
const SLACK: f64 = 2.0;

/// A piece of code.
#[derive(Debug)]
struct Piece {
    end: u64,
    /// Where its line is in the file.
    line: u64,
    /// Its name, once somebody asked for it.
    name: OnceCell<Rc<str>>,
}

/// A map, as far as it was read.
#[derive(Debug)]
struct PerfMap {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
    /// Bytes that were read: whole lines.
    read: u64,
    /// The last of them.
    tail: Vec<u8>,
    /// By where they begin; none is in two.
    pieces: BTreeMap<u64, Piece>,
    looked: Instant,
}

/// The maps of all processes that were asked for.
#[derive(Debug, Default)]
pub(super) struct PerfMaps {
    maps: HashMap<u32, PerfMap>,
    /// Processes without a map, and when one was looked for.
    without: HashMap<u32, Instant>,
}

/// A piece of code with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Rc<str>,
    /// Where it begins.
    pub(super) start: u64,
}

impl PerfMaps {
    /// Reads what was written of a process's map since.
    pub(super) fn look(&mut self, pid: u32) {
        let pieces: usize = self.maps.values().map(|map| map.pieces.len()).sum();
        let room = MOST_PIECES.saturating_sub(pieces);
        if let Some(map) = self.maps.get_mut(&pid) {
            if map.looked.elapsed() < LOOK {
                return map.read_on(room);
            }
            map.looked = Instant::now();
            // Of a process that is gone, what was known holds on.
            let is_same = match open(pid) {
                Ok(file) => identity(&file).ok() == Some(map.identity),
                Err(_) => true,
            };
            if is_same {
                return map.read_on(room);
            }
            self.maps.remove(&pid);
        } else if self
            .without
            .get(&pid)
            .is_some_and(|looked| looked.elapsed() < LOOK_AGAIN)
        {
            return;
        }
        match open(pid).and_then(PerfMap::new) {
            Ok(mut map) => {
                self.without.remove(&pid);
                map.read_on(room);
                make_room(&mut self.maps, |map| map.looked);
                self.maps.insert(pid, map);
            }
            Err(_) => {
                make_room(&mut self.without, |looked| *looked);
                self.without.insert(pid, Instant::now());
            }
        }
    }

    /// What is at an address, as far as the process's map was read.
    pub(super) fn name(&self, pid: u32, address: u64) -> Option<Named> {
        let map = self.maps.get(&pid)?;
        let (start, piece) = map.pieces.range(..=address).next_back()?;
        if piece.end <= address {
            return None;
        }
        let name = match piece.name.get() {
            Some(name) => Rc::clone(name),
            None => {
                let name = map.name(*start, piece)?;
                Rc::clone(piece.name.get_or_init(|| name))
            }
        };
        Some(Named { name, start: *start })
    }
}

/// Forgets what was looked at longest ago where there is no room for more.
fn make_room<T>(kept: &mut HashMap<u32, T>, looked: impl Fn(&T) -> Instant) {
    if kept.len() >= MOST_MAPS {
        let oldest = kept.iter().min_by_key(|(_, one)| looked(one)).map(|(pid, _)| *pid);
        oldest.and_then(|pid| kept.remove(&pid));
    }
}

impl PerfMap {
    fn new(file: File) -> io::Result<Self> {
        Ok(Self {
            identity: identity(&file)?,
            file,
            read: 0,
            tail: Vec::new(),
            pieces: BTreeMap::new(),
            looked: Instant::now(),
        })
    }

    /// Reads whole lines that were added; all of it where it was written anew. `room` is for so many pieces.
    fn read_on(&mut self, room: usize) {
        let Ok(size) = self.file.metadata().map(|file| file.len().min(MOST_BYTES)) else {
            return;
        };
        if size == self.read {
            return;
        }
        let room = room.saturating_add(self.pieces.len());
        if size < self.read || !self.is_as_it_was() {
            self.read = 0;
            self.tail.clear();
            self.pieces.clear();
        }
        let mut buffer = vec![0; 4 * MOST_LINE];
        while self.read < size {
            let Ok(got @ 1..) = self.file.read_at(&mut buffer, self.read) else {
                return;
            };
            let bytes = buffer.get(..got).unwrap_or_default();
            // Its last line may be written only in part as yet. One without an end is none.
            let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if got > MOST_LINE => got,
                None => return,
            };
            let whole = bytes.get(..whole).unwrap_or_default();
            let mut place = self.read;
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                if let Some((start, end, _)) = parsed(line) {
                    self.insert(start, end, place, room);
                }
                place += line.len() as u64;
            }
            self.read += whole.len() as u64;
            self.tail = whole
                .get(whole.len().saturating_sub(TAIL)..)
                .unwrap_or_default()
                .to_vec();
        }
    }

    fn is_as_it_was(&self) -> bool {
        let mut tail = [0; TAIL];
        let Some(tail) = tail.get_mut(..self.tail.len()) else {
            return false;
        };
        let from = self.read.saturating_sub(tail.len() as u64);
        self.file.read_exact_at(tail, from).is_ok() && tail == self.tail.as_slice()
    }

    /// What stood at this place before is gone: whole, for code is thrown away whole.
    fn insert(&mut self, start: u64, end: u64, line: u64, room: usize) {
        while let Some((&place, _)) = self
            .pieces
            .range(..end)
            .next_back()
            .filter(|(_, piece)| piece.end > start)
        {
            self.pieces.remove(&place);
        }
        if self.pieces.len() < room {
            let name = OnceCell::new();
            self.pieces.insert(start, Piece { end, line, name });
        }
    }

    /// Reads a name: those of all code would take more memory than the few that are on stacks.
    fn name(&self, start: u64, piece: &Piece) -> Option<Rc<str>> {
        let mut buffer = vec![0; MOST_LINE];
        let got = self.file.read_at(&mut buffer, piece.line).ok()?;
        let line = buffer.get(..got)?.split_inclusive(|byte| *byte == b'\n').next()?;
        // It may have been written anew since.
        let (from, to, name) = parsed(line)?;
        ((from, to) == (start, piece.end)).then(|| super::names::cut(&crate::engine::raw::text(name)))
    }
}

/// Reads a map, in two parts, and all names in it.
pub(super) fn feed(bytes: &[u8]) {
    let read = || -> io::Result<()> {
        let file = File::from(rustix::fs::memfd_create("map", rustix::fs::MemfdFlags::CLOEXEC)?);
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all_at(first, 0)?;
        let mut map = PerfMap::new(file)?;
        map.read_on(MOST_PIECES);
        map.file.write_all_at(second, first.len() as u64)?;
        map.read_on(MOST_PIECES);
        for (start, piece) in &map.pieces {
            let _ = map.name(*start, piece);
        }
        Ok(())
    };
    let _ = read();
}

/// `START SIZE NAME`, in hexadecimal digits, which Java begins with `0x`: where code begins and ends, and its name.
fn parsed(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let line = line.trim_ascii();
    let (start, line) = number(line)?;
    let (size, name) = number(line)?;
    let end = start.checked_add(size.max(1))?;
    (!name.is_empty()).then_some((start, end, name))
}

/// A number, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().position(u8::is_ascii_whitespace)?;
    let (digits, rest) = text.split_at_checked(length)?;
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    let number = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((number, rest.trim_ascii_start()))
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|file| (file.dev(), file.ino()))
}

/// A process's map: a file of its user's or of root's, as perf has it (tools/perf/util/symbol.c: `dso__load`), no link, and written since the process
/// began: numbers come again, in containers the same ones each time.
fn open(pid: u32) -> io::Result<File> {
    let number = i32::try_from(pid).map_err(io::Error::other)?;
    let process = Process::new(number).map_err(io::Error::other)?;
    let status = process.status().map_err(io::Error::other)?;
    // The number that it has for itself, in the innermost namespace.
    let own = status
        .nstgid
        .and_then(|numbers| numbers.last().copied())
        .unwrap_or(number);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(format!("/proc/{pid}/root/tmp/perf-{own}.map"))?;
    let metadata = file.metadata()?;
    let is_trusted = metadata.uid() == 0 || metadata.uid() == status.euid;
    let written = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let is_its_own = written.as_secs_f64() + SLACK >= began(&process)?;
    if metadata.is_file() && is_trusted && is_its_own {
        Ok(file)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// When a process began, in seconds since 1970.
fn began(process: &Process) -> io::Result<f64> {
    let stat = process.stat().map_err(io::Error::other)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let boot = clock_gettime(ClockId::Boottime);
    let uptime = boot.tv_sec as f64 + boot.tv_nsec as f64 / 1e9;
    let age = uptime - stat.starttime as f64 / procfs::ticks_per_second() as f64;
    Ok(now.as_secs_f64() - age)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::process::{Child, Command};

    use super::*;

    /// A map with this text, read.
    fn map(text: &[u8]) -> (PerfMap, tempfile::NamedTempFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let mut map = PerfMap::new(file.reopen().unwrap()).unwrap();
        map.read_on(MOST_PIECES);
        (map, file)
    }

    fn named(map: PerfMap, address: u64) -> Option<String> {
        let maps = PerfMaps {
            maps: HashMap::from([(1, map)]),
            without: HashMap::new(),
        };
        maps.name(1, address).map(|named| named.name.to_string())
    }

    fn name(map: &PerfMap, address: u64) -> Option<String> {
        let (start, piece) = map.pieces.range(..=address).next_back()?;
        (address < piece.end).then(|| map.name(*start, piece).unwrap().to_string())
    }

    #[test]
    fn a_line_that_is_none_takes_no_name_from_the_others() {
        let text = b"1000 10 py::grow:/srv/a b.py\n\nfrom here on\n2000 zz nothing\n3000 0 stub\n4000 10\nffffffffffffffff 10 beyond\n\
            0x0000000000005000 0x0000000000000020 byte[] Sites.grow(int)\n6000 10 na\xffme\n";
        let (map, _file) = map(text);
        for (address, expected) in [
            (0x0fff, None),
            (0x1000, Some("py::grow:/srv/a b.py")),
            (0x100f, Some("py::grow:/srv/a b.py")),
            (0x1010, None),
            (0x2000, None),
            (0x3000, Some("stub")),
            (0x4000, None),
            (0x501f, Some("byte[] Sites.grow(int)")),
        ] {
            assert_eq!(name(&map, address).as_deref(), expected, "{address:#x}");
        }
        assert!(named(map, 0x6000).unwrap().starts_with("na"));
    }

    #[test]
    fn a_map_is_read_on_as_it_grows_and_its_last_line_once_it_is_whole() {
        let (mut map, mut file) = map(b"1000 10 first\n2000 10 sec");
        assert_eq!(name(&map, 0x2000), None);
        file.write_all(b"ond\n3000 10 third\n").unwrap();
        map.read_on(MOST_PIECES);
        let names = [0x1000, 0x2000, 0x3000].map(|address| name(&map, address).unwrap());
        assert_eq!(names, ["first", "second", "third"]);
    }

    #[test]
    fn code_in_the_place_of_other_code_has_its_own_name_alone() {
        let (map, _file) = map(b"1000 100 old\n1200 10 kept\n1080 20 new\n");
        for (address, expected) in [
            (0x1000, None),
            (0x1080, Some("new")),
            (0x10a0, None),
            (0x1200, Some("kept")),
        ] {
            assert_eq!(name(&map, address).as_deref(), expected, "{address:#x}");
        }
    }

    #[test]
    fn a_map_that_is_written_anew_is_read_anew() {
        let long = "2000 10 second\n".repeat(9);
        for anew in ["1000 20 other\n", &format!("1000 20 another\n{long}3000 10 third\n")] {
            let (mut map, file) = map(format!("1000 10 first\n{long}").as_bytes());
            fs::write(file.path(), anew).unwrap();
            map.read_on(MOST_PIECES);
            assert!(name(&map, 0x101f).unwrap().ends_with("other"), "{anew}");
        }
    }

    #[test]
    fn a_map_without_end_takes_no_more_than_its_bound() {
        let lines: String = (0..100)
            .map(|place| format!("{:x} 10 f{place}\n", place << 8))
            .collect();
        let (mut map, mut file) = map(b"");
        file.write_all(lines.as_bytes()).unwrap();
        file.write_all(&vec![b'x'; 9 * MOST_LINE]).unwrap();
        file.write_all(b"\n10 10 last\n").unwrap();
        map.read_on(10);
        assert_eq!(map.pieces.len(), 10);
        assert_eq!(map.read, file.as_file().metadata().unwrap().len());
    }

    proptest::proptest! {
        /// However a map comes in, and whatever is in it, it is what its lines say in their order.
        #[test]
        fn a_map_in_parts_is_the_same_as_at_once(
            lines in proptest::collection::vec("[0-9a-f]{1,2} [0-9a-f]{1,2} [a-z]{1,4}|[ -~]{0,12}|\\PC{0,4}", 0..40),
            cuts in proptest::collection::vec(0..400_usize, 0..6),
        ) {
            let text = lines.join("\n") + "\n";
            let (mut parts, mut file) = map(b"");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut from = 0;
            for cut in cuts {
                file.write_all(&text.as_bytes()[from..cut]).unwrap();
                from = cut;
                parts.read_on(MOST_PIECES);
            }
            let (whole, _file) = map(text.as_bytes());
            let mut code: Vec<(u64, u64, String)> = Vec::new();
            for (start, end, name) in text.split_inclusive('\n').filter_map(|line| parsed(line.as_bytes())) {
                code.retain(|(from, to, _)| *to <= start || end <= *from);
                code.push((start, end, crate::engine::raw::text(name).to_string()));
            }
            for address in 0..0x200 {
                let at = code.iter().find(|(from, to, _)| (*from..*to).contains(&address));
                let expected = at.map(|(.., name)| name.clone());
                proptest::prop_assert_eq!(name(&whole, address), expected.clone(), "{:#x}", address);
                proptest::prop_assert_eq!(name(&parts, address), expected, "{:#x}", address);
            }
        }
    }

    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("600").spawn().unwrap())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
            let _ = fs::remove_file(format!("/tmp/perf-{}.map", self.0.id()));
        }
    }

    #[test]
    fn a_map_counts_that_its_process_may_have_written() {
        let sleeper = Sleeper::start();
        let pid = sleeper.0.id();
        let path = format!("/tmp/perf-{pid}.map");
        let mut maps = PerfMaps::default();
        let mut look = || {
            maps.without.clear();
            maps.look(pid);
            maps.name(pid, 0x1000).map(|named| named.name.to_string())
        };
        assert_eq!(look(), None);
        // A link could lead to any file, and to open a pipe could wait for ever.
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        fs::write(elsewhere.path(), "1000 10 elsewhere\n").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &path).unwrap();
        assert_eq!(look(), None);
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(look(), None);
        fs::remove_file(&path).unwrap();
        // What another process of this number left behind.
        fs::write(&path, "1000 10 left\n").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600))
            .unwrap();
        assert_eq!(look(), None);
        fs::write(&path, "1000 10 own\n").unwrap();
        assert_eq!(look().as_deref(), Some("own"));
    }
}
