//! The command line. In: words. Out: typed options; what they mean is the commands' matter.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Exit statuses, as sysexits.h has them where it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// A capture or its line cannot be read.
    Damaged = 65,
    /// No such unit or capture.
    NotFound = 66,
    /// This kernel can't.
    Unsupported = 69,
    /// Not permitted.
    NotPermitted = 77,
}

/// Why a command ended without having done its work: what is said, and the exit status.
#[derive(Debug)]
pub struct Failure {
    /// The status.
    pub exit: Exit,
    /// The words.
    pub error: anyhow::Error,
}

impl Failure {
    /// With another status than [`Exit::Failed`].
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Failed, error)
    }
}

const AFTER_HELP: &str = "\
Examples:
  sudo oomtrace -u myapp                 watch myapp.service: use, limits, time left, kills
  sudo oomtrace -u 'web@*' -o json       every instance of web@.service, as a JSON stream
  sudo oomtrace --slice batch -q         only warnings and kills below batch.slice
  sudo oomtrace record                   into /var/lib/oomtrace, for days
  oomtrace replay /var/lib/oomtrace      what was recorded, through the same pipeline
  sudo oomtrace why myapp                why myapp.service was killed last, or ended for another reason
  dmesg -T | oomtrace why                what a pasted log of any machine says of kills; also --log kern.log.1.gz
  oomtrace resolve 4711                  which unit a process belongs to

Exit status:
  0 done; 1 failed; 2 wrong usage; 65 a capture cannot be read in full; 66 no such unit or capture; 69 this kernel can't; 77 not permitted

Environment:
  NO_COLOR, SYSTEMD_COLORS=0   no colour
  LC_ALL, LC_CTYPE, LANG       plain ASCII where the locale is not UTF-8";

/// Why memory killed a service, and seeing it come.
///
/// Watches the memory of systemd units: what they use, at whose limit they will be stopped and when, and at a kill one
/// verdict with its evidence. It only observes: it kills nothing and changes no limit.
#[derive(Debug, Parser)]
#[command(name = "oomtrace", version, after_long_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a command: watch.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to watch.
    #[command(flatten)]
    pub watch: Watch,
}

/// A command other than watching.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watches into capture files, for days
    ///
    /// Lines are packed and synced to the disk (fdatasync) every 5 s, after 4 MiB, and at once after a kill: a crash or a
    /// power cut costs no more, and a replay names what is missing. A disk that is full or read-only costs lines and never
    /// memory: own oldest files are deleted first, it is said once, and the recording goes on by itself when there is room
    /// again. A second recorder on the same folder refuses.
    Record(Record),
    /// Runs captures through the same pipeline
    Replay(Replay),
    /// Explains past kills of a unit, from captures and from what the host kept in its journal
    Why(Why),
    /// Captures as one page: growth plots, limits, warnings as they stood, kills
    Report(Report),
    /// One table now: every unit, its use, limit, trend and time left
    Units(Units),
    /// Which unit, slice, user unit and container a cgroup or process belongs to
    Resolve {
        /// A cgroup's path or a process id
        #[arg(value_name = "PATH|PID")]
        what: String,
    },
    /// What this kernel and these privileges allow, what is missing, how to get it
    Doctor {
        /// The form of the output
        #[arg(short, long, value_name = "FORM", default_value = "text")]
        output: Output,
    },
    /// The JSON Schema of the events
    Schema,
    /// A manual page, for man(1)
    Man {
        /// That of this command [default: the one of oomtrace itself]
        command: Option<String>,
    },
    /// Completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person
    Text,
    /// One JSON object a line
    Json,
}

/// The form of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a person, line by line
    Text,
    /// One JSON object a line
    Json,
    /// A screen to look at and to move through
    Tui,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

/// The best way to learn from the kernel that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeChoice {
    /// The best way that this kernel allows
    Auto,
    /// kprobes and tracepoints, no fentry
    Kprobe,
    /// Tracepoints only
    Tracepoint,
    /// Files and the kernel's log, no eBPF
    Poll,
}

/// Which units.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// A unit; '.service' is implied, globs work; may be repeated [default: every unit]
    #[arg(short, long, value_name = "NAME")]
    pub unit: Vec<String>,
    /// A unit of a user's own manager
    #[arg(long, value_name = "NAME")]
    pub user_unit: Vec<String>,
    /// Everything below a slice
    #[arg(long, value_name = "NAME")]
    pub slice: Vec<String>,
    /// A cgroup and everything below it
    #[arg(long, value_name = "PATH")]
    pub cgroup: Vec<String>,
}

/// How it is shown.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The form of the output [default: tui on a terminal, else text]
    #[arg(short, long, value_name = "FORM")]
    pub output: Option<Form>,
    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Warns when a limit is nearer than this
    #[arg(long, value_name = "SPAN", default_value = "30min", value_parser = span)]
    pub warn_within: Duration,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Only warnings and kills, as text
    #[arg(short, long)]
    pub quiet: bool,
}

/// How to watch.
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How it is shown.
    #[command(flatten)]
    pub show: Show,
    /// How it is learnt.
    #[command(flatten)]
    pub learn: Learn,
}

/// How it is learnt.
#[derive(Debug, clap::Args)]
pub struct Learn {
    /// How often selected units are sampled
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span)]
    pub interval: Duration,
    /// Ends after this time
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub duration: Option<Duration>,
    /// The machine's name in every line [default: its own]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Leaves command lines out
    #[arg(long)]
    pub no_cmdline: bool,
    /// Writes kills and warnings to the journal too, where `journalctl -u` and `systemctl status` show them
    #[arg(long)]
    pub journal: bool,
    /// Answers Prometheus at http://ADDR:PORT/metrics; a port alone listens on this machine only, where only 'localhost' and
    /// addresses are answered to
    #[arg(long, value_name = "[ADDR:]PORT")]
    pub metrics_listen: Option<String>,
    /// Runs a program when a limit comes near, the event as JSON on its standard input; without a shell, for a minute at most, with
    /// PATH, HOME, LANG, TZ and OOMTRACE_* of the environment
    #[arg(long, value_name = "CMD")]
    pub exec_on_warning: Option<String>,
    /// Where it is remembered how units' runs went, over restarts of theirs and of oomtrace: what grew like this before
    #[arg(long, value_name = "FILE", default_value = "/var/lib/oomtrace/runs")]
    pub runs: std::path::PathBuf,
    /// Remembers no runs, and knows of none
    #[arg(long)]
    pub no_runs: bool,
    /// The best way to learn from the kernel that is tried
    #[arg(long, value_name = "WAY", default_value = "auto")]
    pub probes: ProbeChoice,
    /// Tells more, the verifier's words among it
    #[arg(short, long)]
    pub verbose: bool,
}

/// How to record.
///
/// A frame of five seconds is synced to the disk (fdatasync) before the next begins, a kill at once: a crash or a power cut
/// costs no more. On a full disk the oldest captures go first; lines that the disk does not take are counted, and nothing
/// is kept in memory for it. A closed file is packed once more, into a sixth.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// The folder for the captures
    #[arg(long, value_name = "DIR", default_value = "/var/lib/oomtrace")]
    pub dir: std::path::PathBuf,
    /// All captures together stay below this; the oldest are deleted first
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub max_size: u64,
    /// Captures older than this are deleted
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = span)]
    pub max_age: Duration,
    /// Shows the stream on standard output too
    #[arg(short, long, value_name = "FORM")]
    pub output: Option<Output>,
    /// Warns when a limit is nearer than this
    #[arg(long, value_name = "SPAN", default_value = "30min", value_parser = span)]
    pub warn_within: Duration,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How it is learnt.
    #[command(flatten)]
    pub learn: Learn,
}

/// A size as systemd writes it: `64M`, `1G`, to the base 1024; a number alone is bytes (systemd.syntax(7)).
fn size(text: &str) -> Result<u64, String> {
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
        Some(_) => Err("1M at least".to_owned()),
        None => Err("write it like 64M or 1G".to_owned()),
    }
}

/// How to replay.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Captures, plain NDJSON, folders of them; '-' = standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<std::path::PathBuf>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How it is shown.
    #[command(flatten)]
    pub show: Show,
    /// From this time on: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
    /// How many times as fast as it was [default: as fast as it goes]
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub speed: Option<f64>,
}

/// What is reported.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Captures, plain NDJSON, folders of them; '-' = standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<std::path::PathBuf>,
    /// The page: one file, nothing from elsewhere; '-' = standard output [default: named after host and day]
    #[arg(long, value_name = "FILE")]
    pub html: Option<std::path::PathBuf>,
    /// The plot of one unit alone, as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<std::path::PathBuf>,
    /// The plot of one unit alone, as PNG
    #[arg(long, value_name = "FILE")]
    pub png: Option<std::path::PathBuf>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// From this time on: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(short = 'S', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// Up to this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
}

/// What the table tells.
#[derive(Debug, clap::Args)]
pub struct Units {
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How long is looked before it is told: a trend takes some time to be seen
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = span)]
    pub wait: Duration,
    /// The form of the output
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub output: Output,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

/// What is explained.
#[derive(Debug, clap::Args)]
pub struct Why {
    /// A unit; '.service' is implied, globs work [default: every unit]
    #[arg(value_name = "UNIT")]
    pub units: Vec<String>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// Every kill, not only the last one
    #[arg(short, long)]
    pub all: bool,
    /// From this time on: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(short = 'S', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// Up to this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
    /// Only since this machine was booted
    #[arg(short, long)]
    pub boot: bool,
    /// Captures, or a folder of them [default: /var/lib/oomtrace, where it is there]
    #[arg(long, value_name = "PATH")]
    pub dir: Option<std::path::PathBuf>,
    /// The journal as `journalctl --output=json` wrote it, of this or another machine, in the place of this machine's own;
    /// '-' = standard input
    #[arg(long, value_name = "FILE")]
    pub journal_file: Option<std::path::PathBuf>,
    /// Any text with a kernel's log in it, of any machine, in the place of this machine's own: dmesg, kern.log, a serial
    /// console, journalctl's output, a bug report; also gzip, zstd or xz; may be given again; '-' = standard input, which is
    /// read unasked where it is a pipe or a file
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["journal_file", "dir", "boot"])]
    pub log: Vec<std::path::PathBuf>,
    /// The form of the output
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub output: Output,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("a number above 0, like 10".to_owned()),
    }
}

/// A time as journalctl takes it (systemd.time(7)): a date, a time of today, both, a name, or a span before now.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let zone = jiff::tz::TimeZone::system();
    let now = jiff::Timestamp::now();
    let today = now.to_zoned_datetime(zone.clone()).date();
    let day = |date: jiff::civil::Date| date.to_zoned_datetime(zone.clone()).map(|zoned| zoned.timestamp());
    let text = text.trim();
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
            if let Some(seconds) = text.strip_prefix('@') {
                let seconds = seconds.parse().map_err(|_| "'@' wants seconds since 1970".to_owned())?;
                return jiff::Timestamp::from_second(seconds).map_err(|error| error.to_string());
            }
            if let Ok(timestamp) = text.parse() {
                return Ok(timestamp);
            }
            if let Ok(time) = text.parse::<jiff::civil::Time>() {
                today
                    .to_datetime(time)
                    .to_zoned_datetime(zone)
                    .map(|zoned| zoned.timestamp())
            } else {
                text.parse::<jiff::civil::DateTime>()
                    .and_then(|datetime| datetime.to_zoned_datetime(zone))
                    .map(|zoned| zoned.timestamp())
            }
        }
    };
    told.map_err(|_| "write it like '2026-11-21 03:00', '03:00', 'yesterday' or '-2h'".to_owned())
}

/// A time span as systemd writes it: `90s`, `2h`, `1h 30min`; a number alone is seconds (systemd.time(7)).
fn span(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds)
            .map_err(|error| error.to_string())
            .and_then(positive);
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 90s, 2h or '1h 30min'"))
        .and_then(positive)
}

/// The longest span: times are reckoned with it, and none of them is to lie beyond what a clock can tell.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

fn positive(span: Duration) -> Result<Duration, String> {
    if span < Duration::from_millis(10) {
        Err("10ms at least".to_owned())
    } else if span > LONGEST {
        Err("100 years at most".to_owned())
    } else {
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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
            "2026-11-21T03:00:00Z",
        ] {
            assert!(moment(good).is_ok(), "{good}: {:?}", moment(good));
        }
        assert_eq!(moment("@1700000000").unwrap().as_second(), 1_700_000_000);
        for bad in ["", "soon", "2026-13-01", "-", "@x"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
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
