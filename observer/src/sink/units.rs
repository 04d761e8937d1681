//! Every unit as it stands, as one table at the end of the stream.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use super::paper::Paper;
use super::text::TextOptions;
use crate::event::{Class, Event, Limit, Line, Relation, Sample, Trend};
use crate::human::{bytes, duration};
use crate::shown::shown;
use crate::words::middle;
use crate::words::{called, class_name, counted, is_brief, limit_owner, pace};

/// The narrowest that a name is cut to.
const NAME_AT_LEAST: usize = 12;

/// Keeps the last sample of each cgroup, and writes them when the stream ends.
pub struct Units<W: Write> {
    paper: Paper<W>,
    options: TextOptions,
    order: Order,
    last: HashMap<String, Line>,
}

struct Row {
    name: String,
    cells: [String; 8],
}

/// In which order units are shown, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// So many at most.
    pub most: usize,
    /// The last one first.
    pub reversed: bool,
}

impl Order {
    /// What is hit first comes first; what will not be hit, by how full it is. The host ends the list.
    pub fn of<'a>(self, lines: impl Iterator<Item = &'a Line>) -> Vec<&'a Line> {
        let mut keyed: Vec<(Option<f64>, f64, Cow<'_, str>, &Line)> = Vec::new();
        let mut host = None;
        for line in lines {
            let Event::Sample(sample) = &line.event else { continue };
            if sample.subject.cgroup.path.as_deref() == Some("/") {
                host = Some(line);
            } else {
                let share = limit(sample).as_ref().map_or(0.0, share);
                keyed.push((left(sample), share, called(&sample.subject), line));
            }
        }
        keyed.sort_by(|(a_left, a_share, a_name, _), (b_left, b_share, b_name, _)| {
            let left = |left: &Option<f64>| left.unwrap_or(f64::INFINITY);
            let by_time = left(a_left).total_cmp(&left(b_left));
            by_time
                .then(b_share.total_cmp(a_share))
                .then_with(|| a_name.cmp(b_name))
        });
        if self.reversed {
            keyed.reverse();
        }
        let lines = keyed.into_iter().map(|(.., line)| line);
        lines.take(self.most).chain(host).collect()
    }
}

const HEADER: [&str; 8] = ["USED", "LIMIT", "OWNER", "%", "TREND", "CLASS", "LEFT", "KILLS"];

impl<W: Write> Units<W> {
    /// Onto `out`.
    pub fn new(out: W, options: TextOptions, order: Order) -> Self {
        Self {
            paper: Paper::new(out, &options),
            options,
            order,
            last: HashMap::new(),
        }
    }

    fn table(&mut self) -> io::Result<()> {
        let count = self.last.keys().filter(|path| *path != "/").count();
        let count = counted(u64::try_from(count).unwrap_or(u64::MAX), "unit");
        let ordered = self.order.of(self.last.values());
        let rows = ordered.into_iter().filter_map(|line| match &line.event {
            Event::Sample(sample) => Some(row(sample, &count)),
            _ => None,
        });
        let rows: Vec<Row> = rows.collect();
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

fn share(limit: &&Limit) -> f64 {
    limit.usage.unwrap_or_default().as_f64() / limit.bytes.as_f64().max(1.0)
}

/// The limit that the time left is about, else the unit's own, else the one that is nearest to being full.
fn limit(sample: &Sample) -> Option<&Limit> {
    let hard = || sample.limits.iter().filter(|limit| limit.file != "memory.high");
    let told = sample.forecast.as_ref().map(|forecast| &forecast.limit);
    hard()
        .find(|limit| told.is_some_and(|told| told.cgroup == limit.cgroup && told.file == limit.file))
        .or_else(|| hard().find(|limit| limit.relation == Relation::Own))
        .or_else(|| hard().max_by(|a, b| share(a).total_cmp(&share(b))))
}

fn is_young(sample: &Sample) -> bool {
    sample.trend.as_ref().is_some_and(is_brief)
}

/// The time left, once what it rests on has lasted.
fn left(sample: &Sample) -> Option<f64> {
    let forecast = sample.forecast.as_ref().filter(|_| !is_young(sample));
    forecast.map(|forecast| forecast.seconds)
}

/// What its growth is; of a short look only the direction.
fn class(trend: &Trend) -> &'static str {
    match trend.class {
        Class::Steady => class_name(trend.class),
        _ if !is_brief(trend) => class_name(trend.class),
        _ if trend.bytes_per_second > 0.0 => "rising",
        _ => "falling",
    }
}

/// A row; the host's says how many there are beside it.
fn row(sample: &Sample, count: &str) -> Row {
    let current = sample.memory.current.unwrap_or_default();
    let limit = limit(sample);
    let none = || "-".to_owned();
    let kills = sample.events.map(|events| events.oom_kill).filter(|kills| *kills > 0);
    let is_host = sample.subject.cgroup.path.as_deref() == Some("/");
    Row {
        name: if is_host {
            format!("{count}; the host")
        } else {
            shown(&called(&sample.subject)).into_owned()
        },
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
            sample.trend.map_or_else(none, |trend| class(&trend).to_owned()),
            match &sample.forecast {
                Some(_) if is_young(sample) => "too early to say".to_owned(),
                Some(forecast) => duration(forecast.seconds),
                None => none(),
            },
            kills.map_or_else(none, |kills| kills.to_string()),
        ],
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

    const ALL: Order = Order {
        most: usize::MAX,
        reversed: false,
    };

    fn table(width: Option<usize>, order: Order) -> String {
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
        let mut units = Units::new(&mut out, options, order);
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
        let text = table(None, ALL);
        let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(
            names,
            ["UNIT", "soon.service", "full.service", "half.service"],
            "{text}"
        );
        assert!(text.contains("90%") && text.contains("1min"), "{text}");
        let last = Order {
            most: 1,
            reversed: true,
        };
        let text = table(None, last);
        assert!(
            text.contains("half.service") && !text.contains("soon.service"),
            "{text}"
        );
    }

    #[test]
    fn growth_of_a_short_look_has_a_direction_and_no_class() {
        let trend = |class: Class, seconds: f64, slope: f64| Trend {
            bytes_per_second: slope,
            low: slope,
            high: slope,
            window_seconds: seconds,
            class,
            since: None,
            earlier: None,
        };
        assert_eq!(class(&trend(Class::Sawtooth, 3.0, 5.0)), "rising");
        assert_eq!(class(&trend(Class::Shrinking, 3.0, -5.0)), "falling");
        assert_eq!(class(&trend(Class::Steady, 3.0, 0.0)), "steady");
        assert_eq!(class(&trend(Class::Cache, 40.0, 5.0)), "page cache");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 80] {
            let text = table(Some(width), ALL);
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{width}: {text}"
            );
            assert!(text.contains("USED"));
        }
    }
}
