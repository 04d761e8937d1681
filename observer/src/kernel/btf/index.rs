//! Which types have the names that are looked for, by one look over the kernel's types.
//!
//! The kernel has some 150,000 types in 5 MB. Libraries that parse them all take a third of a second of a slow core and tens
//! of MiB for it, of which some twenty types and a dozen functions are wanted. Their headers alone tell where those are; the
//! format is the kernel's own interface (Documentation/bpf/btf.rst).

use std::collections::HashMap;

/// `struct btf_header`: magic, version, flags, header length, then offset and length of types and strings.
const HEADER: usize = 24;
const MAGIC: u16 = 0xeb9f;

/// `struct btf_type` without what follows it: name, info, size or type.
const TYPE: usize = 12;

/// Kinds (include/uapi/linux/btf.h).
const FWD: u32 = 7;
const FUNC: u32 = 12;

/// The types with wanted names, by name.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Box<str>, Vec<Found>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    id: u32,
    kind: u32,
}

impl Index {
    /// Looks over all types. `None` where this is no BTF, is cut, or has a kind of which it is not known how long it is.
    pub(super) fn of(btf: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let word =
            |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
        let magic = u16::from_ne_bytes(btf.get(..2)?.try_into().ok()?);
        if magic != MAGIC {
            return None;
        }
        let section = |at: usize| {
            let start = usize::try_from(word(btf, 4)?.checked_add(word(btf, at)?)?).ok()?;
            let length = usize::try_from(word(btf, at + 4)?).ok()?;
            btf.get(start..start.checked_add(length)?)
        };
        let (mut types, strings) = (section(8)?, section(16)?);
        let mut index = Self::default();
        let mut id = 0;
        while !types.is_empty() {
            id += 1;
            let (name, info) = (word(types, 0)?, word(types, 4)?);
            let (kind, members) = ((info >> 24) & 0x1f, usize::try_from(info & 0xffff).ok()?);
            let name = strings.get(usize::try_from(name).ok()?..)?;
            let name = name.get(..name.iter().position(|byte| *byte == 0)?)?;
            if let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted(name)) {
                index.0.entry(name.into()).or_default().push(Found { id, kind });
            }
            types = types.get(TYPE + tail(kind, members)?..)?;
        }
        Some(index)
    }

    /// The ids of the types of this name.
    pub(super) fn ids(&self, name: &str) -> impl Iterator<Item = u32> {
        self.0.get(name).into_iter().flatten().map(|found| found.id)
    }

    /// A BTF in which the wanted functions have the ids that they have in the kernel's, and nothing else is anything: what
    /// attaching to a function takes.
    pub(super) fn functions(&self) -> Vec<u8> {
        let functions = self
            .0
            .iter()
            .flat_map(|(name, found)| found.iter().map(move |found| (name, *found)));
        let functions: HashMap<u32, &str> = functions
            .filter(|(_, found)| found.kind == FUNC)
            .map(|(name, found)| (found.id, &**name))
            .collect();
        let last = functions.keys().copied().max().unwrap_or_default();
        let (mut types, mut strings) = (Vec::new(), vec![0_u8]);
        for id in 1..=last {
            let (name, kind) = match functions.get(&id) {
                Some(name) => {
                    let at = strings.len();
                    strings.extend_from_slice(name.as_bytes());
                    strings.push(0);
                    (at, FUNC)
                }
                None => (0, FWD),
            };
            types.extend(u32::try_from(name).unwrap_or_default().to_ne_bytes());
            types.extend((kind << 24).to_ne_bytes());
            types.extend(0_u32.to_ne_bytes());
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or_default();
        let mut btf = Vec::with_capacity(HEADER + types.len() + strings.len());
        btf.extend(MAGIC.to_ne_bytes());
        btf.extend([1, 0]);
        let words = [24, 0, length(&types), length(&types), length(&strings)];
        btf.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        btf.extend(types);
        btf.extend(strings);
        btf
    }
}

/// How many bytes follow a type of this kind.
fn tail(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, type tags.
        2 | 7..=12 | 16 | 18 => 0,
        // Integers, variables, declaration tags.
        1 | 14 | 17 => 4,
        // Arrays.
        3 => 12,
        // Structs, unions, sections, 64-bit enums.
        4 | 5 | 15 | 19 => members.checked_mul(12)?,
        // Enums, function prototypes.
        6 | 13 => members.checked_mul(8)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_the_running_kernel_keep_their_ids() {
        let Ok(btf) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            return;
        };
        let functions = ["oom_kill_process", "mark_oom_victim", "out_of_memory"];
        let is_wanted = |name: &str| functions.contains(&name);
        let index = Index::of(&btf, is_wanted).unwrap();
        let stub = index.functions();
        assert!(aya::Btf::parse(&stub, aya::Endianness::default()).is_ok());
        let again = Index::of(&stub, is_wanted).unwrap();
        for function in functions {
            let ids = |index: &Index| index.ids(function).collect::<Vec<_>>();
            assert_eq!((ids(&again).len(), ids(&again)), (1, ids(&index)), "{function}");
        }
        // By all types instead of the headers alone.
        let types = btf_rs::Btf::from_bytes(&btf).unwrap();
        for function in functions {
            assert!(
                types
                    .resolve_ids_by_name(function)
                    .unwrap()
                    .into_iter()
                    .eq(index.ids(function))
            );
        }
    }

    #[test]
    fn what_is_no_btf_or_is_cut_has_no_index() {
        let index = Index(HashMap::from([("f".into(), vec![Found { id: 3, kind: FUNC }])]));
        let btf = index.functions();
        let again = |bytes: &[u8]| Index::of(bytes, |name| name == "f");
        assert_eq!(again(&btf).unwrap().ids("f").collect::<Vec<_>>(), [3]);
        for length in 0..btf.len() {
            assert!(again(&btf[..length]).is_none(), "{length}");
        }
        let mut unknown = btf;
        unknown[HEADER + 7] = 31;
        assert!(again(&unknown).is_none(), "a kind of a later kernel");
    }
}
