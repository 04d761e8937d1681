//! Lines that were wrapped: the parts of one are put together where the first is not whole and the next does not begin as a
//! line does; and where every line was cut at the same width, as a terminal does it.

use super::{Pasted, anchor};

/// Wrapped parts of one line that are put together.
const PARTS: usize = 8;

/// No terminal is narrower, in signs.
const NARROW: usize = 60;

/// What is put together of cut lines, at most, in bytes.
const MOST: usize = 16 << 10;

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
        {
            held.push_str(&text);
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

/// Whether a line does not begin as one of a log of times does; journalctl marks a boot with `--`.
fn goes_on(text: &str) -> bool {
    !text.trim().is_empty() && !text.starts_with("-- ") && !anchor::is_stamped(text)
}

impl Pasted {
    /// Takes a line, or a part of one.
    pub(super) fn part(&mut self, part: &str) {
        let Some((half, parts)) = self.half.take() else {
            return self.maybe_half(part, 0);
        };
        let begins = part.trim_start_matches(['>', ' ', '\t', '|']);
        // What is to come of a summary that has the name of the process is its numbers.
        let is_other = half.contains("oom-kill:") && half.contains("task=") && !begins.contains("uid=");
        if is_other || begins.is_empty() || anchor::parts(part).is_some() || anchor::is_stamped(part) {
            self.whole(&half);
            return self.maybe_half(part, 0);
        }
        if is_half_of_oomd(&half) {
            if part.starts_with(char::is_whitespace) || begins.starts_with("due to ") {
                return self.maybe_half(&format!("{half} {begins}"), parts + 1);
            }
            self.whole(&half);
            return self.maybe_half(part, 0);
        }
        // Where a line was broken at a space that is gone, the space is put back: after a comma, and before a word.
        let space = half.ends_with(',') && half.contains("total-vm:")
            || begins.starts_with("anon-rss:")
            || begins.starts_with("total-vm:")
            || is_before_pid(&half);
        let joined = if space {
            format!("{} {begins}", half.trim_end())
        } else {
            format!("{half}{begins}")
        };
        self.maybe_half(&joined, parts + 1);
    }

    fn maybe_half(&mut self, part: &str, parts: usize) {
        let is_half = is_half_of_oomd(part) || anchor::parts(part).is_some_and(|parts| is_half(parts.text));
        if parts < PARTS && is_half {
            self.half = Some((part.to_owned(), parts));
        } else {
            self.whole(part);
        }
    }
}

/// Whether a line of systemd-oomd's may have been broken before its reason, or within that.
fn is_half_of_oomd(text: &str) -> bool {
    let message = text.split_once("systemd-oomd").map(|(_, rest)| rest);
    let says = message.is_some_and(|rest| rest.contains(": Killed ") || rest.contains(": Marked "));
    says && !text.ends_with('%') && !text.ends_with(" activity")
}

/// Whether the line of a kill was broken before the pid.
fn is_before_pid(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with(" Killed") || text.ends_with("Killed process")
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
