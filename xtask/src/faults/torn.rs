//! Recordings that are cut, changed, zeroed or doubled somewhere: what is read is what was written, and the rest is told of.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::machine::{Chance, command, each, run};
use super::{Bench, recorder};

/// A zstd frame begins so.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a file goes bad.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Zero(usize, usize),
    Double(usize, usize),
}

impl Damage {
    fn by(chance: &mut Chance, length: usize) -> Self {
        let mut below = |end: usize| usize::try_from(chance.below(end as u64)).unwrap_or_default();
        let (kind, place, stretch) = (below(4), below(length), 1 + below(512));
        let until = length.min(place + stretch);
        match kind {
            0 => Self::Cut(place),
            1 => Self::Flip(place, 1 << below(8)),
            2 => Self::Zero(place, until),
            _ => Self::Double(place, until),
        }
    }

    fn of(self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        match self {
            Self::Cut(place) => bytes.truncate(place),
            Self::Flip(place, bit) => bytes[place] ^= bit,
            Self::Zero(from, to) => bytes[from..to].fill(0),
            Self::Double(from, to) => {
                let stretch = bytes[from..to].to_vec();
                bytes.splice(to..to, stretch);
            }
        }
        bytes
    }

    /// Whether nobody can know: the file ends where a frame did.
    fn is_invisible(self, whole: &[u8]) -> bool {
        matches!(self, Self::Cut(place) if whole[place..].starts_with(&MAGIC))
    }
}

/// Damage to a recording costs what was damaged, and is told.
pub(super) fn torn(bench: &Bench) -> Result<String> {
    let whole = recorder::capture(bench)?;
    let place = |name: &str| bench.scratch.path().join(format!("torn-{name}.jsonl.zst"));
    fs::write(place("whole"), &whole)?;
    let good = recorder::lines(&recorder::replay(bench, &place("whole"))?);
    let mut chance = Chance(bench.seed ^ 0x7042);
    let damages: Vec<Damage> = (0..bench.times).map(|_| Damage::by(&mut chance, whole.len())).collect();
    each(&damages, |number, damage| {
        let path = place(&number.to_string());
        fs::write(&path, damage.of(&whole))?;
        judge(
            bench,
            &path,
            &good,
            damage.is_invisible(&whole) || damage.of(&whole) == whole,
        )
        .with_context(|| format!("{damage:?}"))?;
        fs::remove_file(&path)?;
        Ok(())
    })?;
    Ok(format!(
        "{} damages to {} lines in {} bytes",
        damages.len(),
        good.len(),
        whole.len()
    ))
}

/// What was recorded of a line: numbers, trends and forecasts are made anew in a replay, of what is left.
fn facts(line: &str) -> String {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    for made in ["seq", "trend", "forecast", "slowed"] {
        fields.remove(made);
    }
    serde_json::Value::Object(fields).to_string()
}

fn judge(bench: &Bench, path: &Path, good: &[String], is_invisible: bool) -> Result<()> {
    let read = recorder::replay(bench, path)?;
    read.is_civil()?;
    let kept: Vec<String> = recorder::lines(&read).iter().map(|line| facts(line)).collect();
    let good: Vec<String> = good.iter().map(|line| facts(line)).collect();
    let mut rest = good.iter();
    // What is missing is told in its place.
    let mut told = kept.iter().filter(|line| !line.contains("\"event\":\"lost\""));
    if let Some(wrong) = told.find(|line| !rest.any(|good| good == *line)) {
        // A stretch that is there twice may be whole frames.
        ensure!(good.contains(wrong), "this was never recorded: {wrong}");
    }
    ensure!(
        is_invisible || kept.len() >= good.len() || read.status.code() == Some(65) && !read.err.is_empty(),
        "{} of {} lines, and {} is all that is said: {}",
        kept.len(),
        good.len(),
        read.status,
        read.err
    );
    for arguments in [&["why", "--all", "--dir"][..], &["report", "--html", "-"]] {
        run(command(&bench.program).args(arguments).arg(path))?.is_civil()?;
    }
    Ok(())
}
