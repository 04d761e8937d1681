//! What a service manager is told: that watching has begun, that it goes on and what it sees, that it ends (sd_notify(3)).
//!
//! Outside a service there is nobody to tell, and nothing is told. The watchdog's sign of life comes from the loop that
//! does the watching, so that it stops when that stops.

use std::time::Duration;

use libsystemd::daemon::{self, NotifyState};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Probes are attached and every cgroup was looked at once: what is killed from now on is seen.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// What `systemctl status` shows, in a line.
pub(super) fn status(text: &str) {
    tell(NotifyState::Status(text.to_owned()));
}

pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// The service manager's watchdog, where the unit has one (`WatchdogSec=`).
pub(super) struct Watchdog(Option<Interval>);

impl Watchdog {
    pub(super) fn new() -> Self {
        // Half of the time, as sd_watchdog_enabled(3) asks for.
        let half = daemon::watchdog_enabled(false).map(|time| time / 2);
        Self(half.filter(|half| *half > Duration::ZERO).map(|half| {
            let mut interval = tokio::time::interval_at(Instant::now() + half, half);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        }))
    }

    /// Until a sign of life is due; for ever without a watchdog.
    pub(super) async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    pub(super) fn feed() {
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState) {
    // A service manager that cannot be told shows it by itself: the start times out.
    let _ = daemon::notify(false, &[state]);
}
