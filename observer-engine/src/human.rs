//! Sizes, durations and rates as systemd prints them.

use crate::measure::{Bytes, Timestamp};

/// A time in the zone of this machine, as systemctl writes it: `Sat 2026-11-21 03:12:44 UTC`.
#[must_use]
pub fn date(ts: Timestamp) -> String {
    // Without a zone of its own a machine's is UTC (localtime(5)).
    let zone = Some(jiff::tz::TimeZone::system()).filter(|zone| !zone.is_unknown());
    let zoned = ts.0.to_zoned_datetime(zone.unwrap_or(jiff::tz::TimeZone::UTC));
    zoned.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A size: `183.2M`, `1.2G`, `0B` (systemd's `format_bytes`, with one digit).
#[must_use]
pub fn bytes(size: Bytes) -> String {
    const UNITS: [(u32, char); 6] = [(60, 'E'), (50, 'P'), (40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
    match UNITS.iter().find(|(shift, _)| size.0 >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = (u128::from(size.0) * 10) >> shift;
            format!("{}.{}{unit}", tenths / 10, tenths % 10)
        }
        None => format!("{}B", size.0),
    }
}

/// A slope: `+3.1M/min`.
#[must_use]
pub fn rate(bytes_per_second: f64) -> String {
    let per_minute = (bytes_per_second * 60.0).abs();
    if !per_minute.is_finite() || per_minute < 1.0 {
        return "0".to_owned();
    }
    let sign = if bytes_per_second < 0.0 { '-' } else { '+' };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite, positive, and saturating"
    )]
    let size = bytes(Bytes(per_minute as u64));
    format!("{sign}{size}/min")
}

/// The pace of a burst: `1.2G/s`.
#[must_use]
pub fn burst(bytes_per_second: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
    let size = bytes(Bytes(bytes_per_second as u64));
    format!("{size}/s")
}

/// A duration: `2h 10min`, `46min`, `58s`; the two largest units.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite, positive, and saturating"
    )]
    let total = seconds.max(0.0).round() as u64;
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let largest = UNITS
        .iter()
        .position(|(length, _)| total >= *length)
        .unwrap_or(UNITS.len() - 1);
    let mut left = total;
    let mut parts = Vec::new();
    for (length, name) in UNITS.iter().skip(largest).take(2) {
        let count = left / length;
        left %= length;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count}{name}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_systemds() {
        for (size, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (67_108_864, "64.0M"),
            (1_288_490_189, "1.2G"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(bytes(Bytes(size)), text);
        }
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        for (seconds, text) in [
            (0.2, "0s"),
            (58.0, "58s"),
            (70.0, "1min 10s"),
            (2760.0, "46min"),
            (7800.0, "2h 10min"),
            (90_061.0, "1d 1h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(duration(f64::NAN), "?");
    }

    #[test]
    fn rates_carry_their_sign() {
        assert_eq!(rate(54_613.4), "+3.1M/min");
        assert_eq!(rate(-17.1), "-1.0K/min");
        assert_eq!(rate(0.0), "0");
    }
}
