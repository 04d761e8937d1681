//! Which code fills a unit, while its warning stands: `oomtrace stacks` beside the watch.
//!
//! In: the stream. Out: `stacks` events, which go into the stream themselves. It is a process of its own: it reads binaries and debug
//! information of the unit's, and whatever becomes of it in that, the watch goes on. Without a warning nothing runs and nothing is loaded.

use std::collections::VecDeque;
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
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::programs::PATH;
use crate::unit::is_same_unit;

/// One unit is followed at a time, the first to be warned of first; so many wait for their turn.
const WAITING: usize = 64;

/// While others wait, a turn is over after this time.
const TURN: Duration = Duration::from_secs(5 * 60);

/// How long a unit is followed for one warning, how often what there is by then is told, and what memory it may take, its own program,
/// the kernel's maps and what is mapped of others aside. As it starts it reads the kernel's types, and takes 31 MiB for a moment: two at
/// a time would take twice that.
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
    /// Its turn is over: it was sent the signal to end.
    is_over: bool,
}

/// Follows units while their warnings stand.
#[derive(Debug)]
pub struct Follow {
    program: String,
    told: mpsc::Sender<Stacks>,
    turn: Duration,
    followed: Option<Followed>,
    /// Their warnings stand, too.
    waiting: VecDeque<String>,
}

impl Follow {
    /// What is found goes there.
    #[must_use]
    pub fn new(told: mpsc::Sender<Stacks>) -> Self {
        Self {
            // Itself, whatever stands at its path by now.
            program: "/proc/self/exe".to_owned(),
            told,
            turn: TURN,
            followed: None,
            waiting: VecDeque::new(),
        }
    }

    /// Looks after the one that is followed, and follows the next one when that has ended.
    fn go_on(&mut self) {
        if self.followed.as_mut().is_some_and(Followed::has_ended) {
            self.followed = None;
        }
        if !self.waiting.is_empty()
            && let Some(followed) = &mut self.followed
            && !followed.is_over
            && followed.running.since.elapsed() >= self.turn
        {
            followed.is_over = true;
            self.signal(Signal::INT, |_| true);
        }
        while self.followed.is_none()
            && let Some(path) = self.waiting.pop_front()
        {
            self.start(&path);
        }
    }

    fn start(&mut self, path: &str) {
        match self.run(path) {
            Ok(followed) => self.followed = Some(followed),
            Err(error) => notice(format_args!(
                "cannot follow the code that fills {path}: cannot run 'oomtrace stacks': {error}; is /proc there?"
            )),
        }
    }

    fn run(&self, path: &str) -> io::Result<Followed> {
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
        Ok(Followed {
            path: path.to_owned(),
            running: Running { child, since },
            is_over: false,
        })
    }

    fn warned(&mut self, path: &str) {
        // A slice's units are warned of themselves.
        let is_unit = path != "/" && !path.ends_with(".slice");
        if !is_unit || self.waiting.iter().any(|waiting| waiting == path) {
            return;
        }
        match &self.followed {
            None => self.start(path),
            Some(followed) if followed.path == path => {}
            Some(_) if self.waiting.len() >= WAITING => notice(format_args!(
                "the code that fills {path} is not followed: {WAITING} units wait for that already"
            )),
            Some(followed) => {
                notice(format_args!(
                    "the code that fills {path} is followed later: one unit is at a time, now {}",
                    followed.path
                ));
                self.waiting.push_back(path.to_owned());
            }
        }
    }

    /// Ends the one that is followed if it is of these.
    fn signal(&self, signal: Signal, of: impl Fn(&Followed) -> bool) {
        // It was not waited for: its number is no other's.
        if let Some(pid) = self
            .followed
            .as_ref()
            .filter(|followed| of(followed))
            .and_then(|followed| pid(&followed.running.child))
        {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Followed {
    /// Whether it has ended; who has not by its time is ended.
    fn has_ended(&mut self) -> bool {
        match self.running.child.try_wait() {
            Ok(None) if self.running.since.elapsed() < TIME => return false,
            Ok(None) => self.running.end(),
            Ok(Some(status)) if !status.success() => {
                notice(format_args!(
                    "'oomtrace stacks --cgroup {}' ended with {status}",
                    self.path
                ));
            }
            Ok(Some(_)) | Err(_) => {}
        }
        true
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
        if let Some(followed) = &mut self.followed {
            followed.running.end();
        }
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
        self.go_on();
        match &line.event {
            Event::Forecast(change) => {
                let Some(path) = change.subject.cgroup.path.as_deref() else {
                    return Ok(());
                };
                match change.state {
                    ForecastState::Raised => self.warned(path),
                    ForecastState::Updated => {}
                    ForecastState::Cleared => {
                        self.waiting.retain(|waiting| waiting != path);
                        self.signal(Signal::INT, |followed| followed.path == path);
                    }
                }
            }
            // What was there before it is told; the process that died has given it back by now.
            Event::Kill(kill) => {
                let path = kill.subject.cgroup.path.as_deref().unwrap_or_default();
                self.waiting.retain(|waiting| !is_same_unit(waiting, path));
                self.signal(Signal::USR1, |followed| is_same_unit(&followed.path, path));
            }
            _ => {}
        }
        Ok(())
    }

    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        self.go_on();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CgroupRef, Class, ForecastChange, Subject};

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

    /// Until another than this is followed.
    fn until_ended(follow: &mut Follow, path: &str) {
        while follow.followed.as_ref().is_some_and(|followed| followed.path == path) {
            std::thread::sleep(Duration::from_millis(5));
            follow.tick(Timestamp(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        }
    }

    #[test]
    fn a_unit_is_followed_from_its_warning_to_where_that_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        for path in ["/a.service", "/", "/b.slice", "/a.service"] {
            follow.line(&warning(path, ForecastState::Raised)).unwrap();
        }
        assert!(
            follow.waiting.is_empty(),
            "neither the host nor a slice, and none twice"
        );
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        follow.line(&warning("/a.service", ForecastState::Cleared)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service cleared"));
        until_ended(&mut follow, "/a.service");
        follow.line(&warning("/a.service", ForecastState::Raised)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        let pid = follow.followed.as_ref().unwrap().running.child.id();
        drop(follow);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn one_unit_is_followed_at_a_time_and_the_others_while_their_warnings_stand() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        for path in ["/a.service", "/b.service", "/c.service", "/d.service", "/b.service"] {
            follow.line(&warning(path, ForecastState::Raised)).unwrap();
        }
        follow.tick(Timestamp(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(follow.waiting, ["/b.service", "/c.service", "/d.service"]);
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        follow.line(&warning("/b.service", ForecastState::Cleared)).unwrap();
        follow.line(&kill("/c.service/below")).unwrap();
        follow.line(&warning("/a.service", ForecastState::Cleared)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service cleared"));
        until_ended(&mut follow, "/a.service");
        assert_eq!(next(&mut tells).as_deref(), Some("/d.service started"));
        for number in 0..WAITING + 3 {
            let path = format!("/{number}.service");
            follow.line(&warning(&path, ForecastState::Raised)).unwrap();
        }
        assert_eq!(follow.waiting.len(), WAITING);
    }

    #[test]
    fn while_others_wait_a_turn_comes_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        follow.turn = Duration::ZERO;
        follow.line(&warning("/a.service", ForecastState::Raised)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        follow.tick(Timestamp(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        follow.line(&warning("/b.service", ForecastState::Raised)).unwrap();
        until_ended(&mut follow, "/a.service");
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service cleared"));
        assert_eq!(next(&mut tells).as_deref(), Some("/b.service started"));
    }

    fn kill(path: &str) -> Line {
        let text = format!(
            r#"{{"event":"kill","cgroup":{{"id":1,"path":"{path}"}},"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":null,"leader_pid":null,"killer":null,"request":null,"before":null,"ts":"2026-11-24T14:08:20Z"}}"#
        );
        Line::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn at_a_kill_what_was_there_before_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (mut follow, mut tells) = follow(dir.path());
        follow.line(&warning("/a.service", ForecastState::Raised)).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service started"));
        follow.line(&kill("/b.service")).unwrap();
        follow.line(&kill("/a.service/below")).unwrap();
        assert_eq!(next(&mut tells).as_deref(), Some("/a.service killed"));
    }
}
