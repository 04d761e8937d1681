//! Which boot is asked about, in journalctl's words: an id, or how many boots ago.

use std::fmt;
use std::fs;

use anyhow::anyhow;

use super::errand::{Errand, output};
use crate::cli::{Exit, Failure};
use crate::errands::Errands;

/// A boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Boot {
    /// 0 is the current one, -1 the one before; 1 the oldest that the journal has.
    Offset(i32),
    /// 32 hexadecimal digits.
    Id(String),
}

impl Boot {
    pub(super) const CURRENT: Self = Self::Offset(0);

    /// What stands behind `-b`.
    ///
    /// # Errors
    /// With the word itself where it is no boot: it is a unit's name then, behind an option that needs no value.
    pub(super) fn asked(word: Option<&str>) -> Result<Option<Self>, String> {
        let Some(word) = word else { return Ok(None) };
        let id = word.replace('-', "");
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Some(Self::Id(id.to_ascii_lowercase())));
        }
        word.parse()
            .map(|offset| Some(Self::Offset(offset)))
            .map_err(|_| word.to_owned())
    }

    pub(super) fn is_current(&self) -> bool {
        *self == Self::CURRENT || this().is_some_and(|this| *self == Self::Id(this))
    }

    /// Its id, 32 hexadecimal digits.
    ///
    /// # Errors
    /// Where the journal has no such boot.
    pub(super) fn id(&self, errands: Option<&Errands<Errand>>) -> Result<String, Failure> {
        let id = match self {
            Self::Id(id) => return Ok(id.clone()),
            Self::Offset(0) => this(),
            Self::Offset(offset) => errands
                .and_then(|errands| output(errands, &Errand::Boots).ok())
                .and_then(|list| find(&list, *offset)),
        };
        id.ok_or_else(|| {
            let message = anyhow!("the journal has no boot {self}; see 'journalctl --list-boots'");
            Failure::new(Exit::NotFound, message)
        })
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => write!(formatter, "{offset}"),
            Self::Id(id) => formatter.write_str(id),
        }
    }
}

/// The boots of this machine: the current one, and those that its journal has.
pub(super) fn own(errands: Option<&Errands<Errand>>) -> Vec<String> {
    let list = errands.and_then(|errands| output(errands, &Errand::OwnBoots).ok());
    let listed = list
        .as_deref()
        .map(ids)
        .into_iter()
        .flatten()
        .map(|(_, id)| id.to_owned());
    this().into_iter().chain(listed).collect()
}

/// The current boot of this machine.
pub(super) fn this() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().replace('-', ""))
}

/// The boot of an offset in a list: `-1 0123… Mon …`. From 1 on the oldest is the first.
fn find(list: &str, offset: i32) -> Option<String> {
    let mut boots = ids(list);
    let found = match usize::try_from(offset) {
        Ok(place) if place > 0 => boots.nth(place - 1),
        _ => boots.find(|(own, _)| *own == offset),
    };
    found.map(|(_, id)| id.to_owned())
}

/// The lines of a list of boots; its heading is none.
fn ids(list: &str) -> impl Iterator<Item = (i32, &str)> {
    list.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_an_id_or_an_offset_and_anything_else_is_a_unit() {
        let id = "0123456789abcdef0123456789ABCDEF";
        assert_eq!(Boot::asked(None), Ok(None));
        assert_eq!(Boot::asked(Some("-1")), Ok(Some(Boot::Offset(-1))));
        assert_eq!(Boot::asked(Some(id)), Ok(Some(Boot::Id(id.to_lowercase()))));
        assert_eq!(Boot::asked(Some("myapp")), Err("myapp".to_owned()));
    }

    #[test]
    fn an_offset_is_looked_up_in_journalctls_list() {
        let list = "IDX BOOT ID FIRST ENTRY\n -2 aa Mon 2026\n -1 bb Tue 2026\n  0 cc Wed 2026\n";
        let found = [-2, -1, 0, 1, 3, 4, -3].map(|offset| find(list, offset));
        let found = found.each_ref().map(|id| id.as_deref().unwrap_or("-"));
        assert_eq!(found, ["aa", "bb", "cc", "aa", "cc", "-", "-"]);
    }
}
