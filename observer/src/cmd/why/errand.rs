//! What is run for `why`, which parses and runs nothing itself (`errands`): journalctl, systemctl, and the pager.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::boot::Boot;
use crate::cli::Why;
use crate::cmd::pager;
use crate::errands::Errands;
use crate::journal::MATCHES;
use crate::programs::PATH;

/// What is asked of systemd, and not more: systemd.unit(5), systemd.service(5), org.freedesktop.systemd1(5).
const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,NRestarts,Restart,StateChangeTimestamp,MemoryCurrent,\
                          MemoryMax,StartLimitBurst,StartLimitIntervalUSec";

/// What a file of journald's begins with (systemd's Journal File Format).
pub(super) const SIGNATURE: &[u8; 8] = b"LPKSHHRH";

/// What stderr says at most that is passed on, in bytes.
const WORDS: u64 = 4096;

/// A program that is run; it gives the end of a pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Errand {
    /// What the journal has of what may be a kill.
    Journal,
    /// The boots that it has.
    Boots,
    /// Those that this machine's has, where another is read.
    OwnBoots,
    /// How a unit is now: the system's, or one of a user's own manager.
    Now { unit: String, user: Option<u32> },
    /// Whoever reads what goes to standard output.
    Pager,
    /// To wait for the last program that was run; its words are the error's where it failed.
    Ended,
}

impl From<pager::Errand> for Errand {
    fn from(errand: pager::Errand) -> Self {
        match errand {
            pager::Errand::Start => Self::Pager,
            pager::Errand::Ended => Self::Ended,
        }
    }
}

/// Whoever runs them.
///
/// # Errors
/// Where there can be no other process.
pub(super) fn start(options: &Why, boot: Option<&Boot>) -> io::Result<Errands<Errand>> {
    let mut running: Vec<Child> = Vec::new();
    let kept = options.journal_file.as_deref().and_then(kept);
    let mut journal = journalctl(options, boot, kept.as_deref());
    Errands::start(move |errand| {
        let (child, end) = match errand {
            Errand::Journal => read(&mut journal)?,
            Errand::Boots => read(&mut boots(kept.as_deref()))?,
            Errand::OwnBoots => read(&mut boots(None))?,
            Errand::Now { unit, user } => read(&mut systemctl(&unit, user))?,
            Errand::Pager => pager::start()?,
            Errand::Ended => return running.pop().map_or(Ok(()), wait).map(|()| None),
        };
        running.push(child);
        Ok(Some(end))
    })
}

/// Runs it; all that it wrote, where it succeeded.
pub(super) fn output(errands: &Errands<Errand>, errand: &Errand) -> io::Result<String> {
    let mut words = Vec::new();
    let end = errands.run(errand)?.ok_or(io::ErrorKind::BrokenPipe)?;
    File::from(end).read_to_end(&mut words)?;
    errands.run(&Errand::Ended)?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}

fn read(command: &mut Command) -> io::Result<(Child, OwnedFd)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let end = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, end.into()))
}

/// Waits for it. What went wrong are its own words, as far as they are piped.
fn wait(mut child: Child) -> io::Result<()> {
    let mut words = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.take(WORDS).read_to_string(&mut words);
    }
    if child.wait()?.success() {
        return Ok(());
    }
    Err(io::Error::other(words.lines().next().unwrap_or_default()))
}

/// Where journalctl reads what journald itself keeps, as its option; `None` for text.
fn kept(path: &Path) -> Option<OsString> {
    let option = if path.is_dir() {
        "--directory="
    } else if is_journal(path) {
        "--file="
    } else {
        return None;
    };
    let mut option = OsString::from(option);
    option.push(path);
    Some(option)
}

/// Whether it is a file or a folder of journald's own (systemd's Journal File Format).
pub(super) fn is_kept(path: &Path) -> bool {
    path.is_dir() || is_journal(path)
}

fn is_journal(path: &Path) -> bool {
    let mut first = [0; SIGNATURE.len()];
    // A pipe is read once.
    path.is_file()
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut first))
            .is_ok()
        && first == *SIGNATURE
}

fn journalctl(options: &Why, boot: Option<&Boot>, kept: Option<&OsStr>) -> Command {
    let mut journalctl = Command::new("journalctl");
    journalctl.env("PATH", PATH).stderr(Stdio::piped());
    journalctl.args(["--output=json", "--quiet", "--no-pager", "--all"]);
    journalctl.args(kept);
    journalctl.args(boot.map(|boot| format!("--boot={boot}")));
    // Some time before, for a report begins before its kill.
    let before = options
        .since
        .and_then(|since| since.checked_sub(std::time::Duration::from_secs(60)).ok());
    journalctl.args(before.map(|since| format!("--since=@{}", since.as_second())));
    journalctl.args(MATCHES);
    journalctl
}

fn boots(kept: Option<&OsStr>) -> Command {
    let mut journalctl = Command::new("journalctl");
    journalctl.env("PATH", PATH).stderr(Stdio::null());
    journalctl.args(["--list-boots", "--no-pager", "--quiet"]).args(kept);
    journalctl
}

fn systemctl(unit: &str, user: Option<u32>) -> Command {
    let mut systemctl = Command::new("systemctl");
    systemctl.env("PATH", PATH).stderr(Stdio::null());
    if let Some(user) = user {
        systemctl.args(["--user", &format!("--machine={user}@.host")]);
    }
    systemctl.args(["show", "--timestamp=unix", "--property", PROPERTIES, "--", unit]);
    systemctl
}
