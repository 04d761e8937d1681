//! `oomtrace doctor`: what this kernel and these privileges allow, what is missing, how to get it.

use std::fs;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cgroup::{CgroupError, Hierarchy, MemoryFiles, Tree};
use crate::cli::Exit;
use crate::event::{CgroupVersion, Probe, Via};
use crate::human::bytes;
use crate::kernel::{KernelError, Probes, log, missing_capabilities, plan};
use crate::unit::UnitPath;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Whether kills can be seen.
    pub sees_kills: bool,
    /// Whether it is a right that is missing, not the kernel's ability.
    pub not_permitted: bool,
    /// The kernel's release.
    pub kernel: String,
    /// How memory cgroups are mounted.
    pub cgroup_version: Option<CgroupVersion>,
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
            findings.push(not(
                State::Missing,
                "eBPF",
                error.to_string(),
                "what the probes below tell",
                "",
            ));
            plan::unattached(&error.to_string())
        }
    };
    let mut sees_kills = probes
        .iter()
        .any(|probe| probe.name == "mark_victim" && probe.via < Via::Poll);
    if log::is_needed(&probes) {
        let opened = fs::File::open(log::DEVICE);
        sees_kills |= opened.is_ok();
        probes.push(log::probe(opened.err().as_ref()));
    }
    findings.push(capabilities());
    findings.push(types());
    findings.extend(lockdown());
    match &hierarchy {
        Ok(hierarchy) => {
            findings.push(version(hierarchy));
            findings.extend(limits(hierarchy));
        }
        Err(error) => {
            not_permitted |= matches!(error, CgroupError::Unreadable { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied);
            findings.push(not(
                State::Missing,
                "memory cgroups",
                error.to_string(),
                "nothing can be watched",
                "",
            ));
        }
    }
    findings.push(pressure());
    findings.push(systemd());
    Report {
        sees_kills: hierarchy.is_ok() && sees_kills,
        not_permitted,
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
        cgroup_version: hierarchy.ok().map(|hierarchy| hierarchy.version()),
        probes,
        findings,
    }
}

fn capabilities() -> Finding {
    let missing = missing_capabilities();
    if missing.is_empty() {
        return ok("capabilities", "CAP_BPF and CAP_PERFMON");
    }
    let missing = missing.join(" ");
    not(
        State::Missing,
        "capabilities",
        format!("missing {missing}"),
        "no probe can be attached",
        &format!("run as root, or with AmbientCapabilities={missing}"),
    )
}

fn types() -> Finding {
    match fs::metadata("/sys/kernel/btf/vmlinux") {
        Ok(_) => ok("kernel types", "/sys/kernel/btf/vmlinux"),
        Err(error) => not(
            State::Missing,
            "kernel types",
            format!("/sys/kernel/btf/vmlinux: {error}"),
            "fentry and kprobes: the kernel's choice is known from its log, or concluded where that leaves it out",
            "a kernel with CONFIG_DEBUG_INFO_BTF=y",
        ),
    }
}

/// `none [integrity] confidentiality`: the bracketed one is in force (security/lockdown/lockdown.c).
fn lockdown() -> Option<Finding> {
    let text = read("/sys/kernel/security/lockdown")?;
    let level = text.split('[').nth(1)?.split(']').next()?;
    Some(match level {
        "none" => ok("lockdown", "none"),
        "confidentiality" => not(
            State::Warning,
            "lockdown",
            level,
            "programs may not read kernel memory: most probes fail",
            "boot with lockdown=integrity or none",
        ),
        _ => ok("lockdown", level),
    })
}

fn version(hierarchy: &Hierarchy) -> Finding {
    let root = hierarchy.root().display().to_string();
    match hierarchy.version() {
        CgroupVersion::V2 => ok("cgroups", format!("v2 at {root}")),
        CgroupVersion::V1 | CgroupVersion::Hybrid => not(
            State::Warning,
            "cgroups",
            format!("memory on v1 at {root}"),
            "no memory.pressure, no memory.high, no memory.events.local",
            "boot with systemd.unified_cgroup_hierarchy=1",
        ),
    }
}

fn pressure() -> Finding {
    match fs::read_to_string("/proc/pressure/memory") {
        Ok(_) => ok("pressure (PSI)", "/proc/pressure/memory"),
        Err(error) => not(
            State::Missing,
            "pressure (PSI)",
            format!("/proc/pressure/memory: {error}"),
            "stalls are not seen, and systemd-oomd cannot work",
            "boot with psi=1",
        ),
    }
}

fn systemd() -> Finding {
    if fs::metadata("/run/systemd/system").is_ok() {
        ok("systemd", "is PID 1")
    } else {
        not(
            State::Missing,
            "systemd",
            "is not PID 1",
            "units are known from cgroup paths alone",
            "",
        )
    }
}

/// Limits that cannot work as they are meant.
fn limits(hierarchy: &Hierarchy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let swap = read("/proc/swaps").is_some_and(|text| text.lines().count() > 1);
    let tree = Tree::scan(hierarchy);
    let max = |path: &str| {
        let files = MemoryFiles::open(hierarchy, path).ok()?;
        files.read().ok().map(|reading| reading.memory)
    };
    let mut accounted = None;
    for (_, path) in tree.live() {
        let unit = UnitPath::parse(path);
        let Some(name) = unit.name().filter(|_| unit.is_unit) else {
            continue;
        };
        let Some(memory) = max(path) else { continue };
        accounted = accounted.or(Some(memory.swap_current.is_some()));
        if let (Some(high), false) = (memory.high, swap)
            && memory.max.is_none_or(|max| high < max)
        {
            findings.push(not(
                State::Warning,
                name,
                format!("MemoryHigh={} and no swap", bytes(high)),
                "what cannot be reclaimed is throttled to a standstill there, without ever being killed",
                "set MemoryMax= close above it, or add swap",
            ));
        }
        let above = crate::event::ancestry(path).skip(1).find_map(|above| {
            let limit = max(above)?.max?;
            memory
                .max
                .filter(|own| *own > limit)
                .map(|own| (above.to_owned(), limit, own))
        });
        if let Some((above, limit, own)) = above {
            findings.push(not(
                State::Warning,
                name,
                format!("MemoryMax={} below {above} with {}", bytes(own), bytes(limit)),
                "its own limit can never be reached",
                "raise the slice's or lower the unit's",
            ));
        }
    }
    if accounted == Some(false) {
        findings.push(not(
            State::Warning,
            "swap accounting",
            "off",
            "MemorySwapMax= has no effect",
            "boot with swapaccount=1",
        ));
    }
    findings
}

/// The report for a person.
#[must_use]
pub fn text(report: &Report) -> String {
    let can = if report.sees_kills { "can" } else { "cannot" };
    let mut lines = vec![format!(
        "oomtrace {can} see kills on this host (kernel {}).",
        report.kernel
    )];
    for probe in &report.probes {
        let via = match probe.via {
            Via::Fentry => "fentry",
            Via::Kprobe => "kprobe",
            Via::Tracepoint => "tracepoint",
            Via::Poll => "polled",
            Via::None => "missing",
        };
        // What is lost without it is told of every probe that is not attached, and of a log that cannot be read.
        let mark = if probe.loss.is_none() { "ok     " } else { "missing" };
        lines.push(format!("  {mark}  {:<24} {via}", probe.name));
        if probe.loss.is_some() {
            lines.extend(probe.loss.iter().map(|loss| format!("           lost: {loss}")));
            lines.extend(
                probe
                    .reason
                    .iter()
                    .map(|reason| format!("           because: {reason}")),
            );
        }
    }
    for finding in &report.findings {
        let mark = match finding.state {
            State::Ok => "ok     ",
            State::Missing => "missing",
            State::Warning => "warning",
        };
        lines.push(format!("  {mark}  {:<24} {}", finding.name, finding.found));
        lines.extend(finding.loss.iter().map(|loss| format!("           lost: {loss}")));
        lines.extend(finding.mend.iter().map(|mend| format!("           mend: {mend}")));
    }
    lines.join("\n") + "\n"
}
