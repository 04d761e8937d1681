//! Standard output through a pager, as systemctl(1) and journalctl(1) have it, with the same variables.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::output;
use crate::cli::{Failure, Paging};
use crate::errands::Errands;

/// less's options: fold nothing, leave what fits on the screen, keep colours, interrupts end it (systemd's default).
const LESS: &str = "FRSXMK";

/// What a command that parses has done for it (`errands`).
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Errand {
    /// To start a pager; gives the end of a pipe.
    Start,
    /// To wait until it has ended.
    Ended,
}

/// Whoever starts the pager of a command that needs nothing else; none where there will be no pager, or no other process.
pub(super) fn errands(paging: Paging) -> Option<Errands<Errand>> {
    let mut running: Option<Child> = None;
    let done = move |errand| match errand {
        Errand::Start => {
            let (child, end) = start()?;
            running = Some(child);
            Ok(Some(end))
        }
        Errand::Ended => running
            .take()
            .map_or(Ok(()), |mut child| child.wait().map(drop))
            .map(|()| None),
    };
    may_have(paging).then(|| Errands::start(done).ok()).flatten()
}

/// A pager that reads what goes to standard output until this is dropped.
#[derive(Debug)]
pub(super) struct Pager<'a, E: From<Errand> + Serialize + DeserializeOwned> {
    errands: &'a Errands<E>,
    /// Where standard output went before.
    before: OwnedFd,
}

impl<'a, E: From<Errand> + Serialize + DeserializeOwned> Pager<'a, E> {
    /// Has one started where standard output is a terminal that can have it.
    pub(super) fn open(errands: &'a Errands<E>, paging: Paging) -> Option<Self> {
        if !may_have(paging) {
            return None;
        }
        let stdin = errands.run(&Errand::Start.into()).ok()??;
        let before = io::stdout().as_fd().try_clone_to_owned().ok()?;
        rustix::stdio::dup2_stdout(&stdin).ok()?;
        let_interrupt_be();
        Some(Self { errands, before })
    }
}

impl<E: From<Errand> + Serialize + DeserializeOwned> Drop for Pager<'_, E> {
    fn drop(&mut self) {
        let _ = io::stdout().flush();
        // The pager finds the end of its input once nobody can write to it.
        let _ = rustix::stdio::dup2_stdout(&self.before);
        let _ = self.errands.run(&Errand::Ended.into());
    }
}

/// A text to standard output, by a pager where there is one. A reader that has seen enough is no failure.
///
/// # Errors
/// Where it cannot be written.
pub fn print(text: &[u8], paging: Paging) -> Result<(), Failure> {
    match may_have(paging).then(start) {
        Some(Ok((mut pager, end))) => {
            // Closed behind the text: that ends it.
            let written = output::unless_gone(File::from(end).write_all(text));
            let _ = pager.wait();
            written
        }
        _ => output::print(text),
    }
}

/// Whether standard output is a terminal that can have one, and none is declined.
fn may_have(paging: Paging) -> bool {
    !paging.no_pager && io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Starts one; none is declined by `$SYSTEMD_PAGER` or `$PAGER` being empty or `cat`.
///
/// # Errors
/// Where none is wanted or there.
pub(super) fn start() -> io::Result<(Child, OwnedFd)> {
    let is_secure = is_secure();
    let wanted = ["SYSTEMD_PAGER", "PAGER"]
        .iter()
        .filter(|_| !is_secure)
        .find_map(|name| std::env::var(name).ok());
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let lines = match wanted.as_deref().map(str::trim) {
        Some("" | "cat") => Vec::new(),
        Some(line) => vec![words(line)],
        None => vec![words("less"), words("more")],
    };
    let started = lines.iter().find_map(|line| run(line, is_secure));
    started.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn run(line: &[String], is_secure: bool) -> Option<(Child, OwnedFd)> {
    let (program, arguments) = line.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    let options = std::env::var("SYSTEMD_LESS").unwrap_or_else(|_| LESS.to_owned());
    command.env("LESS", options);
    if is_secure {
        // No shell, no editor and no other file from within (less(1), SECURITY).
        command.env("LESSSECURE", "1");
    }
    let mut child = command.spawn().ok()?;
    let stdin = child.stdin.take()?;
    let_interrupt_be();
    Some((child, stdin.into()))
}

/// Ctrl-C is the pager's, which ends at it.
fn let_interrupt_be() {
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, std::sync::Arc::default());
}

/// Whether the pager must not be a way to more rights than whoever looks has: root's, by way of sudo. `$SYSTEMD_PAGERSECURE` decides
/// where it is set, as for systemctl.
fn is_secure() -> bool {
    match std::env::var("SYSTEMD_PAGERSECURE").as_deref() {
        Ok("0" | "no" | "false" | "off") => false,
        Ok(_) => true,
        Err(_) => rustix::process::geteuid().is_root() && std::env::var_os("SUDO_UID").is_some(),
    }
}
