//! `oomtrace doctor`: what this kernel and these privileges allow, what is missing, how to get it.

mod memory;
mod rights;
mod services;

use std::fs;

use serde::Serialize;

use crate::cgroup::{CgroupError, Hierarchy};
use crate::cli::Exit;
use crate::event::{CgroupVersion, Probe, Via};
use crate::kernel::{KernelError, Probes, log, plan};
use crate::shown::shown;
use crate::words::fold;

pub use rights::Capabilities;

/// Marks, and what stands below them, each as wide as the other.
const OK: &str = "ok      ";
const DEGRADED: &str = "degraded";
const MISSING: &str = "missing ";
const WARNING: &str = "warning ";
const IMPACT: &str = "            impact: ";
const CAUSE: &str = "            cause:  ";

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not there; something is lost by it.
    Missing,
    /// There, and not what its owner thinks it is.
    Warning,
}

/// One statement about this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub name: String,
    /// How it is to be taken.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What is lost by it.
    pub loss: Option<String>,
    /// How to mend it.
    pub mend: Option<String>,
}

/// Everything the doctor has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether kills can be seen.
    pub sees_kills: bool,
    /// Whether it is a right that is missing, not the kernel's ability.
    pub not_permitted: bool,
    /// The kernel's release.
    pub kernel: String,
    /// How memory cgroups are mounted.
    pub cgroup_version: Option<CgroupVersion>,
    /// systemd's version, where it can be asked.
    pub systemd: Option<String>,
    /// What this process may do.
    pub capabilities: Capabilities,
    /// Every probe, and the way it was attached.
    pub probes: Vec<Probe>,
    /// Everything else.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The status that `oomtrace doctor` ends with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.not_permitted, self.sees_kills) {
            (true, _) => Exit::NotPermitted,
            (false, true) => Exit::Done,
            (false, false) => Exit::Unsupported,
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn ok(name: &str, found: impl Into<String>) -> Finding {
    Finding {
        name: name.to_owned(),
        state: State::Ok,
        found: found.into(),
        loss: None,
        mend: None,
    }
}

fn not(state: State, name: &str, found: impl Into<String>, loss: &str, mend: &str) -> Finding {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Finding {
        name: name.to_owned(),
        state,
        found: found.into(),
        loss: some(loss),
        mend: some(mend),
    }
}

/// Looks at this machine. Probes are attached for a moment, so that what is said of them is what happened.
#[must_use]
pub fn examine() -> Report {
    let hierarchy = Hierarchy::detect();
    let mut findings = Vec::new();
    let mut not_permitted = false;
    let hierarchy_id = hierarchy.as_ref().map_or(0, Hierarchy::id);
    let mut probes = match Probes::load(hierarchy_id, Via::Fentry) {
        Ok(probes) => probes.attached.list.clone(),
        Err(error) => {
            not_permitted = matches!(error, KernelError::NotPermitted { .. });
            let found = error.to_string();
            findings.push(not(State::Missing, "eBPF", found, "what any probe would tell", ""));
            plan::unattached(&error.to_string())
        }
    };
    let mut sees_kills = probes
        .iter()
        .any(|probe| probe.name == "mark_victim" && probe.via < Via::Poll);
    if log::is_needed(&probes) {
        let opened = fs::File::open(log::DEVICE);
        sees_kills |= opened.is_ok();
        log::mark_stand_ins(&mut probes, opened.err().as_ref());
    }
    let (capabilities, finding) = rights::capabilities();
    // Without a missing right the kernel would be to blame.
    not_permitted |= !sees_kills && !capabilities.missing.is_empty();
    findings.push(finding);
    findings.push(rights::types());
    findings.push(rights::lockdown());
    findings.extend(rights::namespaces(hierarchy.as_ref().ok()));
    match &hierarchy {
        Ok(hierarchy) => {
            findings.push(memory::version(hierarchy));
            findings.extend(memory::controllers(hierarchy));
            findings.push(memory::swap());
            findings.extend(memory::limits(hierarchy));
        }
        Err(error) => {
            not_permitted |= matches!(error, CgroupError::Unreadable { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied);
            let found = error.to_string();
            findings.push(not(
                State::Missing,
                "memory cgroups",
                found,
                "nothing can be watched",
                "",
            ));
        }
    }
    findings.push(memory::pressure());
    let (systemd, found) = services::systemd();
    findings.extend(found);
    Report {
        sees_kills: hierarchy.is_ok() && sees_kills,
        not_permitted,
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
        cgroup_version: hierarchy.ok().map(|hierarchy| hierarchy.version()),
        systemd,
        capabilities,
        probes,
        findings,
    }
}

/// The report for a person, as wide as the terminal: what works, what that costs, and at its end what to do.
#[must_use]
pub fn text(report: &Report) -> String {
    let can = if report.sees_kills { "can" } else { "cannot" };
    let systemd = report.systemd.as_ref();
    let mut lines = vec![format!(
        "oomtrace {can} see kills on this host (kernel {}{}).",
        report.kernel,
        systemd.map_or(String::new(), |version| format!(", systemd {version}"))
    )];
    let mut causes: Vec<(&str, &str)> = Vec::new();
    for probe in &report.probes {
        let via = match probe.via {
            Via::Fentry => "fentry",
            Via::Iter => "iterator",
            Via::Kprobe => "kprobe",
            Via::Tracepoint => "tracepoint",
            Via::Poll => "polled",
            Via::None => "unavailable",
        };
        // Of every probe that is not attached it is known what that costs, and of a log that cannot be read.
        let mark = match (&probe.loss, probe.via) {
            (None, _) => OK,
            (Some(_), Via::None) => MISSING,
            (Some(_), _) => DEGRADED,
        };
        lines.push(format!("  {mark}  {:<24} {via}", probe.name));
        let Some(loss) = &probe.loss else { continue };
        lines.push(format!("{IMPACT}{loss}"));
        // The kernel refuses most programs for one reason, which is said once.
        let Some(reason) = probe.reason.as_deref() else {
            continue;
        };
        match causes.iter().find(|(known, _)| *known == reason) {
            Some((_, first)) => lines.push(format!("{CAUSE}as for {first}")),
            None => {
                lines.push(format!("{CAUSE}{reason}"));
                causes.push((reason, &probe.name));
            }
        }
    }
    for finding in &report.findings {
        let mark = match finding.state {
            State::Ok => OK,
            State::Missing => MISSING,
            State::Warning => WARNING,
        };
        lines.push(format!("  {mark}  {:<24} {}", finding.name, finding.found));
        lines.extend(finding.loss.iter().map(|loss| format!("{IMPACT}{loss}")));
    }
    let fixes: Vec<String> = report
        .findings
        .iter()
        .filter_map(|finding| Some(format!("  {}: {}", finding.name, finding.mend.as_ref()?)))
        .collect();
    if !fixes.is_empty() {
        lines.push(String::new());
        lines.push("To get more:".to_owned());
        lines.extend(fixes);
    }
    let width = super::output::width();
    let told = lines.iter().map(|line| match width {
        Some(width) => fold(line, width, indent(line), false),
        None => shown(line).into_owned(),
    });
    told.map(|line| line + "\n").collect()
}

/// Where the rest of a line goes on that is too long: below its words, where there is room for that.
fn indent(line: &str) -> usize {
    if line.starts_with(IMPACT) || line.starts_with(CAUSE) {
        return IMPACT.len();
    }
    let is_marked = [OK, DEGRADED, MISSING, WARNING]
        .iter()
        .any(|mark| line.trim_start().starts_with(mark));
    if is_marked { 2 + OK.len() + 2 } else { 4 }
}
