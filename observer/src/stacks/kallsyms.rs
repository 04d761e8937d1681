//! Names of the kernel's functions, from `/proc/kallsyms`.
//!
//! Of some 200,000 only those that are asked for are kept: the file is read once, with the addresses at hand.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;

/// A function this far below an address is not the one that it is in.
const MOST: u64 = 1 << 20;

/// The functions that some addresses are in.
#[derive(Debug, Default)]
pub(super) struct Kallsyms {
    names: HashMap<u64, String>,
}

impl Kallsyms {
    /// Looks these addresses up. Where the file cannot be read, or hides addresses, none has a name.
    pub(super) fn of(addresses: impl Iterator<Item = u64>) -> Self {
        match File::open("/proc/kallsyms") {
            Ok(file) => Self::read(BufReader::with_capacity(1 << 16, file), addresses),
            Err(_) => Self::default(),
        }
    }

    fn read(mut text: impl std::io::BufRead, addresses: impl Iterator<Item = u64>) -> Self {
        let mut wanted: Vec<u64> = addresses.filter(|address| *address != 0).collect();
        wanted.sort_unstable();
        wanted.dedup();
        // Of each address the nearest symbol at or below it that lies above the address before.
        let mut nearest: Vec<Option<(u64, String)>> = vec![None; wanted.len()];
        let mut line = String::new();
        while text.read_line(&mut line).is_ok_and(|length| length > 0) {
            let mut words = line.split_ascii_whitespace();
            if let (Some(Ok(start)), Some("t" | "T" | "w" | "W"), Some(name)) = (
                words.next().map(|word| u64::from_str_radix(word, 16)),
                words.next(),
                words.next(),
            ) {
                let place = wanted.partition_point(|address| *address < start);
                if let Some(slot) = nearest.get_mut(place)
                    && start != 0
                    && slot.as_ref().is_none_or(|(known, _)| *known < start)
                {
                    *slot = Some((start, name.to_owned()));
                }
            }
            line.clear();
        }
        let mut names = HashMap::new();
        let mut last: Option<(u64, String)> = None;
        for (address, found) in wanted.into_iter().zip(nearest) {
            last = found.or(last);
            if let Some((start, name)) = &last
                && address - start < MOST
            {
                names.insert(address, name.clone());
            }
        }
        Self { names }
    }

    /// The functions that these addresses are in, without those that are not known.
    pub(super) fn names(&self, addresses: &[u64]) -> Vec<String> {
        addresses.iter().filter_map(|address| self.name(*address)).collect()
    }

    fn name(&self, address: u64) -> Option<String> {
        self.names.get(&address).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_nearest_function_at_or_below_it() {
        let text = "0000000000001000 T one\n0000000000003000 t three\n0000000000002000 t two\n0000000000002800 d data\n\
                    0000000000900000 T far\n";
        let found = Kallsyms::read(
            text.as_bytes(),
            [0x0fff, 0x1000, 0x1fff, 0x2900, 0x2901, 0x3001, 0x80_0000].into_iter(),
        );
        let names = [0x0fff, 0x1000, 0x1fff, 0x2900, 0x2901, 0x3001, 0x80_0000].map(|address| found.name(address));
        let expected = [
            None,
            Some("one"),
            Some("one"),
            Some("two"),
            Some("two"),
            Some("three"),
            None,
        ];
        assert_eq!(names, expected.map(|name| name.map(str::to_owned)));
    }

    #[test]
    fn hidden_addresses_name_nothing() {
        let found = Kallsyms::read("0000000000000000 T one\n".as_bytes(), [0x1000].into_iter());
        assert_eq!(found.name(0x1000), None);
    }
}
