//! Every unit as it stands, as one table at the end of the stream.

use std::collections::HashMap;
use std::io::{self, Write};

use super::paper::Paper;
use super::text::TextOptions;
use crate::event::{Event, Limit, Line, Relation, Sample};
use crate::human::{bytes, duration};
use crate::measure::Bytes;
use crate::shown::shown;
use crate::words::middle;
use crate::words::{is_early, limit_owner, name, pace, trend_name};

/// The narrowest that a name is cut to.
const NAME_AT_LEAST: usize = 12;

/// Keeps the last sample of each cgroup, and writes them when the stream ends.
pub struct Units<W: Write> {
    paper: Paper<W>,
    options: TextOptions,
    last: HashMap<String, Line>,
}

struct Row {
    name: String,
    cells: [String; 8],
    left: Option<f64>,
    share: f64,
}

const HEADER: [&str; 8] = ["USED", "LIMIT", "OWNER", "%", "TREND", "CLASS", "LEFT", "KILLS"];

impl<W: Write> Units<W> {
    /// Onto `out`.
    pub fn new(out: W, options: TextOptions) -> Self {
        Self {
            paper: Paper::new(out, &options),
            options,
            last: HashMap::new(),
        }
    }

    fn table(&mut self) -> io::Result<()> {
        let mut rows: Vec<Row> = Vec::new();
        let mut total = None;
        for line in self.last.values() {
            let Event::Sample(sample) = &line.event else { continue };
            if sample.subject.cgroup.path.as_deref() == Some("/") {
                total = Some(row(sample));
            } else {
                rows.push(row(sample));
            }
        }
        // What is hit first comes first; what will not be hit, by how full it is.
        rows.sort_by(|a, b| {
            let left = |row: &Row| row.left.unwrap_or(f64::INFINITY);
            let by_time = left(a).total_cmp(&left(b));
            by_time
                .then(b.share.total_cmp(&a.share))
                .then_with(|| a.name.cmp(&b.name))
        });
        let count = rows.len();
        rows.extend(total.map(|total| Row {
            name: format!("{count} units; the host"),
            ..total
        }));
        let width = |column: usize| {
            let cells = rows
                .iter()
                .filter_map(|row| Some(row.cells.get(column)?.chars().count()));
            cells
                .max()
                .unwrap_or(0)
                .max(HEADER.get(column).map_or(0, |head| head.len()))
        };
        let mut widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
        let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(4);
        // On a narrow terminal the last columns go first.
        let needed = |widths: &[usize]| widths.iter().map(|width| width + 2).sum::<usize>();
        let columns = self.options.width.unwrap_or(usize::MAX);
        while widths.len() > 1 && needed(&widths) + NAME_AT_LEAST.min(longest) > columns {
            widths.pop();
        }
        let room = columns.saturating_sub(needed(&widths)).max(NAME_AT_LEAST).min(longest);
        let mut put = |name: &str, cells: &[String]| {
            let name = middle(name, room, self.options.unicode);
            let mut text = format!("{name:<room$}");
            for (cell, width) in cells.iter().zip(&widths) {
                text += &format!("  {cell:>width$}");
            }
            self.paper.row(text.trim_end())
        };
        put("UNIT", &HEADER.map(str::to_owned))?;
        for row in &rows {
            put(&row.name, &row.cells)?;
        }
        self.paper.flush()
    }
}

fn row(sample: &Sample) -> Row {
    let current = sample.memory.current.unwrap_or_default();
    let share = |limit: &&Limit| limit.usage.unwrap_or_default().as_f64() / limit.bytes.as_f64().max(1.0);
    let hard = || sample.limits.iter().filter(|limit| limit.file != "memory.high");
    let told = sample.forecast.as_ref().map(|forecast| &forecast.limit);
    let limit = hard()
        .find(|limit| told.is_some_and(|told| told.cgroup == limit.cgroup && told.file == limit.file))
        .or_else(|| hard().find(|limit| limit.relation == Relation::Own))
        .or_else(|| hard().max_by(|a, b| share(a).total_cmp(&share(b))));
    let none = || "-".to_owned();
    let is_young = sample.trend.as_ref().is_some_and(is_early);
    let kills = sample.events.map(|events| events.oom_kill).filter(|kills| *kills > 0);
    Row {
        name: shown(name(&sample.subject)).into_owned(),
        cells: [
            bytes(current),
            limit.map_or_else(none, |limit| bytes(limit.bytes)),
            limit.map_or_else(none, |limit| {
                shown(&limit_owner(limit.relation, limit.unit.as_deref(), &limit.cgroup)).into_owned()
            }),
            limit.map_or_else(none, |limit| format!("{:.0}%", share(&limit) * 100.0)),
            sample
                .trend
                .map_or_else(none, |trend| pace(trend.bytes_per_second, trend.class)),
            sample.trend.map_or_else(none, |trend| trend_name(&trend).to_owned()),
            match &sample.forecast {
                Some(_) if is_young => "too early to say".to_owned(),
                Some(forecast) => duration(forecast.seconds),
                None => none(),
            },
            kills.map_or_else(none, |kills| kills.to_string()),
        ],
        left: sample
            .forecast
            .as_ref()
            .filter(|_| !is_young)
            .map(|forecast| forecast.seconds),
        share: limit.as_ref().map_or_else(|| Bytes::default().as_f64(), share),
    }
}

impl<W: Write + Send> super::Sink for Units<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        match &line.event {
            Event::Sample(sample) => {
                let path = sample.subject.cgroup.path.clone().unwrap_or_default();
                self.last.insert(path, line.clone());
            }
            Event::Stop(_) => self.table()?,
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.paper.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Sink as _;

    fn sample(unit: &str, current: u64, max: u64, left: &str) -> Line {
        serde_json::from_str(&format!(
            r#"{{"event":"sample","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"{unit}","slice":"system.slice","cgroup":{{"id":7,"path":"/system.slice/{unit}"}},"memory":{{"current":{current},"max":{max}}},
               "limits":[{{"cgroup":"/system.slice/{unit}","unit":"{unit}","relation":"own","file":"memory.max","bytes":{max},"usage":{current},"reclaimable":null}}],"forecast":{left}}}"#
        ))
        .unwrap()
    }

    fn table(width: Option<usize>) -> String {
        let mut out = Vec::new();
        let options = TextOptions {
            color: false,
            unicode: true,
            width,
            today: jiff::civil::date(2026, 11, 21),
            time_zone: jiff::tz::TimeZone::UTC,
            quiet: false,
            names: true,
            host: true,
        };
        let mut units = Units::new(&mut out, options);
        let soon = r#"{"seconds":60.0,"low_seconds":50.0,"high_seconds":null,"confidence":0.8,"limit":{"cgroup":"/system.slice/c.service","unit":"c.service","file":"memory.max","bytes":100}}"#;
        units
            .line(&sample("half.service", 50 << 20, 100 << 20, "null"))
            .unwrap();
        units
            .line(&sample("full.service", 90 << 20, 100 << 20, "null"))
            .unwrap();
        units.line(&sample("soon.service", 10 << 20, 100 << 20, soon)).unwrap();
        let stop = r#"{"event":"stop","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","reason":"duration","written":1}"#;
        units.line(&serde_json::from_str(stop).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_hit_first_comes_first_then_the_fullest() {
        let text = table(None);
        let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(
            names,
            ["UNIT", "soon.service", "full.service", "half.service"],
            "{text}"
        );
        assert!(text.contains("90%") && text.contains("1min"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 80] {
            let text = table(Some(width));
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{width}: {text}"
            );
            assert!(text.contains("USED"));
        }
    }
}
