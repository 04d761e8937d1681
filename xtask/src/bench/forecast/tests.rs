//! On the traces that nothing was chosen on, the figures stay above these bounds.

use observer::engine::{Config, Engine};
use observer::event::{Event, Line};
use oomtrace_tests::traces::Split;

use super::score::{Score, Told};
use super::trace::Trace;
use super::{files, hear};

/// What the engine of this build says of a trace.
fn told(trace: &Trace) -> Told {
    let mut engine = Engine::new(Config::default());
    let mut told = Told::default();
    for line in trace.stream.lines() {
        let mut line: Line = serde_json::from_str(line).unwrap();
        let mut changes = Vec::new();
        let Event::Sample(sample) = &mut line.event else {
            panic!("a trace holds samples");
        };
        engine.sample(line.ts, sample, &mut changes);
        let rest = changes.into_iter().map(|event| Line { event, ..line.clone() });
        for line in std::iter::once(line.clone()).chain(rest) {
            hear(&serde_json::to_value(line).unwrap(), trace.began, &mut told).unwrap();
        }
    }
    told
}

fn scored(stretch: u32) -> Score {
    let traces: Vec<Trace> = files()
        .unwrap()
        .iter()
        .map(|file| Trace::read(file, stretch).unwrap())
        .filter(|trace| trace.header.split == Split::Score)
        .collect();
    let mut sum = Score::default();
    // An engine that is not optimised takes its time.
    std::thread::scope(|scope| {
        let threads: Vec<_> = traces
            .chunks(traces.len().div_ceil(4))
            .map(|traces| {
                scope.spawn(|| {
                    traces
                        .iter()
                        .map(|trace| Score::of(trace, &told(trace)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for score in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            sum.add(&score);
        }
    });
    sum
}

#[test]
fn forecasts_of_traces_that_were_not_tuned_on_stay_as_good_as_they_are() {
    let score = scored(1);
    println!("{}", super::table::rules("scored only", &[("oomtrace", score.clone())]));
    assert!(score.error(0.5).unwrap() <= 0.10);
    assert!(score.error(0.9).unwrap() <= 1.0);
    assert!((0.75..=0.95).contains(&score.coverage().unwrap()));
    assert!(score.warned() + 1 >= score.warned.len());
    assert!(score.warned_at().unwrap() <= 0.5);
    assert!(score.alarmed_traces() * 2 <= score.alarms.len());
    assert!(score.alarmed_share().unwrap() <= 0.2);
}
