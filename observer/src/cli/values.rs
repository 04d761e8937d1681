//! Values as systemd writes them: sizes, spans and times. In: text, and what time it is. Out: the value, or what it should look like.

use std::time::Duration;

/// A size as systemd writes it: `64M`, `1G`, to the base 1024; a number alone is bytes (systemd.syntax(7)).
pub(super) fn size(text: &str) -> Result<u64, String> {
    const SUFFIXES: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = SUFFIXES
        .iter()
        .find_map(|(suffix, shift)| Some((text.strip_suffix(*suffix)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let bytes = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    match bytes {
        Some(bytes) if bytes >= 1 << 20 => Ok(bytes),
        Some(_) => Err("must be at least 1M".to_owned()),
        None => Err("e.g. 64M, 1G".to_owned()),
    }
}

pub(super) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("a number above 0, like 10".to_owned()),
    }
}

/// A date without its weekday, which it has anyway, and without the zone that stands behind it: `Sat 2026-11-21 03:12:44
/// CET`, as systemctl and oomtrace print it. The zone is this machine's, UTC, or a name like `Europe/Berlin`.
fn zoned<'a>(text: &'a str, own: &jiff::tz::TimeZone) -> (&'a str, jiff::tz::TimeZone) {
    const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let date = text.split_once(' ').filter(|(first, rest)| {
        let first = first.get(..3).unwrap_or_default().to_lowercase();
        WEEKDAYS.contains(&first.as_str()) && rest.starts_with(|letter: char| letter.is_ascii_digit())
    });
    let text = date.map_or(text, |(_, rest)| rest.trim());
    let Some((rest, name)) = text
        .rsplit_once(' ')
        .filter(|(rest, _)| rest.contains('-') || rest.contains(':'))
    else {
        return (text, own.clone());
    };
    let is_own = |name: &str| {
        rest.parse::<jiff::civil::DateTime>()
            .and_then(|datetime| datetime.to_zoned_datetime(own.clone()))
            .is_ok_and(|zoned| zoned.strftime("%Z").to_string() == name)
    };
    match name {
        "UTC" | "GMT" | "Z" => (rest, jiff::tz::TimeZone::UTC),
        name if is_own(name) => (rest, own.clone()),
        name if name.contains('/') => match jiff::tz::TimeZone::get(name) {
            Ok(zone) => (rest, zone),
            Err(_) => (text, own.clone()),
        },
        _ => (text, own.clone()),
    }
}

/// A time as journalctl takes it (systemd.time(7)), on this machine's clock.
pub(super) fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    moment_at(text, jiff::Timestamp::now(), &jiff::tz::TimeZone::system())
}

/// A time as journalctl takes it (systemd.time(7)): a date, a time of the day, both, a name, or a span before or after `now`; also
/// `Nov 21 03:12:44`, as text output prints it.
///
/// # Errors
/// What it should look like.
pub(crate) fn moment_at(text: &str, now: jiff::Timestamp, own: &jiff::tz::TimeZone) -> Result<jiff::Timestamp, String> {
    let today = now.to_zoned_datetime(own.clone()).date();
    let day = |date: jiff::civil::Date| date.to_zoned_datetime(own.clone()).map(|zoned| zoned.timestamp());
    let padded = padded(text.trim());
    let (text, zone) = zoned(&padded, own);
    let told = match text {
        "now" => return Ok(now),
        "today" => day(today),
        "yesterday" => today.yesterday().and_then(day),
        "tomorrow" => today.tomorrow().and_then(day),
        _ => {
            let before = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago"));
            if let Some(length) = before {
                let length = span(length)?;
                return now.checked_sub(length).map_err(|error| error.to_string());
            }
            if let Some(length) = text.strip_prefix('+') {
                let length = span(length)?;
                return now.checked_add(length).map_err(|error| error.to_string());
            }
            if let Some(seconds) = text.strip_prefix('@') {
                let seconds = seconds
                    .parse()
                    .map_err(|_| "'@' must be followed by seconds since 1970".to_owned())?;
                return jiff::Timestamp::from_second(seconds).map_err(|error| error.to_string());
            }
            if let Ok(timestamp) = text.parse() {
                return Ok(timestamp);
            }
            // The date first: to the parser of times alone a date is nothing to stumble over, and today it would be.
            text.parse::<jiff::civil::DateTime>()
                .or_else(|_| of_the_year(text, today))
                .or_else(|_| Ok(today.to_datetime(text.parse()?)))
                .and_then(|datetime: jiff::civil::DateTime| datetime.to_zoned_datetime(zone))
                .map(|zoned| zoned.timestamp())
        }
    };
    told.map_err(|_| match span(text) {
        Ok(_) => format!("did you mean '-{text}' (that long ago)?"),
        Err(_) => "e.g. '2026-11-21 03:00', '03:00', 'yesterday' or '-2h'".to_owned(),
    })
}

/// `3:00` with the zero that systemd does not ask for.
fn padded(text: &str) -> String {
    let hour = text.find(':').and_then(|colon| colon.checked_sub(1)).filter(|hour| {
        let before = text.get(..*hour).and_then(|head| head.chars().next_back());
        before.is_none_or(char::is_whitespace)
    });
    match hour.and_then(|hour| text.split_at_checked(hour)) {
        Some((head, rest)) if rest.starts_with(|sign: char| sign.is_ascii_digit()) => format!("{head}0{rest}"),
        _ => text.to_owned(),
    }
}

/// `Nov 21 03:12:44`: a date without its year is of this one, or of the last where it would still be to come.
fn of_the_year(text: &str, today: jiff::civil::Date) -> Result<jiff::civil::DateTime, jiff::Error> {
    let of = |year: i16| jiff::civil::DateTime::strptime("%Y %b %d %H:%M:%S", format!("{year} {text}"));
    match of(today.year()) {
        Ok(datetime) if datetime.date() <= today => Ok(datetime),
        _ => of(today.year().saturating_sub(1)),
    }
}

/// A time span as systemd writes it: `90s`, `2h`, `1h 30min`; a number alone is seconds (systemd.time(7)).
pub(super) fn span(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return match Duration::try_from_secs_f64(seconds) {
            Ok(span) => positive(span),
            Err(_) if seconds > 0.0 => Err(TOO_LONG.to_owned()),
            Err(_) => Err("must be at least 10ms".to_owned()),
        };
    }
    humantime::parse_duration(text)
        .map_err(|_| "no span of time; e.g. 90s, 2h or '1h 30min'".to_owned())
        .and_then(positive)
}

/// The longest span: times are reckoned with it, and none of them is to lie beyond what a clock can tell.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
const TOO_LONG: &str = "must be at most 100 years";

fn positive(span: Duration) -> Result<Duration, String> {
    if span < Duration::from_millis(10) {
        Err("must be at least 10ms".to_owned())
    } else if span > LONGEST {
        Err(TOO_LONG.to_owned())
    } else {
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_systemds() {
        assert_eq!((size("1G"), size("64M")), (Ok(1 << 30), Ok(64 << 20)));
        assert_eq!(size("2097152"), Ok(2 << 20));
        for bad in ["", "G", "1K", "-1", "1.5G", "99999999T"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_journalctls() {
        for good in [
            "now",
            "today",
            "yesterday",
            "-2h",
            "2h ago",
            "@1700000000",
            "2026-11-21",
            "2026-11-21 03:00",
            "03:00:05",
            "3:00",
            "2026-11-21 3:00",
            "2026-11-21T03:00:00Z",
            "Sat 2026-11-21 03:12:44",
            "2026-11-21 03:00 UTC",
        ] {
            assert!(moment(good).is_ok(), "{good}: {:?}", moment(good));
        }
        assert_eq!(moment("@1700000000").unwrap().as_second(), 1_700_000_000);
        for bad in ["", "soon", "2026-13-01", "-", "@x", "2026-11-21 03:00 XYZ"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        assert!(moment("1h").unwrap_err().contains("'-1h'"));
        assert_eq!(moment("2026-11-21 03:00 UTC"), moment("2026-11-21T03:00:00Z"));
        let zone = jiff::tz::TimeZone::UTC;
        let now: jiff::Timestamp = "2026-03-02T03:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("14:05", "2026-03-02T14:05:00Z"),
            ("-10min", "2026-03-02T02:50:00Z"),
            ("+10min", "2026-03-02T03:10:00Z"),
            ("Mar  2 01:02:03", "2026-03-02T01:02:03Z"),
            ("Mar 02 01:02:03", "2026-03-02T01:02:03Z"),
            ("Nov 28 14:22:43", "2025-11-28T14:22:43Z"),
        ] {
            let expected: jiff::Timestamp = expected.parse().unwrap();
            assert_eq!(moment_at(text, now, &zone), Ok(expected), "{text}");
        }
        // What is printed is taken.
        let ts = crate::measure::Timestamp(moment("@1700000000").unwrap());
        assert_eq!(moment(&crate::human::date(ts)), Ok(ts.0), "{}", crate::human::date(ts));
    }

    #[test]
    fn spans_are_systemds() {
        for (text, seconds) in [("90s", 90), ("2h", 7200), ("1h 30min", 5400), ("5", 5)] {
            assert_eq!(span(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(span("250ms").unwrap(), Duration::from_millis(250));
        for bad in [
            "",
            "x",
            "0",
            "-1",
            "5 parsecs",
            "NaN",
            "18446744073709551615s",
            "1e19",
            "101years",
        ] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
