//! Lines that were wrapped: the parts of one are put together where the first is not whole and the next does not begin as a
//! line does.

use super::{Pasted, anchor};

/// Wrapped parts of one line that are put together.
const PARTS: usize = 8;

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
        if parts < PARTS && anchor::parts(part).is_some_and(|parts| is_half(parts.text)) {
            self.half = Some((part.to_owned(), parts));
        } else {
            self.whole(part);
        }
    }
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
