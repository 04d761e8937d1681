//! How units end, in systemd's terms, and what those mean.

/// How a process ended: the code is `si_code` of SIGCHLD (`CLD_EXITED` 1, `CLD_KILLED` 2, `CLD_DUMPED` 3).
#[must_use]
pub fn exit_text(code: i32, status: i32) -> Option<String> {
    let signal = || signal_name(status).map_or_else(|| status.to_string(), str::to_owned);
    match code {
        1 => Some(exit_name(status).map_or_else(|| format!("exited/{status}"), |name| format!("{status}/{name}"))),
        2 => Some(format!("killed/{}", signal())),
        3 => Some(format!("dumped/{}", signal())),
        _ => None,
    }
}

/// The name of an exit status that systemd itself gives, where a process could not be started (systemd.exec(5), "Process
/// Exit Codes").
fn exit_name(status: i32) -> Option<&'static str> {
    const NAMES: [&str; 46] = [
        "CHDIR",
        "NICE",
        "FDS",
        "EXEC",
        "MEMORY",
        "LIMITS",
        "OOM_ADJUST",
        "SIGNAL_MASK",
        "STDIN",
        "STDOUT",
        "CHROOT",
        "IOPRIO",
        "TIMERSLACK",
        "SECUREBITS",
        "SETSCHEDULER",
        "CPUAFFINITY",
        "GROUP",
        "USER",
        "CAPABILITIES",
        "CGROUP",
        "SETSID",
        "CONFIRM",
        "STDERR",
        "",
        "PAM",
        "NETWORK",
        "NAMESPACE",
        "NO_NEW_PRIVILEGES",
        "SECCOMP",
        "SELINUX_CONTEXT",
        "PERSONALITY",
        "APPARMOR_PROFILE",
        "ADDRESS_FAMILIES",
        "RUNTIME_DIRECTORY",
        "",
        "CHOWN",
        "SMACK_PROCESS_LABEL",
        "KEYRING",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
        "NUMA_POLICY",
        "CREDENTIALS",
        "BPF",
        "",
    ];
    let name = NAMES.get(usize::try_from(status).ok()?.checked_sub(200)?).copied()?;
    (!name.is_empty()).then_some(name)
}

/// The name of a signal without its `SIG`, as systemd prints it (signal(7), the numbers of x86-64 and arm64).
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

/// Why a unit ended, as a clause, with the page that explains it; `result` is systemd's `Result=`, `exit` as [`exit_text`]
/// gives it.
#[must_use]
pub fn explain(result: &str, exit: Option<&str>) -> String {
    let how = exit.map(|exit| format!(" ({exit})")).unwrap_or_default();
    match result {
        "success" => "it ended as it should".to_owned(),
        "exit-code" => match exit.and_then(|exit| exit.split_once('/')) {
            Some(("exited", "137")) => {
                "its main process exited with status 137: its own doing, or a shell's word for a child that died of SIGKILL (bash(1), \"EXIT STATUS\")".to_owned()
            }
            Some(("exited", status)) => {
                format!("its main process exited with status {status}: the program's own word (systemd.exec(5))")
            }
            Some((status, name)) => format!(
                "its main process exited with status {status}/{name}: {} (systemd.exec(5), \"Process Exit Codes\")",
                meaning(name)
            ),
            None => "its main process exited with a status that is no success (systemd.exec(5))".to_owned(),
        },
        "signal" => format!(
            "a process of it was ended by a signal that is no clean end{how} (systemd.service(5), SuccessExitStatus=)"
        ),
        "core-dump" => format!("a process of it crashed and dumped core{how} (systemd.exec(5), coredumpctl(1))"),
        "watchdog" => "it did not tell systemd in time that it was alive (systemd.service(5), WatchdogSec=)".to_owned(),
        "timeout" => format!(
            "an operation took too long: starting, stopping or reloading{how} (systemd.service(5), TimeoutStartSec=, TimeoutStopSec=)"
        ),
        "start-limit-hit" => {
            "it was started too often in a short time (systemd.unit(5), StartLimitIntervalSec=, StartLimitBurst=)".to_owned()
        }
        "protocol" => "it did not keep to its Type= (systemd.service(5))".to_owned(),
        "resources" => "the system had not the resources to start it (systemd.exec(5), $SERVICE_RESULT)".to_owned(),
        "exec-condition" => "skipped: its ExecCondition= failed (systemd.service(5))".to_owned(),
        "oom-kill" => format!("a process of it was killed by an OOM killer{how} (systemd.service(5), OOMPolicy=)"),
        other => format!("systemd says Result={other}{how} (systemd.exec(5), $SERVICE_RESULT)"),
    }
}

/// What systemd.exec(5) says of an exit status that systemd itself gives.
fn meaning(name: &str) -> &'static str {
    match name {
        "CHDIR" => "changing to the requested working directory failed (WorkingDirectory=)",
        "EXEC" => "the executable could not be run",
        "MEMORY" => "memory could not be allocated",
        "LIMITS" => "resource limits could not be set (LimitNOFILE= and the like)",
        "OOM_ADJUST" => "the OOM setting could not be adjusted (OOMScoreAdjust=)",
        "STDIN" | "STDOUT" | "STDERR" => "its standard input, output or error could not be set up",
        "CHROOT" => "changing the root directory failed (RootDirectory=)",
        "GROUP" => "the group could not be changed to (Group=)",
        "USER" => "the user could not be changed to (User=)",
        "CAPABILITIES" => "capabilities could not be set (CapabilityBoundingSet=, AmbientCapabilities=)",
        "CGROUP" => "its control group could not be set up",
        "PAM" => "the PAM session could not be set up (PAMName=)",
        "NAMESPACE" => "mount, UTS or user namespaces could not be set up (ReadOnlyPaths=, PrivateTmp= and the like)",
        "SECCOMP" => "system call filters could not be set (SystemCallFilter=)",
        "RUNTIME_DIRECTORY" | "STATE_DIRECTORY" | "CACHE_DIRECTORY" | "LOGS_DIRECTORY" | "CONFIGURATION_DIRECTORY" => {
            "one of its directories could not be made"
        }
        "CREDENTIALS" => "its credentials could not be set up (LoadCredential=, SetCredential=)",
        _ => "systemd could not set up what the unit asks for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_in_systemds_terms() {
        assert_eq!(exit_text(2, 9).as_deref(), Some("killed/KILL"));
        assert_eq!(exit_text(3, 6).as_deref(), Some("dumped/ABRT"));
        assert_eq!(exit_text(1, 203).as_deref(), Some("203/EXEC"));
        assert_eq!(exit_text(1, 216).as_deref(), Some("216/GROUP"));
        assert_eq!(exit_text(1, 242).as_deref(), Some("242/NUMA_POLICY"));
        assert_eq!(exit_text(1, 1).as_deref(), Some("exited/1"));
        assert_eq!(exit_text(0, 0), None);
    }

    #[test]
    fn an_end_is_explained_with_its_page() {
        assert!(explain("exit-code", Some("203/EXEC")).contains("could not be run (systemd.exec(5)"));
        assert!(explain("exit-code", Some("exited/3")).contains("status 3"));
        assert!(explain("watchdog", None).contains("WatchdogSec="));
        assert!(explain("core-dump", Some("dumped/SEGV")).contains("dumped/SEGV"));
        assert!(explain("new-word", None).contains("Result=new-word"));
    }
}
