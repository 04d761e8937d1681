//! The line of a kill, as every kernel since 2.6.18 prints it (mm/oom_kill.c: `oom_kill_process`, `oom_kill_task`,
//! `__oom_kill_process`), and the lines that announce one.

use super::Kill;
use crate::measure::{Bytes, Sizes, Tid};

/// `v5.1` to `v5.4` print the bytes of the page tables and call them kB; no process has tables of more than this share of its
/// address space, for one page of them maps 512 others.
const TABLES: u64 = 8;

/// What a line says of a kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// It was killed.
    Killed(Kill),
    /// It is about to be killed, or one of its children in its place: `Kill process 5 (a) score 9 or sacrifice child`. `None` where the
    /// line was cut within the name.
    Chosen(Tid, Option<String>),
    /// It is killed for it shares the memory of the one before: `Kill process 5 (a) sharing same memory`.
    Sharing(Tid, String),
    /// It was ending already.
    Skipped,
    /// Its memory was taken by the reaper, which touches none but victims.
    Reaped(Tid, String),
}

/// What follows the words a kill begins with, and whether they are those of a memory cgroup; `None` = they do not say.
fn opening(text: &str) -> (Option<bool>, &str) {
    [
        ("Memory cgroup out of memory: ", true),
        ("Memory cgroup out of memory (oom_kill_allocating_task): ", true),
        ("Out of memory: ", false),
        ("Out of Memory: ", false),
        ("Out of memory (oom_kill_allocating_task): ", false),
    ]
    .into_iter()
    .find_map(|(words, in_memcg)| Some((Some(in_memcg), text.strip_prefix(words)?)))
    .unwrap_or((None, text))
}

/// Reads a line that begins with the kernel's own words.
pub(super) fn read(text: &str) -> Option<Line> {
    if let Some(rest) = text.strip_prefix("oom_reaper: reaped process ") {
        let (pid, rest) = number(rest)?;
        let comm = rest.strip_prefix(" (")?.rsplit_once("), now anon-rss:")?.0;
        return Some(Line::Reaped(Tid(pid), comm.to_owned()));
    }
    let (in_memcg, text) = opening(text);
    if let Some(rest) = text
        .strip_prefix("Killed process ")
        .or_else(|| text.strip_prefix("Killing process "))
    {
        return killed(rest, in_memcg).map(Line::Killed);
    }
    let rest = text
        .strip_prefix("Kill process ")
        .or_else(|| text.strip_prefix("kill process "));
    if let Some(rest) = rest {
        let (pid, rest) = number(rest)?;
        let rest = within(rest)?;
        if let Some((comm, _)) = rest.rsplit_once(") sharing same memory") {
            return Some(Line::Sharing(Tid(pid), comm.to_owned()));
        }
        let comm = rest.rsplit_once(") score ").or_else(|| rest.rsplit_once(')'));
        if comm.is_none() && in_memcg.is_none() {
            return None;
        }
        return Some(Line::Chosen(Tid(pid), comm.map(|(comm, _)| comm.to_owned())));
    }
    (in_memcg.is_some() && text.contains(") is already exiting. Skip killing the task")).then_some(Line::Skipped)
}

/// What follows the parenthesis, before which some editors drop the space.
fn within(text: &str) -> Option<&str> {
    text.strip_prefix(' ').unwrap_or(text).strip_prefix('(')
}

/// The number that `text` begins with, and what follows.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..end)?.parse().ok()?, text.get(end..)?))
}

/// `5 (COMM) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0`; since 3.10 in RHEL
/// `5 (COMM), UID 0, total-vm:…`, in RHEL 6 `5, UID 0, (COMM) total-vm:…`, in 2.6.18 `5 (COMM).` and in 2.6.32 `5 (COMM)`.
fn killed(text: &str, in_memcg: Option<bool>) -> Option<Kill> {
    let (tid, rest) = number(text)?;
    let (early, rest) = match rest.strip_prefix(", UID ") {
        Some(rest) => {
            let (uid, rest) = number(rest)?;
            (Some(uid), rest.strip_prefix(',')?)
        }
        None => (None, rest),
    };
    let (comm, rest) = match within(rest) {
        Some(rest) => split_name(rest)?,
        // Whoever wrote it down left the name out.
        None if in_memcg.is_some() && (rest.is_empty() || rest.starts_with(" total-vm:")) => ("", rest),
        None => return None,
    };
    let value = |name: &str| {
        let word = rest.split([' ', ',']).find_map(|word| word.strip_prefix(name))?;
        Some(word.strip_suffix("kB").unwrap_or(word))
    };
    // A size without its unit was cut.
    let whole = |name: &str| {
        let word = rest.split([' ', ',']).find_map(|word| word.strip_prefix(name))?;
        word.strip_suffix("kB")?.parse().ok()
    };
    let size = |name: &str| whole(name).map(Bytes::from_kib);
    let late = rest.strip_prefix(", UID ").and_then(number).map(|(uid, _)| uid);
    // The last word of a line that was cut may have lost digits.
    let complete = rest.contains(" oom_score_adj:");
    let total_vm: Option<u64> = whole("total-vm:");
    Some(Kill {
        tid: Tid(tid),
        comm: comm.to_owned(),
        uid: early.or(late).or_else(|| {
            let uid = value("UID:").and_then(|uid| uid.parse().ok());
            uid.filter(|_| complete || rest.contains(" pgtables:"))
        }),
        oom_score_adj: value("oom_score_adj:").and_then(|score| score.parse().ok()),
        sizes: Sizes {
            total_vm: total_vm.map(Bytes::from_kib),
            anon: size("anon-rss:"),
            file: size("file-rss:"),
            shmem: size("shmem-rss:"),
            swap: None,
            pgtables: whole("pgtables:").map(|size| tables(size, total_vm)),
        },
        in_memcg,
        // Before the sizes the line may have been cut, or whoever wrote it down left the name out.
        in_one_line: in_memcg.is_some() && (rest.contains(" total-vm:") || comm.is_empty() && rest.is_empty()),
        report: None,
        group: None,
        shares: None,
        earlier: None,
        killed: true,
    })
}

/// The page tables' size: in KiB, or in bytes where that cannot be.
fn tables(size: u64, total_vm: Option<u64>) -> Bytes {
    match total_vm {
        Some(total_vm) if size > total_vm / TABLES && size.is_multiple_of(4096) => Bytes(size),
        _ => Bytes::from_kib(size),
    }
}

/// The name and what follows it. A name may hold anything, a parenthesis too: it ends before the sizes or the user.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = [") total-vm:", "), UID ", "), total-vm:"]
        .into_iter()
        .filter_map(|words| text.rfind(words))
        .max()
        .or_else(|| text.rfind(')'))?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}
