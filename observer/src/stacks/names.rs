//! Names of a process's functions, by blazesym: ELF symbols, debug information with what was inlined, separate debug files, and the
//! maps that JITs write (`/tmp/perf-PID.map`).

use std::collections::HashMap;
use std::rc::Rc;

use blazesym::Pid;
use blazesym::symbolize::source::{Process, Source};
use blazesym::symbolize::{CodeInfo, Input, Sym, Symbolized, Symbolizer};

use super::images::Mapping;

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
    pub(super) is_named: bool,
}

/// Looks names up, and keeps them.
pub(super) struct Names {
    symbolizer: Symbolizer,
    /// By what was mapped and address, innermost first where functions were inlined.
    known: HashMap<(u64, u64), Rc<[Frame]>>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            symbolizer: Symbolizer::builder()
                .enable_code_info(true)
                .enable_inlined_fns(true)
                .build(),
            known: HashMap::new(),
        }
    }

    /// The functions at these addresses of a process, which had these mappings then; their number is no other's.
    pub(super) fn of(&mut self, pid: u32, addresses: &[u64], (images, number): (&[Mapping], u64)) -> Rc<[Frame]> {
        if self.known.len().saturating_add(addresses.len()) > MOST {
            self.known.clear();
        }
        let new: Vec<u64> = addresses
            .iter()
            .copied()
            .filter(|address| !self.known.contains_key(&(number, *address)))
            .collect();
        if !new.is_empty() {
            self.learn(pid, &new, (images, number));
        }
        addresses
            .iter()
            .filter_map(|address| self.known.get(&(number, *address)))
            .flat_map(|frames| frames.iter().cloned())
            .collect()
    }

    fn learn(&mut self, pid: u32, addresses: &[u64], (images, number): (&[Mapping], u64)) {
        let process = Process::new(Pid::from(pid));
        let found = self
            .symbolizer
            .symbolize(&Source::Process(process), Input::AbsAddr(addresses))
            .unwrap_or_default();
        let found = found.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        for (address, symbol) in addresses.iter().zip(found) {
            let frames: Rc<[Frame]> = match symbol {
                Some(Symbolized::Sym(symbol)) => frames(&symbol),
                _ => [unnamed(*address, images)].into(),
            };
            self.known.insert((number, *address), frames);
        }
    }
}

fn frames(symbol: &Sym<'_>) -> Rc<[Frame]> {
    let frame = |name: &str, code: Option<&CodeInfo<'_>>| Frame {
        name: cut(name),
        line: code.and_then(line),
        is_named: true,
    };
    let inlined = symbol
        .inlined
        .iter()
        .rev()
        .map(|inner| frame(&inner.name, inner.code_info.as_ref()));
    let outer = frame(&symbol.name, symbol.code_info.as_deref());
    inlined.chain([outer]).collect()
}

fn cut(text: &str) -> Rc<str> {
    match text.char_indices().nth(NAME) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

fn line(code: &CodeInfo<'_>) -> Option<Rc<str>> {
    Some(cut(&format!("{}:{}", code.to_path().display(), code.line?)))
}

fn unnamed(address: u64, images: &[Mapping]) -> Frame {
    let image = images.iter().find(|image| image.range.contains(&address));
    Frame {
        name: image
            .map_or_else(|| format!("{address:#x}"), |image| image.place(address))
            .into(),
        line: None,
        is_named: false,
    }
}
