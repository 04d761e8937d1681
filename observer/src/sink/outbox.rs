//! A sink on a thread of its own, behind a bounded queue: whatever it waits for (a reader, a disk, journald), nobody waits
//! for it.
//!
//! In: lines, at the pipeline's pace. Out: the same lines, at the sink's. Where a sink falls behind, samples are dropped,
//! and it is said in its stream how many; everything else is kept up to a second, larger bound.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Sink;
use crate::event::{Event, Line, Lost, Stream};
use crate::measure::{CgroupId, Timestamp};
use crate::{confine, rights};

/// From here on samples are dropped. A sample counts 1, what has samples from before with it so many more: about 1 KiB each.
const MAX_SAMPLES: usize = 4_096;

/// And from here on everything: room for a storm of some thousand kills while a reader stands still.
const MAX_ALL: usize = 65_536;

/// It is asked this often whether anybody will ever read again.
const LOOK: Duration = Duration::from_secs(1);

/// How long a sink may take for what is left when all ends: a reader that has stopped must not keep the process.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What waits for a sink.
#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Entry>,
    weight: usize,
    /// The time, to be told when the lines are.
    tick: Option<Timestamp>,
    flush: bool,
    /// Nothing more comes.
    is_closed: bool,
    /// Everything that came is written.
    is_idle: bool,
    failure: Option<io::Error>,
    has_failed: bool,
}

#[derive(Debug)]
enum Entry {
    Line(Arc<Line>),
    Gone(CgroupId),
    /// Lines that were dropped here: how many, and what the last of them carried beside its event.
    Dropped {
        count: u64,
        last: Box<Line>,
    },
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
}

impl Shared {
    /// A thread that panicked while it held the queue has left it whole: every change of it is one statement.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sink takes no more.
    fn ended(&self, result: io::Result<()>) {
        let mut queue = self.queue();
        if let Err(error) = result {
            (queue.failure, queue.has_failed) = (Some(error), true);
            queue.lines.clear();
        }
        queue.is_idle = true;
        drop(queue);
        self.emptied.notify_all();
    }
}

/// The pipeline's end of a sink that has a thread of its own.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
    takes_samples: bool,
    describes_cgroups: bool,
    is_recording: bool,
    thread: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Starts the sink's thread.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn new(sink: Box<dyn Sink>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        Ok(Self {
            takes_samples: sink.takes_samples(),
            describes_cgroups: sink.describes_cgroups(),
            is_recording: sink.is_recording(),
            thread: Some(std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
                // Its thread would end, and its lines wait for ever.
                if catch_unwind(AssertUnwindSafe(|| work(&theirs, sink))).is_err() {
                    theirs.ended(Err(io::Error::other("it failed of an error of oomtrace's own")));
                }
            })?),
            shared,
        })
    }

    /// Whether its sink is a recording.
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// Takes a line, or counts it as dropped. Never waits.
    ///
    /// # Errors
    /// What the sink failed of since the last call; told once.
    pub fn line(&self, line: &Arc<Line>) -> io::Result<()> {
        let is_sample = matches!(line.event, Event::Sample(_) | Event::Processes(_));
        if is_sample && !self.takes_samples {
            return Ok(());
        }
        let mut queue = self.shared.queue();
        if queue.has_failed {
            return queue.failure.take().map_or(Ok(()), Err);
        }
        queue.push(line, is_sample);
        drop(queue);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Tells that a cgroup has gone, after the lines that wait. With the next line, or within a second: of thousands that go at
    /// once none is worth waking a thread.
    pub fn gone(&self, cgroup: CgroupId) {
        if self.describes_cgroups {
            self.shared.queue().end_of(cgroup);
        }
    }

    /// Tells the time.
    ///
    /// # Errors
    /// As [`Outbox::line`].
    pub fn tick(&self, now: Timestamp) -> io::Result<()> {
        let mut queue = self.shared.queue();
        queue.tick = Some(now);
        let failure = queue.failure.take();
        drop(queue);
        self.shared.filled.notify_one();
        failure.map_or(Ok(()), Err)
    }

    /// Asks for what is buffered to be written, after the lines that wait.
    pub fn flush(&self) {
        self.shared.queue().flush = true;
        self.shared.filled.notify_one();
    }

    /// Waits until everything is written, for some seconds at most.
    ///
    /// # Errors
    /// As [`Outbox::line`].
    pub fn finish(mut self) -> io::Result<()> {
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let mut queue = self.shared.queue();
        queue.is_closed = true;
        self.shared.filled.notify_one();
        let deadline = Instant::now() + LAST_WORDS;
        while !queue.is_idle {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // It is in a write that does not end; it ends with the process.
                return Ok(());
            }
            let waited = self.shared.emptied.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let failure = queue.failure.take();
        drop(queue);
        // What the sink does when it is dropped is part of its work.
        let _ = thread.join();
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// What a line takes of the room in a queue.
fn weight(line: &Line) -> usize {
    match &line.event {
        Event::Processes(told) => 1 + told.tasks.len() / 8,
        Event::Kill(kill) => 1 + kill.before.as_ref().map_or(0, |before| before.samples.len()) + kill.tasks.len() / 8,
        _ => 1,
    }
}

impl Queue {
    fn push(&mut self, line: &Arc<Line>, is_sample: bool) {
        let weight = weight(line);
        let most = if is_sample { MAX_SAMPLES } else { MAX_ALL };
        if self.weight + weight <= most {
            self.weight += weight;
            self.lines.push_back(Entry::Line(Arc::clone(line)));
            return;
        }
        let dropped = Box::new(Line {
            event: Event::Lost(Lost {
                stream: Stream::Output,
                count: 0,
                killer: None,
            }),
            ts: line.ts,
            seq: line.seq,
            host: line.host.clone(),
        });
        match self.lines.back_mut() {
            Some(Entry::Dropped { count, last }) => (*count, *last) = (*count + 1, dropped),
            _ => self.lines.push_back(Entry::Dropped {
                count: 1,
                last: dropped,
            }),
        }
    }

    /// What is not told for want of room is what is shown for longer than it is so, and is not counted as lost.
    fn end_of(&mut self, cgroup: CgroupId) {
        if !self.has_failed && self.weight < MAX_ALL {
            self.weight += 1;
            self.lines.push_back(Entry::Gone(cgroup));
        }
    }

    fn pop(&mut self) -> Option<Work> {
        match self.lines.pop_front()? {
            Entry::Line(line) => {
                self.weight -= weight(&line);
                Some(Work::Line(line))
            }
            Entry::Gone(cgroup) => {
                self.weight -= 1;
                Some(Work::Gone(cgroup))
            }
            Entry::Dropped { count, mut last } => {
                // In place of the last one that is missing, so that the numbers show where they were.
                last.event = Event::Lost(Lost {
                    stream: Stream::Output,
                    count,
                    killer: None,
                });
                Some(Work::Line(Arc::from(last)))
            }
        }
    }
}

/// What there is for a sink to do.
enum Work {
    Line(Arc<Line>),
    Gone(CgroupId),
    Tick(Timestamp),
    Flush,
    /// Nothing for a while.
    Look,
    End,
}

/// The next thing to do, waited for where there is none.
fn next(shared: &Shared) -> Work {
    let mut queue = shared.queue();
    loop {
        if let Some(work) = queue.pop() {
            return work;
        }
        if let Some(now) = queue.tick.take() {
            return Work::Tick(now);
        }
        if std::mem::take(&mut queue.flush) {
            return Work::Flush;
        }
        if queue.is_closed {
            return Work::End;
        }
        let waited = shared.filled.wait_timeout(queue, LOOK);
        let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        if timeout.timed_out() && queue.lines.is_empty() {
            return Work::Look;
        }
    }
}

/// The sink's thread: writes until nothing more comes, or it fails.
fn work(shared: &Shared, mut sink: Box<dyn Sink>) {
    if let Some(task) = sink.task() {
        rights::for_writing();
        confine::thread(task);
    }
    let result = loop {
        let done = match next(shared) {
            Work::Line(line) => sink.line(&line),
            Work::Gone(cgroup) => {
                sink.gone(cgroup);
                Ok(())
            }
            Work::Tick(now) => sink.tick(now).and_then(|()| look(sink.as_ref())),
            Work::Flush => sink.flush(),
            Work::Look => look(sink.as_ref()),
            Work::End => break sink.flush(),
        };
        if done.is_err() {
            break done;
        }
    };
    drop(sink);
    shared.ended(result);
}

/// Ends a stream that nobody reads any more, though nothing is to be written.
fn look(sink: &dyn Sink) -> io::Result<()> {
    if sink.is_gone() {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::event::{Kill, Sample};

    /// Writes a line only when it is told to.
    struct Slow {
        go: Receiver<()>,
        out: Sender<(u64, String)>,
        takes_samples: bool,
    }

    impl Sink for Slow {
        fn line(&mut self, line: &Line) -> io::Result<()> {
            self.go.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            let name = match &line.event {
                Event::Sample(_) => "sample".to_owned(),
                Event::Kill(_) => "kill".to_owned(),
                Event::Lost(lost) => format!("lost {}", lost.count),
                _ => "other".to_owned(),
            };
            let _ = self.out.send((line.seq, name));
            Ok(())
        }

        fn takes_samples(&self) -> bool {
            self.takes_samples
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(takes_samples: bool) -> (Outbox, Sender<()>, Receiver<(u64, String)>) {
        let ((go_in, go), (out, out_of)) = (channel(), channel());
        let sink = Slow { go, out, takes_samples };
        (Outbox::new(Box::new(sink)).unwrap(), go_in, out_of)
    }

    fn line(seq: u64, event: Event) -> Arc<Line> {
        Arc::new(Line {
            event,
            ts: Timestamp(jiff::Timestamp::from_second(1_800_000_000).unwrap()),
            seq,
            host: "h".to_owned(),
        })
    }

    fn sample(seq: u64) -> Arc<Line> {
        line(seq, Event::Sample(Sample::default()))
    }

    fn kill(seq: u64) -> Arc<Line> {
        line(seq, Event::Kill(Box::new(serde_json::from_str::<Kill>(KILL).unwrap())))
    }

    const KILL: &str = r#"{"unit":null,"user_unit":null,"slice":null,"invocation_id":null,"cgroup":{"id":null,"path":null},
        "container":null,"origin":"host","confidence":"observed","evidence":[],"limit":null,"trigger":null,
        "victim":{"pid":1,"tid":1,"comm":"a"},"leader_pid":null,"killer":null,"request":null,"before":null,"tasks":[],
        "advice":[]}"#;

    #[test]
    fn a_stuck_reader_costs_samples_that_are_counted_and_no_kill() {
        let (outbox, go, out) = slow(true);
        let samples = MAX_SAMPLES as u64 + 100;
        for seq in 0..samples {
            outbox.line(&sample(seq)).unwrap();
        }
        outbox.line(&kill(samples)).unwrap();
        outbox.line(&sample(samples + 1)).unwrap();
        outbox.line(&kill(samples + 2)).unwrap();
        for _ in 0..samples + 3 {
            let _ = go.send(());
        }
        outbox.finish().unwrap();
        let written: Vec<(u64, String)> = out.iter().collect();
        let kills = written.iter().filter(|(_, name)| name == "kill").count();
        let lost: u64 = written
            .iter()
            .filter_map(|(_, name)| name.strip_prefix("lost ")?.parse::<u64>().ok())
            .sum();
        let taken = written.iter().filter(|(_, name)| name == "sample").count() as u64;
        assert_eq!(kills, 2);
        assert!(lost >= 100, "{lost}");
        assert_eq!(taken + lost, samples + 1, "each sample is written or counted");
        // In the order of their numbers: a loss stands where the last of the lost stood.
        assert!(written.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn what_a_sink_does_not_take_does_not_wait_for_it() {
        let (outbox, go, out) = slow(false);
        for seq in 0..10 {
            outbox.line(&sample(seq)).unwrap();
        }
        outbox.line(&kill(10)).unwrap();
        go.send(()).unwrap();
        outbox.finish().unwrap();
        assert_eq!(out.iter().map(|(seq, _)| seq).collect::<Vec<_>>(), [10]);
    }

    /// Keeps the names of what it was given, in their order.
    struct Describes(Sender<(u64, String)>);

    impl Sink for Describes {
        fn line(&mut self, line: &Line) -> io::Result<()> {
            let _ = self.0.send((line.seq, "line".to_owned()));
            Ok(())
        }

        fn describes_cgroups(&self) -> bool {
            true
        }

        fn gone(&mut self, cgroup: CgroupId) {
            let _ = self.0.send((cgroup.0, "gone".to_owned()));
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_describes_cgroups_is_told_of_their_end_after_what_was_said_of_them() {
        let (out, told) = channel();
        let outbox = Outbox::new(Box::new(Describes(out))).unwrap();
        outbox.line(&sample(1)).unwrap();
        outbox.gone(CgroupId(7));
        outbox.line(&sample(2)).unwrap();
        outbox.finish().unwrap();
        let told: Vec<(u64, String)> = told.iter().collect();
        let told: Vec<(u64, &str)> = told.iter().map(|(number, what)| (*number, what.as_str())).collect();
        assert_eq!(told, [(1, "line"), (7, "gone"), (2, "line")]);
        let (outbox, go, out) = slow(true);
        outbox.gone(CgroupId(7));
        assert_eq!(outbox.shared.queue().weight, 0, "of nobody else's concern");
        drop(go);
        outbox.finish().unwrap();
        assert!(out.try_recv().is_err());
    }

    /// Panics at its first line.
    struct Panics;

    impl Sink for Panics {
        fn line(&mut self, _line: &Line) -> io::Result<()> {
            panic!("as an error of its own would")
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_sink_that_panics_has_failed() {
        let outbox = Outbox::new(Box::new(Panics)).unwrap();
        outbox.line(&kill(0)).unwrap();
        assert_eq!(outbox.finish().unwrap_err().kind(), io::ErrorKind::Other);
    }

    #[test]
    fn a_failure_is_told_once_and_ends_the_sink() {
        let (outbox, go, _out) = slow(true);
        drop(go);
        outbox.line(&kill(0)).unwrap();
        let failed = (0..1_000).find_map(|seq| {
            std::thread::sleep(Duration::from_millis(10));
            outbox.line(&kill(seq)).err()
        });
        assert_eq!(failed.unwrap().kind(), io::ErrorKind::BrokenPipe);
        outbox.line(&kill(1)).unwrap();
        outbox.finish().unwrap();
    }
}
