//! Recordings that somebody has written to do harm: hostile pieces anywhere in good text, read in every way.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};

use super::machine::{Chance, command, each, run};
use super::{Bench, fixture};

/// What may be resident beside the input's own size, in KiB (docs/decisions/bounded-in-sum.md).
const ROOM_KIB: u64 = 64 << 10;

/// Seconds of a processor that reading one may take: what else the machine does is none of its business. One that takes more is ended
/// by SIGXCPU; one that waits for ever is ended too (`machine::run`).
const SECONDS: u64 = 10;

/// Changes of one recording, at most.
const MOST: u64 = 12;

/// What is put in: what acts on a terminal, in a browser, on numbers, times and room.
const PIECES: [&str; 24] = [
    "\\u001b[2J\\u001b]0;pwn\\u0007",
    "\u{1b}]52;c;cHdu\u{7}",
    "\\n21:42:52  ✖ KILLED   sshd[1] of sshd.service\\n",
    "\\u202e\\u2066\\u2028",
    "\u{9b}31m\u{90}",
    "<script>alert(1)</script>",
    "\\\"><img src=x onerror=alert(1)>",
    "]]></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "18446744073709551615",
    "-1",
    "1e400",
    "null",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":{\"a\":",
    "\"",
    "\n",
    "\0",
    "\u{ffff}",
    "-9999-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "\"event\":\"kill\",",
    "\\ud800",
    ",",
];

/// Hostile recordings are read within bounds, and nothing of them acts on whoever looks.
pub(super) fn mutated(bench: &Bench) -> Result<String> {
    let good = fs::read_to_string(fixture())?;
    let numbers: Vec<u32> = (0..bench.times).collect();
    let most = Mutex::new(0);
    each(&numbers, |_, number| {
        let path = bench.scratch.path().join(format!("mutated-{number}.jsonl"));
        let mut chance = Chance(bench.seed.wrapping_mul(1 << 32).wrapping_add(u64::from(*number)));
        fs::write(&path, mutate(&good, &mut chance))?;
        let peak = read(bench, &path).with_context(|| format!("seed {}, mutation {number}", bench.seed))?;
        let mut most = most.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        *most = peak.max(*most);
        fs::remove_file(&path)?;
        Ok(())
    })?;
    let most = most.into_inner().map_err(|_| anyhow::anyhow!("poisoned"))?;
    Ok(format!(
        "{} recordings in 5 ways, {} MiB at most",
        numbers.len(),
        most >> 10
    ))
}

fn mutate(good: &str, chance: &mut Chance) -> String {
    let mut text = good.to_owned();
    for _ in 0..=chance.below(MOST) {
        let place = usize::try_from(chance.below(text.len() as u64)).unwrap_or_default();
        let place = text.floor_char_boundary(place);
        let piece = PIECES[usize::try_from(chance.below(PIECES.len() as u64)).unwrap_or_default()];
        match chance.below(6) {
            // Far more of it than anybody expects.
            0 => text.insert_str(
                place,
                &piece.repeat(1 + usize::try_from(chance.below(20_000)).unwrap_or_default()),
            ),
            1 => {
                let end = text.floor_char_boundary(text.len().min(place + piece.len()));
                text.replace_range(place..end, piece);
            }
            2 => {
                let end = text.floor_char_boundary(text.len().min(place + 400));
                let stretch = text[place..end].to_owned();
                text.insert_str(place, &stretch.repeat(50));
            }
            // Where a value begins: so that it stays JSON.
            3 | 4 => {
                let value = text[place..].find("\":\"").map(|at| place + at + 3);
                text.insert_str(value.unwrap_or(place), piece);
            }
            _ => text.insert_str(place, piece),
        }
    }
    text
}

/// Reads it in each way; the most that was resident, in KiB.
fn read(bench: &Bench, path: &Path) -> Result<u64> {
    let size = fs::metadata(path)?.len() >> 10;
    let mut most = 0;
    for arguments in [
        &["replay", "-o", "json"][..],
        &["replay", "-o", "text"],
        &["why", "--all", "--dir"],
        &["why", "--log"],
        &["report", "--html", "-"],
    ] {
        let mut limited = command("prlimit");
        limited.arg(format!("--cpu={SECONDS}")).arg(&bench.program);
        let end = run(limited.args(arguments).arg(path))?;
        end.is_civil().with_context(|| format!("{arguments:?}"))?;
        ensure!(
            end.peak_kib <= ROOM_KIB + size,
            "{arguments:?}: {} KiB for {size}",
            end.peak_kib
        );
        let shown = String::from_utf8_lossy(&end.out);
        let acts = |text: &str| text.chars().any(|letter| letter.is_control() && letter != '\n');
        let is_json = arguments.contains(&"json");
        ensure!(is_json || !acts(&shown), "{arguments:?}: raw on a terminal");
        ensure!(!acts(&end.err), "{arguments:?}: raw on standard error");
        let is_page = arguments.contains(&"--html");
        let active = ["<script", "<img", "<svg onload", "</style><"];
        ensure!(
            !is_page || !active.iter().any(|active| shown.contains(active)),
            "{arguments:?}: active content"
        );
        most = most.max(end.peak_kib);
    }
    Ok(most)
}
