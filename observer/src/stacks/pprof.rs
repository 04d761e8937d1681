//! pprof's form, a gzipped protocol buffer: `go tool pprof`, Pyroscope, speedscope and others read it.
//!
//! The messages are those of <https://github.com/google/pprof/blob/main/proto/profile.proto>, as far as they are written here.

use std::collections::HashMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::folded::path;
use crate::event::{Stack, Stacks};
use crate::measure::Timestamp;

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// Innermost first.
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
    #[prost(int64, tag = "3")]
    number: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Texts, functions and places, each once.
#[derive(Default)]
struct Tables {
    profile: Profile,
    texts: HashMap<String, i64>,
    locations: HashMap<(String, Option<String>), u64>,
}

impl Tables {
    fn text(&mut self, text: &str) -> i64 {
        if let Some(&place) = self.texts.get(text) {
            return place;
        }
        let place = i64::try_from(self.profile.string_table.len()).unwrap_or(i64::MAX);
        self.profile.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), place);
        place
    }

    fn location(&mut self, name: &str, place: Option<&str>) -> u64 {
        let key = (name.to_owned(), place.map(str::to_owned));
        if let Some(&id) = self.locations.get(&key) {
            return id;
        }
        let id = self.profile.location.len() as u64 + 1;
        let (file, line) = place.and_then(|place| place.rsplit_once(':')).unwrap_or_default();
        let function = Function {
            id,
            name: self.text(name),
            filename: self.text(file),
        };
        self.profile.function.push(function);
        self.profile.location.push(Location {
            id,
            line: vec![Line {
                function_id: id,
                line: line.parse().unwrap_or(0),
            }],
        });
        self.locations.insert(key, id);
        id
    }

    fn sample(&mut self, stack: &Stack) {
        let frames = path(stack);
        // `lines` goes with the process's own frames, which stand between the thread's name and the kernel's.
        let own = stack.frames.len();
        let location_id = frames
            .iter()
            .enumerate()
            .skip(1)
            .rev()
            .map(|(place, frame)| {
                let line = own
                    .checked_sub(place)
                    .and_then(|place| stack.lines.get(place)?.as_deref());
                self.location(frame, line)
            })
            .collect();
        let text = |key: &str, text: &str, tables: &mut Self| Label {
            key: tables.text(key),
            text: tables.text(text),
            number: 0,
        };
        let label = vec![
            text("comm", &stack.comm, self),
            text("kind", stack.kind.name(), self),
            Label {
                key: self.text("pid"),
                text: 0,
                number: i64::from(stack.pid.0),
            },
        ];
        self.profile.sample.push(Sample {
            location_id,
            value: vec![i64::try_from(stack.bytes.0).unwrap_or(i64::MAX)],
            label,
        });
    }
}

/// Writes a profile of the space in use, packed. `now` is when it ends; `page_size` is in bytes.
///
/// # Errors
/// Where it cannot be written.
pub fn pprof<'a>(
    units: impl IntoIterator<Item = &'a Stacks>,
    now: Timestamp,
    page_size: u64,
    out: impl Write,
) -> io::Result<()> {
    let mut tables = Tables::default();
    // The first text is the empty one.
    tables.text("");
    let in_use = ValueType {
        kind: tables.text("inuse_space"),
        unit: tables.text("bytes"),
    };
    tables.profile.sample_type.push(in_use.clone());
    tables.profile.period_type = Some(in_use);
    for stacks in units {
        let window = std::time::Duration::try_from_secs_f64(stacks.window_seconds).unwrap_or_default();
        tables.profile.duration_nanos = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        tables.profile.period = i64::try_from(u64::from(stacks.one_in) * page_size).unwrap_or(i64::MAX);
        for stack in &stacks.stacks {
            tables.sample(stack);
        }
    }
    let end = i64::try_from(now.0.as_nanosecond()).unwrap_or(0);
    tables.profile.time_nanos = end.saturating_sub(tables.profile.duration_nanos);
    let mut packed = GzEncoder::new(out, Compression::default());
    packed.write_all(&tables.profile.encode_to_vec())?;
    packed.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::stacks::tests::stacks;

    #[test]
    fn what_is_written_is_read_back_with_lines_at_their_functions() {
        let mut packed = Vec::new();
        pprof([&stacks()], Timestamp(jiff::Timestamp::UNIX_EPOCH), 4096, &mut packed).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut plain).unwrap();
        let profile = Profile::decode(&*plain).unwrap();
        let text = |place: i64| profile.string_table[usize::try_from(place).unwrap()].as_str();
        let told: Vec<Vec<(&str, &str, i64)>> = profile
            .sample
            .iter()
            .map(|sample| {
                let frame = |id: &u64| {
                    let location = profile.location.iter().find(|location| location.id == *id).unwrap();
                    let line = &location.line[0];
                    let function = profile
                        .function
                        .iter()
                        .find(|function| function.id == line.function_id)
                        .unwrap();
                    (text(function.name), text(function.filename), line.line)
                };
                sample.location_id.iter().map(frame).collect()
            })
            .collect();
        let expected = [
            vec![("leaf", "src/a.c", 12), ("main", "src/a.c", 30)],
            vec![
                ("anon_pipe_write_[k]", "", 0),
                ("vfs_write_[k]", "", 0),
                ("write", "", 0),
                ("main", "src/a.c", 31),
            ],
        ];
        assert_eq!(told, expected);
        assert_eq!(profile.sample[0].value, [3 << 20]);
        assert_eq!(
            (profile.string_table[0].as_str(), text(profile.sample_type[0].kind)),
            ("", "inuse_space")
        );
    }
}
