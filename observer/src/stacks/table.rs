//! Stacks as a person reads them.

use std::io::{self, Write};

use crate::event::{PageKind, Stack, Stacks};
use crate::human::{bytes, duration};
use crate::sink::{Colour, Paper};

/// Stacks that are shown, and frames of each.
const ROWS: usize = 10;
const FRAMES: usize = 12;

/// The column that frames begin in.
const FRAMES_AT: usize = 19;

/// Writes the largest stacks, each with its share and its functions, innermost first.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn table<W: Write>(stacks: &Stacks, paper: &mut Paper<W>) -> io::Result<()> {
    let name = super::name(stacks);
    let window = duration(stacks.window_seconds);
    if stacks.stacks.is_empty() {
        let text = format!(
            "{name}: nothing that was taken in {window} is still there{}",
            grown(stacks)
        );
        return paper.put(&text, 2);
    }
    let head = format!(
        "{name}: {} taken in {window} are still there{}; 1 page in {} followed",
        bytes(stacks.bytes),
        grown(stacks),
        stacks.one_in
    );
    paper.put(&head, 2)?;
    let total = stacks.bytes.0.max(1) as f64;
    for stack in stacks.stacks.iter().take(ROWS) {
        let share = stack.bytes.0 as f64 / total * 100.0;
        let head = format!(
            "{:>10} {share:>4.0} %  {:<6}  {}[{}]",
            bytes(stack.bytes),
            stack.kind.name(),
            stack.comm,
            stack.pid
        );
        paper.row("")?;
        paper.row(&head)?;
        for (frame, line) in rows(stack) {
            paper.cut(FRAMES_AT, &frame_text(&frame, line.as_deref()), Colour::Grey)?;
        }
    }
    for note in notes(stacks) {
        paper.row("")?;
        paper.put(&note, 2)?;
    }
    Ok(())
}

/// How far what was seen goes: of what the unit grew by.
fn grown(stacks: &Stacks) -> String {
    match stacks.grown {
        Some(grown) if grown > 0 => format!(
            " (memory.current grew by {})",
            bytes(crate::measure::Bytes(grown.unsigned_abs()))
        ),
        Some(grown) if grown < 0 => format!(
            " (memory.current fell by {})",
            bytes(crate::measure::Bytes(grown.unsigned_abs()))
        ),
        _ => String::new(),
    }
}

fn frame_text(name: &str, line: Option<&str>) -> String {
    match line {
        Some(line) => {
            // The last two parts of a path are enough to find it by.
            let short: Vec<&str> = line.rsplitn(3, '/').take(2).collect();
            let short: Vec<&str> = short.into_iter().rev().collect();
            format!("{name}  {}", short.join("/"))
        }
        None => name.to_owned(),
    }
}

fn rows(stack: &Stack) -> Vec<(String, Option<String>)> {
    let lines = stack.lines.iter().cloned().chain(std::iter::repeat(None));
    let mut rows: Vec<_> = stack.frames.iter().cloned().zip(lines).take(FRAMES).collect();
    if stack.kind != PageKind::Anon {
        let kernel = stack
            .kernel
            .iter()
            .take(4)
            .map(|function| (format!("{function} [kernel]"), None));
        rows.splice(0..0, kernel);
    }
    if stack.frames.len() > FRAMES {
        rows.push((format!("… {} more", stack.frames.len() - FRAMES), None));
    } else if !stack.whole {
        rows.push(("… not followed further".to_owned(), None));
    }
    rows
}

fn notes(stacks: &Stacks) -> Vec<String> {
    let mut notes = Vec::new();
    if stacks.stacks.len() > ROWS {
        let rest: u64 = stacks.stacks.iter().skip(ROWS).map(|stack| stack.bytes.0).sum();
        let count = stacks.stacks.len() - ROWS;
        notes.push(format!(
            "{count} more stacks hold {}; '-o folded', '-o json' or '--svg' has them all",
            bytes(crate::measure::Bytes(rest))
        ));
    }
    if stacks.unresolved >= 0.005 {
        notes.push(format!(
            "{:.0} % has stacks that could not be followed to their end, or no names: build with -fno-omit-frame-pointer or with \
             unwind tables and symbols; python3 -X perf, node --perf-basic-prof, java with a perf-map agent and \
             -XX:+PreserveFramePointer",
            stacks.unresolved * 100.0
        ));
    }
    if stacks.lost > 0 {
        notes.push(format!(
            "{} pages that were to be followed were lost: take a larger --one-in",
            stacks.lost
        ));
    }
    notes
}
