//! What the journal kept of the ends of units: entries of `journalctl --output=json` to what they tell. Pure.
//!
//! Three speak of a kill: the kernel's own lines, PID 1's word that a unit was hit, and systemd-oomd's. PID 1 tells of all
//! other ends too, systemd-coredump of crashes, a user's manager of that user's units. The fields are those of
//! systemd.journal-fields(7), the message ids those of systemd's `src/systemd/sd-messages.h`.
//!
//! Anybody may write any message id and any unit into the journal. Who wrote an entry stands in the fields that journald adds
//! itself, which begin with `_`: an entry counts where these say so, as `journalctl -u` has it (systemd's
//! src/shared/logs-show.c: `add_matches_for_unit`).

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::event::{self, CgroupRef, Subject, Unit, UnitState};
use crate::log::{Kill, LogLine, LogParser, Logged, kill_event};
use crate::measure::Timestamp;
use crate::raw;
use crate::unit::UnitPath;
use crate::unit::ends::exit_text;

/// `SD_MESSAGE_UNIT_OUT_OF_MEMORY`: PID 1 saw `memory.events oom_kill` move.
const OUT_OF_MEMORY: &str = "fe6faa94e7774663a0da52717891d8ef";
/// `SD_MESSAGE_UNIT_OOMD_KILL`: PID 1 saw that systemd-oomd killed in a unit.
const OOMD_KILL: &str = "d989611b15e44c9dbf31e3c81256e4ed";
/// `SD_MESSAGE_UNIT_FAILURE_RESULT`.
const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
/// `SD_MESSAGE_UNIT_PROCESS_EXIT`.
const PROCESS_EXIT: &str = "98e322203f7a4ed290d09fe03c09fe15";
/// `SD_MESSAGE_COREDUMP`.
const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";

/// Where systemd-coredump runs: who writes there was started by PID 1.
const COREDUMP_SLICE: &str = r"system-systemd\x2dcoredump.slice";

/// systemd-oomd's own unit.
pub const OOMD_UNIT: &str = "systemd-oomd.service";

/// What is asked of `journalctl`: everything that [`Reader`] understands, of those whom it believes.
pub const MATCHES: [&str; 22] = [
    "_TRANSPORT=kernel",
    "+",
    "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef",
    "MESSAGE_ID=d989611b15e44c9dbf31e3c81256e4ed",
    "MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c",
    "MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15",
    "_PID=1",
    "_UID=0",
    "+",
    "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef",
    "MESSAGE_ID=d989611b15e44c9dbf31e3c81256e4ed",
    "MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c",
    "MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15",
    "_SYSTEMD_USER_UNIT=init.scope",
    "+",
    "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1",
    "_UID=0",
    "+",
    "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1",
    r"_SYSTEMD_SLICE=system-systemd\x2dcoredump.slice",
    "+",
    "_SYSTEMD_UNIT=systemd-oomd.service",
];

/// Runs whose processes' ends are remembered until the unit's own end is told, at most.
const MAX_EXITS: usize = 4_096;

/// Something that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When it was written.
    pub ts: Timestamp,
    /// The machine.
    pub host: String,
    /// The boot of it, 32 hexadecimal digits.
    pub boot: Option<String>,
    /// What.
    pub what: What,
}

/// What an entry tells.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The kernel's killer, by its own lines.
    Kill(Box<event::Kill>),
    /// PID 1: something in this unit was killed by the kernel.
    OutOfMemory(Subject),
    /// systemd-oomd killed in this unit or cgroup, in its own words.
    Oomd(Subject, String),
    /// A unit failed.
    Failed(Box<Unit>),
    /// A process of the unit crashed: its pid, its signal and its program.
    Core(Subject, Option<u64>, String),
}

impl What {
    /// Whom it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Kill(kill) => &kill.subject,
            Self::Failed(unit) => &unit.subject,
            Self::OutOfMemory(subject) | Self::Oomd(subject, _) | Self::Core(subject, ..) => subject,
        }
    }

    /// The same, to be told more of.
    pub fn subject_mut(&mut self) -> &mut Subject {
        match self {
            Self::Kill(kill) => &mut kill.subject,
            Self::Failed(unit) => &mut unit.subject,
            Self::OutOfMemory(subject) | Self::Oomd(subject, _) | Self::Core(subject, ..) => subject,
        }
    }
}

/// Who wrote an entry, by journald's own word.
#[derive(Debug, PartialEq, Eq)]
enum Writer {
    Kernel,
    Systemd,
    /// A user's manager: the unit of the system's that it is.
    UserManager(String),
    Oomd,
    Coredump,
    /// Whoever it was: what it says of others is its own invention.
    Other,
}

impl Writer {
    fn of(entry: &Map<String, Value>) -> Self {
        let trusted = |name: &str| entry.get(name).and_then(Value::as_str);
        let is_root = trusted("_UID") == Some("0");
        if trusted("_TRANSPORT") == Some("kernel") {
            return Self::Kernel;
        }
        if trusted("_SYSTEMD_UNIT") == Some(OOMD_UNIT) {
            return Self::Oomd;
        }
        if trusted("MESSAGE_ID") == Some(COREDUMP) && (is_root || trusted("_SYSTEMD_SLICE") == Some(COREDUMP_SLICE)) {
            return Self::Coredump;
        }
        if trusted("_PID") == Some("1") && is_root {
            return Self::Systemd;
        }
        if trusted("_SYSTEMD_USER_UNIT") == Some("init.scope")
            && let Some(uid) = trusted("_UID")
            && let manager = format!("user@{uid}.service")
            && trusted("_SYSTEMD_UNIT") == Some(manager.as_str())
        {
            return Self::UserManager(manager);
        }
        Self::Other
    }
}

/// Reads entry after entry, in the order of time.
#[derive(Debug, Default)]
pub struct Reader {
    parser: LogParser,
    boot: Option<String>,
    exits: HashMap<(String, Option<String>), String>,
}

impl Reader {
    /// Takes a line of `journalctl --output=json`, and gives what it tells.
    ///
    /// # Errors
    /// Where it is no JSON object or has no time.
    pub fn entry(&mut self, line: &[u8]) -> Result<Option<Told>, String> {
        let entry: Map<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        self.map(&entry)
    }

    /// Whether a report of the kernel's is being read.
    pub(crate) fn is_open(&self) -> bool {
        self.parser.is_open()
    }

    /// What follows does not belong to the report that is being read.
    pub(crate) fn breaks(&mut self) {
        self.parser.gap();
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// Where it has no time.
    pub(crate) fn map(&mut self, entry: &Map<String, Value>) -> Result<Option<Told>, String> {
        let micros = field(entry, "__REALTIME_TIMESTAMP").and_then(|text| text.parse().ok());
        let ts = micros
            .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
            .map(Timestamp)
            .ok_or("no __REALTIME_TIMESTAMP")?;
        let what = match Writer::of(entry) {
            Writer::Kernel => self.kernel(entry),
            Writer::Systemd => self.manager(entry, subject(entry)),
            Writer::UserManager(unit) => self.manager(entry, user_subject(entry, unit)),
            Writer::Oomd => oomd(field(entry, "MESSAGE").unwrap_or_default()),
            Writer::Coredump => Some(core(entry)),
            Writer::Other => None,
        };
        let host = field(entry, "_HOSTNAME").unwrap_or_default();
        let boot = field(entry, "_BOOT_ID");
        Ok(what.map(|what| Told { ts, host, boot, what }))
    }

    /// Takes a record of the kernel's own log.
    pub fn log_line(&mut self, line: LogLine) -> Option<What> {
        match self.parser.line(line)? {
            Logged::Kill(kill) => Self::kill(&kill),
            Logged::Choice(_) | Logged::Group(_) | Logged::NothingToKill(_) => None,
        }
    }

    fn kernel(&mut self, entry: &Map<String, Value>) -> Option<What> {
        let boot = field(entry, "_BOOT_ID");
        if boot != self.boot {
            self.boot = boot;
            self.parser.gap();
        }
        let time = field(entry, "_SOURCE_MONOTONIC_TIMESTAMP").and_then(|text| text.parse().ok());
        let line = LogLine {
            sequence: 0,
            time: time.unwrap_or_default(),
            caller: None,
            continues: false,
            // What programs write into the kernel's log never has its facility.
            by_kernel: field(entry, "SYSLOG_FACILITY").is_none_or(|facility| facility == "0"),
            text: field(entry, "MESSAGE")?,
        };
        self.log_line(line)
    }

    fn kill(kill: &Kill) -> Option<What> {
        // The chosen one is killed once more as a member of its group.
        if kill.group.as_ref().is_some_and(|group| group.leader == kill.tid) {
            return None;
        }
        Some(What::Kill(Box::new(kill_event(kill, None))))
    }

    /// What a manager says of a unit of its own.
    fn manager(&mut self, entry: &Map<String, Value>, subject: Subject) -> Option<What> {
        let message = field(entry, "MESSAGE").unwrap_or_default();
        let id = field(entry, "MESSAGE_ID");
        let run = || {
            let name = subject.name().unwrap_or_default().to_owned();
            (name, subject.invocation_id.clone())
        };
        match id.as_deref()? {
            OUT_OF_MEMORY => Some(What::OutOfMemory(subject)),
            OOMD_KILL => Some(What::Oomd(subject, message)),
            PROCESS_EXIT => {
                // Control processes end too, and are not what the unit is.
                if message.contains(": Main process exited") {
                    let code = match field(entry, "EXIT_CODE").as_deref() {
                        Some("exited") => 1,
                        Some("killed") => 2,
                        Some("dumped") => 3,
                        _ => 0,
                    };
                    let status = field(entry, "EXIT_STATUS").and_then(|status| status.parse().ok());
                    if self.exits.len() >= MAX_EXITS {
                        self.exits.clear();
                    }
                    if let Some(exit) = status.and_then(|status| exit_text(code, status)) {
                        self.exits.insert(run(), exit);
                    }
                }
                None
            }
            FAILED => Some(What::Failed(Box::new(Unit {
                exit: self.exits.remove(&run()),
                result: field(entry, "UNIT_RESULT"),
                state: UnitState::Failed,
                subject,
                ..Unit::default()
            }))),
            _ => None,
        }
    }
}

/// What stands before and behind the path where systemd-oomd writes of a kill: `Killed /system.slice/a.service due to memory pressure
/// for /system.slice being 62.11% > 50.00% for > 20s with reclaim activity`, since 258 `Marked … for killing due to …` (systemd's
/// src/oom/oomd-manager.c).
pub const OOMD_KILLED: [(&str, &str); 2] = [("Marked ", " for killing due to "), ("Killed ", " due to ")];

fn oomd(message: String) -> Option<What> {
    let named = |(before, behind): &(_, _)| message.strip_prefix(*before)?.split_once(*behind);
    let path = OOMD_KILLED.iter().find_map(named)?.0.to_owned();
    let subject = UnitPath::parse(&path).into_subject(None, &path, None);
    Some(What::Oomd(subject, message))
}

/// What systemd-coredump says of a crash.
fn core(entry: &Map<String, Value>) -> What {
    let path = field(entry, "COREDUMP_CGROUP");
    let parsed = path.map_or_else(Subject::default, |path| {
        UnitPath::parse(&path).into_subject(None, &path, None)
    });
    let signal = field(entry, "COREDUMP_SIGNAL_NAME").unwrap_or_else(|| "a signal".to_owned());
    let program = field(entry, "COREDUMP_EXE").or_else(|| field(entry, "COREDUMP_COMM"));
    let words = format!(
        "{} crashed of {signal}",
        program.unwrap_or_else(|| "a program".to_owned())
    );
    let subject = Subject {
        unit: parsed.unit.clone().or_else(|| field(entry, "COREDUMP_UNIT")),
        ..parsed
    };
    let pid = field(entry, "COREDUMP_PID").and_then(|pid| pid.parse().ok());
    What::Core(subject, pid, words)
}

/// The unit that PID 1 speaks of.
fn subject(entry: &Map<String, Value>) -> Subject {
    Subject {
        unit: field(entry, "UNIT"),
        invocation_id: field(entry, "INVOCATION_ID"),
        cgroup: CgroupRef::default(),
        ..Subject::default()
    }
}

/// The unit that a user's manager speaks of. Whose it is the manager cannot choose.
fn user_subject(entry: &Map<String, Value>, manager: String) -> Subject {
    Subject {
        unit: Some(manager),
        user_unit: field(entry, "USER_UNIT"),
        invocation_id: field(entry, "USER_INVOCATION_ID"),
        cgroup: CgroupRef::default(),
        ..Subject::default()
    }
}

/// A field as text: what is no text comes as its bytes, what is there more than once as a list (journalctl(1)).
pub(crate) fn field(entry: &Map<String, Value>, name: &str) -> Option<String> {
    match entry.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let bytes: Option<Vec<u8>> = values
                .iter()
                .map(|value| value.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect();
            match bytes {
                Some(bytes) => Some(raw::text(&bytes)),
                None => values.iter().find_map(Value::as_str).map(str::to_owned),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::event::{Origin, Relation};

    fn read(entries: &[Value]) -> Vec<Told> {
        let mut reader = Reader::default();
        entries
            .iter()
            .filter_map(|entry| reader.entry(entry.to_string().as_bytes()).unwrap())
            .collect()
    }

    fn kernel(text: &str) -> Value {
        json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0",
            "_BOOT_ID": "b", "_HOSTNAME": "h", "_SOURCE_MONOTONIC_TIMESTAMP": "5000000", "MESSAGE": text})
    }

    /// As Linux 6.12 printed it.
    const REPORT: [&str; 8] = [
        "python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "CPU: 0 UID: 0 PID: 399 Comm: python3 Not tainted 6.12.117+deb13-cloud-amd64 #1  Debian 6.12.117-1",
        "memory: usage 65536kB, limit 65536kB, failcnt 46",
        "swap: usage 0kB, limit 0kB, failcnt 0",
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
        "[    399]     0   399    37395    17661    16276     1385         0   212992        0             0 python3",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice,task_memcg=/system.slice/a.service,task=python3,pid=399,uid=0",
        "Memory cgroup out of memory: Killed process 399 (python3) total-vm:149580kB, anon-rss:65104kB, file-rss:5540kB, shmem-rss:0kB, UID:0 pgtables:208kB oom_score_adj:0",
    ];

    #[test]
    fn the_kernels_lines_are_a_verdict() {
        let told = read(&REPORT.map(kernel));
        let [
            Told {
                what: What::Kill(kill), ..
            },
        ] = told.as_slice()
        else {
            panic!("{told:?}")
        };
        assert_eq!(kill.origin, Origin::MemcgLimit);
        assert_eq!(kill.subject.unit.as_deref(), Some("a.service"));
        let limit = kill.limit.as_ref().unwrap();
        assert_eq!(
            (limit.unit.as_deref(), limit.relation),
            (Some("system.slice"), Some(Relation::Ancestor))
        );
        assert_eq!(limit.bytes.map(|bytes| bytes.0), Some(65_536 << 10));
        assert_eq!(kill.who(), "python3[399]");
    }

    #[test]
    fn what_a_program_wrote_into_the_kernels_log_is_no_kill() {
        let forged = REPORT.map(|text| {
            let mut entry = kernel(text);
            entry["SYSLOG_FACILITY"] = json!("1");
            entry
        });
        assert!(read(&forged).is_empty());
    }

    #[test]
    fn a_report_does_not_go_on_after_a_boot() {
        let mut entries = REPORT.map(kernel);
        for entry in entries.iter_mut().skip(7) {
            entry["_BOOT_ID"] = json!("c");
        }
        let told = read(&entries);
        let [
            Told {
                what: What::Kill(kill), ..
            },
        ] = told.as_slice()
        else {
            panic!("{told:?}")
        };
        // The line of the kill says itself that it was a memory cgroup's limit.
        assert_eq!(
            (kill.origin, kill.subject.unit.as_deref(), kill.limit.as_ref()),
            (Origin::MemcgLimit, None, None)
        );
    }

    #[test]
    fn systemds_ends_carry_how_the_main_process_ended() {
        let entry = |id: &str, more: Value| {
            let mut entry = json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_TRANSPORT": "journal", "MESSAGE_ID": id,
                "_PID": "1", "_UID": "0", "UNIT": "a.service", "INVOCATION_ID": "1"});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry
        };
        let told = read(&[
            entry(
                PROCESS_EXIT,
                json!({"MESSAGE": "a.service: Control process exited, code=exited, status=1/FAILURE", "EXIT_CODE": "exited", "EXIT_STATUS": "1"}),
            ),
            entry(
                PROCESS_EXIT,
                json!({"MESSAGE": "a.service: Main process exited, code=exited, status=203/EXEC", "EXIT_CODE": "exited", "EXIT_STATUS": "203"}),
            ),
            entry(FAILED, json!({"UNIT_RESULT": "exit-code"})),
        ]);
        let [
            Told {
                what: What::Failed(unit),
                ..
            },
        ] = told.as_slice()
        else {
            panic!("{told:?}")
        };
        assert_eq!(
            (unit.result.as_deref(), unit.exit.as_deref()),
            (Some("exit-code"), Some("203/EXEC"))
        );
    }

    /// What this writer's entries tell of each of the ids, by the fields that journald adds.
    fn told_by(writer: &Value) -> Vec<(&'static str, Told)> {
        let ids = [OUT_OF_MEMORY, OOMD_KILL, FAILED, COREDUMP];
        let entry = |id: &str| {
            let mut entry = json!({"__REALTIME_TIMESTAMP": "1763694764000000", "MESSAGE_ID": id, "UNIT": "sshd.service",
                "USER_UNIT": "mine.service", "UNIT_RESULT": "oom-kill", "MESSAGE": "Killed /system.slice/sshd.service due to x",
                "COREDUMP_CGROUP": "/system.slice/sshd.service", "COREDUMP_EXE": "/usr/sbin/sshd"});
            entry
                .as_object_mut()
                .unwrap()
                .extend(writer.as_object().unwrap().clone());
            entry
        };
        let told = ids.into_iter().map(|id| (id, read(&[entry(id)])));
        told.flat_map(|(id, told)| told.into_iter().map(move |told| (id, told)))
            .collect()
    }

    #[test]
    fn whoever_may_write_anything_tells_nothing() {
        for writer in [
            json!({}),
            json!({"_UID": "1000", "_PID": "4711", "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "app.scope"}),
            json!({"_UID": "1000", "_PID": "4711", "_SYSTEMD_UNIT": "session-3.scope"}),
            json!({"_UID": "1000", "_PID": "1"}),
            json!({"_UID": ["1000", "0"], "_PID": ["4711", "1"]}),
            // A user's own words on its manager's place, but not that user's manager.
            json!({"_UID": "1001", "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "init.scope"}),
            json!({"_UID": "33", "_SYSTEMD_UNIT": "web.service", "SYSLOG_IDENTIFIER": "systemd", "_COMM": "systemd"}),
            json!({"_UID": "33", "_COMM": "systemd-coredum", "_SYSTEMD_UNIT": "systemd-coredump.service"}),
        ] {
            assert_eq!(told_by(&writer), [], "{writer}");
        }
    }

    #[test]
    fn who_is_believed_is_believed_of_what_is_its_own() {
        let told = |writer: Value| {
            told_by(&writer)
                .into_iter()
                .map(|(id, told)| (id, told.what))
                .collect::<Vec<_>>()
        };
        let ids = |told: &[(&'static str, What)]| told.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let systemd = told(json!({"_UID": "0", "_PID": "1", "_SYSTEMD_UNIT": "init.scope"}));
        assert_eq!(ids(&systemd), [OUT_OF_MEMORY, OOMD_KILL, FAILED, COREDUMP]);
        assert_eq!(systemd[0].1.subject().unit.as_deref(), Some("sshd.service"));
        let manager =
            told(json!({"_UID": "1000", "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "init.scope"}));
        assert_eq!(ids(&manager), [OUT_OF_MEMORY, OOMD_KILL, FAILED]);
        for (_, what) in &manager {
            let subject = what.subject();
            let unit = (subject.unit.as_deref(), subject.user_unit.as_deref());
            assert_eq!(unit, (Some("user@1000.service"), Some("mine.service")));
        }
        let slice = told(json!({"_UID": "1000", "_SYSTEMD_SLICE": COREDUMP_SLICE}));
        assert_eq!(ids(&slice), [COREDUMP]);
    }

    #[test]
    fn what_journalctl_is_asked_is_what_is_believed() {
        // Each alternative, as the entry that has just these fields; of a field asked for more than once the first.
        let alternatives: Vec<&[&str]> = MATCHES.split(|word| *word == "+").collect();
        for alternative in &alternatives {
            let mut entry = Map::new();
            for (name, value) in alternative.iter().filter_map(|field| field.split_once('=')) {
                entry.entry(name).or_insert_with(|| json!(value));
            }
            if entry.contains_key("_SYSTEMD_USER_UNIT") {
                entry.extend([
                    ("_UID".to_owned(), json!("7")),
                    ("_SYSTEMD_UNIT".to_owned(), json!("user@7.service")),
                ]);
            }
            assert_ne!(Writer::of(&entry), Writer::Other, "{alternative:?}");
            // An id alone is nobody's word.
            assert!(
                alternative.iter().any(|field| field.starts_with('_')),
                "{alternative:?}"
            );
        }
        assert_eq!(alternatives.len(), 6);
    }

    #[test]
    fn oomd_names_the_cgroup_in_its_words() {
        let told = read(&[
            json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_SYSTEMD_UNIT": "systemd-oomd.service",
            "MESSAGE": "Killed /system.slice/a.service due to memory pressure for /system.slice being 62.11% > 50.00% for > 20s with reclaim activity"}),
        ]);
        assert_eq!(told[0].what.subject().unit.as_deref(), Some("a.service"));
        let told = read(&[
            json!({"__REALTIME_TIMESTAMP": "1795988145203246", "_SYSTEMD_UNIT": "systemd-oomd.service",
            "MESSAGE": "Marked /pressed.slice/stalled.service for killing due to memory pressure for /pressed.slice being 18.32% > 5.00% for > 2s with reclaim activity"}),
            json!({"__REALTIME_TIMESTAMP": "1795988145454341", "_SYSTEMD_UNIT": "systemd-oomd.service",
            "MESSAGE": "oomd prekill hook finished for cgroup /pressed.slice/stalled.service"}),
        ]);
        let units: Vec<_> = told.iter().map(|told| told.what.subject().unit.as_deref()).collect();
        assert_eq!(units, [Some("stalled.service")]);
    }

    #[test]
    fn bytes_and_repeated_fields_are_text() {
        let entry = json!({"MESSAGE": [104, 105, 255], "UNIT": ["a", "b"], "X": null});
        let entry = entry.as_object().unwrap();
        assert_eq!(field(entry, "MESSAGE").as_deref(), Some("hi\u{efff}"));
        assert_eq!(field(entry, "UNIT").as_deref(), Some("a"));
        assert_eq!(field(entry, "X"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_panics(lines in prop::collection::vec(".{0,200}", 0..20), cut in 0usize..300) {
            let mut reader = Reader::default();
            for text in REPORT.iter().map(|text| (*text).to_owned()).chain(lines) {
                let entry = kernel(&text).to_string();
                let _ = reader.entry(entry.as_bytes());
                let _ = reader.entry(entry.as_bytes().get(..cut).unwrap_or_default());
            }
        }
    }
}
