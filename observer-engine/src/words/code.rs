//! Which code filled a unit, in a line beside its kill.

use crate::event::{PageKind, Runtime, Stack, Stacks};
use crate::human::{bytes, duration};
use crate::measure::Timestamp;

/// Stacks of a line, and functions of each.
const STACKS: usize = 3;
const FUNCTIONS: usize = 4;

/// Characters of a name: those of templates and closures have no end.
const NAME: usize = 80;

/// What is less than this share of all is left out, but for the largest.
const LITTLE: f64 = 0.05;

/// What was told so long before a kill is about it, in seconds: it is told each minute. What was there at the kill is told soon after.
const BEFORE: f64 = 90.0;
const AFTER: f64 = 20.0;

/// Whether stacks that were told at this time are about a kill of the same unit.
#[must_use]
pub fn is_code_of(told: Timestamp, kill: Timestamp) -> bool {
    (-BEFORE..=AFTER).contains(&told.seconds_since(kill))
}

/// `28.1M (62%) site_seventy ← caller ← main in sites[207] · …; of 45.0M taken in 2min`, and what would name the largest part that has no
/// names. `None` where nothing is there.
#[must_use]
pub fn code(stacks: &Stacks) -> Option<String> {
    let total = stacks.bytes.as_f64().max(1.0);
    let large = stacks
        .stacks
        .partition_point(|stack| stack.bytes.as_f64() >= total * LITTLE);
    let told: Vec<String> = stacks
        .stacks
        .iter()
        .take(large.clamp(1, STACKS))
        .map(|stack| {
            let share = stack.bytes.as_f64() / total * 100.0;
            format!("{} ({share:.0}%) {}", bytes(stack.bytes), whose(stack))
        })
        .collect();
    (!told.is_empty()).then(|| {
        let (all, window) = (bytes(stacks.bytes), duration(stacks.window_seconds));
        let unnamed = unnamed(stacks)
            .first()
            .filter(|unnamed| unnamed.share >= LITTLE)
            .map(|Unnamed { share, mend }| format!("; {:.0}% without names {mend}", share * 100.0));
        format!(
            "{}; of {all} taken in {window}{}",
            told.join(" · "),
            unnamed.unwrap_or_default()
        )
    })
}

/// Code that a runtime has not named, and what gives it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Unnamed {
    /// What it took, as a share of all, 0 to 1.
    pub share: f64,
    /// `in node[207]: start node with --perf-basic-prof …`.
    pub mend: String,
}

/// The code without names of each runtime, largest share first.
#[must_use]
pub fn unnamed(stacks: &Stacks) -> Vec<Unnamed> {
    let total = stacks.bytes.as_f64().max(1.0);
    let mut found: Vec<(Runtime, f64, &Stack)> = Vec::new();
    // The largest stack of each comes first, and gives the process.
    for stack in &stacks.stacks {
        let Some(runtime) = stack.unnamed else { continue };
        let share = stack.bytes.as_f64() / total;
        match found.iter_mut().find(|(known, ..)| *known == runtime) {
            Some((_, sum, _)) => *sum += share,
            None => found.push((runtime, share, stack)),
        }
    }
    found.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
    let unnamed = |(runtime, share, stack): (Runtime, f64, &Stack)| Unnamed {
        share,
        mend: format!("in {}[{}]: {}", cut(&stack.comm), stack.pid, mend(runtime)),
    };
    found.into_iter().map(unnamed).collect()
}

fn mend(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Java => {
            "start java with -XX:+PreserveFramePointer, and run 'jcmd PID Compiler.perfmap' once its code is compiled (JDK 17 and later)"
        }
        Runtime::Node => "start node with --perf-basic-prof --interpreted-frames-native-stack",
        Runtime::Python => "start python3 with -X perf (3.12 and later), or with PYTHONPERFSUPPORT=1 set",
        Runtime::Other => "have its JIT write /tmp/perf-PID.map, and keep frame pointers",
    }
}

/// The functions, innermost first, and the process. What the kernel took on its behalf begins with the kernel's.
fn whose(stack: &Stack) -> String {
    let kernel = stack.kernel.iter().take(usize::from(stack.kind != PageKind::Anon));
    let frames = kernel.chain(&stack.frames);
    let shown: Vec<String> = frames.take(FUNCTIONS).map(|name| cut(name)).collect();
    let functions = if shown.is_empty() {
        "code without a name".to_owned()
    } else {
        let more = if stack.frames.len() > FUNCTIONS { " ← …" } else { "" };
        format!("{}{more}", shown.join(" ← "))
    };
    let kind = match stack.kind {
        PageKind::Anon => String::new(),
        kind => format!("{} by ", kind.name()),
    };
    format!("{kind}{functions} in {}[{}]", cut(&stack.comm), stack.pid)
}

fn cut(name: &str) -> String {
    let more = if name.chars().nth(NAME).is_some() { "…" } else { "" };
    name.chars().take(NAME).chain(more.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Subject;
    use crate::measure::{Bytes, Tgid};

    fn stack(mib: u64, kind: PageKind, frames: &[&str]) -> Stack {
        Stack {
            bytes: Bytes(mib << 20),
            kind,
            pid: Tgid(7),
            comm: "a".to_owned(),
            frames: frames.iter().map(|&frame| frame.to_owned()).collect(),
            lines: Vec::new(),
            kernel: vec!["pipe_write".to_owned(), "vfs_write".to_owned()],
            whole: true,
            unnamed: None,
        }
    }

    #[test]
    fn the_largest_places_are_told_with_their_callers_and_process() {
        let mut stacks = Stacks {
            subject: Subject::default(),
            window_seconds: 120.0,
            one_in: 64,
            bytes: Bytes(100 << 20),
            grown: None,
            unresolved: 0.0,
            lost: 0,
            stacks: vec![
                stack(62, PageKind::Anon, &["leaf", "caller", "c", "d", "main"]),
                stack(30, PageKind::Kernel, &["write", "main"]),
                stack(1, PageKind::Anon, &[]),
            ],
            held: Vec::new(),
        };
        assert_eq!(
            code(&stacks).unwrap(),
            "62.0M (62%) leaf ← caller ← c ← d ← … in a[7] · 30.0M (30%) kernel by pipe_write ← write ← main in a[7]; of 100.0M \
             taken in 2min"
        );
        stacks.stacks = vec![stack(1, PageKind::Anon, &["<".repeat(9_999).as_str()])];
        assert!(code(&stacks).unwrap().len() < 200);
        stacks.stacks = vec![stack(1, PageKind::Anon, &[])];
        assert!(
            code(&stacks)
                .unwrap()
                .starts_with("1.0M (1%) code without a name in a[7];")
        );
        stacks.stacks.clear();
        assert_eq!(code(&stacks), None);
    }

    #[test]
    fn code_without_names_is_told_with_its_share_and_what_gives_it_names() {
        let of = |mib, runtime| Stack {
            unnamed: runtime,
            ..stack(mib, PageKind::Anon, &["0x7f0000000010", "main"])
        };
        let stacks = Stacks {
            subject: Subject::default(),
            window_seconds: 120.0,
            one_in: 64,
            bytes: Bytes(100 << 20),
            grown: None,
            unresolved: 0.6,
            lost: 0,
            stacks: vec![
                of(30, Some(Runtime::Python)),
                of(25, Some(Runtime::Node)),
                of(20, None),
                of(15, Some(Runtime::Node)),
            ],
            held: Vec::new(),
        };
        let told = unnamed(&stacks);
        assert_eq!(told.iter().map(|one| one.share).collect::<Vec<_>>(), [0.4, 0.3]);
        assert_eq!(
            told[0].mend,
            "in a[7]: start node with --perf-basic-prof --interpreted-frames-native-stack"
        );
        assert!(told[1].mend.contains("-X perf"), "{told:?}");
        assert!(
            code(&stacks)
                .unwrap()
                .ends_with("of 100.0M taken in 2min; 40% without names in a[7]: start node with --perf-basic-prof --interpreted-frames-native-stack")
        );
    }

    #[test]
    fn what_was_told_last_before_a_kill_or_right_after_it_is_about_it() {
        let at = |seconds| Timestamp(jiff::Timestamp::from_second(seconds).unwrap());
        for (told, expected) in [(909, false), (911, true), (1000, true), (1019, true), (1021, false)] {
            assert_eq!(is_code_of(at(told), at(1000)), expected, "{told}");
        }
    }
}
