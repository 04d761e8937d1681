//! What systemd-oomd tells of its kills: the reason by D-Bus, and the figures in its own words in the journal.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;
use zbus::{Connection, MatchRule, message};

use super::UnitPath;
use super::owner::{IsMeant, OwnersSignals};
use crate::cgroup::{Hierarchy, cgroup_of};
use crate::engine::holds;
use crate::journal::{OOMD_KILLED, OOMD_UNIT};
use crate::measure::Tgid;
use crate::programs::PATH;

/// How long its words are looked for: it writes them just before it tells the bus, and journald may be behind.
const WORDS: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Kills whose words are looked for at once, at most. What comes beyond is told without them.
const WAITING: usize = 64;

/// What systemd-oomd tells of a kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OomdKill {
    /// The cgroup whose processes it killed.
    pub cgroup: String,
    /// `memory-used` or `memory-pressure`.
    pub reason: String,
    /// What it wrote: `memory pressure for /a.slice being 72.31% > 60.00% for > 30s with reclaim activity`.
    pub words: Option<String>,
}

impl OomdKill {
    /// Whether it killed in the cgroup of this path: the one it names, or one below it.
    #[must_use]
    pub fn hit(&self, path: &str) -> bool {
        match self.cgroup.trim_end_matches('/') {
            // The root's own processes: that all lies below it makes nothing everybody's.
            "" => path == "/",
            named => holds(named, path),
        }
    }
}

/// Sends what is told of each kill (org.freedesktop.oom1(5)). A full channel loses reasons, never kills.
///
/// # Errors
/// Where the bus fails.
pub async fn subscribe(
    connection: &Connection,
    hierarchy: Hierarchy,
    kills: mpsc::Sender<OomdKill>,
) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .interface("org.freedesktop.oom1.Manager")
        .member("Killed");
    // Where a process's cgroup is not to be seen, the bus's word is what there is: it gives the name to systemd-oomd's user.
    let is_meant: IsMeant = Arc::new(move |process| {
        let unit = cgroup_of(&hierarchy, Tgid(process)).map(|path| UnitPath::parse(&path).unit);
        unit.is_none_or(|unit| unit.as_deref() == Some(OOMD_UNIT))
    });
    let mut signals = OwnersSignals::of(connection, "org.freedesktop.oom1", rule, is_meant).await?;
    let (told, waiting) = mpsc::channel(WAITING);
    let without = kills.clone();
    tokio::spawn(async move {
        while let Some(signal) = signals.next().await {
            let Ok((cgroup, reason)) = signal.body().deserialize::<(String, String)>() else {
                continue;
            };
            let kill = OomdKill {
                cgroup,
                reason,
                words: None,
            };
            let unsent = match told.try_send(kill) {
                Err(mpsc::error::TrySendError::Full(kill)) => without.try_send(kill),
                sent => sent,
            };
            if let Err(mpsc::error::TrySendError::Closed(_)) = unsent {
                return;
            }
        }
    });
    tokio::spawn(with_words(waiting, kills));
    Ok(())
}

/// Puts its words to its kills: one look into the journal is for all that wait, and a pause between two.
async fn with_words(mut told: mpsc::Receiver<OomdKill>, kills: mpsc::Sender<OomdKill>) {
    let mut waiting: Vec<(Instant, OomdKill)> = Vec::new();
    loop {
        if waiting.is_empty() {
            let Some(kill) = told.recv().await else { return };
            waiting.push((Instant::now(), kill));
        }
        while waiting.len() < WAITING
            && let Ok(kill) = told.try_recv()
        {
            waiting.push((Instant::now(), kill));
        }
        let oldest = waiting
            .first()
            .map_or(WORDS, |(since, _)| WORDS.saturating_sub(since.elapsed()));
        let log = journal(oldest).await;
        let now = Instant::now();
        for (_, kill) in &mut waiting {
            kill.words = find(&log, &kill.cgroup);
        }
        let is_done =
            |(since, kill): &mut (Instant, OomdKill)| kill.words.is_some() || now.duration_since(*since) >= WORDS;
        for (_, kill) in waiting.extract_if(.., is_done) {
            if let Err(mpsc::error::TrySendError::Closed(_)) = kills.try_send(kill) {
                return;
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What it wrote lately. Where there is no journal that is nothing.
async fn journal(within: Duration) -> String {
    let asked = Command::new("journalctl")
        .env("PATH", PATH)
        .args(["--quiet", "--no-pager", "--output=cat", "--lines=64", "--since=-1min"])
        .arg(format!("_SYSTEMD_UNIT={OOMD_UNIT}"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let asked = tokio::time::timeout(within, asked).await.ok().and_then(Result::ok);
    asked
        .map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned())
        .unwrap_or_default()
}

/// The last words on a cgroup. Its path is known, and whatever stands in it is no part of the words.
fn find(log: &str, cgroup: &str) -> Option<String> {
    let words = |line: &str| {
        let on_it =
            |(before, behind): &(&str, _)| line.strip_prefix(before)?.strip_prefix(cgroup)?.strip_prefix(*behind);
        let words = OOMD_KILLED.iter().find_map(on_it)?;
        Some(words.trim_end_matches('.').to_owned())
    };
    log.lines().rev().find_map(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_of_the_cgroup_it_names_and_of_those_below() {
        let hit = |cgroup: &str, path: &str| {
            let kill = OomdKill {
                cgroup: cgroup.to_owned(),
                reason: String::new(),
                words: None,
            };
            kill.hit(path)
        };
        assert!(hit("/a.slice", "/a.slice") && hit("/a.slice/", "/a.slice/b.service"));
        assert!(!hit("/a.slice", "/a.slice2") && !hit("/a.slice/b", "/a.slice"));
        for root in ["/", "", "//"] {
            assert!(hit(root, "/") && !hit(root, "/a.slice"), "{root}");
        }
    }

    #[test]
    fn the_last_words_on_a_cgroup_are_its_own() {
        let log = "Killed /a.slice/b.service due to memory pressure for /a.slice being 10.00% > 5.00% for > 2s with reclaim activity\n\
                   Killed /a.slice/b.service2 due to nothing\n\
                   Killed /a.slice/b.service due to memory used (1) / total (2) and swap used (3) / total (4) being more than 90.00%\n\
                   Considered 3 cgroups for killing, top candidates were:\n";
        let found = find(log, "/a.slice/b.service").unwrap();
        assert_eq!(
            found,
            "memory used (1) / total (2) and swap used (3) / total (4) being more than 90.00%"
        );
        assert_eq!(find(log, "/a.slice/b"), None);
        let marked = "Invoking oomd prekill hook a for cgroup /a.slice/b.service\n\
                      Marked /a.slice/b.service for killing due to memory pressure for /a.slice being 18.32% > 5.00% for > 2s with reclaim activity\n\
                      oomd prekill hook finished for cgroup /a.slice/b.service\n";
        assert_eq!(
            find(marked, "/a.slice/b.service").unwrap(),
            "memory pressure for /a.slice being 18.32% > 5.00% for > 2s with reclaim activity"
        );
        assert_eq!(find(marked, "/a.slice"), None);
    }
}
