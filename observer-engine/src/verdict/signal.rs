//! What a deadly signal from user space is for.
//!
//! Most are not for memory: an admin's, a timeout's, a shell's. A signal counts as a kill where its sender is a program
//! whose business that is, where it goes through `cgroup.kill`, where systemd sends it because the kernel killed in the same
//! unit, or where something was short of memory. Which program a sender is its name does not say, which it gives itself: its
//! unit does, into whose cgroup only root puts it, or its executable's place, where root alone may write.
//!
//! In: who sent it to whom, and what was seen before. Out: its purpose, or what is still to be asked.

use super::UserFacts;
use crate::event::{Confidence, Killer, Origin};
use crate::measure::{BootNanos, Tgid};

/// PID 1.
const SYSTEMD: Tgid = Tgid(1);

/// systemd's own.
const OOMD: &str = "systemd-oomd";

/// Programs whose business it is to kill before the kernel does. Their units are named as they are.
const KILLERS: [&str; 7] = [
    "earlyoom",
    "nohang",
    "nohang-desktop",
    "oomd",
    "bustd",
    "psi-monitor",
    "facebook-oomd",
];

/// Programs that end what they started whenever they are asked to, which says nothing of memory: a container that is stopped or a
/// machine that is switched off dies of their SIGKILL.
const RUNTIMES: [&str; 16] = [
    "conmon",
    "conmonrs",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v1",
    "containerd-shim-runc-v2",
    "crio",
    "crun",
    "dockerd",
    "kubelet",
    "libvirtd",
    "lxc-start",
    "podman",
    "runc",
    "virtqemud",
    "youki",
];

/// systemd ends what is left of a unit within this time of a kernel kill, in nanoseconds: `TimeoutStopSec=`, 90 s unless
/// set, for `OOMPolicy=stop`.
pub const CONSEQUENCE: u64 = 100_000_000_000;

/// Where systemd cannot say why it kills: what it kills this soon after a kernel kill follows from it, in nanoseconds.
pub const POLICY_WINDOW: u64 = 5_000_000_000;

/// A deadly signal.
#[derive(Debug, Clone, Default)]
pub struct SignalFacts {
    /// Who sent it.
    pub sender: Sender,
    /// When.
    pub sent: BootNanos,
    /// The cgroup of the process that gets it.
    pub target_cgroup: Option<String>,
    /// When that process started.
    pub target_started: Option<BootNanos>,
    /// Whether the sender was writing to `cgroup.kill`.
    pub by_cgroup_kill: bool,
    /// The kernel's last victim in the same cgroup, below or above it, within [`CONSEQUENCE`]: when, and whose process.
    pub kernel_kill: Option<(BootNanos, Tgid)>,
}

/// Who sent a signal.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Its process.
    pub pid: Tgid,
    /// Its name, which it may have given itself.
    pub comm: String,
    /// Its effective user when it sent it.
    pub uid: Option<u32>,
    /// Whether it may kill whomever it wants on this host.
    pub may_kill_all: bool,
    /// The file name of its executable or script, where that is the host's, only root may have put it there, and the sender may
    /// kill whomever it wants.
    pub program: Option<String>,
    /// Its system unit.
    pub unit: Option<String>,
    /// Its cgroup.
    pub cgroup: Option<String>,
}

impl Sender {
    fn is_runtime(&self) -> bool {
        self.program
            .as_deref()
            .is_some_and(|program| RUNTIMES.contains(&program))
    }

    /// What says that it is the program of this name, or that program's unit.
    fn is(&self, name: &str) -> Option<&'static str> {
        let unit = self.unit.as_deref().and_then(|unit| unit.strip_suffix(".service"));
        if unit == Some(name) {
            return Some("the sender's cgroup");
        }
        (self.program.as_deref() == Some(name)).then_some("the sender's /proc/PID/exe")
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            pid: Tgid(0),
            comm: String::new(),
            uid: None,
            may_kill_all: false,
            program: None,
            unit: None,
            cgroup: None,
        }
    }
}

/// What a signal is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Not for memory, as far as can be known.
    Other,
    /// For memory: by whom, and what says so.
    Memory(UserFacts, Vec<String>),
    /// For memory where systemd ends the unit for the kernel's kill, at this time: [`consequence`] of its `Result=`.
    Consequence(UserFacts, Vec<String>, BootNanos),
    /// For memory where something is short: [`super::counters::shortage`].
    IfShort(UserFacts, Vec<String>),
}

/// What a signal is for, as far as the signal and what was seen before tell.
#[must_use]
pub fn purpose(facts: &SignalFacts) -> Purpose {
    let sender = &facts.sender;
    let by = |origin, confidence, after| UserFacts {
        origin,
        confidence,
        killer: Killer {
            pid: Some(sender.pid),
            comm: Some(sender.comm.clone()),
            uid: sender.uid,
            unit: sender.unit.clone(),
            reason: None,
            words: None,
        },
        after,
    };
    let seen = || vec!["do_send_sig_info".to_owned()];
    let known_by = |how: &str| vec!["do_send_sig_info".to_owned(), how.to_owned()];
    if let Some(how) = sender.is(OOMD) {
        return Purpose::Memory(by(Origin::SystemdOomd, Confidence::Observed, None), known_by(how));
    }
    if sender.pid == SYSTEMD {
        // Who was started since the kernel's kill is another run's, and another matter.
        let before = |(killed, _): &(BootNanos, Tgid)| facts.target_started.is_some_and(|started| started < *killed);
        return match facts.kernel_kill.filter(before) {
            Some((killed, after)) => {
                let user = by(Origin::UnitOomPolicy, Confidence::Inferred, Some(after));
                Purpose::Consequence(user, seen(), killed)
            }
            None => Purpose::Other,
        };
    }
    if facts.by_cgroup_kill {
        let mut evidence = seen();
        evidence.push("cgroup_kill_write".to_owned());
        return Purpose::Memory(by(Origin::CgroupKill, Confidence::Observed, None), evidence);
    }
    if let Some(how) = KILLERS.iter().find_map(|name| sender.is(name)) {
        return Purpose::Memory(by(Origin::Userspace, Confidence::Observed, None), known_by(how));
    }
    // A program that ends its own children does its own business, unless it says that its business is another: that is
    // looked into, and believed as far as something was short.
    let is_so_called = sender.comm == OOMD || KILLERS.contains(&sender.comm.as_str());
    if facts.target_cgroup.is_none() || sender.is_runtime() || !is_so_called && sender.cgroup == facts.target_cgroup {
        return Purpose::Other;
    }
    Purpose::IfShort(by(Origin::Userspace, Confidence::Inferred, None), seen())
}

/// What systemd says of how a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitResult {
    /// Its `Result=`.
    Is(String),
    /// systemd has no such unit, or has it no more.
    Gone,
    /// There is nobody to ask, no answer, or the unit is none that has a result.
    Unknown,
}

/// Whether systemd kills because the kernel did, how sure that is, and what says so beside the signal.
#[must_use]
pub fn consequence(
    sent: BootNanos,
    killed: BootNanos,
    result: &UnitResult,
) -> Option<(Confidence, Option<&'static str>)> {
    match result {
        UnitResult::Is(result) if result == "oom-kill" => Some((Confidence::Observed, Some("Result=oom-kill"))),
        // It ends for another reason, or has ended another way: what ended for want of memory has failed, and what failed
        // stays loaded.
        UnitResult::Is(_) | UnitResult::Gone => None,
        UnitResult::Unknown => {
            let is_soon = sent.0.saturating_sub(killed.0) <= POLICY_WINDOW;
            is_soon.then_some((Confidence::Inferred, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn from(comm: &str, unit: &str) -> SignalFacts {
        SignalFacts {
            sender: Sender {
                pid: Tgid(700),
                comm: comm.to_owned(),
                unit: Some(unit.to_owned()),
                cgroup: Some(format!("/system.slice/{unit}")),
                ..Sender::default()
            },
            sent: BootNanos(100 * SECOND),
            target_cgroup: Some("/system.slice/a.service".to_owned()),
            target_started: Some(BootNanos(10 * SECOND)),
            ..SignalFacts::default()
        }
    }

    fn from_systemd(kernel_kill: Option<u64>) -> SignalFacts {
        let mut facts = from("systemd", "init.scope");
        facts.sender.pid = SYSTEMD;
        facts.kernel_kill = kernel_kill.map(|second| (BootNanos(second * SECOND), Tgid(9)));
        facts
    }

    /// The origin that a purpose leads to, and what is still to be known.
    fn told(facts: &SignalFacts) -> (Option<Origin>, &'static str) {
        match purpose(facts) {
            Purpose::Other => (None, ""),
            Purpose::Memory(user, _) => (Some(user.origin), ""),
            Purpose::Consequence(user, _, _) => (Some(user.origin), "Result="),
            Purpose::IfShort(user, _) => (Some(user.origin), "shortage"),
        }
    }

    /// What a sender is by its executable, having the right to kill.
    fn program(comm: &str, unit: &str, program: &str) -> SignalFacts {
        let mut facts = from(comm, unit);
        facts.sender.may_kill_all = true;
        facts.sender.program = Some(program.to_owned());
        facts
    }

    #[test]
    fn a_name_that_a_program_gives_itself_is_no_evidence() {
        for name in KILLERS.iter().chain(&[OOMD]) {
            for unit in ["user@1000.service", "session-3.scope", "a.service"] {
                let facts = from(name, unit);
                assert_eq!(told(&facts), (Some(Origin::Userspace), "shortage"), "{name} of {unit}");
                let Purpose::IfShort(user, evidence) = purpose(&facts) else {
                    panic!("{name}")
                };
                assert_eq!(user.confidence, Confidence::Inferred, "{name} of {unit}");
                assert_eq!(evidence, ["do_send_sig_info"]);
            }
        }
    }

    #[test]
    fn who_a_sender_is_stands_in_the_evidence() {
        let evidence = |facts: &SignalFacts| match purpose(facts) {
            Purpose::Memory(user, evidence) => (user.confidence, evidence.last().cloned().unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        let observed = |how: &str| (Confidence::Observed, how.to_owned());
        let by_unit = from("whatever", "earlyoom.service");
        assert_eq!(evidence(&by_unit), observed("the sender's cgroup"));
        let by_program = program("renamed", "early.service", "earlyoom");
        assert_eq!(evidence(&by_program), observed("the sender's /proc/PID/exe"));
        let script = program("python3", "nohanging.service", "nohang");
        assert_eq!(evidence(&script), observed("the sender's /proc/PID/exe"));
    }

    #[test]
    fn every_sender_has_its_purpose() {
        let own = SignalFacts {
            target_cgroup: Some("/system.slice/a.service".to_owned()),
            ..from("a", "a.service")
        };
        let by_cgroup_kill = SignalFacts {
            by_cgroup_kill: true,
            ..from("sh", "b.service")
        };
        let younger = SignalFacts {
            target_started: Some(BootNanos(95 * SECOND)),
            ..from_systemd(Some(90))
        };
        let of_unknown_age = SignalFacts {
            target_started: None,
            ..from_systemd(Some(90))
        };
        let nowhere = SignalFacts {
            target_cgroup: None,
            ..from("sh", "b.service")
        };
        let cases = [
            (
                from("systemd-oomd", "systemd-oomd.service"),
                Some(Origin::SystemdOomd),
                "",
            ),
            (from("worker", "systemd-oomd.service"), Some(Origin::SystemdOomd), ""),
            (from_systemd(Some(90)), Some(Origin::UnitOomPolicy), "Result="),
            (from_systemd(None), None, ""),
            (younger, None, ""),
            (of_unknown_age, None, ""),
            (by_cgroup_kill, Some(Origin::CgroupKill), ""),
            (from("earlyoom", "earlyoom.service"), Some(Origin::Userspace), ""),
            (from("nohang", "nohang.service"), Some(Origin::Userspace), ""),
            (
                program("x", "session-1.scope", "systemd-oomd"),
                Some(Origin::SystemdOomd),
                "",
            ),
            (from("bash", "b.service"), Some(Origin::Userspace), "shortage"),
            (own, None, ""),
            (nowhere, None, ""),
            // Its name alone exempts nobody.
            (from("runc", "b.service"), Some(Origin::Userspace), "shortage"),
            (program("runc", "b.service", "runc"), None, ""),
        ];
        for (facts, origin, open) in cases {
            assert_eq!(told(&facts), (origin, open), "{facts:?}");
        }
    }

    #[test]
    fn systemds_own_word_decides_and_without_it_the_time() {
        let is = |result: &str| UnitResult::Is(result.to_owned());
        let observed = Some((Confidence::Observed, Some("Result=oom-kill")));
        let inferred = Some((Confidence::Inferred, None));
        let cases = [
            (is("oom-kill"), 1, observed),
            (is("oom-kill"), 60, observed),
            (is("timeout"), 1, None),
            (is("success"), 1, None),
            (UnitResult::Gone, 1, None),
            (UnitResult::Unknown, 5, inferred),
            (UnitResult::Unknown, 6, None),
        ];
        for (result, after, expected) in cases {
            let (sent, killed) = (BootNanos((40 + after) * SECOND), BootNanos(40 * SECOND));
            assert_eq!(
                consequence(sent, killed, &result),
                expected,
                "{result:?} after {after} s"
            );
        }
    }
}
