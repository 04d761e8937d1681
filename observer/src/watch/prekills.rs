//! What systemd-oomd is about to kill is sampled and looked at first, and then it may go on.
//!
//! In: [`Prekill`]s. Out: a sample, the processes, and an answer, which is the drop of the [`Prekill`].

use super::collector::{Collector, Turn};
use super::stream::{Stream, StreamError};
use crate::cgroup::namespaces;
use crate::event::ancestry;
use crate::measure::CgroupId;
use crate::unit::prekill::Prekill;

/// Kills that wait for a look at the unit's processes.
#[derive(Debug, Default)]
pub(super) struct Prekills(Vec<(CgroupId, Prekill)>);

impl Prekills {
    /// Whether systemd-oomd waits for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Collector {
    /// systemd-oomd is about to kill a cgroup: its unit is sampled at once, and its processes are looked at before anything else
    /// is. It is answered when that is done; at once where the cgroup is none that is watched.
    pub(super) fn about_to_be_killed(&mut self, prekill: Prekill, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(id) = self.sampled_at(&prekill.cgroup) else {
            return Ok(());
        };
        let mut turn = Turn::at(self.clock.now());
        self.sample(id, &mut turn, stream)?;
        if self.is_whole_host() {
            // It kills for the host's swap too.
            self.sample_host(&mut turn, stream)?;
        }
        self.is_sampled_in(&turn);
        let has_processes = self.cgroups.path(id).is_some_and(|path| !path.ends_with(".slice"));
        if has_processes && namespaces::pids_are_the_hosts() {
            self.looks.want_first(id);
            self.prekills.0.push((id, prekill));
        }
        Ok(())
    }

    /// A step of a look; whoever is looked at to the end, or has gone, is waited for no more, nor is a look that takes longer than
    /// systemd-oomd was kept waiting: it goes on among all others.
    pub(super) fn look_before_kill(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.look_on(stream)?;
        let looks = &self.looks;
        self.prekills
            .0
            .retain(|(id, prekill)| looks.is_waiting(*id) && !prekill.is_over());
        Ok(())
    }

    /// The cgroup at a path that has samples of its own, or the nearest above it that has: of a unit the cgroup may be a part.
    fn sampled_at(&mut self, path: &str) -> Option<CgroupId> {
        if self.cgroups.id(path).is_none() {
            // Its birth is still to be told.
            let id = self.hierarchy.id_of(path).ok()?;
            self.cgroups.born(id, path);
        }
        let mut above = ancestry(path).filter_map(|path| self.cgroups.id(path));
        above.find(|id| self.cgroups.get(*id).is_some_and(super::cgroups::Cgroup::is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::cgroup::Hierarchy;
    use crate::event::{CgroupVersion, Line, Via};
    use crate::sink::Sink;
    use crate::unit::{Selection, prekill};
    use crate::watch::clock::Clock;
    use crate::watch::questions::Questions;
    use crate::watch::{Options, rings::Sees};

    const PATIENCE: Duration = Duration::from_secs(60);
    const UNIT: &str = "/pressed.slice/stalled.service";

    /// Tells each line's kind and cgroup.
    struct Told(mpsc::Sender<(String, String)>);

    impl Sink for Told {
        fn line(&mut self, line: &Line) -> std::io::Result<()> {
            let line = serde_json::to_value(line).unwrap();
            let text = |pointer| {
                line.pointer(pointer)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            self.0
                .send((text("/event"), text("/cgroup/path")))
                .map_err(std::io::Error::other)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Watch {
        dir: tempfile::TempDir,
        collector: Collector,
        stream: Stream,
        told: mpsc::Receiver<(String, String)>,
    }

    /// A watch of a tree of cgroups, in one of which this process is.
    fn watch(units: &[&str]) -> Watch {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "/pressed.slice",
            UNIT,
            "/pressed.slice/stalled.service/below",
            "/other.service",
        ] {
            let cgroup = dir.path().join(&path[1..]);
            fs::create_dir_all(&cgroup).unwrap();
            for (name, text) in [
                ("memory.current", "4096\n"),
                ("memory.max", "8192\n"),
                ("memory.stat", "anon 4096\n"),
            ] {
                fs::write(cgroup.join(name), text).unwrap();
            }
            let own = format!("{}\n", std::process::id());
            let processes = if path == UNIT { &own } else { "" };
            fs::write(cgroup.join("cgroup.procs"), processes).unwrap();
        }
        let units: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        let options = Options {
            selection: Selection::new(&units, &[], &[], &[]).unwrap(),
            interval: Duration::from_secs(1),
            duration: None,
            host: String::new(),
            best: Via::Poll,
            cmdline: false,
            warn_within: Duration::from_secs(600),
            verbose: false,
            known: Vec::new(),
            followed: None,
            conf: None,
        };
        let sees = Sees {
            victims: false,
            choices: false,
            unkilled: false,
            limits_set: false,
            births: false,
            growth: false,
        };
        let hierarchy = Hierarchy::at(dir.path().to_owned(), CgroupVersion::V2, 0);
        let (questions, _) = Questions::new(None);
        let (sender, told) = mpsc::channel();
        Watch {
            collector: Collector::new(options, Clock::new(), hierarchy, questions, (sees, None), None),
            stream: Stream::new(vec![Box::new(Told(sender))], String::new()).unwrap(),
            told,
            dir,
        }
    }

    impl Watch {
        fn prekill(&mut self, prekill: Prekill) {
            self.collector.about_to_be_killed(prekill, &mut self.stream).unwrap();
        }

        /// Takes steps until systemd-oomd waits for nothing.
        fn go_on(&mut self) {
            while !self.collector.prekills.is_empty() {
                assert!(self.collector.is_due(), "the loop would sleep");
                self.collector.step(&mut self.stream).unwrap();
            }
        }

        /// Ends the stream; what is told of a cgroup.
        fn told_of(self, path: &str) -> Vec<String> {
            let Self { stream, told, .. } = self;
            stream
                .stop(
                    crate::measure::Timestamp(jiff::Timestamp::now()),
                    crate::event::StopReason::Signal,
                )
                .unwrap();
            told.iter()
                .filter(|(_, of)| of == path)
                .map(|(event, _)| event)
                .collect()
        }
    }

    #[test]
    fn the_kill_goes_on_when_a_sample_and_the_processes_are_in_the_stream() {
        let mut watch = watch(&[]);
        // A turn has just begun: all of it comes later.
        watch.collector.tick(&mut watch.stream).unwrap();
        let (prekill, mut answered) = Prekill::of(UNIT.to_owned());
        watch.prekill(prekill);
        let first = watch.told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(first, ("sample".to_owned(), "/".to_owned()), "of the turn");
        assert_eq!(
            watch.told.recv_timeout(PATIENCE).unwrap(),
            ("sample".to_owned(), UNIT.to_owned())
        );
        if namespaces::pids_are_the_hosts() {
            assert!(
                answered
                    .try_recv()
                    .is_err_and(|state| state == tokio::sync::oneshot::error::TryRecvError::Empty)
            );
        }
        watch.go_on();
        assert!(
            answered
                .try_recv()
                .is_err_and(|state| state == tokio::sync::oneshot::error::TryRecvError::Closed)
        );
        // Nothing else was worked on before that, nor is the unit sampled again in the turn that had begun.
        while watch.collector.is_due() {
            watch.collector.step(&mut watch.stream).unwrap();
        }
        let expected: &[&str] = if namespaces::pids_are_the_hosts() {
            &["processes"]
        } else {
            &[]
        };
        assert_eq!(watch.told_of(UNIT), expected);
    }

    #[test]
    fn a_client_gets_its_answer_over_the_socket() {
        let mut watch = watch(&[]);
        let (hook, mut taken) = prekill::listen(watch.dir.path(), watch.collector.hierarchy.clone()).unwrap();
        let path = watch.dir.path().join(format!("io.oomtrace.{}", std::process::id()));
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let call = format!(r#"{{"method":"io.systemd.oom.Prekill.Notify","parameters":{{"cgroup":"{UNIT}"}}}}"#);
        client.write_all(call.as_bytes()).unwrap();
        client.write_all(&[0]).unwrap();
        let Some(prekill) = taken.blocking_recv() else {
            // Only root is trusted.
            let mut refused = String::new();
            client.read_to_string(&mut refused).unwrap();
            assert!(
                refused.contains("PermissionDenied") && !rustix::process::geteuid().is_root(),
                "{refused}"
            );
            return;
        };
        watch.prekill(prekill);
        watch.go_on();
        let mut answer = [0; 18];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"{\"parameters\":{}}\0");
        drop(hook);
        assert!(!Path::new(&path).exists());
        assert_eq!(watch.told_of(UNIT).first().map(String::as_str), Some("sample"));
    }

    #[test]
    fn what_is_not_watched_or_not_there_is_answered_at_once_and_not_told() {
        for cgroup in ["/other.service", "/gone.service", "/"] {
            let mut watch = watch(&["stalled"]);
            let (prekill, mut answered) = Prekill::of(cgroup.to_owned());
            watch.prekill(prekill);
            assert!(
                answered
                    .try_recv()
                    .is_err_and(|state| state == tokio::sync::oneshot::error::TryRecvError::Closed)
            );
            assert!(watch.collector.prekills.is_empty());
            assert_eq!(watch.told_of(cgroup), [] as [&str; 0], "{cgroup}");
        }
    }

    #[test]
    fn of_a_part_of_a_unit_the_unit_is_sampled() {
        let mut watch = watch(&["stalled"]);
        let (prekill, _answered) = Prekill::of(format!("{UNIT}/below"));
        watch.prekill(prekill);
        watch.go_on();
        assert_eq!(watch.told_of(UNIT).first().map(String::as_str), Some("sample"));
    }

    #[test]
    fn a_look_that_takes_too_long_is_one_among_others() {
        let mut watch = watch(&[]);
        let (prekill, answered) = Prekill::of(UNIT.to_owned());
        watch.prekill(prekill);
        // Somebody else wants all the time that there is, and systemd-oomd goes on.
        let id = watch.collector.cgroups.id(UNIT).unwrap();
        drop(answered);
        watch.collector.step(&mut watch.stream).unwrap();
        assert!(watch.collector.prekills.is_empty());
        let was_looked_at = !watch.collector.looks.is_waiting(id);
        assert!(
            was_looked_at || watch.collector.is_due(),
            "the look is still to be made"
        );
    }

    #[test]
    fn a_unit_that_goes_while_it_is_looked_at_is_waited_for_no_more() {
        let mut watch = watch(&[]);
        let (prekill, mut answered) = Prekill::of(UNIT.to_owned());
        watch.prekill(prekill);
        let id = watch.collector.cgroups.id(UNIT).unwrap();
        watch.collector.looks.forget(id);
        watch.go_on();
        assert!(
            answered
                .try_recv()
                .is_err_and(|state| state == tokio::sync::oneshot::error::TryRecvError::Closed)
        );
    }
}
