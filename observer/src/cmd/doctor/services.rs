//! What systemd and systemd-oomd can be asked.

mod prekill;
mod report;

use std::fs;
use std::path::Path;

use super::{Finding, State, not, ok, read};
use crate::cgroup::namespaces;
use crate::sink::report::FOLDER;
use crate::unit::prekill as hook;
use crate::unit::systemd::Systemd;

/// What the bus told.
struct Told {
    version: Option<String>,
    oomd: Option<String>,
}

/// systemd's version, and what is found of it and of systemd-oomd.
pub(super) fn systemd() -> (Option<String>, Vec<Finding>) {
    let Some(told) = ask() else {
        return (None, vec![unasked()]);
    };
    let version = told.version.clone().unwrap_or_default();
    let mut findings = vec![ok("systemd", format!("{version} answers on the system bus"))];
    let oomd = told.oomd.as_deref().unwrap_or("unknown");
    findings.push(match oomd {
        "active" => ok("systemd-oomd", "running; its kills are reported with its reason"),
        state => ok("systemd-oomd", format!("{state}: it kills nothing")),
    });
    if oomd == "active" {
        let wait = prekill::timeout(Path::new("/"));
        findings.push(prekill::finding(
            &version,
            wait.as_deref(),
            hook::is_heard(Path::new(hook::FOLDER)),
        ));
    }
    findings.push(report::finding(&version, Path::new(FOLDER)));
    (told.version, findings)
}

/// Whether a version of systemd's is before one. What is unknown is not.
fn is_before(version: &str, since: u32) -> bool {
    let number: String = version.chars().take_while(char::is_ascii_digit).collect();
    number.parse::<u32>().is_ok_and(|number| number < since)
}

fn ask() -> Option<Told> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let systemd = Systemd::connect().await?;
        let oomd = systemd.state("systemd-oomd.service").await.ok();
        Some(Told {
            version: systemd.version().await.ok(),
            oomd: oomd.map(|oomd| match oomd.load_state.as_str() {
                "loaded" => oomd.active_state,
                "not-found" => "not installed".to_owned(),
                state => state.to_owned(),
            }),
        })
    })
}

fn unasked() -> Finding {
    let first = || namespaces::pids_are_the_hosts() && read("/proc/1/comm").is_some_and(|comm| comm == "systemd");
    if fs::metadata("/run/systemd/system").is_ok() || first() {
        return not(
            State::Missing,
            "systemd",
            "does not answer on the system bus",
            "results, restarts and invocation ids of units, and systemd-oomd's reasons, are unknown",
            "let oomtrace reach /run/dbus/system_bus_socket (in a container: bind /run/dbus)",
        );
    }
    not(
        State::Missing,
        "systemd",
        "not PID 1",
        "units are known from cgroup paths only",
        "",
    )
}
