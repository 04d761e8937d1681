//! A pasted log explained in a browser: what `oomtrace why --log` tells, for a page to draw.
//!
//! In: the bytes of a log. Out: JSON of [`Told`], in which every text is as it is to be shown. The parser, the verdicts and
//! their words are the engine's; the page (`page/`) knows no unit of measure and no word of a verdict.
#![warn(missing_docs)]

#[cfg(target_arch = "wasm32")]
pub mod exports;
mod view;

use std::collections::VecDeque;

use oomtrace_engine::pasted::{Pasted, read};
use oomtrace_engine::words::{LOOKED_FOR, NO_KILL, WHOLE_REPORT, counted, is_last_line};
use serde::Serialize;

pub use view::View;

/// What is drawn at most: a page of more is slow, and nobody reads it.
pub const MOST: usize = 200;

/// What a log tells.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// All of it in a sentence.
    pub summary: String,
    /// What was not read, and why; and what more would tell more.
    pub trouble: Vec<String>,
    /// The last [`MOST`], oldest first.
    pub told: VecDeque<View>,
}

/// Reads a log.
#[must_use]
pub fn explain(log: &[u8]) -> Told {
    let mut told = VecDeque::new();
    let (mut count, mut kills) = (0_u64, 0_u64);
    let mut trouble = Vec::new();
    let mut has_last_lines = false;
    let mut pasted = Pasted::default();
    let read = read(log, &mut pasted, &mut |one| {
        if let Some(view) = View::of(&one) {
            has_last_lines |= is_last_line(&one);
            count += 1;
            kills += u64::from(view.is_kill());
            told.push_back(view);
            if told.len() > MOST {
                told.pop_front();
            }
        }
        Ok(())
    });
    match read {
        Ok(skipped) if skipped.long > 0 => {
            let lines = counted(skipped.long, "line");
            trouble.push(format!("{lines} of more than 1 MiB passed over."));
        }
        Ok(_) => {}
        Err(error) => trouble.push(format!("Not all was read: {error}.")),
    }
    let left = count - u64::try_from(told.len()).unwrap_or(count);
    if left > 0 {
        trouble.push(format!(
            "Only the last {MOST} are shown, {left} earlier ones are not: oomtrace why --log FILE --all shows them."
        ));
    }
    if has_last_lines {
        trouble.push(WHOLE_REPORT.to_owned());
    }
    if count == 0 {
        trouble.extend(pasted.hearsay().into_iter().map(str::to_owned));
    }
    Told {
        summary: summary(count, kills),
        trouble,
        told,
    }
}

fn summary(count: u64, kills: u64) -> String {
    match (count, kills) {
        (0, _) => format!("{NO_KILL} {LOOKED_FOR}"),
        (_, 0) => format!("{NO_KILL} It has {} about memory.", counted(count, "other message")),
        (_, kills) if kills == count => format!("This log has {}.", counted(kills, "kill")),
        (count, kills) => format!(
            "This log has {} and {}.",
            counted(kills, "kill"),
            counted(count - kills, "other message")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = include_str!("../page/sample.log");

    #[test]
    fn the_sample_is_told_as_why_tells_it() {
        let told = explain(LOG.as_bytes());
        assert_eq!(told.summary, "This log has 1 kill.");
        let text = serde_json::to_string(&told).unwrap();
        for part in [
            "java[4711] of shop.service was killed",
            "its own MemoryMax=512.0M was reached",
            "\"pid\":4711",
            "\"limit\":\"/system.slice/shop.service\"",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }

    #[test]
    fn of_a_last_line_alone_it_says_where_the_rest_is() {
        let line = LOG.lines().find(|line| line.contains("Killed process")).unwrap();
        assert_eq!(explain(line.as_bytes()).trouble, [WHOLE_REPORT]);
        assert!(explain(LOG.as_bytes()).trouble.is_empty());
    }

    #[test]
    fn nothing_found_says_what_was_looked_for() {
        let told = explain(b"Nov  2 03:00:01 web1 sshd[1]: nothing of interest\n");
        assert!(told.told.is_empty());
        assert!(told.summary.starts_with("No OOM kill found in this log. Looked for: "));
    }

    #[test]
    fn of_very_many_the_last_are_drawn_and_the_rest_is_said() {
        let line = |pid: usize| {
            format!(
                "[{pid}.000000] Out of memory: Killed process {pid} (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n"
            )
        };
        let log: String = (1..=MOST + 5).map(line).collect();
        let told = explain(log.as_bytes());
        assert_eq!(told.told.len(), MOST);
        assert!(
            told.trouble[0].contains(", 5 earlier ones are not"),
            "{:?}",
            told.trouble
        );
        assert!(serde_json::to_string(&told.told[0]).unwrap().contains("\"pid\":6,"));
    }

    #[test]
    fn names_that_hide_are_written_out() {
        let log = LOG.replace("(java)", "(ja\u{202e}va)");
        let text = serde_json::to_string(&explain(log.as_bytes())).unwrap();
        assert!(!text.contains('\u{202e}'));
        assert!(text.contains(r"ja\\u{202e}va"), "{text}");
    }
}
