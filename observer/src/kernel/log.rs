//! The kernel's log as a probe: what it stands in for where probes cannot be attached.

use std::io;

use crate::event::{Probe, Via};

/// The device.
pub const DEVICE: &str = "/dev/kmsg";

/// The probes that the log stands in for.
const STOOD_IN: [&str; 3] = ["oom_kill_process", "mark_victim", "out_of_memory"];

/// Whether one of these probes is missing that the log stands in for.
#[must_use]
pub fn is_needed(probes: &[Probe]) -> bool {
    let attached = |name: &str| probes.iter().any(|probe| probe.name == name && probe.via < Via::Poll);
    !STOOD_IN.into_iter().all(attached)
}

/// Puts the log into the list of probes, given why it cannot be opened; then it stands in for nothing.
pub fn mark_stand_ins(probes: &mut Vec<Probe>, error: Option<&io::Error>) {
    if error.is_some() {
        let stood_in = |probe: &&mut Probe| probe.via == Via::Poll && STOOD_IN.contains(&probe.name.as_str());
        for probe in probes.iter_mut().filter(stood_in) {
            probe.via = Via::None;
            probe.loss = Some("kills are counted, but not explained".to_owned());
        }
    }
    let loss = error.map(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => "what only the kernel's log would tell: needs CAP_SYSLOG",
        _ => "what only the kernel's log would tell",
    });
    probes.push(Probe {
        name: DEVICE.to_owned(),
        via: if error.is_some() { Via::None } else { Via::Poll },
        reason: error.map(ToString::to_string),
        loss: loss.map(str::to_owned),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_read_stands_in_for_nothing() {
        let told = |error: Option<io::Error>| {
            let mut probes = crate::kernel::plan::unattached("refused");
            mark_stand_ins(&mut probes, error.as_ref());
            let loss = probes.last().and_then(|log| log.loss.clone());
            let via = |name: &str| probes.iter().find(|probe| probe.name == name).map(|probe| probe.via);
            (via("mark_victim"), via("cgroup_mkdir"), via(DEVICE), loss)
        };
        let (poll, none) = (Some(Via::Poll), Some(Via::None));
        assert_eq!(told(None), (poll, poll, poll, None));
        let (victim, births, log, loss) = told(Some(io::ErrorKind::PermissionDenied.into()));
        assert_eq!((victim, births, log), (none, poll, none));
        assert!(loss.is_some_and(|loss| loss.contains("CAP_SYSLOG")));
        let (_, _, _, loss) = told(Some(io::ErrorKind::NotFound.into()));
        assert!(loss.is_some_and(|loss| !loss.contains("CAP_SYSLOG")));
    }
}
