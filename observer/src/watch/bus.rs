//! The connection to systemd, made anew whenever it is lost: at boot the bus may come later than oomtrace, and it may be restarted.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cgroup::Hierarchy;
use crate::notice::notice;
use crate::unit::oomd::OomdKill;
use crate::unit::systemd::{Systemd, UnitChange};

/// How long it waits before it tries again, at first and at most; twice as long each time.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// What is not known as long as there is no connection.
const MISSED: &str = "how units end and why systemd-oomd kills is unknown until it does";

/// What keeps the connection, and where it tells of it.
pub(super) struct Bus {
    pub(super) hierarchy: Hierarchy,
    /// Units that change.
    pub(super) changes: mpsc::Sender<UnitChange>,
    /// Kills by systemd-oomd.
    pub(super) oomd: mpsc::Sender<OomdKill>,
    /// Whether there is a systemd to ask: told when that changes.
    pub(super) systemd: mpsc::Sender<Option<Systemd>>,
}

impl Bus {
    /// Connects, with what ends when the connection does.
    pub(super) async fn connect(&self) -> Option<(Systemd, JoinHandle<()>)> {
        let systemd = Systemd::connect().await?;
        // Without its signals units are looked at as cgroups come and go, and the connection's end is not noticed.
        let heard = systemd.subscribe(self.changes.clone()).await;
        let heard = heard.unwrap_or_else(|_| tokio::spawn(std::future::pending()));
        // Without its word the reason stays unknown.
        let _ = systemd.subscribe_oomd(self.hierarchy.clone(), self.oomd.clone()).await;
        Some((systemd, heard))
    }

    /// Connects again and again, and says so; `heard` is of a connection that there is.
    pub(super) async fn keep(self, mut heard: Option<JoinHandle<()>>) {
        if heard.is_none() && is_booted() {
            notice(format_args!("systemd does not answer on the system bus: {MISSED}"));
        }
        let mut pause = FIRST;
        loop {
            if let Some(heard) = heard.take() {
                let _ = heard.await;
                if self.systemd.send(None).await.is_err() {
                    return;
                }
                notice(format_args!("the connection to systemd is lost: {MISSED}"));
                pause = FIRST;
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST.min(pause * 2);
            if let Some((systemd, until)) = self.connect().await {
                if self.systemd.send(Some(systemd)).await.is_err() {
                    return;
                }
                notice(format_args!("systemd answers"));
                heard = Some(until);
            }
        }
    }
}

/// Whether systemd is PID 1 (sd_booted(3)).
fn is_booted() -> bool {
    Path::new("/run/systemd/system").is_dir()
}
