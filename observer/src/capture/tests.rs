use std::fs;
use std::io::Write as _;

use proptest::prelude::*;

use super::*;

fn line(seq: u64) -> String {
    format!(
        r#"{{"event":"lost","stream":"growth","count":{seq},"ts":"2026-11-24T09:00:{:02}Z","seq":{seq},"host":"h"}}"#,
        seq % 60
    )
}

/// `lines` lines a frame.
fn frames(count: u64, lines: u64) -> Vec<Vec<u8>> {
    let frame = |number: u64| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        for seq in number * lines..(number + 1) * lines {
            writeln!(encoder, "{}", line(seq)).unwrap();
        }
        encoder.finish().unwrap()
    };
    (0..count).map(frame).collect()
}

/// What is read out of a file, and what is not.
fn read(bytes: &[u8]) -> (Vec<Line>, Vec<Damage>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    fs::write(&path, bytes).unwrap();
    let (mut lines, mut damages) = (Vec::new(), Vec::new());
    for line in open(dir.path()).unwrap().into_iter().flatten() {
        match line {
            Ok(line) => lines.push(*line),
            Err(damage) => damages.push(damage),
        }
    }
    (lines, damages)
}

/// The lines that were written, without those that tell of a gap.
fn written(lines: &[Line]) -> Vec<u64> {
    let seqs = lines.iter().filter_map(|line| match &line.event {
        Event::Lost(lost) if lost.stream == Stream::Growth => {
            assert_eq!(lost.count, line.seq, "not what was written");
            Some(line.seq)
        }
        _ => None,
    });
    seqs.collect()
}

#[test]
fn frames_and_plain_lines_are_read_alike() {
    let (lines, damages) = read(&frames(3, 2).concat());
    assert_eq!((written(&lines), damages.len()), ((0..6).collect(), 0));
    let (lines, damages) = read(format!("{}\n\n{}", line(0), line(1)).as_bytes());
    assert_eq!((written(&lines), damages.len()), (vec![0, 1], 0));
    assert_eq!(read(b"").0.len(), 0);
}

#[test]
fn a_file_cut_anywhere_gives_every_whole_frame_and_names_the_cut() {
    let parts = frames(4, 5);
    let whole = parts.concat();
    let ends: Vec<usize> = parts
        .iter()
        .scan(0, |end, part| {
            *end += part.len();
            Some(*end)
        })
        .collect();
    for length in 0..whole.len() {
        let (lines, damages) = read(&whole[..length]);
        let seqs = written(&lines);
        let least = 5 * ends.iter().filter(|end| **end <= length).count();
        assert!(seqs.len() >= least, "{length}: {seqs:?}");
        assert!(seqs.iter().copied().eq(0..seqs.len() as u64), "{length}: {seqs:?}");
        let clean = length == 0 || ends.contains(&length);
        assert_eq!(damages.is_empty(), clean, "{length}: {damages:?}");
    }
}

#[test]
fn a_damaged_frame_costs_itself_and_is_named() {
    let parts = frames(3, 5);
    for place in 0..parts[1].len() {
        let mut damaged = parts.clone();
        damaged[1][place] ^= 0x10;
        let (lines, damages) = read(&damaged.concat());
        let seqs = written(&lines);
        // A flip in the frame's own description may leave its content as it was.
        if damages.is_empty() {
            assert!(seqs.iter().copied().eq(0..15), "{place}: {seqs:?}");
            continue;
        }
        let at = format!("the frame at byte {}", parts[0].len());
        assert_eq!(damages[0].place, at, "{place}");
        assert!(seqs.iter().copied().eq((0..5).chain(10..15)), "{place}: {seqs:?}");
    }
}

#[test]
fn a_bad_line_is_named_and_the_next_is_read() {
    let (lines, damages) = read(format!("{}\n{{\"event\":\n{}\n", line(0), line(1)).as_bytes());
    assert_eq!(written(&lines), [0, 1]);
    assert_eq!(damages[0].place, "line 2");
}

#[test]
fn blank_lines_at_the_end_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    fs::write(&path, format!("{}\n\n\n", line(0))).unwrap();
    assert_eq!(Merged::open([path]).unwrap().count(), 1);
}

#[test]
fn lines_that_are_missing_are_counted_where_they_are_missing() {
    let (lines, _) = read(format!("{}\n{}\n{}\n", line(3), line(4), line(9)).as_bytes());
    let Event::Lost(lost) = &lines[2].event else {
        panic!("{lines:?}")
    };
    assert_eq!((lost.stream, lost.count), (Stream::Output, 4));
    assert_eq!((lines.len(), lines[2].ts), (4, lines[3].ts));
}

#[test]
fn lines_that_the_stream_itself_says_are_missing_are_not_counted_twice() {
    let lost = r#"{"event":"lost","stream":"output","count":4,"ts":"2026-11-24T09:01:09Z","seq":8,"host":"h"}"#;
    let (lines, _) = read(format!("{}\n{}\n{lost}\n{}\n", line(3), line(4), line(9)).as_bytes());
    let seqs: Vec<u64> = lines.iter().map(|line| line.seq).collect();
    assert_eq!(seqs, [3, 4, 8, 9]);
}

fn start(seconds: u32) -> String {
    format!(
        r#"{{"event":"start","schema":"oomtrace/1","version":"0","kernel":"6.12","boot_id":"a-b","cgroup_version":"v2","probes":[],"ts":"2026-11-24T09:01:{seconds:02}Z","seq":0,"host":"h"}}"#
    )
}

#[test]
fn a_recorder_that_began_anew_without_an_end_is_told() {
    let (lines, damages) = read([start(0), line(1), start(30)].join("\n").as_bytes());
    assert!(damages.is_empty());
    let Event::Stop(stop) = &lines[2].event else {
        panic!("{lines:?}")
    };
    assert_eq!((stop.reason, stop.written), (StopReason::Crash, 2));
    assert_eq!(lines[2].ts, lines[1].ts);
    assert!(matches!(lines[3].event, Event::Start(_)));
    let stop = r#"{"event":"stop","reason":"signal","written":2,"ts":"2026-11-24T09:01:10Z","seq":2,"host":"h"}"#;
    let (lines, _) = read([start(0), line(1), stop.to_owned(), start(30)].join("\n").as_bytes());
    assert_eq!(lines.len(), 4);
}

#[test]
fn the_files_of_a_boot_are_one_stream_and_boots_are_streams_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let name = |boot: &str, hour: u32| {
        dir.path()
            .join(format!("oomtrace-{boot}-20261124T{hour:02}0000.000000Z.jsonl.zst"))
    };
    let parts = frames(4, 2);
    // The later boot's name comes first.
    for (path, part) in [name("b", 1), name("b", 2), name("a", 3), name("a", 4)]
        .iter()
        .zip(&parts)
    {
        fs::write(path, part).unwrap();
    }
    let streams = open(dir.path()).unwrap();
    let boots: Vec<_> = streams.iter().map(|lines| lines.boot().unwrap().to_owned()).collect();
    assert_eq!(boots, ["a", "b"]);
    let merged: Vec<_> = Merged::open([dir.path()]).unwrap().map(|line| *line.unwrap()).collect();
    // A folder that is named twice, and once more by its file, is read once.
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let named = [dir.path(), dir.path(), &file];
    assert_eq!(Merged::open(named).unwrap().count(), merged.len());
    assert_eq!(written(&merged), (0..8).collect::<Vec<_>>());
    assert_eq!(merged.len(), 8, "nothing is missing: {merged:?}");
}

#[test]
fn a_capture_that_is_not_there_is_named() {
    let error = open(Path::new("/nonexistent")).err().unwrap().to_string();
    assert!(error.contains("/nonexistent"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let error = Merged::open([dir.path()]).err().unwrap().to_string();
    assert!(error.contains("no recordings"), "{error}");
}

proptest! {
    /// Whatever is flipped: no panic, no end that does not come, and no line that was not written.
    #[test]
    fn flipped_bytes_cost_lines_and_make_none(share in 0.0_f64..0.05, seed in any::<u64>(), per_frame in 1_u64..40) {
        let mut bytes = frames(12, per_frame).concat();
        let mut random = seed | 1;
        for byte in &mut bytes {
            // xorshift64 (Marsaglia 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if (random >> 11) as f64 / (1_u64 << 53) as f64 <= share {
                *byte ^= random.to_le_bytes()[3].max(1);
            }
        }
        let (lines, damages) = read(&bytes);
        // What is left of a cut file is told to be unchecked.
        if !damages.iter().any(|damage| damage.reason.contains("could not be checked")) {
            let seqs = written(&lines);
            prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
            prop_assert!(seqs.iter().all(|seq| *seq < 12 * per_frame));
            prop_assert!(!damages.is_empty() || seqs.len() as u64 == 12 * per_frame, "{seqs:?}");
        }
    }

    /// Plain lines have no checksum: what still reads as a line may be another, but nothing panics and all ends.
    #[test]
    fn flipped_plain_lines_are_read_to_the_end(flips in proptest::collection::vec((0_usize..2000, any::<u8>()), 0..100)) {
        let mut bytes = (0..20).map(|seq| line(seq) + "\n").collect::<String>().into_bytes();
        for (place, mask) in flips {
            let length = bytes.len();
            bytes[place % length] ^= mask;
        }
        let (lines, _) = read(&bytes);
        prop_assert!(lines.len() <= 2 * bytes.len());
    }
}

/// A sample in which nothing is left out.
const FULL: &str = r#"{"event":"sample","unit":"a.service","user_unit":"b.service","slice":"c.slice","invocation_id":"d",
    "cgroup":{"id":7,"path":"/c.slice/a.service"},
    "container":{"runtime":"docker","id":"e","name":"f","pod":"g","pod_name":"h","namespace":"i"},
    "memory":{"current":1,"pagetables":2,"new":[{"x":1}]},"events":{"max":3,"sock_throttled":4},
    "pressure":{"some_avg10":0.1,"full_avg10":2},
    "limits":[{"cgroup":"/","unit":null,"relation":"host","file":"MemTotal","bytes":5,"usage":6,"reclaimable":0}],
    "trend":{"bytes_per_second":1e3,"low":-0.5,"high":2,"window_seconds":3.0,"class":"leak","since":"2026-11-24T09:00:00Z",
        "earlier":{"end":"killed","seconds":4.0,"peak":8}},
    "forecast":{"seconds":1.5,"low_seconds":1,"high_seconds":null,"confidence":0.8,
        "limit":{"cgroup":"/","unit":null,"file":"MemTotal","bytes":5}},
    "slowed":{"seconds":2.5,"low_seconds":1,"high_seconds":9,"confidence":0.8,
        "limit":{"cgroup":"/","unit":"a.service","file":"memory.high","bytes":5}},
    "tasks":[{"pid":9,"comm":"j","held":10}],"later":"k","ts":"2026-11-24T09:00:01.5Z","seq":11,"host":"l"}"#;

/// Every line of the recorded streams.
fn recorded() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let streams = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let texts: Vec<String> = streams.map(|path| fs::read_to_string(path).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
}

/// A line, and what is wrong with it; the long way where something stands before it.
fn parsed(before: &str, text: &str) -> Result<Line, String> {
    let line = Line::from_json(format!("{before}{text}").as_bytes());
    line.map_err(|error| error.to_string().split(" at line").next().unwrap().to_owned())
}

#[test]
fn a_sample_read_the_short_way_is_the_same_line() {
    let mut samples = 0;
    for text in recorded().into_iter().chain([FULL.to_owned()]) {
        let line = parsed("", &text);
        assert_eq!(parsed(" ", &text), line);
        assert_eq!(serde_json::from_str::<Line>(&text).ok(), line.ok());
        samples += usize::from(is_sample(text.as_bytes()));
    }
    assert!(samples > 100, "{samples}");
}

#[test]
fn what_is_wrong_with_a_sample_is_said_as_of_any_line() {
    let text = r#"{"event":"sample","memory":{"current":1},"ts":"2026-11-24T09:00:00Z","x":"\u00e9"}"#;
    assert!(parsed("", text).is_ok());
    for (old, new) in [
        ("", ""),
        (r#""event":"sample","#, ""),
        (r#""event":"sample","#, r#""event":"sample","event":"lost","#),
        (r#""event":"sample","#, r#""event":"sampled","#),
        (r#""event":"sample","#, r#""seq":7,"event":"sample","#),
        (r#""memory":{"current":1},"#, ""),
        (r#":1}"#, ":-1}"),
        (r#":1}"#, ":1}}"),
        (r#":1}"#, r#":1,"current":2}"#),
        ("2026-11", "2026-13"),
        (r"\u00e9", r"\ud800"),
    ] {
        let text = text.replacen(old, new, 1);
        assert_eq!(parsed("", &text), parsed(" ", &text), "{text}");
        for length in 0..text.len() {
            assert_eq!(parsed("", &text[..length]), parsed(" ", &text[..length]));
        }
    }
}

/// A source that gives a line and then waits until it is told to go on.
struct Slow(Option<String>, std::sync::mpsc::Receiver<String>);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(text) = self.0.take().or_else(|| self.1.recv().ok()) else {
            return Ok(0);
        };
        into[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

#[test]
fn what_was_read_ahead_is_told_before_more_is_waited_for() {
    let (go_on, waits) = std::sync::mpsc::channel();
    let mut lines = Lines::of(VecDeque::new());
    let first = format!("{}\n{}\n", line(0), line(1));
    lines.source = Source::new(Box::new(Slow(Some(first), waits))).unwrap();
    let mut ahead = ahead::Source::ahead(lines);
    let seq = |item: Option<Result<Box<Line>, Damage>>| item.unwrap().unwrap().seq;
    assert_eq!(seq(ahead.next()), 0);
    assert!(ahead.is_at_hand());
    assert_eq!(seq(ahead.next()), 1);
    assert!(!ahead.is_at_hand());
    go_on.send(format!("{}\n", line(2))).unwrap();
    drop(go_on);
    assert_eq!(seq(ahead.next()), 2);
    assert!(ahead.next().is_none());
}

#[test]
fn a_stream_read_ahead_is_the_same_with_all_its_damages() {
    let mut text = vec![0xff, b'\n'];
    for seq in (0..2000).filter(|seq| seq % 700 != 5) {
        text.extend(line(seq).into_bytes());
        text.extend(if seq % 300 == 0 {
            "\nno line\n".bytes()
        } else {
            "\n".bytes()
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    fs::write(&path, &text).unwrap();
    let here: Vec<_> = open(&path).unwrap().into_iter().flatten().collect();
    let ahead: Vec<_> = open(&path)
        .unwrap()
        .into_iter()
        .flat_map(ahead::Source::ahead)
        .collect();
    assert!(here == ahead && here.len() > 2000, "{} {}", here.len(), ahead.len());
}

#[test]
#[should_panic(expected = "broken")]
fn a_reader_that_failed_does_not_pass_for_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    fs::write(&path, line(0)).unwrap();
    let lines = open(&path).unwrap().pop().unwrap();
    let lines = lines.passing_over(|_| panic!("broken"));
    let _ = ahead::Source::ahead(lines).next();
}
