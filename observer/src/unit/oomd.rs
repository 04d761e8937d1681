//! What systemd-oomd tells of its kills: the reason by D-Bus, and the figures in its own words in the journal.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::process::Command;
use tokio::sync::mpsc;
use zbus::{Connection, MatchRule, MessageStream, message};

/// How long its words are looked for: it writes them just before it tells the bus, and journald may be behind.
const WORDS: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

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

/// Sends what is told of each kill (org.freedesktop.oom1(5)). A full channel loses reasons, never kills.
///
/// # Errors
/// Where the bus fails.
pub async fn subscribe(connection: &Connection, kills: mpsc::Sender<OomdKill>) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .interface("org.freedesktop.oom1.Manager")
        .member("Killed")
        .build()?;
    let mut signals = MessageStream::for_match_rule(rule, connection, std::num::NonZero::new(64)).await?;
    tokio::spawn(async move {
        while let Some(signal) = signals.next().await {
            let told = signal
                .ok()
                .and_then(|signal| signal.body().deserialize::<(String, String)>().ok());
            let Some((cgroup, reason)) = told else { continue };
            let words = tokio::time::timeout(WORDS, words(&cgroup)).await.ok();
            let kill = OomdKill { cgroup, reason, words };
            if let Err(mpsc::error::TrySendError::Closed(_)) = kills.try_send(kill) {
                return;
            }
        }
    });
    Ok(())
}

/// Waits for its words on a kill. Where there is no journal there are none.
async fn words(cgroup: &str) -> String {
    loop {
        let asked = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "--output=cat", "--lines=16", "--since=-1min"])
            .arg("_SYSTEMD_UNIT=systemd-oomd.service")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        let told = asked
            .ok()
            .and_then(|asked| find(&String::from_utf8_lossy(&asked.stdout), cgroup));
        if let Some(told) = told {
            return told;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The last words on a cgroup (systemd's src/oom/oomd-manager.c: `Killed %s due to …`).
fn find(log: &str, cgroup: &str) -> Option<String> {
    let words = |line: &str| {
        let rest = line.strip_prefix("Killed ")?.strip_prefix(cgroup)?;
        Some(rest.strip_prefix(" due to ")?.trim_end_matches('.').to_owned())
    };
    log.lines().rev().find_map(words)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
