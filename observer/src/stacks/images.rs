//! The executable files that a process has mapped, and what unwinding needs of them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::{Deref, Range};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use framehop::{ExplicitModuleSectionInfo, Module};
use object::elf::PF_X;
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ReadCache, SegmentFlags};

/// Larger unwind information than any compiler writes, in bytes: what claims to have more is not read.
const MOST_BYTES: u64 = 64 << 20;

/// Files that are kept read.
const MOST_FILES: usize = 512;

/// Bytes of a section, shared by all processes that have the file mapped.
#[derive(Debug, Clone, Default)]
pub(super) struct Section(Arc<[u8]>);

impl Deref for Section {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// What stands in a file for unwinding.
#[derive(Debug)]
struct Image {
    /// Executable segments: where in the file, and at which address that is meant to be.
    segments: Vec<(Range<u64>, u64)>,
    eh_frame: Option<(Range<u64>, Section)>,
    eh_frame_hdr: Option<(Range<u64>, Section)>,
    debug_frame: Option<Section>,
    text: Option<Range<u64>>,
    got: Option<Range<u64>>,
}

/// A part of a process's memory that can be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) range: Range<u64>,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// Device and inode; `None` of code that no file has.
    file: Option<(String, u64)>,
    /// As the process sees it, or what the kernel calls it.
    pub(super) name: Rc<str>,
}

/// Code that a process made itself has no file, or one that nobody else can open: .NET's has a memfd.
const MADE: [&str; 4] = ["[anon", "/memfd:", "/dev/zero", "/SYSV"];

impl Mapping {
    /// Whether the process made this code itself, as a JIT does.
    pub(super) fn is_made(&self) -> bool {
        self.name.is_empty() || MADE.iter().any(|start| self.name.starts_with(start))
    }

    /// Its file's name without folders; `None` of code that no file has.
    pub(super) fn file_name(&self) -> Option<&str> {
        let path = self.file.is_some().then(|| self.name.trim_end_matches(" (deleted)"))?;
        path.rsplit('/').next()
    }

    /// `NAME+0xOFFSET`, the name without its folders.
    pub(super) fn place(&self, address: u64) -> String {
        let name = self.name.rsplit('/').next().unwrap_or_default();
        let offset = address.saturating_sub(self.range.start).saturating_add(self.offset);
        if name.is_empty() {
            format!("{address:#x}")
        } else {
            format!("{name}+{offset:#x}")
        }
    }
}

/// What a process can execute; `None` where it is gone or hidden.
pub(super) fn mappings(pid: u32) -> Option<Vec<Mapping>> {
    let file = File::open(format!("/proc/{pid}/maps")).ok()?;
    let mut found = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = crate::engine::raw::text(&line.ok()?);
        found.extend(mapping(&line));
    }
    (!found.is_empty()).then_some(found)
}

/// Reads a process's mappings.
pub(super) fn feed(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(mapping) = mapping(&crate::engine::raw::text(line)) {
            let _ = (
                mapping.place(mapping.range.start),
                mapping.file_name(),
                mapping.is_made(),
            );
        }
    }
}

/// `START-END PERMISSIONS OFFSET DEVICE INODE NAME` (proc_pid_maps(5)).
pub(super) fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let permissions = words.next()?;
    if permissions.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let hex = |word: &str| u64::from_str_radix(word, 16).ok();
    let range = hex(start)?..hex(end)?;
    let offset = hex(words.next()?)?;
    let device = words.next()?.to_owned();
    let inode: u64 = words.next()?.trim().parse().ok()?;
    Some(Mapping {
        range,
        offset,
        file: (inode != 0).then_some((device, inode)),
        name: words.next().unwrap_or_default().trim_start().into(),
    })
}

/// Files that were read, by device and inode; `None` of one that is no ELF file or cannot be read.
#[derive(Debug, Default)]
pub(super) struct Images(HashMap<(String, u64), Option<Arc<Image>>>);

impl Images {
    /// What unwinding needs to know of a mapping.
    pub(super) fn module(&mut self, pid: u32, mapping: &Mapping) -> Option<Module<Section>> {
        let key = mapping.file.clone()?;
        if self.0.len() >= MOST_FILES && !self.0.contains_key(&key) {
            self.0.clear();
        }
        let image = self
            .0
            .entry(key)
            .or_insert_with(|| Image::read(pid, mapping).map(Arc::new))
            .clone()?;
        // The segment that the mapping shows, and how far it lies from where it was meant to be.
        let shown = mapping.offset..mapping.offset.checked_add(mapping.range.end - mapping.range.start)?;
        let (part, address) = image
            .segments
            .iter()
            .find(|(part, _)| part.start < shown.end && shown.start < part.end.max(part.start + 1))?;
        let bias = mapping
            .range
            .start
            .wrapping_sub(address.wrapping_sub(part.start).wrapping_add(mapping.offset));
        Some(Module::new(
            mapping.name.to_string(),
            mapping.range.clone(),
            bias,
            ExplicitModuleSectionInfo {
                base_svma: 0,
                text_svma: image.text.clone(),
                got_svma: image.got.clone(),
                eh_frame_svma: image.eh_frame.as_ref().map(|(range, _)| range.clone()),
                eh_frame: image.eh_frame.as_ref().map(|(_, bytes)| bytes.clone()),
                eh_frame_hdr_svma: image.eh_frame_hdr.as_ref().map(|(range, _)| range.clone()),
                eh_frame_hdr: image.eh_frame_hdr.as_ref().map(|(_, bytes)| bytes.clone()),
                debug_frame: image.debug_frame.clone(),
                ..ExplicitModuleSectionInfo::default()
            },
        ))
    }
}

impl Image {
    /// By what the kernel has mapped, whatever stands at that path by now; else by the path as the process sees it.
    fn open(pid: u32, mapping: &Mapping) -> Option<File> {
        let Range { start, end } = &mapping.range;
        let mapped = format!("/proc/{pid}/map_files/{start:x}-{end:x}");
        let path = mapping.name.strip_prefix('/')?;
        let seen = PathBuf::from(format!("/proc/{pid}/root")).join(path);
        File::open(mapped).or_else(|_| File::open(seen)).ok()
    }

    fn read(pid: u32, mapping: &Mapping) -> Option<Self> {
        let file = Self::open(pid, mapping)?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let cache = ReadCache::new(file);
        let file = object::File::parse(&cache).ok()?;
        let range = |name| {
            let section = file.section_by_name(name)?;
            Some(section.address()..section.address().checked_add(section.size())?)
        };
        let bytes = |name| {
            let section = file
                .section_by_name(name)
                .filter(|section| section.size() <= MOST_BYTES)?;
            Some(Section(section.uncompressed_data().ok()?.into()))
        };
        let both = |name| Some((range(name)?, bytes(name)?));
        let segments = file
            .segments()
            .filter(|segment| matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & PF_X != 0))
            .filter_map(|segment| {
                let (start, size) = segment.file_range();
                Some((start..start.checked_add(size)?, segment.address()))
            })
            .collect();
        let eh_frame = both(".eh_frame");
        Some(Self {
            segments,
            // Without the other there is this one.
            debug_frame: if eh_frame.is_none() {
                bytes(".debug_frame")
            } else {
                None
            },
            eh_frame,
            eh_frame_hdr: both(".eh_frame_hdr"),
            text: range(".text"),
            got: range(".got"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_maps_what_can_be_executed_is_kept() {
        let line = "55d0c8a00000-55d0c8a6e000 r-xp 00001000 fe:00 393240                     /usr/bin/a name (deleted)";
        let found = mapping(line).unwrap();
        assert_eq!(
            found,
            Mapping {
                range: 0x55d0_c8a0_0000..0x55d0_c8a6_e000,
                offset: 0x1000,
                file: Some(("fe:00".to_owned(), 393_240)),
                name: "/usr/bin/a name (deleted)".into(),
            }
        );
        assert_eq!(found.place(0x55d0_c8a0_0010), "a name (deleted)+0x1010");
        let code = mapping("7f0000000000-7f0000001000 rwxp 00000000 00:00 0 ").unwrap();
        assert_eq!(
            (code.file.is_none(), code.place(0x7f00_0000_0010)),
            (true, "0x7f0000000010".to_owned())
        );
        for other in [
            "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 [heap]",
            "",
            "x-y r-xp",
            "1-2 r-xp 0 0:0",
        ] {
            assert_eq!(mapping(other), None, "{other}");
        }
    }

    #[test]
    fn this_program_has_what_unwinding_needs() {
        let pid = std::process::id();
        let mappings = mappings(pid).unwrap();
        let own = this_program_has_what_unwinding_needs as fn() as usize as u64;
        let mapping = mappings.iter().find(|mapping| mapping.range.contains(&own)).unwrap();
        let mut images = Images::default();
        assert!(images.module(pid, mapping).is_some());
        let image = images.0.values().next().unwrap().as_ref().unwrap();
        assert!(image.eh_frame.as_ref().is_some_and(|(_, bytes)| !bytes.is_empty()));
    }
}
