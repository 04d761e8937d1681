//! Stacks as a person reads them.

use std::io::{self, Write};

use crate::event::{PageKind, Stack, Stacks};
use crate::human::{bytes, duration};
use crate::sink::{Colour, Paper};
use crate::words;

/// Stacks that are shown at most, and frames of each.
const ROWS: usize = 10;
const FRAMES: usize = 12;

/// What is less than this share of all is summed up, but for the largest.
const LITTLE: f64 = 0.01;

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
        paper.put(&text, 2)?;
        return objects(stacks, paper);
    }
    let head = format!(
        "{name}: {} taken in {window} are still there{}; 1 page in {} followed",
        bytes(stacks.bytes),
        grown(stacks),
        stacks.one_in
    );
    paper.put(&head, 2)?;
    let total = stacks.bytes.0.max(1) as f64;
    let shown = shown(stacks);
    for stack in shown {
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
    for note in notes(stacks, shown.len()) {
        paper.row("")?;
        paper.put(&note, 2)?;
    }
    objects(stacks, paper)
}

/// Shared memory by file, and what the kernel has by what it is for.
fn objects<W: Write>(stacks: &Stacks, paper: &mut Paper<W>) -> io::Result<()> {
    for (head, is_shared) in [("Shared memory by file", true), ("The kernel's memory by use", false)] {
        let mut of_it = stacks
            .held
            .iter()
            .filter(|object| object.kind.is_shared() == is_shared)
            .peekable();
        if of_it.peek().is_some() {
            paper.row("")?;
            paper.row(&format!("{head}, whenever it was taken:"))?;
            of_it.try_for_each(|object| paper.put(&format!("  {}", words::object(object)), 4))?;
        }
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

/// The largest.
fn shown(stacks: &Stacks) -> &[Stack] {
    let least = stacks.bytes.as_f64() * LITTLE;
    let large = stacks.stacks.partition_point(|stack| stack.bytes.as_f64() >= least);
    stacks.stacks.get(..large.clamp(1, ROWS)).unwrap_or(&stacks.stacks)
}

fn notes(stacks: &Stacks, shown: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let count = stacks.stacks.len().saturating_sub(shown);
    if count > 0 {
        let rest: u64 = stacks.stacks.iter().skip(shown).map(|stack| stack.bytes.0).sum();
        let more = if count == 1 {
            "1 more stack holds"
        } else {
            &format!("{count} more stacks hold")
        };
        notes.push(format!(
            "{more} {}; '-o folded', '-o json' or '--svg' has them all",
            bytes(crate::measure::Bytes(rest))
        ));
    }
    let mut others = stacks.unresolved;
    for unnamed in words::unnamed(stacks) {
        others -= unnamed.share;
        if unnamed.share >= 0.005 {
            notes.push(format!(
                "{:.0} % was taken by code without names {}",
                unnamed.share * 100.0,
                unnamed.mend
            ));
        }
    }
    if others >= 0.005 {
        notes.push(format!(
            "{:.0} % has stacks that could not be followed to their end, or no names: build with -fno-omit-frame-pointer or with \
             unwind tables and symbols",
            others * 100.0
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::event::{Object, ObjectKind, Runtime};
    use crate::sink::TextOptions;
    use crate::stacks::tests::stacks;

    fn told(stacks: &Stacks) -> String {
        let options = TextOptions {
            color: false,
            unicode: true,
            width: Some(60),
            today: date(2026, 11, 29),
            time_zone: TimeZone::UTC,
            quiet: false,
            names: false,
            host: false,
        };
        let mut out = Vec::new();
        table(stacks, &mut Paper::new(&mut out, &options)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_largest_come_first_with_lines_and_the_kernels_part() {
        let expected = "\
a.service: 4.0M taken in 30s are still there (memory.current
  grew by 5.0M); 1 page in 64 followed

      3.0M   75 %  anon    a[7]
                   leaf  src/a.c:12
                   main  src/a.c:30

      1.0M   25 %  kernel  a[7]
                   anon_pipe_write [kernel]
                   vfs_write [kernel]
                   write
                   main  src/a.c:31
";
        assert_eq!(told(&stacks()), expected);
    }

    #[test]
    fn what_is_little_is_summed_up_and_what_is_not_known_is_said() {
        let mut unit = stacks();
        unit.stacks[1].bytes = crate::measure::Bytes(1024);
        unit.stacks[0].whole = false;
        (unit.unresolved, unit.lost) = (0.2, 3);
        let text = told(&unit);
        for part in [
            "1 more stack holds 1.0K",
            "… not followed further",
            "20 % has stacks",
            "3 pages",
            "--one-in",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        unit.stacks[0].unnamed = Some(Runtime::Node);
        (unit.stacks[0].bytes, unit.unresolved) = (crate::measure::Bytes(1 << 20), 0.4);
        let text = told(&unit);
        for part in [
            "25 % was taken by code without names in a[7]:",
            "--perf-basic-prof",
            "15 % has stacks",
        ] {
            assert!(text.replace("\n  ", " ").contains(part), "{part}: {text}");
        }
        unit.stacks.clear();
        let nothing = "a.service: nothing that was taken in 30s is still there\n  (memory.current grew by 5.0M)\n";
        assert_eq!(told(&unit), nothing);
        unit.held = vec![Object {
            bytes: Some(crate::measure::Bytes(12 << 20)),
            pid: Some(crate::measure::Tgid(7)),
            comm: Some("a".to_owned()),
            ..Object::new(ObjectKind::Memfd, Some("cache".to_owned()))
        }];
        let held = "\nShared memory by file, whenever it was taken:\n  memfd cache 12.0M, open in a[7]\n";
        assert_eq!(told(&unit), format!("{nothing}{held}"));
    }
}
