//! What a running recorder knows: a look of three seconds sees no trend, and the recorder has watched for hours.
//!
//! In: the folder that is recorded into. Out: the last trend and time left of each cgroup, put into the samples of this look.

use std::collections::HashMap;
use std::path::Path;

use crate::capture;
use crate::event::{Event, Forecast, Line, Sample, Trend};
use crate::measure::{CgroupId, Timestamp};

/// What was recorded longer ago says nothing of now, in seconds: a frame is written each five.
const FRESH: f64 = 30.0;

/// Files that are read: the newest may just have been begun.
const FILES: usize = 2;

/// What was recorded last of a cgroup.
#[derive(Debug, Clone)]
struct Known {
    ts: Timestamp,
    id: Option<CgroupId>,
    trend: Trend,
    forecast: Option<Forecast>,
}

/// What was recorded last, by path.
#[derive(Debug, Default)]
pub(super) struct Recorded(HashMap<String, Known>);

impl Recorded {
    /// Reads what was recorded in the last seconds; nothing where nobody records or it may not be read.
    pub(super) fn read(folder: &Path, boot: &str, now: Timestamp) -> Self {
        let streams = capture::newest(folder, boot, FILES).unwrap_or_default();
        let since = now
            .0
            .checked_sub(std::time::Duration::from_secs_f64(FRESH))
            .unwrap_or(now.0);
        let since = since.to_string();
        let mut known = Self::default();
        for lines in streams {
            let since = since.clone();
            let is_old = move |line: &[u8]| time(line).is_some_and(|time| time < since.as_bytes());
            lines.passing_over(is_old).flatten().for_each(|line| known.line(&line));
        }
        known
    }

    fn line(&mut self, line: &Line) {
        let Event::Sample(sample) = &line.event else { return };
        let Some(path) = sample.subject.cgroup.path.clone() else {
            return;
        };
        match sample.trend {
            Some(trend) => {
                let known = Known {
                    ts: line.ts,
                    id: sample.subject.cgroup.id,
                    trend,
                    forecast: sample.forecast.clone(),
                };
                self.0.insert(path, known);
            }
            None => drop(self.0.remove(&path)),
        }
    }

    /// Puts what is known of the cgroup into its sample: of a trend the one that was watched for longer.
    pub(super) fn complete(&self, ts: Timestamp, sample: &mut Sample) {
        let known = sample.subject.cgroup.path.as_ref().and_then(|path| self.0.get(path));
        let watched = sample.trend.map_or(0.0, |trend| trend.window_seconds);
        let is_same = |known: &&Known| known.id == sample.subject.cgroup.id && known.trend.window_seconds > watched;
        let Some(known) = known.filter(is_same) else { return };
        let age = ts.seconds_since(known.ts).max(0.0);
        let later = |seconds: f64| (seconds - age).max(0.0);
        sample.trend = Some(known.trend);
        sample.forecast = known.forecast.clone().map(|forecast| Forecast {
            seconds: later(forecast.seconds),
            low_seconds: later(forecast.low_seconds),
            high_seconds: forecast.high_seconds.map(later),
            ..forecast
        });
    }
}

/// A line's time, as it stands there: all are of one form, and in the order of time as text too.
fn time(line: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = br#""ts":""#;
    let start = memchr::memmem::rfind(line, KEY)? + KEY.len();
    line.get(start..)?.split(|byte| *byte == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, id: u64, trend: &str) -> String {
        format!(
            r#"{{"event":"sample","unit":"a.service","cgroup":{{"id":{id},"path":"/a.service"}},"memory":{{"current":50}},"trend":{trend},"forecast":null,"ts":"2026-11-24T14:00:{second:02}.500000000Z","seq":{second},"host":"h"}}"#
        )
    }

    const LEAK: &str =
        r#"{"bytes_per_second":5.0,"low":4.0,"high":6.0,"window_seconds":3600.0,"class":"leak","since":null}"#;
    const SHORT: &str =
        r#"{"bytes_per_second":9.0,"low":4.0,"high":9.0,"window_seconds":3.0,"class":"leak","since":null}"#;
    const BOOT: &str = "18eafe757ba7452a9d60f476408a6c82";

    fn completed(lines: &[String], id: u64) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder
            .path()
            .join(format!("oomtrace-{BOOT}-20261124T140000.000000Z.jsonl.zst"));
        let packed = zstd::encode_all(lines.join("\n").as_bytes(), 1).unwrap();
        std::fs::write(file, packed).unwrap();
        let now = Timestamp("2026-11-24T14:00:40Z".parse().unwrap());
        let recorded = Recorded::read(folder.path(), BOOT, now);
        let Event::Sample(mut sample) = serde_json::from_str::<Line>(&line(40, id, SHORT)).unwrap().event else {
            unreachable!()
        };
        recorded.complete(now, &mut sample);
        sample.trend.unwrap().window_seconds
    }

    #[test]
    fn what_the_recorder_has_watched_for_longer_is_taken_where_it_is_fresh_and_of_the_same_cgroup() {
        assert_eq!(completed(&[line(30, 7, LEAK)], 7), 3600.0);
        assert_eq!(completed(&[line(30, 7, LEAK)], 8), 3.0, "another cgroup by now");
        assert_eq!(completed(&[line(5, 7, LEAK)], 7), 3.0, "too long ago");
        assert_eq!(
            completed(&[line(30, 7, LEAK), line(35, 7, "null")], 7),
            3.0,
            "no longer so"
        );
        assert_eq!(completed(&[], 7), 3.0);
    }
}
