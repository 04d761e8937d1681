//! A program for each warning: so that a service can be restarted gracefully, or its heap dumped, in good time.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::incidents::{Incidents, News};
use crate::event::{Event, ForecastState, Line};
use crate::notice::notice;

/// Programs at one time.
const AT_ONCE: usize = 4;

/// How long a program may run.
const TIME: Duration = Duration::from_secs(60);

/// Runs a program when a limit comes near, with the event's line on its standard input.
#[derive(Debug)]
pub struct Exec {
    program: String,
    arguments: Vec<String>,
    running: Vec<(Child, Instant)>,
    /// One incident is one run of it.
    incidents: Incidents,
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
        self.running.retain_mut(|(child, since)| match child.try_wait() {
            Ok(Some(status)) => {
                if !status.success() {
                    notice(format_args!("{program} ended with {status}"));
                }
                false
            }
            Ok(None) if since.elapsed() < TIME => true,
            Ok(None) => {
                notice(format_args!("{program} took more than {} s: ended", TIME.as_secs()));
                let _ = child.kill();
                let _ = child.wait();
                false
            }
            Err(_) => false,
        });
    }

    fn start(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It fits the pipe: a program that does not read it holds nobody up.
            let _ = stdin.write_all(&text);
        }
        self.running.push((child, Instant::now()));
        Ok(())
    }
}

/// Whether a program can be run, by its path or along `PATH`.
fn is_there(program: &str) -> bool {
    let can_run = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return can_run(Path::new(program));
    }
    std::env::var_os("PATH").is_some_and(|paths| std::env::split_paths(&paths).any(|dir| can_run(&dir.join(program))))
}

impl super::Sink for Exec {
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
        if let Err(error) = self.start(line) {
            notice(format_args!("cannot run {}: {error}", self.program));
        }
        Ok(())
    }

    fn takes_samples(&self) -> bool {
        false
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
    use crate::measure::Timestamp;
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
        for (child, _) in &mut exec.running {
            child.wait().unwrap();
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
        for (child, _) in &mut exec.running {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(Exec::new("a 'b").is_err() && Exec::new(" ").is_err());
        assert!(Exec::new("/nonexistent/program").is_err() && Exec::new("no-such-program-anywhere").is_err());
        assert!(Exec::new("/etc/passwd").is_err(), "not executable");
    }
}
