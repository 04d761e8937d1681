//! Names of a process's functions: by blazesym ELF symbols, debug information with what was inlined, and separate debug files; of
//! code that the process made itself, by the map that its runtime writes (`perf_map.rs`).

use std::collections::HashMap;
use std::rc::Rc;

use blazesym::Pid;
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};

use super::images::Mapping;
use super::perf_map::{Named, PerfMaps};
use super::runtime;
use super::unwind::Executable;
use crate::event::Runtime;

/// Addresses whose names are kept.
const MOST: usize = 65_536;

/// Characters of a name: those of templates and closures have no end, and no text of an event is longer than 4,096.
const NAME: usize = 1_024;

/// A function on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    /// Its name, or the place in its file, or its address.
    pub(super) name: Rc<str>,
    /// `FILE:LINE`.
    pub(super) line: Option<Rc<str>>,
    pub(super) named_by: NamedBy,
}

/// Where a name is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum NamedBy {
    /// The file that has the code.
    File,
    /// The map that the process's runtime writes.
    Map,
    /// Nobody, of code that a file has.
    Nobody,
    /// Nobody yet, of code that the process made itself and has at this address.
    NobodyYet(u64),
}

/// The functions on a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Functions {
    pub(super) frames: Rc<[Frame]>,
    /// Whether they end where the last one keeps no frame pointer: what came behind it was a guess.
    pub(super) is_lost: bool,
}

/// What is known of one address.
enum Found {
    Frames(Rc<[Frame]>),
    InMap(Named),
}

/// These one after the other, innermost first, as far as they can be followed.
fn functions(found: impl Iterator<Item = Found>, executable: Executable<'_>) -> Functions {
    let mut frames: Vec<Frame> = Vec::new();
    let mut is_lost = false;
    for one in found {
        match one {
            Found::Frames(known) => frames.extend(known.iter().cloned()),
            Found::InMap(named) => {
                is_lost = has_no_frame_pointer(&named, executable);
                frames.push(Frame {
                    name: named.name,
                    line: None,
                    named_by: NamedBy::Map,
                });
            }
        }
        if is_lost {
            break;
        }
    }
    Functions {
        frames: frames.into(),
        is_lost,
    }
}

/// Looks names up, and keeps them.
pub(super) struct Names {
    symbolizer: Symbolizer,
    maps: PerfMaps,
    /// By what was mapped and address, innermost first where functions were inlined. Without what processes made themselves: that may be other
    /// code at any time.
    known: HashMap<(u64, u64), Rc<[Frame]>>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            symbolizer: Symbolizer::builder()
                .enable_code_info(true)
                .enable_inlined_fns(true)
                .build(),
            maps: PerfMaps::default(),
            known: HashMap::new(),
        }
    }

    /// The functions at these addresses of a process, which has that in memory now.
    pub(super) fn of(&mut self, pid: u32, addresses: &[u64], executable: Executable<'_>) -> Functions {
        if self.known.len().saturating_add(addresses.len()) > MOST {
            self.known.clear();
        }
        let is_made = |address: &u64| executable.mapping(*address).is_some_and(Mapping::is_made);
        let number = executable.number;
        let new: Vec<u64> = addresses
            .iter()
            .filter(|address| !is_made(address) && !self.known.contains_key(&(number, **address)))
            .copied()
            .collect();
        if !new.is_empty() {
            self.learn(pid, &new, executable);
        }
        let known = |address: &u64| self.known.get(&(number, *address));
        // V8 has code in its file, too, which its map names.
        let by_nobody = |frames: &Rc<[Frame]>| frames.iter().all(|frame| frame.named_by == NamedBy::Nobody);
        if addresses.iter().any(|address| known(address).is_none_or(by_nobody)) {
            self.maps.look(pid);
        }
        let found = addresses.iter().map(|address| match known(address) {
            Some(frames) if !by_nobody(frames) => Found::Frames(Rc::clone(frames)),
            frames => match self.maps.name(pid, *address) {
                Some(named) => Found::InMap(named),
                None => Found::Frames(frames.map_or_else(
                    || [unnamed(*address, executable, NamedBy::NobodyYet(*address))].into(),
                    Rc::clone,
                )),
            },
        });
        functions(found, executable)
    }

    /// The same stack, with the names that a map has got since; `None` where it has none for it. Java writes its map when it is asked to.
    pub(super) fn again(&mut self, pid: u32, frames: &[Frame], executable: Executable<'_>) -> Option<Functions> {
        let is_new = |frame: &Frame| matches!(frame.named_by, NamedBy::NobodyYet(_));
        if !frames.iter().any(is_new) {
            return None;
        }
        self.maps.look(pid);
        let name = |frame: &Frame| match frame.named_by {
            NamedBy::NobodyYet(address) => self.maps.name(pid, address),
            NamedBy::File | NamedBy::Map | NamedBy::Nobody => None,
        };
        let names: Vec<Option<Named>> = frames.iter().map(name).collect();
        if names.iter().all(Option::is_none) {
            return None;
        }
        let found = frames.iter().zip(names).map(|(frame, name)| match name {
            Some(named) => Found::InMap(named),
            None => Found::Frames([frame.clone()].into()),
        });
        Some(functions(found, executable))
    }

    fn learn(&mut self, pid: u32, addresses: &[u64], executable: Executable<'_>) {
        let mut process = Process::new(Pid::from(pid));
        process.perf_map = false;
        let source = Source::Process(process);
        let symbolizer = &self.symbolizer;
        let one = |address: &u64| symbolizer.symbolize_single(&source, Input::AbsAddr(*address)).ok();
        let found: Vec<Option<Symbolized<'_>>> = match symbolizer.symbolize(&source, Input::AbsAddr(addresses)) {
            Ok(found) => found.into_iter().map(Some).collect(),
            // One that cannot be looked up is no reason for the others to have no names.
            Err(_) => addresses.iter().map(one).collect(),
        };
        let found = found.into_iter().chain(std::iter::repeat_with(|| None));
        for (address, symbol) in addresses.iter().zip(found) {
            let frames: Rc<[Frame]> = match symbol {
                Some(Symbolized::Sym(symbol)) => frames(&symbol),
                _ => [unnamed(*address, executable, NamedBy::Nobody)].into(),
            };
            self.known.insert((executable.number, *address), frames);
        }
    }
}

/// Whether what comes behind this code cannot be known: without -XX:+PreserveFramePointer Java's compilers make code that uses the frame pointer as any
/// register. With it, each function begins with `mov %rsp, %rbp`, behind checks of some bytes.
fn has_no_frame_pointer(named: &Named, executable: Executable<'_>) -> bool {
    const KEEPS: [[u8; 3]; 2] = [[0x48, 0x8b, 0xec], [0x48, 0x89, 0xe5]];
    let is_asked = cfg!(target_arch = "x86_64")
        && executable.runtime == Some(Runtime::Java)
        && runtime::may_lack_frame_pointer(&named.name);
    let code = is_asked.then(|| executable.memory?.read::<96>(named.start)).flatten();
    code.is_some_and(|code| !code.windows(3).any(|three| KEEPS.iter().any(|keeps| keeps == three)))
}

fn frames(symbol: &Sym<'_>) -> Rc<[Frame]> {
    let frame = |name: &str, code: Option<&CodeInfo<'_>>| Frame {
        name: cut(name),
        line: code.and_then(line),
        named_by: NamedBy::File,
    };
    let inlined = symbol
        .inlined
        .iter()
        .rev()
        .map(|inner| frame(&inner.name, inner.code_info.as_ref()));
    let outer = frame(&symbol.name, symbol.code_info.as_deref());
    inlined.chain([outer]).collect()
}

pub(super) fn cut(text: &str) -> Rc<str> {
    match text.char_indices().nth(NAME) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

fn line(code: &CodeInfo<'_>) -> Option<Rc<str>> {
    Some(cut(&format!("{}:{}", code.to_path().display(), code.line?)))
}

fn unnamed(address: u64, executable: Executable<'_>, named_by: NamedBy) -> Frame {
    let mapping = executable.mapping(address);
    Frame {
        name: mapping
            .map_or_else(|| format!("{address:#x}"), |mapping| mapping.place(address))
            .into(),
        line: None,
        named_by,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

    use super::super::images::mappings;
    use super::super::unwind::Memory;
    use super::*;

    /// Memory that can be executed, with this in it; for ever.
    fn make(code: &[u8]) -> u64 {
        let protection = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
        // SAFETY: a new mapping of a page, which is longer than the code; nothing else refers to it.
        unsafe {
            let start = mmap_anonymous(std::ptr::null_mut(), 4096, protection, MapFlags::PRIVATE).unwrap();
            std::ptr::copy_nonoverlapping(code.as_ptr(), start.cast(), code.len());
            start as u64
        }
    }

    #[test]
    fn code_is_named_by_a_map_that_is_written_after_it_ran_and_once_it_is_other_code_by_its_new_name() {
        let pid = std::process::id();
        let place = make(&[0xc3]);
        let mappings = mappings(pid).unwrap();
        let memory = Memory::of(pid);
        let executable = Executable {
            mappings: &mappings,
            number: 1,
            memory: Some(&memory),
            runtime: None,
        };
        let path = format!("/tmp/perf-{pid}.map");
        let own = make as fn(&[u8]) -> u64 as usize as u64;
        let mut names = Names::new();
        let before = names.of(pid, &[place + 1, own], executable);
        assert_eq!(before.frames[0].named_by, NamedBy::NobodyYet(place + 1));
        assert_eq!(before.frames.last().unwrap().named_by, NamedBy::File);
        assert_eq!(names.again(pid, &before.frames, executable), None);

        fs::write(&path, format!("{place:x} 10 first\n")).unwrap();
        std::thread::sleep(super::super::perf_map::LOOK_AGAIN);
        let named = names.again(pid, &before.frames, executable).unwrap();
        assert_eq!((&*named.frames[0].name, named.is_lost), ("first", false));
        assert_eq!(named.frames[1..], before.frames[1..]);
        assert_eq!(names.of(pid, &[place + 1, own], executable), named);

        fs::write(&path, format!("{place:x} 10 first\n{place:x} 10 second\n")).unwrap();
        let other = names.of(pid, &[place + 1], executable);
        fs::remove_file(&path).unwrap();
        assert_eq!(&*other.frames[0].name, "second");
    }

    #[test]
    fn javas_code_that_keeps_no_frame_pointer_ends_the_stack() {
        let pid = std::process::id();
        let memory = Memory::of(pid);
        let of = |runtime, name: &str, code: &[u8]| {
            let executable = Executable {
                mappings: &[],
                number: 1,
                memory: Some(&memory),
                runtime,
            };
            let name = name.into();
            has_no_frame_pointer(
                &Named {
                    name,
                    start: make(code),
                },
                executable,
            )
        };
        // mov %eax,-0x14000(%rsp); push %rbp; [mov %rsp,%rbp;] sub $0x20,%rsp
        let keeps = [
            0x89, 0x84, 0x24, 0, 0xc0, 0xfe, 0xff, 0x55, 0x48, 0x8b, 0xec, 0x48, 0x83, 0xec, 0x20,
        ];
        let lacks = [0x89, 0x84, 0x24, 0, 0xc0, 0xfe, 0xff, 0x55, 0x48, 0x83, 0xec, 0x20];
        let java = Some(Runtime::Java);
        assert!(!of(java, "void Sites.grow(int)", &keeps));
        assert!(of(java, "void Sites.grow(int)", &lacks));
        assert!(!of(java, "Interpreter", &lacks));
        assert!(!of(Some(Runtime::Node), "JS:~grow a.js:1:1", &lacks));
    }
}
