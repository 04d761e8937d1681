//! Which code fills a unit, while its warning stands: `oomtrace stacks` beside the watch.
//!
//! In: the stream. Out: `stacks` events, which go into the stream themselves. It is a process of its own: it reads binaries and debug
//! information of the unit's, and whatever becomes of it in that, the watch goes on. Without a warning nothing runs and nothing is loaded.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::Sink;
use super::exec::{Running, pass_on, unprotect};
use crate::confine::Task;
use crate::event::{Event, ForecastState, Line, Stacks};
use crate::notice::notice;
use crate::programs::PATH;
use crate::unit::is_same_unit;

/// Units that are followed at one time: those that were warned of first.
const AT_ONCE: usize = 2;

/// How long a unit is followed for one warning, how often what there is by then is told, and what memory it may take, its own program
/// and what is mapped of others aside: both together have 32 MiB. As it starts it reads the kernel's types, and takes 31 MiB for a moment.
const SPAN: &str = "30min";
const EVERY: &str = "1min";
const MEMORY: &str = "16M";

/// Whoever has not ended by itself by then is ended.
const TIME: Duration = Duration::from_secs(31 * 60);

/// The longest line that is read, in bytes: 256 stacks of 256 frames are less as a rule.
const LINE: u64 = 8 << 20;

/// A unit that is followed.
#[derive(Debug)]
struct Followed {
    path: String,
    running: Running,
}

/// Follows units while their warnings stand.
#[derive(Debug)]
pub struct Follow {
    program: String,
    told: mpsc::Sender<Stacks>,
    followed: Vec<Followed>,
}

impl Follow {
    /// What is found goes there.
    #[must_use]
    pub fn new(told: mpsc::Sender<Stacks>) -> Self {
        Self {
            // Itself, whatever stands at its path by now.
            program: "/proc/self/exe".to_owned(),
            told,
            followed: Vec::new(),
        }
    }

    fn reap(&mut self) {
        self.followed
            .retain_mut(|followed| match followed.running.child.try_wait() {
                Ok(None) if followed.running.since.elapsed() < TIME => true,
                Ok(None) => {
                    followed.running.end();
                    false
                }
                Ok(Some(status)) if !status.success() => {
                    notice(format_args!(
                        "'oomtrace stacks --cgroup {}' ended with {status}",
                        followed.path
                    ));
                    false
                }
                Ok(Some(_)) | Err(_) => false,
            });
    }

    fn start(&mut self, path: &str) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command
            .arg0("oomtrace")
            .args(["stacks", "--cgroup", path, "--for", SPAN, "--every", EVERY])
            .args(["--max-memory", MEMORY, "--output", "json"])
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // SAFETY: opens, writes and closes, which is allowed between fork and exec (signal-safety(7)).
        unsafe { command.pre_exec(unprotect) };
        let mut child = command.spawn()?;
        if let Some(stderr) = child.stderr.take() {
            pass_on("oomtrace stacks".to_owned(), stderr);
        }
        if let Some(stdout) = child.stdout.take() {
            read(stdout, self.told.clone());
        }
        let since = Instant::now();
        self.followed.push(Followed {
            path: path.to_owned(),
            running: Running { child, since },
        });
        Ok(())
    }

    fn warned(&mut self, path: &str) {
        // A slice's units are warned of themselves.
        let is_unit = path != "/" && !path.ends_with(".slice");
        if !is_unit || self.followed.iter().any(|followed| followed.path == path) {
            return;
        }
        if self.followed.len() >= AT_ONCE {
            notice(format_args!(
                "the code that fills {path} is not followed: {AT_ONCE} units are already"
            ));
            return;
        }
        if let Err(error) = self.start(path) {
            notice(format_args!(
                "cannot follow the code that fills {path}: cannot run 'oomtrace stacks': {error}; is /proc there?"
            ));
        }
    }

    fn signal(&self, signal: Signal, of: impl Fn(&str) -> bool) {
        for followed in self.followed.iter().filter(|followed| of(&followed.path)) {
            // It was not waited for: its number is no other's.
            if let Some(pid) = pid(&followed.running.child) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Passes on what it tells, until it ends. Who has no room for more gets less.
fn read(stdout: ChildStdout, told: mpsc::Sender<Stacks>) {
    let work = move || {
        let mut reader = BufReader::new(stdout);
        let mut text = Vec::new();
        while let Ok(length @ 1..) = (&mut reader).take(LINE).read_until(b'\n', &mut text) {
            if let Ok(Line {
                event: Event::Stacks(stacks),
                ..
            }) = Line::from_json(text.get(..length).unwrap_or_default())
            {
                let _ = told.try_send(stacks);
            }
            text.clear();
        }
    };
    // Without a thread for it, it is stopped by its full pipe.
    let _ = std::thread::Builder::new().name("followed".to_owned()).spawn(work);
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.followed.iter_mut().for_each(|followed| followed.running.end());
    }
}

impl Sink for Follow {
    fn task(&self) -> Option<Task> {
        None
    }

    fn takes_samples(&self) -> bool {
        false
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.reap();
        match &line.event {
            Event::Forecast(change) => {
                let Some(path) = change.subject.cgroup.path.as_deref() else {
                    return Ok(());
                };
                match change.state {
                    ForecastState::Raised => self.warned(path),
                    ForecastState::Updated => {}
                    ForecastState::Cleared => self.signal(Signal::INT, |followed| followed == path),
                }
            }
            // What was there before it is told; the process that died has given it back by now.
            Event::Kill(kill) => {
                let path = kill.subject.cgroup.path.as_deref().unwrap_or_default();
                self.signal(Signal::USR1, |followed| is_same_unit(followed, path));
            }
            _ => {}
        }
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
    use crate::event::{CgroupRef, Class, ForecastChange, Subject};
    use crate::measure::Timestamp;

    fn warning(path: &str, state: ForecastState) -> Line {
        let subject = Subject {
            cgroup: CgroupRef {
                id: None,
                path: Some(path.to_owned()),
            },
            ..Subject::default()
        };
        Line {
            event: Event::Forecast(ForecastChange {
                subject,
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
            seq: 0,
            host: String::new(),
        }
    }

    const TOLD: &str = r#"{"event":"stacks","unit":"UNIT","cgroup":{"id":1,"path":null},"window_seconds":1.0,"one_in":4,"bytes":5,"unresolved":0.0,"stacks":[],"ts":"2026-11-24T14:08:20Z","seq":0,"host":"h"}"#;

    /// A program in the place of `oomtrace stacks`, that tells the cgroup it was started for, and again when it is to end.
    ///
    /// A shell cannot trap what it finds ignored (sh(1p), `trap`), as SIGINT is in what a script starts with `&`: env(1) puts that right.
    fn follow(dir: &std::path::Path) -> (Follow, mpsc::Receiver<Stacks>) {
        let program = dir.join("stacks");
        let tell = TOLD.replace("UNIT", "%s %s");
        let text = format!(
            "#!/usr/bin/env -S --default-signal=INT sh\npath=$3\ntell() {{ printf '{tell}\\n' \"$path\" \"$1\"; }}\ntrap 'tell cleared; exit' INT\ntrap 'tell killed; exit' USR1\ntell started\nwhile :; do sleep 0.05; done\n"
        );
        // By another process: were it written here, a child of another test could have it open to be written to, and it could not
        // be run (ETXTBSY).
        let written = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .args([program.as_os_str(), text.as_ref()])
            .status();
        assert!(written.unwrap().success());
        let (told, tells) = mpsc::channel(16);
        let mut follow = Follow::new(told);
        follow.program = program.display().to_string();
        (follow, tells)
    }

    fn next(tells: &mut mpsc::Receiver<Stacks>) -> Option<String> {
        tells.blocking_recv()?.subject.unit
    }

    #[test]
    fn a_unit_is_followed_from_its_warning_to_where_that_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        for path in ["/a.service", "/", "/b.slice", "/a.service"] {
            follow.line(&warning(path, ForecastState::Raised)).unwrap();
        }
        assert_eq!(follow.followed.len(), 1, "neither the host nor a slice, and none twice");
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        for path in ["/c.service", "/d.service"] {
            follow.line(&warning(path, ForecastState::Raised)).unwrap();
        }
        assert_eq!(follow.followed.len(), AT_ONCE);
        assert_eq!(next(&mut tells).as_deref(), Some("/c.service started"));
        follow.line(&warning("/a.service", ForecastState::Cleared)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service cleared"));
        let pids: Vec<u32> = follow
            .followed
            .iter()
            .map(|followed| followed.running.child.id())
            .collect();
        drop(follow);
        assert!(
            pids.iter()
                .all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
        );
    }

    #[test]
    fn at_a_kill_what_was_there_before_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        follow.line(&warning("/a.service", ForecastState::Raised)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        let kill = |path: &str| {
            let text = format!(
                r#"{{"event":"kill","cgroup":{{"id":1,"path":"{path}"}},"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":null,"leader_pid":null,"killer":null,"request":null,"before":null,"ts":"2026-11-24T14:08:20Z"}}"#
            );
            Line::from_json(text.as_bytes()).unwrap()
        };
        follow.line(&kill("/b.service")).unwrap();
        follow.line(&kill("/a.service/below")).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service killed"));
    }
}
