//! Lines that were wrapped: the parts of one are put together where the first is not whole and the next does not begin as a
//! line does; and where every line was cut at the same width, as a terminal does it.

use super::anchor::Parts;
use super::{Pasted, anchor};
use crate::log::{header, names_columns};

/// Wrapped parts of one line that are put together.
const PARTS: usize = 8;

/// What a report's head says, each after a space: where a mail breaks it.
const HEAD: [&str; 6] = [
    "gfp_mask=0x",
    "nodemask=",
    "order=",
    "oom_score_adj=",
    "oom_adj=",
    "oomkilladj=",
];

/// The columns of the table of tasks in any version, as far as a mail may have broken the line before them.
const COLUMNS: [&str; 14] = [
    "total_vm",
    "rss",
    "rss_anon",
    "rss_file",
    "rss_shmem",
    "nr_ptes",
    "nr_pmds",
    "nr_puds",
    "pgtables_bytes",
    "swapents",
    "oom_score_adj",
    "oom_scoe_adj",
    "cpu",
    "name",
];

/// No terminal is narrower, in signs.
const NARROW: usize = 60;

/// What is put together of cut lines, at most, in bytes.
const MOST: usize = 16 << 10;

/// What of a line may be on the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// A report's head, or the first line of its stack.
    Head,
    /// A row of the table of tasks that lacks so many words, the name with them; 0 = the line above the rows.
    Row(usize),
    /// A zone's figures, or a counter.
    Figures,
    /// systemd-oomd's words.
    Oomd,
    /// A kill, or a path.
    Other,
}

/// A log whose lines were cut at one width: each has a time, and what has none goes on with a line of exactly that width. Lines are
/// as they come as long as no two have the greatest width so far.
#[derive(Debug, Default)]
pub(super) struct Folded {
    width: usize,
    /// How many lines had that width.
    seen: u32,
    /// A line that may go on, and how wide its last part is.
    held: Option<(String, usize)>,
}

impl Folded {
    /// Whether a line waits for what may follow.
    pub(super) fn is_open(&self) -> bool {
        self.held.is_some()
    }

    /// Takes a line; gives those that are whole.
    pub(super) fn line(&mut self, text: String) -> [Option<String>; 2] {
        let width = if text.len() < NARROW {
            text.len()
        } else {
            text.chars().count()
        };
        if width > self.width && width >= NARROW {
            (self.width, self.seen) = (width, 0);
        }
        self.seen = self.seen.saturating_add(u32::from(width == self.width));
        let mut whole = self.held.take();
        if let Some((held, last)) = &mut whole
            && *last == self.width
            && held.len() < MOST
            && goes_on(&text)
            && let Some(rest) = unquoted(held, &text)
        {
            held.push_str(rest);
            *last = width;
            self.held = whole.take();
            return [None, None];
        }
        let whole = whole.map(|(held, _)| held);
        if self.seen > 1 && width == self.width && anchor::is_stamped(&text) {
            self.held = Some((text, width));
            return [whole, None];
        }
        [whole, Some(text)]
    }

    /// The line that waits, where nothing follows.
    pub(super) fn end(&mut self) -> Option<String> {
        self.held.take().map(|(held, _)| held)
    }
}

/// A line without the signs of a mail's quotation that the one before begins with too; `None` where the two are not quoted alike.
fn unquoted<'a>(before: &str, text: &'a str) -> Option<&'a str> {
    let quote = |text: &str| {
        let end = text.len() - text.trim_start_matches(['>', ' ', '|']).len();
        text.get(..end)
            .and_then(|head| head.rfind('>'))
            .map_or(0, |place| place + 1)
    };
    let (end, own) = (quote(before), quote(text));
    if before.get(..end) != text.get(..own) {
        return None;
    }
    let rest = text.get(own..)?;
    let has_space = before.get(end..).is_some_and(|rest| rest.starts_with(' '));
    Some(if own > 0 && has_space {
        rest.strip_prefix(' ').unwrap_or(rest)
    } else {
        rest
    })
}

/// Whether a line does not begin as one of a log of times does; journalctl marks a boot with `--`.
fn goes_on(text: &str) -> bool {
    !text.trim().is_empty() && !text.starts_with("-- ") && !anchor::is_stamped(text)
}

impl Pasted {
    /// Takes a line, or a part of one.
    pub(super) fn part(&mut self, part: &str) {
        let Some((half, parts, kind)) = self.half.take() else {
            return self.maybe_half(part, 0);
        };
        let rest = part.trim_start_matches(['>', ' ', '\t']);
        let joined = match kind {
            Half::Head => rest_of_head(&half, part).map(|rest| {
                let is_apart = half.trim_end().ends_with([',', ':']) || !rest.starts_with(['|', '(', '_', 'G']);
                format!("{}{}{rest}", half.trim_end(), if is_apart { " " } else { "" })
            }),
            Half::Row(missing) => {
                (is_rest_of_row(rest, missing) && is_rest(part)).then(|| format!("{} {rest}", half.trim_end()))
            }
            Half::Figures => {
                let rest = rest.trim_start_matches(['>', ' ', '\t', '|']);
                (is_figure(rest) && is_rest(part)).then(|| format!("{} {rest}", half.trim_end()))
            }
            Half::Oomd | Half::Other => return self.rest(&half, parts, part, kind),
        };
        match joined {
            Some(joined) => self.maybe_half(&joined, parts + 1),
            None => {
                self.whole(&half);
                self.maybe_half(part, 0);
            }
        }
    }

    /// Takes what may be the rest of a line of a kill's, of a path's or of systemd-oomd's.
    fn rest(&mut self, half: &str, parts: usize, part: &str, kind: Half) {
        let begins = part.trim_start_matches(['>', ' ', '\t', '|']);
        // What is to come of a summary that has the name of the process is its numbers.
        let is_other = half.contains("oom-kill:") && half.contains("task=") && !begins.contains("uid=");
        if is_other || begins.is_empty() || !is_rest(part) {
            self.whole(half);
            return self.maybe_half(part, 0);
        }
        if kind == Half::Oomd {
            if part.starts_with(char::is_whitespace) || begins.starts_with("due to ") {
                return self.maybe_half(&format!("{half} {begins}"), parts + 1);
            }
            self.whole(half);
            return self.maybe_half(part, 0);
        }
        // Where a line was broken at a space that is gone, the space is put back: after a comma, and before a word.
        let space = half.ends_with(',') && half.contains("total-vm:")
            || begins.starts_with("anon-rss:")
            || begins.starts_with("total-vm:")
            || is_before_pid(half)
            || begins.starts_with("killed as a result of limit of")
            || half.trim_end().ends_with(" killed as a result of limit of");
        let joined = if space {
            format!("{} {begins}", half.trim_end())
        } else {
            format!("{half}{begins}")
        };
        self.maybe_half(&joined, parts + 1);
    }

    /// How many words a row of the table lacks, the name with them; 0 = it is the line above the rows.
    fn lacks(&self, text: &str) -> Option<usize> {
        let row = text.strip_prefix('[')?;
        if names_columns(text) {
            return (!text.trim_end().ends_with(" name")).then_some(0);
        }
        let words = row.split_once(']')?.1.split_whitespace();
        // A name ends the row.
        let mut numbers = words.clone().map(|word| word.parse::<i64>().is_ok());
        let missing = self.columns.checked_sub(words.count()).filter(|missing| *missing > 0);
        missing.filter(|_| numbers.all(|is_number| is_number))
    }

    /// What of a line may be on the next.
    fn half_of(&self, line: &str, parts: Option<Parts<'_>>) -> Option<Half> {
        if is_half_of_oomd(line) {
            return Some(Half::Oomd);
        }
        let whole = line.trim_end();
        let Some(Parts { text, .. }) = parts else {
            // What stands on one line with the end of another of the kernel's is not taken from that.
            let is_head = whole.ends_with(" invoked") || whole.ends_with(" invoked oom-killer:");
            return is_head.then_some(Half::Head);
        };
        if is_half_of_head(text) {
            return Some(Half::Head);
        }
        if lacks_figures(text) {
            return Some(Half::Figures);
        }
        self.lacks(text)
            .map(Half::Row)
            .or_else(|| is_half(text).then_some(Half::Other))
    }

    fn maybe_half(&mut self, part: &str, parts: usize) {
        let taken = anchor::parts(part);
        self.columns = taken.and_then(|parts| columns(parts.text)).unwrap_or(self.columns);
        match self.half_of(part, taken).filter(|_| parts < PARTS) {
            Some(kind) => self.half = Some((part.to_owned(), parts, kind)),
            None => self.whole(part),
        }
    }
}

/// Whether a line does not begin with anything that is known to begin one.
fn is_rest(part: &str) -> bool {
    anchor::parts(part).is_none() && !anchor::is_stamped(part)
}

/// Whether it is a line of a zone's figures, of what is free there in which pieces, or of a cgroup's counter, and lacks its end.
fn lacks_figures(text: &str) -> bool {
    if text.contains(" free:") && text.contains("kB min:") {
        return !text.contains(" free_cma:") && !text.contains(" all_unreclaimable?");
    }
    if text.contains(": usage ") {
        return !text.contains(", failcnt ");
    }
    let list = text.split_once(": ").map_or("", |(_, list)| list);
    list.split(' ').next().is_some_and(is_pieces) && !list.contains(" = ")
}

/// `277*4kB`
fn is_pieces(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
    word.strip_suffix("kB")
        .and_then(|word| word.split_once('*'))
        .is_some_and(|(count, size)| is_number(count) && is_number(size))
}

/// Whether a text may be the rest of such a line: `active_anon:0kB …`, `8*64kB …`, `= 5116kB`, `limit 10240kB, …`, `failcnt 3`.
fn is_figure(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    let value = word.trim_end_matches(',').rsplit(':').next().unwrap_or_default();
    let value = value
        .strip_suffix("kB")
        .or_else(|| value.strip_suffix("KB"))
        .unwrap_or_default();
    let is_size = !value.is_empty() && value.bytes().all(|sign| sign.is_ascii_digit());
    let is_kinds = word.starts_with('(') && word.ends_with(')') && text.contains('*');
    is_size || is_pieces(word) || is_kinds || ["=", "limit", "failcnt", "all_unreclaimable?"].contains(&word)
}

/// How many columns the table of tasks has by the line above it, where that is whole: the last is the name.
fn columns(text: &str) -> Option<usize> {
    let (_, names) = text.split_once(']').filter(|_| names_columns(text))?;
    let count = names.split_whitespace().count();
    Some(if names.trim_end().ends_with(" name") { count } else { 0 })
}

/// Whether a text is the rest of a row, or of the line above the rows, that lacks so many words: before the name stand numbers.
fn is_rest_of_row(text: &str, missing: usize) -> bool {
    let is_number = |word: &str| word.parse::<i64>().is_ok();
    let mut words = text.split_whitespace();
    match missing {
        // The names of columns.
        0 => text.trim_end().ends_with("name") && words.all(|word| COLUMNS.contains(&word)),
        1 => !text.is_empty() && text.len() <= anchor::NAME,
        _ => {
            words.by_ref().take(missing - 1).filter(|word| is_number(word)).count() == missing - 1
                && words.next().is_some()
        }
    }
}

/// Whether a line of systemd-oomd's may have been broken before its reason, or within that.
fn is_half_of_oomd(text: &str) -> bool {
    let message = text.split_once("systemd-oomd").map(|(_, rest)| rest);
    let says = message.is_some_and(|rest| rest.contains(": Killed ") || rest.contains(": Marked "));
    says && !text.ends_with('%') && !text.ends_with(" activity")
}

/// Whether a report's head was broken behind its mask, or the line behind it before the kernel's release.
fn is_half_of_head(text: &str) -> bool {
    if let Some((_, rest)) = header(text) {
        return is_within(rest) || text.ends_with(',') && !HEAD.iter().skip(3).any(|word| rest.contains(word));
    }
    let machine = text.strip_prefix("CPU: ").filter(|rest| rest.contains("PID: "));
    machine.is_some_and(|rest| rest.contains(" Comm: ") && !rest.split_whitespace().skip(1).any(is_release))
}

/// Whether the names of a mask go on.
fn is_within(head: &str) -> bool {
    head.contains('(') && !head.contains(')')
}

/// `6.12.0-1-amd64`
fn is_release(word: &str) -> bool {
    let (major, rest) = word.split_once('.').unwrap_or_default();
    let is_number = !major.is_empty() && major.len() < 4 && major.bytes().all(|sign| sign.is_ascii_digit());
    is_number && rest.starts_with(|sign: char| sign.is_ascii_digit())
}

/// What a line has of such a half's rest.
fn rest_of_head<'a>(half: &str, part: &'a str) -> Option<&'a str> {
    let rest = part.trim_start_matches(['>', ' ', '\t']);
    let quoted = rest.trim_start_matches(['>', ' ', '\t', '|']);
    let begins = |words: &[&str]| words.iter().any(|word| quoted.starts_with(word));
    if half.trim_end().ends_with(" invoked") {
        return begins(&["oom-killer:"]).then_some(quoted);
    }
    let Some((_, head)) = header(half) else {
        let is_head = half.trim_end().ends_with(" invoked oom-killer:");
        let words: &[&str] = if is_head {
            HEAD.get(..1).unwrap_or_default()
        } else {
            &["Not tainted", "Tainted: ", "tainted"]
        };
        let is_end = !is_head && quoted.split_whitespace().next().is_some_and(is_release);
        return (begins(words) || is_end).then_some(quoted);
    };
    if is_within(head) {
        return ["|__GFP_", "|GFP_", "__GFP_", "GFP_"]
            .iter()
            .any(|word| rest.starts_with(word))
            .then_some(rest);
    }
    begins(&HEAD).then_some(quoted)
}

/// Whether the line of a kill was broken before the pid.
fn is_before_pid(text: &str) -> bool {
    let text = text.trim_end();
    [" Killed", "Killed process", " Kill", "Kill process"]
        .iter()
        .any(|end| text.ends_with(end))
}

/// Whether a line of the kernel's is not whole, and the next may have the rest.
fn is_half(text: &str) -> bool {
    if is_before_pid(text) {
        return true;
    }
    if text.contains("Killed process ") {
        return !text.contains("rss:")
            || text.ends_with(',')
            || text.contains("UID:") && !text.contains("oom_score_adj:");
    }
    (text.starts_with("oom-kill:") && !text.contains(",uid=") && !text.contains(", uid="))
        || (text.starts_with("Task in /") && !text.contains(" killed as a result of limit of /"))
        || (text.starts_with("Tasks in /") && !text.contains("memory.oom.group set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(lines: &[&str]) -> Vec<String> {
        let mut folded = Folded::default();
        let mut whole: Vec<String> = lines
            .iter()
            .flat_map(|line| folded.line((*line).to_owned()).into_iter().flatten())
            .collect();
        whole.extend(folded.end());
        whole
    }

    #[test]
    fn lines_cut_at_one_width_are_put_together_and_others_stay_as_they_are() {
        let line = |second: u32, length: usize| format!("[{second:5}.000000] {}", "x".repeat(length));
        let whole: Vec<String> = (1..6).map(|second| line(second, 50 + 37 * second as usize)).collect();
        let cut: Vec<String> = whole
            .iter()
            .flat_map(|line| {
                line.as_bytes()
                    .chunks(80)
                    .map(|part| String::from_utf8(part.to_vec()).unwrap())
            })
            .collect();
        let parts: Vec<&str> = cut.iter().map(String::as_str).collect();
        let joined = unfolded(&parts);
        // The first that was cut is not known for it yet.
        assert_eq!(joined[joined.len() - 3..], whole[2..], "{joined:?}");
        let long = line(1, 90);
        let others = [
            long.as_str(),
            long.as_str(),
            "-- Boot 2 --",
            long.as_str(),
            "",
            "no time",
        ];
        assert_eq!(unfolded(&others), others);
    }
}
