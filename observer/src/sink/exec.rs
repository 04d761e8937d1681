//! A program for each warning: so that a service can be restarted gracefully, or its heap dumped, in good time.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, Signal, getpriority_process, kill_process_group, setpriority_process};

use super::incidents::{Incidents, News};
use crate::confine::Task;
use crate::engine::raw;
use crate::event::{Event, ForecastState, GrowingTask, Line};
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::programs::PATH;

/// Programs at one time.
const AT_ONCE: usize = 4;

/// How long a program may run.
const TIME: Duration = Duration::from_secs(60);

/// What of its words is passed on, in bytes: to standard error, as lines of ours.
const WORDS: u64 = 4096;

/// What it has of our environment; beside that, what is named after us.
const ENVIRONMENT: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ"];
const OURS: &str = "OOMTRACE_";

/// What grows, told to the program: its process and that one's name, which the process has chosen itself.
const GROWS_PID: &str = "OOMTRACE_PID";
const GROWS_COMM: &str = "OOMTRACE_COMM";

/// Runs a program when a limit comes near, with the event's line on its standard input.
///
/// It has a process group of its own, which ends with its time or with oomtrace; an environment of a few variables; and no
/// protection from the OOM killer: `oom_score_adj` is 0, whatever oomtrace's own is. It runs as oomtrace's user, and
/// so, where that is root, with what rights oomtrace has.
#[derive(Debug)]
pub struct Exec {
    program: String,
    arguments: Vec<String>,
    running: Vec<Running>,
    /// One incident is one run of it.
    incidents: Incidents,
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) since: Instant,
}

impl Running {
    /// Ends it, and what it has started and left in its group.
    pub(super) fn end(&mut self) {
        // It leads its group: its number is no other's as long as it was not waited for, or one of the group lives.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.running.iter_mut().for_each(Running::end);
    }
}

impl Exec {
    /// From a command as a shell would split it; no shell is run.
    ///
    /// # Errors
    /// Where it is empty or a quote is open.
    pub fn new(command: &str) -> Result<Self, String> {
        let mut words = shlex::split(command).ok_or("a quote is not closed")?.into_iter();
        let program = words.next().ok_or("it needs a command")?;
        // Now, and not at the first warning, at night.
        if !is_there(&program) {
            return Err(format!("{program}: no such program, or not executable"));
        }
        Ok(Self {
            program,
            arguments: words.collect(),
            running: Vec::new(),
            incidents: Incidents::default(),
        })
    }

    /// Looks after those that run: who has ended is told of where it failed, who takes too long is ended.
    fn reap(&mut self) {
        let program = &self.program;
        self.running.retain_mut(|running| match running.child.try_wait() {
            Ok(Some(status)) => {
                if !status.success() {
                    notice(format_args!("{program} ended with {status}"));
                }
                false
            }
            Ok(None) if running.since.elapsed() < TIME => true,
            Ok(None) => {
                notice(format_args!("{program} took more than {} s: ended", TIME.as_secs()));
                running.end();
                false
            }
            Err(_) => false,
        });
    }

    fn start(&mut self, line: &Line, grows: Option<&GrowingTask>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let (input, mut to_input) = pipe(text.len())?;
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            ENVIRONMENT.contains(&&*name) || name.starts_with(OURS)
        });
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", PATH)
            .envs(inherited)
            .env_remove(GROWS_PID)
            .env_remove(GROWS_COMM)
            .current_dir("/")
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(task) = grows {
            command.env(GROWS_PID, task.pid.to_string());
            command.env(GROWS_COMM, OsStr::from_bytes(&raw::bytes(&task.comm)));
        }
        // SAFETY: opens, writes and closes, which is allowed between fork and exec (signal-safety(7)).
        unsafe { command.pre_exec(unprotect) };
        // A program that does not read holds nobody up: all of it fits, or it is cut.
        let _ = to_input.write_all(&text);
        drop(to_input);
        let mut child = command.spawn()?;
        if let Some(stderr) = child.stderr.take() {
            pass_on(self.program.clone(), stderr);
        }
        let since = Instant::now();
        self.running.push(Running { child, since });
        Ok(())
    }
}

/// A pipe with as much room, where it may have that, of which no end is waited for by us.
fn pipe(room: usize) -> io::Result<(OwnedFd, File)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    let _ = fcntl_setpipe_size(&write, room);
    // The end that the program reads from is a description of its own, and stays as programs expect it.
    rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK)?;
    Ok((read, File::from(write)))
}

/// What it starts is to be found by the OOM killer as any other, and goes before nobody: oomtrace itself may be out of the one's
/// reach and does go before others, and a child would do so too.
pub(super) fn unprotect() -> io::Result<()> {
    let file = rustix::fs::open(
        "/proc/self/oom_score_adj",
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    // Where /proc is hidden it stays as it is.
    let _ = file.and_then(|file| rustix::io::write(&file, b"0"));
    if getpriority_process(None).is_ok_and(|nice| nice < 0) {
        let _ = setpriority_process(None, 0);
    }
    Ok(())
}

/// Passes on its first words; what more it says is read, so that it does not wait, and dropped.
pub(super) fn pass_on(program: String, stderr: ChildStderr) {
    let work = move || {
        let mut stderr = BufReader::new(stderr);
        let mut words = Vec::new();
        let _ = (&mut stderr).take(WORDS).read_to_end(&mut words);
        for line in String::from_utf8_lossy(&words).lines() {
            notice(format_args!("{program}: {line}"));
        }
        let _ = io::copy(&mut stderr, &mut io::sink());
    };
    // Without a thread for it, its words are lost.
    let _ = std::thread::Builder::new().name("hook".to_owned()).spawn(work);
}

/// Whether a program can be run, by its path or along the `PATH` that it is run with.
fn is_there(program: &str) -> bool {
    let can_run = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return can_run(Path::new(program));
    }
    let paths = std::env::var_os("PATH").unwrap_or_else(|| PATH.into());
    std::env::split_paths(&paths).any(|dir| can_run(&dir.join(program)))
}

impl super::Sink for Exec {
    fn task(&self) -> Option<Task> {
        None
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.reap();
        let news = self.incidents.take(line);
        let Event::Forecast(change) = &line.event else {
            return Ok(());
        };
        if news != News::Warning || change.state == ForecastState::Cleared {
            return Ok(());
        }
        let program = &self.program;
        if self.running.len() >= AT_ONCE {
            notice(format_args!(
                "{program} is not run for this warning: {AT_ONCE} of it run already"
            ));
            return Ok(());
        }
        if let Err(error) = self.start(line, change.task.as_ref()) {
            notice(format_args!("cannot run {}: {error}", self.program));
        }
        Ok(())
    }

    fn takes_samples(&self) -> bool {
        false
    }

    /// Of a stream that is silent its time ends too.
    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        self.reap();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reap();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Class, ForecastChange, Subject};
    use crate::sink::Sink as _;

    fn warning(state: ForecastState) -> Line {
        Line {
            event: Event::Forecast(ForecastChange {
                subject: Subject::default(),
                state,
                class: Class::Leak,
                trend: None,
                forecast: None,
                memory: None,
                task: None,
                part: None,
                reason: None,
            }),
            ts: Timestamp(jiff::Timestamp::UNIX_EPOCH),
            seq: 3,
            host: "h".to_owned(),
        }
    }

    #[test]
    fn the_warning_is_on_its_standard_input_and_nothing_else_runs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b");
        let mut exec = Exec::new(&format!("tee -a '{}'", path.display())).unwrap();
        for state in [ForecastState::Updated, ForecastState::Raised, ForecastState::Cleared] {
            exec.line(&warning(state)).unwrap();
        }
        for running in &mut exec.running {
            running.child.wait().unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("\"state\":\"raised\"") && text.contains("\"seq\":3"));
    }

    #[test]
    fn no_more_run_at_once_than_may_and_a_bad_command_is_said_so() {
        let mut exec = Exec::new("sleep 5").unwrap();
        for _ in 0..AT_ONCE + 3 {
            exec.line(&warning(ForecastState::Raised)).unwrap();
        }
        assert_eq!(exec.running.len(), AT_ONCE);
        assert!(Exec::new("a 'b").is_err() && Exec::new(" ").is_err());
        assert!(Exec::new("/nonexistent/program").is_err() && Exec::new("no-such-program-anywhere").is_err());
        assert!(Exec::new("/etc/passwd").is_err(), "not executable");
    }

    /// What a shell script of the hook's says, when it has ended.
    fn told(script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let mut exec = Exec::new(&format!("sh -c '({script}) > {}'", path.display())).unwrap();
        exec.line(&warning(ForecastState::Raised)).unwrap();
        exec.running[0].child.wait().unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn it_has_what_it_needs_and_nothing_of_ours() {
        let adjust = |value: &str| std::fs::write("/proc/self/oom_score_adj", value);
        let before = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        adjust("321").unwrap();
        let of_hook = told("cat /proc/self/oom_score_adj");
        let _ = adjust(before.trim());
        // Where it may not be raised there is nothing to take back.
        let _ = setpriority_process(None, -5);
        let nice = told("nice");
        let _ = setpriority_process(None, 0);
        assert_eq!(nice.trim(), "0");
        assert_eq!(of_hook.trim(), "0");
        let names = told("env");
        for line in names.lines() {
            let name = line.split('=').next().unwrap();
            let shells = ["PWD", "SHLVL", "_", "OLDPWD"];
            assert!(
                ENVIRONMENT.contains(&name) || name.starts_with(OURS) || shells.contains(&name),
                "{line}"
            );
        }
        assert!(names.contains("PATH="));
        assert_eq!(told("wc -l").trim(), "1");
    }

    #[test]
    fn it_is_told_which_process_grows_where_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let mut line = warning(ForecastState::Raised);
        let Event::Forecast(change) = &mut line.event else {
            panic!()
        };
        change.task = Some(GrowingTask {
            pid: crate::measure::Tgid(2051),
            comm: "a b\u{efff}".to_owned(),
            held: crate::measure::Bytes(1),
            bytes_per_second: 1.0,
            share: 1.0,
        });
        let script = "echo \"$OOMTRACE_PID $OOMTRACE_COMM\"";
        let mut exec = Exec::new(&format!("sh -c '{script} > {}'", path.display())).unwrap();
        exec.line(&line).unwrap();
        exec.running[0].child.wait().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2051 a b\xff\n");
        assert_eq!(told(script), " \n", "none is made up");
    }

    #[test]
    fn at_the_end_its_whole_group_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let mut exec = Exec::new(&format!(
            "sh -c 'sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait'",
            path.display()
        ))
        .unwrap();
        exec.line(&warning(ForecastState::Raised)).unwrap();
        let pid = loop {
            if let Ok(pid) = std::fs::read_to_string(&path) {
                break pid.trim().to_owned();
            }
            std::thread::yield_now();
        };
        drop(exec);
        // Killed: gone, or not yet waited for by whoever inherited it.
        let status = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        while status(&pid).contains("State:\tS") {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_takes_longer_than_its_time_is_ended() {
        let mut exec = Exec::new("sleep 1000").unwrap();
        let line = warning(ForecastState::Raised);
        exec.line(&line).unwrap();
        exec.tick(line.ts).unwrap();
        assert_eq!(exec.running.len(), 1);
        let pid = exec.running[0].child.id();
        exec.running[0].since = Instant::now().checked_sub(TIME).unwrap();
        exec.tick(line.ts).unwrap();
        assert!(exec.running.is_empty());
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it was waited for");
    }

    #[test]
    fn what_it_says_without_end_holds_nobody_up() {
        let mut exec = Exec::new("sh -c 'head -c 10000000 /dev/zero >&2; exit 3'").unwrap();
        exec.line(&warning(ForecastState::Raised)).unwrap();
        assert_eq!(exec.running[0].child.wait().unwrap().code(), Some(3));
    }
}
