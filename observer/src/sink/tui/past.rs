//! Back in time: the screen shows that moment, and nothing of what came later.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;

use super::pace::Pace;
use super::state::State;
use super::tests::{empty, lines, press, text};
use crate::event::{Event, Line};

const WIDE: (u16, u16) = (160, 50);

/// A minute of one unit, whose limit moves to its slice half-way; then it is warned of, killed, and calm.
fn stream() -> Vec<Line> {
    let subject = r#""unit":"etl.service","slice":"batch.slice","cgroup":{"id":7,"path":"/batch.slice/etl.service"}"#;
    let line = |second: u32, event: &str| {
        let text = format!(r#"{{"ts":"2026-11-24T14:00:{second:02}Z","seq":0,"host":"h",{subject},{event}}}"#);
        serde_json::from_str::<Line>(&text).unwrap()
    };
    let start = r#"{"event":"start","ts":"2026-11-24T13:59:00Z","seq":0,"host":"h","schema":"oomtrace/1","version":"0","kernel":"6","boot_id":"b","cgroup_version":"v2","probes":[]}"#;
    let mut lines: Vec<Line> = vec![serde_json::from_str(start).unwrap()];
    for second in 0..50 {
        let (relation, cgroup, pid) = if second < 25 {
            ("ancestor", "/batch.slice", 11)
        } else {
            ("host", "/", 99)
        };
        let used = (10 + second) << 20;
        let sample = format!(
            r#""event":"sample","memory":{{"current":{used},"anon":{used}}},"limits":[{{"cgroup":"{cgroup}","unit":null,"relation":"{relation}","file":"memory.max","bytes":104857600,"usage":{used},"reclaimable":0}}],"tasks":[{{"pid":{pid},"comm":"python3","held":{used}}}]"#
        );
        lines.push(line(second, &sample));
        let warning = |state: &str| {
            format!(r#""event":"forecast","state":"{state}","class":"leak","trend":null,"forecast":null"#)
        };
        match second {
            20 => lines.push(line(20, &warning("raised"))),
            40 => lines.push(line(40, &warning("cleared"))),
            _ => {}
        }
    }
    lines
}

#[test]
fn marks_limits_and_processes_are_those_of_the_moment() {
    let mut state = empty(|_| {});
    stream().iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Enter]);
    // Below stands the last incident, with its own mark.
    let is_marked = |text: &str| text.lines().nth(1).unwrap().contains('▲');
    let now = text(&state, WIDE);
    assert!(now.contains("python3[99]") && !is_marked(&now), "{now}");
    // 14:00:49 → 14:00:29 is after the warning, 14:00:09 before.
    press(&mut state, &[KeyCode::Left, KeyCode::Left]);
    let warned = text(&state, WIDE);
    assert!(is_marked(&warned), "{warned}");
    press(&mut state, &[KeyCode::Left, KeyCode::Left]);
    let before = text(&state, WIDE);
    assert!(!is_marked(&before) && before.contains("python3[11]"), "{before}");
    assert!(!before.contains("[99]"), "a process of the future: {before}");
    press(&mut state, &[KeyCode::Esc]);
    let table = text(&state, WIDE);
    assert!(table.contains("batch.slice"), "the owner then: {table}");
    let row = |text: &str| {
        text.lines()
            .find(|line| line.contains("etl.service"))
            .unwrap()
            .to_owned()
    };
    assert!(!row(&table).contains(" host "), "{table}");
    press(&mut state, &[KeyCode::End]);
    assert!(row(&text(&state, WIDE)).contains("host"), "the owner now");
}

#[test]
fn home_is_the_first_moment_with_data() {
    let mut state = empty(|_| {});
    stream().iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Home]);
    let first = text(&state, WIDE);
    assert!(first.contains("etl.service") && first.contains("10.0M"), "{first}");
}

#[test]
fn a_process_that_was_killed_is_none_of_the_largest() {
    let mut state = empty(|_| {});
    let mut lines = stream();
    let kill = super::tests::lines()
        .into_iter()
        .find(|line| matches!(line.event, Event::Kill(_)));
    let (mut kill, last) = (kill.unwrap(), lines.last().unwrap());
    let Event::Kill(of) = &mut kill.event else {
        unreachable!()
    };
    of.subject = last.event.subject().unwrap().clone();
    of.victim.as_mut().unwrap().pid = crate::measure::Tgid(99);
    of.tasks.clear();
    (kill.ts, kill.host) = (last.ts, last.host.clone());
    lines.push(kill);
    lines.iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Enter]);
    let shown = text(&state, WIDE);
    assert!(!shown.contains("tasks "), "{shown}");
}

#[test]
fn the_limits_figure_stands_at_its_line() {
    // Use and limit fall into one row of a low plot.
    let mut state = empty(|_| {});
    for second in 0..30 {
        let text = format!(
            r#"{{"ts":"2026-11-24T14:00:{second:02}Z","seq":0,"host":"h","event":"sample","unit":"a.service","cgroup":{{"id":7,"path":"/a.service"}},"memory":{{"current":208000000}},"limits":[{{"cgroup":"/a.service","unit":"a.service","relation":"own","file":"memory.max","bytes":209715200,"usage":208000000,"reclaimable":0}}]}}"#
        );
        state.line(&serde_json::from_str(&text).unwrap());
    }
    press(&mut state, &[KeyCode::Enter]);
    let shown = text(&state, (80, 14));
    let line = shown.lines().find(|line| line.contains('─')).unwrap();
    assert!(line.contains("200.0M"), "{shown}");
}

#[test]
fn what_is_filtered_sorted_and_marked_is_seen() {
    let mut state = empty(|_| {});
    lines().iter().for_each(|line| state.line(line));
    let shown = text(&state, (100, 24));
    assert!(shown.contains("TIME LEFT▼") && shown.contains("1/5"), "{shown}");
    press(
        &mut state,
        &[
            KeyCode::Char('/'),
            KeyCode::Char('q'),
            KeyCode::Char('l'),
            KeyCode::Enter,
        ],
    );
    assert!(text(&state, (100, 24)).contains("filter: ql  1/1"));
    press(&mut state, &[KeyCode::Esc, KeyCode::Char('s'), KeyCode::Char('j')]);
    let shown = text(&state, (100, 24));
    assert!(shown.contains("%▼") && shown.contains("2/5"), "{shown}");
}

#[test]
fn whose_limit_it_was_is_never_cut_away() {
    let mut state = empty(|_| {});
    lines().iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Char('!')]);
    for width in [60, 80, 120] {
        let shown = text(&state, (width, 24));
        let row = shown.lines().find(|line| line.contains('✖')).unwrap();
        assert!(row.contains("MemoryMax="), "{width}: {shown}");
    }
}

#[test]
fn a_plot_shows_the_whole_growth_and_is_zoomed() {
    let mut state = empty(|_| {});
    stream().iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Enter]);
    assert!(text(&state, WIDE).contains("(10min)"));
    press(&mut state, &[KeyCode::Char('+')]);
    assert!(text(&state, WIDE).contains("(3min)"));
    press(&mut state, &[KeyCode::Char('-'), KeyCode::Char('-')]);
    assert!(text(&state, WIDE).contains("(30min)"));
}

#[test]
fn a_units_processes_stand_as_a_tree_with_growth_in_eighty_columns() {
    let mut state = empty(|_| {});
    let mut lines = stream();
    let told = |second: u32, mib: u32| {
        let process = |pid: u32, ppid: u32, comm: &str, mib: u32| {
            let held = mib << 20;
            format!(
                r#"{{"pid":{pid},"ppid":{ppid},"comm":"{comm}","started":null,"anon":{held},"shmem":0,"swap":0,"pgtables":0}}"#
            )
        };
        let tasks = [
            process(40, 1, "bash", 1),
            process(41, 40, "bash", 2),
            process(51, 41, "python3", mib),
        ]
        .join(",");
        let text = format!(
            r#"{{"ts":"2026-11-24T14:00:{second:02}Z","seq":0,"host":"h","unit":"etl.service","cgroup":{{"id":7,"path":"/batch.slice/etl.service"}},"event":"processes","count":103,"unseen":0,"tasks":[{tasks}],"others":[{{"ppid":40,"count":100,"held":20000000}}]}}"#
        );
        serde_json::from_str::<Line>(&text).unwrap()
    };
    lines.extend([told(29, 20), told(49, 40)]);
    lines.sort_by_key(|line| line.ts);
    lines.iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Enter]);
    let shown = text(&state, (80, 30));

    for row in [
        "tasks  103",
        "bash[40] ",
        "└ bash[41] ",
        "  └ python3[51] ",
        "100 others",
    ] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    assert!(shown.contains("40.0M   +60.0M/min"), "{shown}");
    // Back in time it is what it was then.
    press(&mut state, &[KeyCode::Left]);
    let before = text(&state, (80, 30));
    assert!(before.contains("20.0M") && !before.contains("+60.0M/min"), "{before}");
}

/// Types a time to go to, and Enter.
fn go_to(state: &mut State, time: &str) {
    let letters = time.chars().map(KeyCode::Char);
    let keys: Vec<KeyCode> = std::iter::once(KeyCode::Char(':'))
        .chain(letters)
        .chain([KeyCode::Enter])
        .collect();
    press(state, &keys);
}

#[test]
fn a_time_is_gone_to_as_since_takes_it_live_and_in_a_replay() {
    for replay in [false, true] {
        let mut state = empty(|look| look.replay = replay.then(|| Arc::new(Pace::new(None))));
        stream().iter().for_each(|line| state.line(line));
        for (time, shown) in [
            ("14:00:20", "14:00:20"),
            ("2026-11-24 14:00:30 UTC", "14:00:30"),
            ("-10s", "14:00:20"),
            ("+5s", "14:00:25"),
            ("Nov 24 14:00:10", "14:00:10"),
        ] {
            go_to(&mut state, time);
            let screen = text(&state, (80, 24));
            let head = screen.lines().next().unwrap();
            assert!(head.contains(&format!("{shown}  paused")), "{time}: {screen}");
        }
        go_to(&mut state, "now");
        assert!(state.at.is_some(), "now is the time that is shown");
        go_to(&mut state, "15:00");
        assert_eq!(state.at, None);
        assert!(text(&state, (80, 24)).contains("the history ends at 14:00:49"));
        go_to(&mut state, "-1h");
        assert_eq!(state.at, state.model.first);
        assert!(text(&state, (80, 24)).contains("the history begins at 14:00:00"));
    }
}

#[test]
fn what_is_no_time_is_said_and_goes_nowhere() {
    let mut state = empty(|_| {});
    go_to(&mut state, "14:00");
    assert!(text(&state, (80, 24)).contains("nothing has been sampled yet"));
    stream().iter().for_each(|line| state.line(line));
    go_to(&mut state, "14:00:20");
    go_to(&mut state, "noon");
    let shown = text(&state, (80, 24));
    assert!(shown.contains("'noon': e.g. '2026-11-21 03:00'"), "{shown}");
    assert!(shown.lines().next().unwrap().contains("14:00:20  paused"), "{shown}");
    // While it is typed it is seen; Esc forgets it.
    press(
        &mut state,
        &[KeyCode::Char(':'), KeyCode::Char('1'), KeyCode::Char('q')],
    );
    assert!(text(&state, (80, 24)).contains("go to time: 1q_"), "q is a letter here");
    press(&mut state, &[KeyCode::Backspace, KeyCode::Esc]);
    assert!(!text(&state, (80, 24)).contains("go to time"));
}

#[test]
fn the_jump_keys_stop_at_kills_and_warnings_only() {
    let mut state = empty(|_| {});
    let mut lines = stream();
    let started = |second: u32| {
        let text = format!(
            r#"{{"ts":"2026-11-24T14:00:{second:02}Z","seq":0,"host":"h","event":"unit","unit":"b.service","cgroup":{{"id":8,"path":"/b.service"}},"state":"started","result":null,"restarts":null}}"#
        );
        serde_json::from_str::<Line>(&text).unwrap()
    };
    lines.extend([started(10), started(30)]);
    lines.sort_by_key(|line| line.ts);
    lines.iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Char('[')]);
    assert!(
        text(&state, WIDE).contains("14:00:20  paused"),
        "{}",
        text(&state, WIDE)
    );
    press(&mut state, &[KeyCode::Home, KeyCode::Char(']')]);
    assert!(text(&state, WIDE).contains("14:00:20  paused"));
}

#[test]
fn a_warnings_row_keeps_its_limit_too() {
    let mut state = empty(|_| {});
    let mut lines = lines();
    let forecast = r#""forecast":{"seconds":36.0,"low_seconds":12.0,"high_seconds":114.0,"confidence":0.8,"limit":{"cgroup":"/batch.slice","unit":"batch.slice","file":"memory.max","bytes":167772160}}"#;
    let warning = format!(
        r#"{{"ts":"2026-11-24T23:00:00Z","seq":0,"host":"h","event":"forecast","unit":"etl-nightly-of-a-long-name@replica-07.service","cgroup":{{"id":7,"path":"/batch.slice/x.service"}},"state":"raised","class":"leak","trend":null,{forecast}}}"#
    );
    lines.push(serde_json::from_str(&warning).unwrap());
    lines.iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Char('!')]);
    for width in [60, 80, 120] {
        let shown = text(&state, (width, 24));
        let row = shown.lines().find(|line| line.contains('▲')).unwrap();
        assert!(row.contains("batch.slice's MemoryMax=160.0M"), "{width}: {shown}");
    }
    assert!(text(&state, (120, 24)).contains("36s (12s … 1min 54s) left"));
}

#[test]
fn the_order_is_turned_round_and_the_ends_of_the_list_are_a_key_away() {
    let mut state = empty(|_| {});
    lines().iter().for_each(|line| state.line(line));
    let first = |state: &State| state.rows().first().map(|row| row.key.clone());
    let last = |state: &State| state.rows().last().map(|row| row.key.clone());
    press(&mut state, &[KeyCode::Char('s'); 4]);
    let before = first(&state);
    press(&mut state, &[KeyCode::Char('r')]);
    assert_ne!(first(&state), before);
    assert!(text(&state, WIDE).contains("UNIT▲"));
    press(&mut state, &[KeyCode::Char('G')]);
    assert_eq!(state.selected, last(&state));
    press(&mut state, &[KeyCode::Char('g')]);
    assert_eq!(state.place(&state.rows()), 0);
}
