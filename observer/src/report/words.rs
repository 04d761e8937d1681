//! Times in words, in one zone, and the names of limits.

use jiff::tz::TimeZone;

use crate::human::bytes;
use crate::measure::{Bytes, Timestamp};

/// The zone that times are told in.
#[derive(Debug)]
pub(super) struct Words(pub(super) TimeZone);

impl Words {
    fn form(&self, ts: Timestamp, form: &str) -> String {
        ts.0.to_zoned_datetime(self.0.clone()).strftime(form).to_string()
    }

    /// `Sat 2026-11-21 03:12:44`.
    pub(super) fn date(&self, ts: Timestamp) -> String {
        self.form(ts, "%a %Y-%m-%d %H:%M:%S")
    }

    /// `2026-11-21`.
    pub(super) fn day(&self, ts: Timestamp) -> String {
        self.form(ts, "%Y-%m-%d")
    }

    /// For a machine: `2026-11-21T03:12:44+01:00`.
    pub(super) fn exact(&self, ts: Timestamp) -> String {
        self.form(ts, "%Y-%m-%dT%H:%M:%S%:z")
    }

    /// What a tick of an axis says, of which there is one every so many seconds: the day where it begins.
    pub(super) fn tick(&self, ts: Timestamp, step: i64) -> String {
        let clock = self.form(ts, if step < 60 { "%H:%M:%S" } else { "%H:%M" });
        if step >= 86_400 || clock.starts_with("00:00") && step >= 60 {
            self.form(ts, "%b %-d")
        } else {
            clock
        }
    }

    /// Seconds that local time is ahead of UTC then.
    pub(super) fn offset(&self, ts: Timestamp) -> i64 {
        i64::from(self.0.to_offset(ts.0).seconds())
    }

    /// `Europe/Berlin, +01:00`, as it is then.
    pub(super) fn zone(&self, ts: Timestamp) -> String {
        let offset = self.form(ts, "%:z");
        match self.0.iana_name() {
            Some(name) if offset == "+00:00" => name.to_owned(),
            Some(name) => format!("{name}, UTC{offset}"),
            None => format!("UTC{offset}"),
        }
    }
}

/// A size that is a sum or a share.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are whole, not negative and below 2^53"
)]
pub(super) fn size(size: f64) -> String {
    // A sum of whole numbers may end a hair below one, and sizes are cut, not rounded.
    bytes(Bytes(size.round() as u64))
}
