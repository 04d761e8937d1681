//! What this process may do, and what it may see from where it stands: capabilities, lockdown, types, namespaces.

use std::fs;
use std::path::Path;

use caps::{CapSet, Capability, has_cap};
use serde::Serialize;

use super::{Finding, State, not, ok, read};
use crate::cgroup::{Hierarchy, namespaces};
use crate::event::CgroupVersion;
use crate::kernel::btf::KernelTypes;
use crate::kernel::log;

/// The capabilities that oomtrace has a use for on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Those it has.
    pub present: Vec<String>,
    /// Those it has not and would need for something.
    pub missing: Vec<String>,
}

/// What one capability is for, and whether that can be had without it.
struct Right {
    capability: Capability,
    gives: &'static str,
    otherwise: fn() -> bool,
}

/// `CAP_SYS_ADMIN` includes the first two (capabilities(7)).
const RIGHTS: [Right; 5] = [
    Right {
        capability: Capability::CAP_BPF,
        gives: "no probes",
        otherwise: is_admin,
    },
    Right {
        capability: Capability::CAP_PERFMON,
        gives: "no probes",
        otherwise: is_admin,
    },
    Right {
        capability: Capability::CAP_DAC_READ_SEARCH,
        gives: "no tracepoints (the tracing files are root's)",
        otherwise: || fs::read_dir("/sys/kernel/tracing/events/oom").is_ok(),
    },
    Right {
        capability: Capability::CAP_SYSLOG,
        gives: "no kernel log where it has to replace probes",
        otherwise: || fs::File::open(log::DEVICE).is_ok(),
    },
    Right {
        capability: Capability::CAP_SYS_RESOURCE,
        gives: "oomtrace itself may be chosen by the OOM killer",
        otherwise: || read("/proc/self/oom_score_adj").is_some_and(|adj| adj == "-1000"),
    },
];

fn has(capability: Capability) -> bool {
    has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

fn is_admin() -> bool {
    has(Capability::CAP_SYS_ADMIN)
}

/// What is there and what is missing, and the finding.
pub(super) fn capabilities() -> (Capabilities, Finding) {
    let mut told = Capabilities::default();
    let mut lost: Vec<&str> = Vec::new();
    for right in &RIGHTS {
        let name = right.capability.to_string();
        if has(right.capability) {
            told.present.push(name);
        } else if !(right.otherwise)() {
            told.missing.push(name);
            if !lost.contains(&right.gives) {
                lost.push(right.gives);
            }
        }
    }
    let finding = if told.missing.is_empty() {
        ok("capabilities", "all that is needed")
    } else {
        let missing = told.missing.join(" ");
        let mend = if rustix::process::geteuid().is_root() {
            format!("keep {missing} (CapabilityBoundingSet= of the unit, --cap-add of the container)")
        } else {
            format!("run as root, or with AmbientCapabilities={missing}")
        };
        let found = format!("missing {missing}");
        not(State::Missing, "capabilities", found, &lost.join(", "), &mend)
    };
    (told, finding)
}

pub(super) fn types() -> Finding {
    let path = "/sys/kernel/btf/vmlinux";
    // Read, not looked at: a file that is there may be hidden or closed.
    match KernelTypes::read(Path::new(path)) {
        Ok(_) => ok("kernel types", path),
        Err(error) => not(
            State::Missing,
            "kernel types",
            error.to_string(),
            "no fentry and no kprobes: trigger and limit come from the kernel log, or are inferred",
            "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
        ),
    }
}

/// `none [integrity] confidentiality`: the bracketed one is in force (security/lockdown/lockdown.c).
pub(super) fn lockdown() -> Finding {
    let folder = "/sys/kernel/security";
    let name = "lockdown";
    let text = match fs::read_to_string(format!("{folder}/lockdown")) {
        Ok(text) => text,
        Err(error) => {
            // Mounted, it has files of every security module.
            let mounted = fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some());
            return match error.kind() {
                std::io::ErrorKind::NotFound if mounted => ok(name, "not in this kernel"),
                std::io::ErrorKind::NotFound => not(
                    State::Warning,
                    name,
                    format!("unknown: securityfs is not mounted at {folder}"),
                    "if the kernel refuses probes, the reason is unknown",
                    &format!("mount -t securityfs securityfs {folder}"),
                ),
                _ => not(State::Warning, name, format!("unknown: {error}"), "", ""),
            };
        }
    };
    let level = text.split('[').nth(1).and_then(|rest| rest.split(']').next());
    match level {
        Some("confidentiality") => not(
            State::Warning,
            name,
            "confidentiality",
            "no kprobes, tracepoints or programs that read kernel memory: no probe works",
            "boot with lockdown=integrity or none",
        ),
        Some(level) => ok(name, level),
        None => not(State::Warning, name, format!("unknown: {}", text.trim()), "", ""),
    }
}

/// Nothing where this is the host itself.
pub(super) fn namespaces(hierarchy: Option<&Hierarchy>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !namespaces::pids_are_the_hosts() {
        findings.push(not(
            State::Warning,
            "pid namespace",
            "a container's own",
            "command lines and sizes that only /proc has are unknown",
            "run the container in the host's (--pid=host)",
        ));
    }
    if hierarchy.is_some_and(|hierarchy| !hierarchy.is_whole()) {
        findings.push(not(
            State::Warning,
            "cgroup file system",
            "a part of the host's",
            "units and limits outside this part are invisible",
            "mount the host's into the container (--volume /sys/fs/cgroup:/sys/fs/cgroup:ro)",
        ));
    }
    // On v1 paths are told from the hierarchy's root as well, each hierarchy its own.
    let unified = hierarchy.is_some_and(|hierarchy| hierarchy.version() == CgroupVersion::V2);
    if unified && !namespaces::cgroups_are_the_hosts() {
        findings.push(not(
            State::Warning,
            "cgroup namespace",
            "a container's own",
            "processes that only /proc knows have no unit",
            "run the container in the host's (--cgroupns=host)",
        ));
    }
    findings
}
