//! Where in a line the kernel's own words begin, and what stands before them.
//!
//! A prefix is whatever stands before words that only the kernel says: there are more ways to write a prefix than can be
//! listed. Of the prefix only that is read which bears on the line: when it was written, by whom, on which machine.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::log::{Stamp, header};
use crate::measure::{Tid, Timestamp};

/// The longest name of a process, in bytes.
pub(super) const NAME: usize = 15;

/// What the kernel says when it panics, before the reason.
pub(super) const PANIC: &str = "Kernel panic - not syncing: ";

/// The reason where it found nothing to kill.
pub(super) const DEADLOCKED: &str = "System is deadlocked on memory";

/// What it says of that before.
const NOTHING: &str = "Out of memory and no killable";

/// What the kernel's lines begin with.
const WORDS: [&str; 30] = [
    "Memory cgroup out of memory",
    "Out of memory: ",
    "Out of Memory: ",
    "Out of memory (",
    NOTHING,
    DEADLOCKED,
    "Killed process ",
    "Kill process ",
    "oom-kill:constraint=CONSTRAINT_",
    "oom-kill: constraint=CONSTRAINT_",
    "Task in /",
    "Tasks in /",
    "Memory cgroup stats for ",
    "memory: usage ",
    "memory+swap: usage ",
    "swap: usage ",
    "kmem: usage ",
    "lowmem_reserve[]:",
    "Free swap ",
    "Total swap ",
    "CPU: ",
    "Pid: ",
    "oom_reaper: reaped process ",
    "SysRq : Manual OOM execution",
    "sysrq: Manual OOM execution",
    "oom_kill_process: ",
    "dump_header: ",
    "__ratelimit: ",
    "Node ",
    "Mem-Info:",
];

/// What the kernel counts in pages, one a line.
const COUNTED: [&str; 6] = [
    " total pagecache pages",
    " pages in swap cache",
    " pages RAM",
    " pages reserved",
    " pages cma reserved",
    " pages hwpoisoned",
];

/// What makes a line worth reading where no report is open: all else is passed over.
pub(super) const WORTH: [&str; 30] = [
    "oom-kill",
    // A head that was broken before that word.
    " invoked\n",
    " invoked \n",
    " invoked\r\n",
    // What stands behind a report's header, or before it where the newest line comes first.
    "memory: usage ",
    "CPU: ",
    "illed process ",
    "ill process ",
    "illing process ",
    "killed as a result of limit of",
    "oom_reaper: reaped",
    "ut of memory",
    "ut of Memory",
    " total_vm ",
    "memory.oom.group set",
    "callbacks suppressed",
    "systemd-oomd",
    "TaskOOM",
    "Manual OOM execution",
    "earlyoom",
    "sending SIG",
    "low memory! ",
    "nohang",
    "badness: ",
    " to the victim",
    "OOM killer",
    // `systemctl status`: whose it is stands above how it ended, in a line of its own.
    "● ",
    "× ",
    // journalctl(1) writes a message that is no UTF-8 as the numbers of its bytes, before systemd 241 with spaces.
    "\"MESSAGE\":[",
    "\"MESSAGE\" : [",
];

/// The levels of syslog(3), the newer and the older names of two.
const LEVELS: [&str; 10] = [
    "emerg", "alert", "crit", "err", "error", "warn", "warning", "notice", "info", "debug",
];

/// The facilities of syslog(3) but `local0` to `local7`.
const FACILITIES: [&str; 12] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
];

static FIRST: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(WORDS)
        .ok()
});

/// A line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) prefix: &'a str,
    pub(super) text: &'a str,
}

/// Takes a line apart where the kernel's words begin; `None` where there are none.
pub(super) fn parts(line: &str) -> Option<Parts<'_>> {
    let place = match header(line) {
        Some((place, _)) => name_before(line, place),
        None => FIRST
            .as_ref()?
            .find_iter(line)
            .map(|found| found.start())
            .find(|place| begins_a_word(line, *place))
            .or_else(|| row(line))
            .or_else(|| zone(line))
            .or_else(|| blocks(line))
            .or_else(|| count(line))?,
    };
    let (prefix, text) = line.split_at_checked(place)?;
    // A field of a table: what its quotes begin they end.
    let quoted = prefix.matches('"').count() % 2 == 1;
    let end = text.rfind('"').filter(|_| quoted);
    Some(Parts {
        prefix,
        text: end.and_then(|end| text.get(..end)).unwrap_or(text).trim_end(),
    })
}

/// Whether nothing that is part of the same word stands before.
fn begins_a_word(line: &str, place: usize) -> bool {
    let before = line.get(..place).and_then(|prefix| prefix.chars().next_back());
    before.is_none_or(|sign| !sign.is_alphanumeric() && sign != '_' && sign != '-' && sign != '+')
}

/// Where the name begins that ends at `end`: behind the last sign that ends a prefix. The name of a program may hold one of
/// these, but has at most 15 bytes.
fn name_before(line: &str, end: usize) -> usize {
    let head = line.get(..end).unwrap_or_default();
    let mut first = end.saturating_sub(NAME);
    while !head.is_char_boundary(first) {
        first += 1;
    }
    let within = head.get(first..).unwrap_or_default();
    let close = ["] ", ": ", "> ", "; ", ";", "\t", "| ", "\" "]
        .into_iter()
        .filter_map(|sign| within.rfind(sign).map(|place| place + sign.len()))
        .max()
        // `<6>comm`
        .max(
            within
                .match_indices('>')
                .map(|(place, _)| place + 1)
                .find(|place| ends_with_priority(head.get(..first + place - 1).unwrap_or_default())),
        );
    let behind = close.map_or_else(|| behind_word(head, first), |close| first + close);
    let start = behind.max(behind_header(head).unwrap_or(0));
    end - line.get(start..end).map_or(0, |name| name.trim_start().len())
}

/// Where the name begins that ends a head of which no sign ends the prefix, at `first` or behind: not in a time, nor in a word that
/// is longer than a name.
fn behind_word(head: &str, first: usize) -> usize {
    let begin = head.get(..first).unwrap_or_default();
    let begin = begin.trim_end_matches(|sign: char| !sign.is_whitespace()).len();
    let (mut start, mut place) = (first, begin);
    for word in head
        .get(begin..)
        .unwrap_or_default()
        .split_inclusive(char::is_whitespace)
    {
        place += word.len();
        if is_time(word.trim_end()) {
            start = start.max(place);
        }
    }
    let word = head.get(begin..).unwrap_or_default();
    let length = word.find(char::is_whitespace).unwrap_or(word.len());
    if start > first || begin + length <= first || begin == first {
        return start;
    }
    if let Some(quote) = word.get(..length).and_then(|word| word.rfind('"')) {
        return begin + quote + 1;
    }
    // grep writes the name of a file so, and the number of a line; the journal's verbose form the name of a field.
    let signs = word.match_indices([':', '=']).map(|(place, _)| place);
    let colon = signs
        .take_while(|place| *place < length)
        .map(|place| begin + place + 1)
        .find(|behind| head.len() - behind <= NAME);
    if let Some(behind) = colon {
        let name = head.get(behind..).unwrap_or_default();
        let number = name.bytes().take_while(u8::is_ascii_digit).count();
        let is_numbered = number > 0 && name.get(number..).is_some_and(|rest| rest.starts_with(':'));
        return behind + if is_numbered { number + 1 } else { 0 };
    }
    let before = head.get(..first).and_then(|before| before.chars().next_back());
    let is_within = before.is_some_and(|sign| sign.is_alphanumeric() || "_-+.".contains(sign));
    let after = begin + length + 1;
    if is_within && after < head.len() { after } else { first }
}

/// Whether a word is a time of day, or a date with one.
fn is_time(word: &str) -> bool {
    word.bytes()
        .all(|sign| sign.is_ascii_digit() || b":.,+-TZ".contains(&sign))
        && clock(word).is_some()
}

/// Whether a text ends with `<4`, what stands before the `>` of a priority.
fn ends_with_priority(text: &str) -> bool {
    let before = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    before.len() < text.len() && before.ends_with('<')
}

/// `<4>1 TIME HOST APP PROCID MSGID …` (RFC 5424): time, host, and what follows the fifth word.
fn syslog_header(head: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = head.split_once(">1 ")?;
    if !ends_with_priority(before) {
        return None;
    }
    let mut words = rest.splitn(6, ' ');
    let (time, host) = (words.next()?, words.next()?);
    Some((time, host, words.nth(3)?))
}

/// Where the text begins behind such a header without structured data: those end with a bracket.
fn behind_header(head: &str) -> Option<usize> {
    let (_, _, rest) = syslog_header(head)?;
    Some(head.len() - rest.strip_prefix("- ")?.len())
}

/// `[  205]     0   205     5093 …`: where a row of the table of tasks, or the names of its columns, begin.
fn row(line: &str) -> Option<usize> {
    line.match_indices('[').map(|(place, _)| place).find(|place| {
        let rest = line.get(place + 1..).unwrap_or_default();
        let Some((pid, rest)) = rest.split_once(']') else {
            return false;
        };
        let words = rest.split_whitespace();
        match pid.trim() {
            "pid" => rest.contains(" tgid ") && rest.contains("total_vm"),
            pid => {
                !pid.is_empty()
                    && pid.bytes().all(|byte| byte.is_ascii_digit())
                    && words
                        .take(4)
                        .filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                        .count()
                        == 4
            }
        }
    })
}

/// `DMA32 free:589296kB min:2804kB …` where the kernel has one node only and does not say which.
fn zone(line: &str) -> Option<usize> {
    let head = line.get(..line.find(" free:").filter(|_| line.contains("kB min:"))?)?;
    Some(last_word(head))
}

/// Where the last word of a text begins.
fn last_word(text: &str) -> usize {
    text.rfind([' ', '\t', ']', ':', '>']).map_or(0, |end| end + 1)
}

/// `Normal: 277*4kB 25*8kB … = 5116kB`: the same of what is free in which pieces.
fn blocks(line: &str) -> Option<usize> {
    let (head, list) = line.split_once("kB ").and_then(|(head, _)| head.rsplit_once(": "))?;
    let is_list = list.split_once('*').is_some_and(|(count, size)| {
        [count, size]
            .iter()
            .all(|number| !number.is_empty() && number.bytes().all(|sign| sign.is_ascii_digit()))
    });
    is_list.then(|| last_word(head))
}

/// `500000 pages RAM`: where a count of pages begins that ends the line.
fn count(line: &str) -> Option<usize> {
    let line = line.trim_end().trim_end_matches('"');
    let head = COUNTED.iter().find_map(|words| line.strip_suffix(words))?;
    let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
    let place = head.len().checked_sub(digits).filter(|_| digits > 0)?;
    begins_a_word(line, place).then_some(place)
}

impl<'a> Parts<'a> {
    /// Whether the line says that a program wrote it, not the kernel: a syslog line has the writer's name right before the
    /// text, `dmesg -x` the facility, a record its number. Lines that only look like the kernel's cannot be told from its own.
    pub(super) fn by_program(&self) -> bool {
        let prefix = self.prefix.trim_start();
        // A panic says the same words behind its own.
        let prefix = prefix.strip_suffix(PANIC).unwrap_or(prefix);
        if let Some((number, _)) = prefix.strip_prefix('<').and_then(|rest| rest.split_once('>'))
            && number.parse::<u32>().is_ok_and(|number| number >> 3 != 0)
        {
            return true;
        }
        if facility(prefix) == Some("kern") {
            return false;
        }
        if facility(prefix).is_some() || record(prefix).is_some_and(|number| number >> 3 != 0) {
            return true;
        }
        let Some(tag) = prefix.trim_end().strip_suffix(':').filter(|_| clock(prefix).is_some()) else {
            return false;
        };
        if prefix
            .split_whitespace()
            .filter_map(priority)
            .any(|facility| facility != "kern")
        {
            return true;
        }
        let tag = tag
            .rsplit([' ', '\t', ']'])
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        let name = tag.split('[').next().unwrap_or_default();
        let numbered = prefix.trim_end().ends_with("]:");
        (numbered && !name_of_kernel(prefix))
            || (!numbered && !name.is_empty() && !name_of_kernel(name) && !name.contains('/'))
    }

    /// The machine that wrote it: the word before `kernel:`, or before facility and level, which OpenWrt's logread and some
    /// templates of rsyslog's have there.
    pub(super) fn host(&self) -> Option<&'a str> {
        host_of(self.prefix)
    }

    /// Whether people speak of what the kernel says where it finds nothing to kill, or quote its source, which no number or name
    /// shows: of its own line these words are all.
    pub(super) fn is_spoken(&self) -> bool {
        if !self.text.starts_with(NOTHING) && !self.text.starts_with(DEADLOCKED) {
            return false;
        }
        let words = self.text.trim_end_matches(['.', ' ']);
        if words != DEADLOCKED && words.strip_prefix(NOTHING) != Some(" processes") {
            return true;
        }
        let prefix = self.prefix.trim_end();
        match prefix.strip_suffix('"') {
            // A field of a table.
            Some(before) => !before.is_empty() && !before.ends_with([',', ';', '\t']),
            None => prefix.ends_with(|sign: char| sign.is_alphabetic() || sign == '(') && !is_stamped(prefix),
        }
    }

    /// When it was written.
    pub(super) fn stamp(&self) -> Stamp {
        let mono = mono(self.prefix);
        let ts = self.prefix.split([' ', '\t', '<', '>', '[', ']', '"']).find_map(exact);
        Stamp {
            ts,
            mono,
            clock: clock(self.prefix),
        }
    }

    /// When it was written, in microseconds since boot, where that stands there.
    pub(super) fn mono(&self) -> Option<u64> {
        mono(self.prefix)
    }

    /// The thread that printed it, where the kernel tells (`CONFIG_PRINTK_CALLER`): `[  12.345678][  T123] `.
    pub(super) fn caller(&self) -> Option<Tid> {
        let (_, rest) = self.prefix.rsplit_once('[')?;
        let tid = rest.split_once(']')?.0.trim().strip_prefix('T')?;
        tid.parse().ok().map(Tid)
    }
}

/// The machine that a prefix names, or a line that has one: as [`Parts::host`] tells it.
pub(super) fn host_of(line: &str) -> Option<&str> {
    if let Some((_, host, _)) = syslog_header(line) {
        return (host != "-").then_some(host);
    }
    let (head, _) = line.split_once("kernel:")?;
    let mut words = head.split_whitespace().rev();
    let host = words.find(|word| priority(word).is_none())?;
    let is_year = host.len() == 4
        && host.bytes().all(|sign| sign.is_ascii_digit())
        && words.next().is_some_and(|word| word.contains(':'));
    (is_machine(host) && !is_year).then_some(host)
}

/// Whether a word can be a machine's name.
pub(super) fn is_machine(word: &str) -> bool {
    word.bytes()
        .all(|sign| sign.is_ascii_alphanumeric() || b"-._".contains(&sign))
}

fn name_of_kernel(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["kernel", "klogd", "vmunix", "kmsg", "dmesg"]
        .iter()
        .any(|known| name.contains(known))
}

/// `kern  :warn  : [ …`
fn facility(prefix: &str) -> Option<&str> {
    let (facility, rest) = prefix.split_once(':')?;
    let (level, _) = rest.split_once(':')?;
    LEVELS.contains(&level.trim()).then(|| facility.trim())
}

/// `kern.warn`: the facility.
fn priority(word: &str) -> Option<&str> {
    let (facility, level) = word.split_once('.')?;
    let known = FACILITIES.contains(&facility) || facility.strip_prefix("local").is_some_and(|rest| rest.len() == 1);
    (known && LEVELS.contains(&level)).then_some(facility)
}

/// `6,1234,5678,-;`: the number of facility and level.
fn record(prefix: &str) -> Option<u32> {
    let (head, _) = prefix.split_once(';')?;
    let mut fields = head.split(',');
    let number = fields.next()?.parse().ok()?;
    (fields.take(2).filter(|field| field.parse::<u64>().is_ok()).count() == 2).then_some(number)
}

/// Microseconds since boot: `[14808.083306]`, or a record's.
fn mono(prefix: &str) -> Option<u64> {
    if record(prefix.trim_start()).is_some() {
        return prefix.split(',').nth(2)?.parse().ok();
    }
    prefix.rsplit('[').find_map(|part| {
        let (seconds, micros) = part.split_once(']')?.0.trim().split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(seconds) || !digits(micros) || micros.len() != 6 {
            return None;
        }
        seconds
            .parse::<u64>()
            .ok()?
            .checked_mul(1_000_000)?
            .checked_add(micros.parse().ok()?)
    })
}

/// A date with its zone (RFC 3339), which alone says when that was. dmesg and some writers have a comma in the seconds.
fn exact(word: &str) -> Option<Timestamp> {
    let plain = word.len() >= 19
        && word
            .as_bytes()
            .get(10)
            .is_some_and(|sign| *sign == b'T' || *sign == b't');
    if !plain {
        return None;
    }
    let word = word.trim_end_matches(':').replace(',', ".");
    word.parse::<jiff::Timestamp>().ok().map(Timestamp)
}

/// The date and time as they stand there, of whatever zone and language.
fn clock(prefix: &str) -> Option<String> {
    if let Some((time, ..)) = syslog_header(prefix) {
        return (time != "-").then(|| time.to_owned());
    }
    let bytes = prefix.as_bytes();
    let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let place = (0..bytes.len().saturating_sub(7)).find(|place| {
        [0, 1, 3, 4, 6, 7].iter().all(|offset| digit(place + offset))
            && bytes.get(place + 2) == Some(&b':')
            && bytes.get(place + 5) == Some(&b':')
    })?;
    let rest = prefix.get(place + 8..)?;
    let fraction = rest.len()
        - rest
            .trim_start_matches(|sign: char| sign.is_ascii_digit() || ".,+-:Z".contains(sign))
            .len();
    let mut end = place + 8 + fraction;
    let after = prefix.get(end..)?;
    if let Some(year) = after.strip_prefix(' ').and_then(|year| year.get(..4))
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && after.as_bytes().get(5).is_none_or(|sign| !sign.is_ascii_digit())
    {
        end += 5;
    }
    let head = prefix.get(..end)?.rsplit(['[', '>', '|', '"']).next()?;
    Some(without_number(head).trim().trim_end_matches(':').to_owned())
}

/// A line that begins with its number, as `cat -n` and editors show it, without that.
fn without_number(text: &str) -> &str {
    let line = text.trim_start();
    let rest = line.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let is_apart = rest.starts_with(['\t']) || rest.starts_with("  ") || line.len() < text.len();
    let is_number = is_apart && rest.len() < line.len() && rest.starts_with(char::is_whitespace);
    let rest = rest.trim_start();
    let behind = rest.trim_start_matches(char::is_alphabetic).trim_start();
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    let is_day = behind.len() < rest.len() && (1..3).contains(&digits);
    if is_number && is_day { rest } else { text }
}

/// The time that a text is.
pub(super) fn stamp(text: &str) -> Stamp {
    Parts { prefix: text, text: "" }.stamp()
}

/// Whether a line begins as a new one does: with a time.
pub(super) fn is_stamped(line: &str) -> bool {
    let head: String = line.chars().take(48).collect();
    mono(&head).is_some() || clock(&head).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_no_part_of_the_name_whatever_it_ends_with() {
        let heads = [
            ("2024-04-29T14:55:41,678628+02:00 ", "pool"),
            ("2024-04-29T14:55:41,678628+02:00 ", "Web Content"),
            ("2023-05-11T07:12:14.000Z ", "node"),
            ("2023-05-11 07:12:14.123 ", "sh"),
            ("/var/log/messages-20240101:", "sed"),
            ("/var/log/messages:", "kworker/0:1"),
            ("/var/log/messages:", "Web Content"),
            ("/var/log/messages:1234:", "sed"),
            ("[  12.345678] ", "runc:[2:INIT]"),
            ("Jan 10 01:00:00 box kernel: ", "tmux: server"),
            ("<6>", "averylongname15"),
            ("kernel:", "averylongname15"),
            ("", "kworker/0:1"),
            ("", "Web Content"),
        ];
        for (prefix, name) in heads {
            let line =
                format!("{prefix}{name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
            let told = parts(&line).unwrap().text.split(" invoked").next().unwrap();
            // Of a name that looks like the end of a prefix the stack's first line tells more.
            let expected = match name {
                "runc:[2:INIT]" | "tmux: server" => told,
                name => name,
            };
            assert_eq!(told, expected, "{line}");
        }
    }
}
