//! The command line. In: arguments. Out: typed options; the commands give them meaning.

mod config;
mod values;

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;

use crate::complete;
use crate::conf;

pub use config::{Config, Files};
pub(crate) use values::moment_at;
use values::{factor, moment, size, span};

/// Exit statuses; sysexits.h's where it has one.
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
    /// Not supported by this kernel.
    Unsupported = 69,
    /// Not permitted.
    NotPermitted = 77,
}

/// Why a command failed: the message and the exit status.
#[derive(Debug)]
pub struct Failure {
    /// The status.
    pub exit: Exit,
    /// The message.
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
  sudo oomtrace -u myapp                 watch myapp.service: usage, limits, time left, kills
  sudo oomtrace -u 'web@*' -o json       every instance of web@.service, as a JSON stream
  sudo oomtrace --slice batch -q         only warnings and kills below batch.slice
  sudo oomtrace record                   record into /var/lib/oomtrace, for days
  oomtrace replay /var/lib/oomtrace      replay the recordings as if live
  sudo oomtrace why myapp                why myapp.service was last killed, or failed for another reason
  dmesg -T | oomtrace why                explain the kills in any machine's log; also --log kern.log.1.gz
  sudo oomtrace stacks -u myapp          which code took the memory that is still there
  oomtrace resolve 4711                  which unit a process belongs to
  oomtrace config                        the recorder's settings, and where each comes from

Exit status:
  0   success
  1   failure
  2   wrong usage
  65  a recording is damaged; what could be read was used
  66  no such unit, recording or kill
  69  not supported by this kernel
  77  not permitted

Environment:
  NO_COLOR, SYSTEMD_COLORS=0   no colour
  LC_ALL, LC_CTYPE, LANG       plain ASCII where the locale is not UTF-8
  SYSTEMD_PAGER, PAGER, SYSTEMD_LESS, SYSTEMD_PAGERSECURE
                               the pager of long texts, as for systemctl(1)";

const RECORD_HELP: &str = "\
Examples:
  systemctl enable --now oomtrace        as a service, into /var/lib/oomtrace
  oomtrace record --dir rec -u myapp     one unit, into a folder of one's own, until Ctrl-C
  oomtrace record -o json                the stream on standard output too, for a log pipeline";

const REPLAY_HELP: &str = "\
Examples:
  oomtrace replay /var/lib/oomtrace -u myapp -S -2h    what was recorded of myapp.service in the last two hours
  oomtrace replay rec -q                               only the warnings and kills
  oomtrace replay rec -o json | jq 'select(.event == \"kill\")'
  oomtrace replay rec -o tui --speed 10                the screen, ten times as fast as it was";

const WHY_HELP: &str = "\
Examples:
  oomtrace why                           the last kill on this machine
  oomtrace why myapp -n 5                the last five of myapp.service
  oomtrace why -a -S yesterday           every kill since yesterday
  oomtrace why -b -1                     the last kill of the boot before
  dmesg -T | oomtrace why -a             every kill in a log, whose machine need not be this one
  oomtrace why --log kern.log.1.gz -o json
  oomtrace why --journal-file /mnt/var/log/journal     a disk of another machine

Exit status:
  0   success, also where no unit is named and nothing was killed
  66  no kill of the named unit, or no such file or boot
      others as in oomtrace(8)";

const STACKS_HELP: &str = "\
Examples:
  sudo oomtrace stacks -u myapp                        what myapp.service takes in the next 30 seconds
  sudo oomtrace stacks -u myapp --for 10min --svg leak.svg    with a flame graph
  sudo oomtrace stacks -u myapp -o pprof > leak.pb.gz  for 'go tool pprof' and others";

const REPORT_HELP: &str = "\
Examples:
  oomtrace report /var/lib/oomtrace -S -24h            a page of the last day
  oomtrace report rec -u myapp --html myapp.html       of one unit
  oomtrace report rec -u myapp --png myapp.png         only the plot, for a chat or a ticket";

const UNITS_HELP: &str = "\
Columns:
  USED      what is charged to the unit (memory.current), page cache included
  LIMIT     the limit that LEFT is about, else the unit's own, else the fullest above it
  OWNER     whose limit that is: own, a slice or another unit above, or the host (its memory)
  %         how full the limit is, by all that its owner holds, this unit and others
  TREND     growth of what cannot be reclaimed
  CLASS     what that is: steady, a leak, page cache and others; rising or falling after a short look
  LEFT      time until the limit is reached if it goes on
  KILLS     processes of the unit that the kernel killed for memory since its cgroup was made

Examples:
  oomtrace units -n 10                   the ten that reach a limit first
  oomtrace units --slice batch           everything below batch.slice
  oomtrace units -o json                 one sample a unit, as oomtrace -o json has them";

const RESOLVE_HELP: &str = "\
Examples:
  oomtrace resolve 4711                  of a process
  oomtrace resolve myapp                 of a running unit or container
  oomtrace resolve /system.slice/docker-5e6f7a8b9c0d.scope";

/// Explains OOM kills of systemd services, and warns before the next one.
///
/// Watches systemd units' memory: usage, which limit they will hit and when. After an OOM kill it prints one verdict with the
/// evidence behind it. It only observes: it kills nothing and changes no limit.
#[derive(Debug, Parser)]
#[command(name = "oomtrace", version, after_long_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do [default: watch].
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to watch.
    #[command(flatten)]
    pub watch: Watch,
}

/// A command other than watching.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record to disk, continuously
    ///
    /// Events are compressed and synced to disk (fdatasync) every 5 s, after 4 MiB, and immediately after a kill: a crash or
    /// a power cut loses no more than that, and a replay reports the gap. If the disk is full or read-only, oomtrace deletes
    /// its oldest files, then drops events; it never buffers them in memory. It reports this once and resumes when there is
    /// room. Only one recorder may use a directory.
    #[command(after_long_help = RECORD_HELP)]
    Record(Record),
    /// Replay recordings as if live
    ///
    /// Shows what a watch would have shown at the time: samples, forecasts, warnings, kills. On a terminal it is a screen in
    /// which time can be moved; with --output json it is the recorded stream, byte for byte.
    #[command(after_long_help = REPLAY_HELP)]
    Replay(Replay),
    /// Explain past OOM kills from recordings, the journal or the kernel log
    ///
    /// Says who was killed, by whom, whose limit was reached, who held the memory, how the unit is now, and what to type. If
    /// the unit was not killed for memory but failed for another reason, it says which. Nothing needs to be prepared: it reads
    /// the journal and the kernel's log, and, if a recorder ran, its recordings, which add the command line, the growth before the
    /// kill and the warnings. What no source says is reported as unknown.
    #[command(after_long_help = WHY_HELP)]
    Why(Why),
    /// Show which code took the memory that is still there
    ///
    /// Follows pages that a unit's processes take, from now on: one in --one-in. At the end, or at Ctrl-C, it shows the stacks
    /// that took those which are still there. The processes need not be restarted or built in a special way; stacks are unwound by
    /// unwind tables (.eh_frame) or frame pointers. Memory from before, and what has gone to swap, is not in it.
    #[command(after_long_help = STACKS_HELP)]
    Stacks(Stacks),
    /// Write a self-contained HTML report: memory plots, limits, warnings, kills
    ///
    /// The page needs no network and no script to be read; it can be attached to a ticket. Forecasts in it are those of the time.
    #[command(after_long_help = REPORT_HELP)]
    Report(Report),
    /// Show every unit's usage, limit, trend and time left, once
    ///
    /// What reaches its limit first comes first, then what is nearest to it; the host is the last line. Trends and times left come from
    /// a running recorder, else from the few seconds of --wait, which say little. No privileges are needed.
    #[command(after_long_help = UNITS_HELP)]
    Units(Units),
    /// Show which unit, slice, user unit and container a cgroup or process belongs to
    #[command(after_long_help = RESOLVE_HELP)]
    Resolve {
        /// A cgroup's path, a process id, or the name of a running unit or container
        #[arg(value_name = "PATH|PID|NAME", add = ArgValueCompleter::new(complete::running))]
        what: String,
    },
    /// Show the recorder's settings and where each comes from: default, file and line, environment or command line
    ///
    /// These are the options of 'oomtrace record' as it would begin now. The service's OOMTRACE_OPTIONS count, from the
    /// environment or from /etc/default/oomtrace; a drop-in for the unit that changes ExecStart= does not.
    Config(Config),
    /// Check what oomtrace can see here, and how to fix what it cannot
    ///
    /// Begin here if nothing is found: it tries what oomtrace uses of the kernel, systemd and other services, says what is missed
    /// without it, and changes nothing. Run it with sudo to see what the service has.
    Doctor {
        /// How to show it
        #[command(flatten)]
        format: Format,
        /// Whether a pager is taken.
        #[command(flatten)]
        paging: Paging,
    },
    /// Print the JSON Schema of the events
    ///
    /// It describes each line of --output json; docs/events.md explains the same in words.
    Schema,
    /// Print a man page
    Man {
        /// Command to print it for, or oomtrace.conf [default: oomtrace itself]
        #[arg(add = ArgValueCompleter::new(commands))]
        command: Option<String>,
    },
    /// Print shell completions: oomtrace completions bash > /usr/share/bash-completion/completions/oomtrace
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Human-readable
    Text,
    /// One JSON object per line
    Json,
}

/// A stream's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Human-readable lines
    Text,
    /// One JSON object per line
    Json,
    /// Interactive full-screen view
    Tui,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Even in a pipe
    Always,
    /// Never
    Never,
}

/// The most capable kernel interface to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeChoice {
    /// The most capable one that works
    Auto,
    /// kprobes and tracepoints, no fentry
    Kprobe,
    /// Tracepoints only
    Tracepoint,
    /// Cgroup files and the kernel log, no eBPF
    Poll,
}

/// Which units.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// A unit ('.service' is implied), container (name or id), pod (NAMESPACE/POD) or cgroup path; globs work, repeatable
    /// [default: every unit]
    #[arg(short, long, value_name = "NAME", add = ArgValueCompleter::new(complete::running))]
    pub unit: Vec<String>,
    /// A user's unit (systemctl --user)
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::user_units))]
    pub user_unit: Vec<String>,
    /// Everything below a slice
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::slices))]
    pub slice: Vec<String>,
    /// A cgroup and everything below it
    #[arg(long, value_name = "PATH", add = ArgValueCompleter::new(complete::cgroups))]
    pub cgroup: Vec<String>,
}

/// That a time range is one.
///
/// # Errors
/// Where it ends before it begins.
pub fn in_order(since: Option<jiff::Timestamp>, until: Option<jiff::Timestamp>) -> Result<(), Failure> {
    match since.zip(until) {
        Some((since, until)) if since > until => {
            let message = anyhow::anyhow!("nothing can be in the time range: --since {since} is after --until {until}");
            Err(Failure::new(Exit::Usage, message))
        }
        _ => Ok(()),
    }
}

/// How to show what is there, once.
#[derive(Debug, clap::Args)]
pub struct Format {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// Same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
}

impl Format {
    /// The format that is asked for.
    #[must_use]
    pub fn output(&self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

/// Whether text goes through a pager on a terminal.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Paging {
    /// Do not show the text in a pager
    #[arg(long)]
    pub no_pager: bool,
}

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Output format [default: tui on a terminal, else text]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Form>,
    /// Same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Warn when less than this is left
    #[arg(long, value_name = "SPAN", default_value = "30min", value_parser = span)]
    pub warn_within: Duration,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Print only warnings and kills, as text
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}

/// How to watch.
#[derive(Debug, clap::Args)]
pub struct Watch {
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How to show it.
    #[command(flatten)]
    pub show: Show,
    /// How to gather data.
    #[command(flatten)]
    pub learn: Learn,
}

/// How to gather data.
#[derive(Debug, clap::Args)]
pub struct Learn {
    /// Sampling interval
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span)]
    pub interval: Duration,
    /// Stop after this long
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub duration: Option<Duration>,
    /// Host name to put into every event [default: this machine's]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Omit command lines
    #[arg(long)]
    pub no_cmdline: bool,
    /// Write kills and warnings to the journal too, where `journalctl -u` and `systemctl status` show them
    #[arg(long)]
    pub journal: bool,
    /// Serve Prometheus metrics at http://ADDR:PORT/metrics; a bare port binds to loopback, which answers to 'localhost' and
    /// addresses only
    #[arg(long, value_name = "[ADDR:]PORT")]
    pub metrics_listen: Option<String>,
    /// Run a program on each warning, with the event as JSON on its standard input; no shell, one minute at most, only PATH, HOME,
    /// USER, LOGNAME, SHELL, LANG, LC_ALL, TZ and OOMTRACE_* in its environment
    ///
    /// OOMTRACE_PID and OOMTRACE_COMM are the process that grows and its name, if it is a single one; the name is chosen by the
    /// process.
    ///
    /// A unit that fills its limit within a minute of its start is warned of when 6 % of the limit are left; one that needs less
    /// than 30 s is not warned of at all. An earlier run that grew the same way and was killed is warned of at once.
    #[arg(long, value_name = "CMD")]
    pub exec_on_warning: Option<String>,
    /// While a unit's warning stands, follow which code takes its memory, as 'oomtrace stacks' does; reported each minute and at its kill
    ///
    /// One unit at a time, for five minutes while others wait, and half an hour for a warning. It takes the privileges of 'oomtrace
    /// stacks' and cgroups of version 2.
    #[arg(long)]
    pub stacks: bool,
    /// File with the memory history of earlier runs, kept across restarts; recording writes it, watching only if it is given
    #[arg(long, value_name = "FILE", default_value = "/var/lib/oomtrace/runs")]
    pub runs: std::path::PathBuf,
    /// Whether that file is written.
    #[arg(skip)]
    pub keeps_runs: bool,
    /// Whether systemd-report is answered.
    #[arg(skip)]
    pub answers_reports: bool,
    /// Ignore run history and don't record any
    #[arg(long)]
    pub no_runs: bool,
    /// Most capable kernel interface to try
    #[arg(long, value_name = "WAY", default_value = "auto")]
    pub probes: ProbeChoice,
    /// Verbose; includes BPF verifier logs
    #[arg(short, long)]
    pub verbose: bool,
}

/// How to record.
///
/// A frame of five seconds is synced to disk (fdatasync) before the next begins, a kill immediately. On a full disk the oldest
/// recordings are deleted first; events that cannot be written are counted and not buffered. A closed file is compressed
/// again, to a sixth.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// Directory for the recordings
    #[arg(long, value_name = "DIR", default_value = "/var/lib/oomtrace", value_hint = ValueHint::DirPath)]
    pub dir: std::path::PathBuf,
    /// Maximum size of all recordings; the oldest are deleted first
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub max_size: u64,
    /// Maximum age of recordings
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = span)]
    pub max_age: Duration,
    /// Print the stream to standard output too
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Output>,
    /// Same as --output json
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Warn when less than this is left
    #[arg(long, value_name = "SPAN", default_value = "30min", value_parser = span)]
    pub warn_within: Duration,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How to gather data.
    #[command(flatten)]
    pub learn: Learn,
    /// Which configuration files count.
    #[command(flatten)]
    pub files: Files,
    /// What they say.
    #[arg(skip)]
    pub loaded: conf::Loaded,
}

/// How to replay.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Recording files or folders (.jsonl, .jsonl.zst); '-' = standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<std::path::PathBuf>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// How to show it.
    #[command(flatten)]
    pub show: Show,
    /// Start at this time: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(short = 'S', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// End at this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
    /// Playback speed, 1 = real time [default: unlimited]
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub speed: Option<f64>,
    /// Whether a pager is taken.
    #[command(flatten)]
    pub paging: Paging,
}

/// A form of stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// The largest, to read
    Table,
    /// 'root;...;leaf BYTES' per line, for flame graph tools
    Folded,
    /// One JSON object per unit
    Json,
    /// pprof's protocol buffer, gzipped
    Pprof,
}

/// How to follow pages.
#[derive(Debug, clap::Args)]
#[command(mut_arg("unit", |unit| unit.help(
    "A unit ('.service' is implied), container (name or id), pod (NAMESPACE/POD) or cgroup path; globs work, repeatable [required, or a slice or cgroup]",
)))]
pub struct Stacks {
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// Follow for this long
    #[arg(long = "for", value_name = "SPAN", default_value = "30s", value_parser = span)]
    pub span: Duration,
    /// Follow one page in N, a power of two; less is more exact and slows the unit more [default: 256, or what a larger unit has
    /// room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub one_in: Option<u32>,
    /// Tell what there is by then every so often, too, as a table or JSON
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub every: Option<Duration>,
    /// Stop when it takes more memory than this itself, mapped files aside
    #[arg(long, value_name = "SIZE", value_parser = size, hide = true)]
    pub max_memory: Option<u64>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Profile,
    /// SVG file to write, with a flame graph; '-' = standard output
    #[arg(long, value_name = "FILE")]
    pub svg: Option<std::path::PathBuf>,
    /// Whether a pager is taken.
    #[command(flatten)]
    pub paging: Paging,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

/// How to report.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Recording files or folders (.jsonl, .jsonl.zst); '-' = standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<std::path::PathBuf>,
    /// HTML file to write (self-contained); '-' = standard output [default: named after host and day]
    #[arg(long, value_name = "FILE")]
    pub html: Option<std::path::PathBuf>,
    /// SVG file to write, with the plot of one unit
    #[arg(long, value_name = "FILE")]
    pub svg: Option<std::path::PathBuf>,
    /// PNG file to write, with the plot of one unit
    #[arg(long, value_name = "FILE")]
    pub png: Option<std::path::PathBuf>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// Start at this time: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(short = 'S', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// End at this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
}

/// How to list units.
#[derive(Debug, clap::Args)]
pub struct Units {
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// Sample for this long before printing; trends that no recorder has seen need half a minute
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = span)]
    pub wait: Duration,
    /// Folder of a running recorder, whose trends are taken [default: ~/.local/state/oomtrace of a user, the recorder's 'dir' in
    /// oomtrace.conf(5), or /var/lib/oomtrace; the first that is present]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<std::path::PathBuf>,
    /// Show the first N units
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub lines: Option<u32>,
    /// Reverse the order
    #[arg(short, long)]
    pub reverse: bool,
    /// Whether a pager is taken.
    #[command(flatten)]
    pub paging: Paging,
    /// How to show it.
    #[command(flatten)]
    pub format: Format,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
}

/// How to explain kills.
#[derive(Debug, clap::Args)]
pub struct Why {
    /// A unit ('.service' is implied), container, pod or cgroup path; globs work [default: every unit]
    #[arg(value_name = "UNIT", add = ArgValueCompleter::new(complete::known))]
    pub units: Vec<String>,
    /// Which units.
    #[command(flatten)]
    pub which: Which,
    /// Explain every kill, not only the last one
    #[arg(short, long)]
    pub all: bool,
    /// Explain the last N kills
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "all", value_parser = clap::value_parser!(u32).range(1..))]
    pub last: Option<u32>,
    /// Newest first
    #[arg(short, long)]
    pub reverse: bool,
    /// Start at this time: '2026-11-21 03:00', 'yesterday', '-2h'
    #[arg(short = 'S', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<jiff::Timestamp>,
    /// End at this time
    #[arg(short = 'U', long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<jiff::Timestamp>,
    /// Only this boot: an id, or 0 for the current one, -1 for the one before (journalctl --list-boots); without a value the current one
    #[arg(short, long, value_name = "ID", num_args = 0..=1, default_missing_value = "0", allow_negative_numbers = true)]
    pub boot: Option<String>,
    /// Recording file or folder [default: ~/.local/state/oomtrace of a user, the recorder's 'dir' in oomtrace.conf(5), or
    /// /var/lib/oomtrace; the first that is present]
    #[arg(long, value_name = "PATH")]
    pub dir: Option<std::path::PathBuf>,
    /// Read this journal, from any machine, instead of the local one: a folder or a file of journald's, or the output of
    /// `journalctl --output=json`, also gzip, zstd or xz; '-' = standard input
    #[arg(long, value_name = "PATH")]
    pub journal_file: Option<std::path::PathBuf>,
    /// Read this text, from any machine, instead of local sources: dmesg, kern.log, a serial console, journalctl's output, a bug
    /// report; also gzip, zstd, xz or UTF-16; repeatable; '-' = standard input, the default if that is a pipe or a file and no unit is named
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["journal_file", "dir", "boot"])]
    pub log: Vec<std::path::PathBuf>,
    /// How to show it.
    #[command(flatten)]
    pub format: Format,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Whether a pager is taken.
    #[command(flatten)]
    pub paging: Paging,
}

impl Why {
    /// How many kills are explained.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match self.last {
            _ if self.all => usize::MAX,
            Some(last) => usize::try_from(last).unwrap_or(usize::MAX),
            None => 1,
        }
    }
}

/// The commands that have a manual page, for a shell.
fn commands(current: &std::ffi::OsStr) -> Vec<clap_complete::CompletionCandidate> {
    use clap::CommandFactory as _;
    let begun = current.to_string_lossy();
    let all = Cli::command();
    let names = all.get_subcommands().map(clap::Command::get_name);
    names
        .chain([crate::cmd::man::CONF])
        .filter(|name| name.starts_with(&*begun))
        .map(clap_complete::CompletionCandidate::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
