//! What a person sees, at five sizes, of one recorded stream; and what keys do.

use std::sync::Arc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keys::Next;
use super::model::{MAX_INCIDENTS, MAX_UNITS};
use super::pace::Pace;
use super::state::{Look, Sort, State, View};
use super::view;
use crate::event::Line;

const STREAM: &str = include_str!("../../../tests/fixtures/screen.jsonl");
const SIZES: [(u16, u16); 5] = [(40, 12), (60, 24), (80, 24), (120, 40), (200, 50)];

pub(super) fn lines() -> Vec<Line> {
    STREAM.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn empty(change: impl FnOnce(&mut Look)) -> State {
    let mut look = Look {
        color: true,
        unicode: true,
        time_zone: jiff::tz::TimeZone::UTC,
        today: jiff::civil::date(2026, 11, 24),
        replay: None,
    };
    change(&mut look);
    State::new(look)
}

fn told() -> State {
    let mut state = empty(|_| {});
    lines().iter().for_each(|line| state.line(line));
    state
}

pub(super) fn press(state: &mut State, keys: &[KeyCode]) {
    for key in keys {
        assert_eq!(state.key(KeyEvent::from(*key)), Next::Stay, "{key:?}");
    }
}

fn drawn(state: &State, (width, height): (u16, u16)) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, state)).unwrap();
    terminal.backend().clone()
}

pub(super) fn text(state: &State, size: (u16, u16)) -> String {
    drawn(state, size).to_string()
}

fn snapshots(name: &str, state: &State) {
    for (width, height) in SIZES {
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text(state, (width, height)));
    }
}

#[test]
fn the_table() {
    snapshots("units", &told());
}

#[test]
fn a_replay_says_how_fast_it_goes_and_is_made_slower_and_faster() {
    let pace = Arc::new(Pace::new(Some(30.0)));
    let mut state = empty(|look| look.replay = Some(Arc::clone(&pace)));
    lines().iter().take(20).for_each(|line| state.line(line));
    let shown = text(&state, (120, 24));
    assert!(shown.contains("replay ×30") && shown.contains("<> speed"), "{shown}");
    press(
        &mut state,
        &[KeyCode::Char('>'), KeyCode::Char('>'), KeyCode::Char('<')],
    );
    assert!(text(&state, (120, 24)).contains("replay ×60"));
    assert!((pace.get() - 60.0).abs() < f64::EPSILON);
    // What is shown as fast as it goes, or as it happens, has no speed.
    state.look.replay = Some(Arc::new(Pace::new(None)));
    let shown = text(&state, (120, 24));
    assert!(!shown.contains('×') && !shown.contains("speed"), "{shown}");
}

#[test]
fn in_the_tree_a_path_is_its_last_part_and_a_container_its_name() {
    let mut state = empty(|_| {});
    let pod = "/kubepods/burstable/pod0a1b";
    let container = r#"{"runtime":"containerd","id":"5e6f","pod":"0a1b","name":"web","namespace":null}"#;
    for (second, path, container) in [
        (0, "/kubepods", "null"),
        (1, "/kubepods/burstable", "null"),
        (2, pod, "null"),
        (3, &format!("{pod}/5e6f"), container),
        (4, &format!("{pod}/7a8b"), "null"),
    ] {
        let line = format!(
            r#"{{"event":"sample","ts":"2026-11-24T10:00:0{second}Z","seq":{second},"host":"h","cgroup":{{"id":{second},"path":"{path}"}},"container":{container},"memory":{{"current":4096}}}}"#
        );
        state.line(&serde_json::from_str(&line).unwrap());
    }
    press(&mut state, &[KeyCode::Char('t')]);
    let shown = text(&state, (80, 24));
    for name in [
        " kubepods ",
        "   burstable ",
        "     pod0a1b ",
        "       web ",
        "       7a8b ",
    ] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    assert!(!shown.contains(" /kubepods/"), "{shown}");
}

#[test]
fn the_tree() {
    let mut state = told();
    press(&mut state, &[KeyCode::Char('t')]);
    snapshots("tree", &state);
}

#[test]
fn a_unit_in_detail() {
    let mut state = told();
    press(&mut state, &[KeyCode::Enter]);
    snapshots("detail", &state);
}

#[test]
fn the_kills_and_a_verdict() {
    let mut state = told();
    press(&mut state, &[KeyCode::Char('!')]);
    snapshots("kills", &state);
    press(&mut state, &[KeyCode::Down, KeyCode::Enter]);
    snapshots("verdict", &state);
}

#[test]
fn the_help() {
    let mut state = told();
    press(&mut state, &[KeyCode::Char('?')]);
    snapshots("help", &state);
}

#[test]
fn before_anything_moves_it_says_what_is_waited_for() {
    let mut state = empty(|_| {});
    insta::assert_snapshot!("nothing_yet", text(&state, (80, 24)));
    lines().iter().take(2).for_each(|line| state.line(line));
    insta::assert_snapshot!("waiting", text(&state, (80, 24)));
}

#[test]
fn back_in_time_a_unit_that_was_killed_later_still_lives() {
    let mut state = told();
    let now = text(&state, (120, 40));
    assert!(now.contains("failed"), "{now}");
    // To before the kill.
    press(
        &mut state,
        &[KeyCode::Char('['), KeyCode::Char('['), KeyCode::Char('[')],
    );
    let before = text(&state, (120, 40));
    assert!(before.contains("paused"), "{before}");
    assert!(!before.contains("failed") && !before.contains('✖'), "{before}");
    press(&mut state, &[KeyCode::End]);
    assert_eq!(text(&state, (120, 40)), now);
}

#[test]
fn paused_it_stands_still_while_the_stream_goes_on() {
    let mut state = empty(|_| {});
    let lines = lines();
    let (first, rest) = lines.split_at(lines.len() / 2);
    first.iter().for_each(|line| state.line(line));
    press(&mut state, &[KeyCode::Char(' ')]);
    let rows = |state: &State| {
        let shown = text(state, (80, 12));
        shown.lines().take(8).collect::<Vec<_>>().join("\n")
    };
    let paused = rows(&state);
    rest.iter().for_each(|line| state.line(line));
    assert_eq!(rows(&state), paused);
    press(&mut state, &[KeyCode::Char(' ')]);
    assert_ne!(rows(&state), paused);
}

#[test]
fn time_goes_no_further_than_what_is_remembered() {
    let mut state = told();
    for _ in 0..200 {
        press(&mut state, &[KeyCode::Left]);
    }
    assert_eq!(state.at, state.model.first);
    for _ in 0..200 {
        press(&mut state, &[KeyCode::Right]);
    }
    assert_eq!(state.at, None);
}

#[test]
fn a_filter_is_typed_kept_and_taken_away() {
    let mut state = told();
    press(
        &mut state,
        &[KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('l')],
    );
    assert_eq!(state.rows().len(), 1, "q is a letter here");
    press(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.rows().len(), 1);
    press(&mut state, &[KeyCode::Esc]);
    assert_eq!(state.rows().len(), 5);
}

#[test]
fn what_is_marked_stays_marked_when_the_order_changes() {
    let mut state = told();
    press(&mut state, &[KeyCode::Down, KeyCode::Down]);
    let marked = state.selected.clone();
    press(&mut state, &[KeyCode::Char('s')]);
    assert_eq!(state.sort, Sort::Share);
    let rows = state.rows();
    assert_eq!(rows.get(state.place(&rows)).map(|row| row.key.clone()), marked);
}

#[test]
fn who_leaves_a_view_is_where_they_came_from() {
    let mut state = told();
    press(
        &mut state,
        &[KeyCode::Enter, KeyCode::Enter, KeyCode::Esc, KeyCode::Esc],
    );
    assert_eq!(state.view, View::Units);
}

#[test]
fn leaving_and_stopping_are_asked_for_and_not_done() {
    let mut state = told();
    let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    assert_eq!(state.key(KeyEvent::from(KeyCode::Char('q'))), Next::Quit);
    assert_eq!(state.key(control('c')), Next::Quit);
    assert_eq!(state.key(control('z')), Next::Suspend);
}

#[test]
fn where_the_locale_is_not_utf8_nothing_is_beyond_ascii() {
    let mut state = told();
    state.look.unicode = false;
    for keys in [
        &[][..],
        &[KeyCode::Enter],
        &[KeyCode::Esc, KeyCode::Char('!')],
        &[KeyCode::Enter],
        &[KeyCode::Char('?')],
    ] {
        press(&mut state, keys);
        let backend = drawn(&state, (120, 40));
        let beyond = backend.buffer().content.iter().find(|cell| !cell.symbol().is_ascii());
        assert!(beyond.is_none(), "{beyond:?} in {:?}", state.view);
        let unknown = backend
            .buffer()
            .content
            .iter()
            .filter(|cell| cell.symbol() == "?")
            .count();
        assert!(unknown <= 2, "{backend}");
    }
}

#[test]
fn without_colour_the_words_are_the_same_and_the_row_is_still_marked() {
    use ratatui::style::{Color, Modifier};
    let mut state = told();
    let coloured = drawn(&state, (120, 40));
    state.look.color = false;
    let plain = drawn(&state, (120, 40));
    let paints = |backend: &TestBackend| {
        let cells = &backend.buffer().content;
        cells
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(paints(&coloured) && !paints(&plain));
    assert_eq!(coloured.to_string(), plain.to_string());
    let cells = &plain.buffer().content;
    assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn what_oomtrace_says_meanwhile_is_read_and_makes_room() {
    let mut state = told();
    state.message("oomtrace: a.jsonl: line 2: damaged");
    assert!(text(&state, (80, 24)).contains("line 2: damaged"));
    press(&mut state, &[KeyCode::Down]);
    let shown = text(&state, (80, 24));
    assert!(
        !shown.contains("damaged") && shown.contains("lost: 12 growth hints"),
        "{shown}"
    );
}

#[test]
fn a_name_that_would_move_the_cursor_is_no_more_than_letters() {
    let mut line = lines().pop().unwrap();
    let crate::event::Event::Sample(sample) = &mut line.event else {
        panic!("the stream ends with a sample");
    };
    sample.subject.unit = Some("evil\x1b[2J\r\n.service".to_owned());
    let mut state = empty(|_| {});
    state.line(&line);
    let backend = drawn(&state, (80, 24));
    let control = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
    assert!(!backend.buffer().content.iter().any(control));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_keys_at_any_size_are_drawn(keys in prop::collection::vec(0_usize..24, 0..40), width in 1_u16..220, height in 1_u16..60) {
        const KEYS: [KeyCode; 24] = [
            KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Enter, KeyCode::Esc, KeyCode::Home,
            KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Backspace, KeyCode::Char(' '),
            KeyCode::Char('/'), KeyCode::Char('!'), KeyCode::Char('s'), KeyCode::Char('t'), KeyCode::Char('?'),
            KeyCode::Char('['), KeyCode::Char(']'), KeyCode::Char('é'), KeyCode::Char(':'), KeyCode::Char('G'),
            KeyCode::Char('r'), KeyCode::Char('9'),
        ];
        let mut state = told();
        for key in keys {
            state.key(KeyEvent::from(KEYS[key]));
        }
        drawn(&state, (width, height));
    }
}

#[test]
fn however_much_is_told_what_is_kept_is_bounded_and_kills_outlive_the_rest() {
    let mut state = empty(|_| {});
    let lines = lines();
    let kill = lines
        .iter()
        .find(|line| matches!(line.event, crate::event::Event::Kill(_)));
    state.line(kill.unwrap());
    for turn in 0..3 * MAX_UNITS {
        for line in lines.iter().skip(3).take(4) {
            let mut line = line.clone();
            if let crate::event::Event::Sample(sample) = &mut line.event {
                sample.subject.cgroup.path = Some(format!("/run-{turn}.scope"));
            }
            state.line(&line);
        }
        let failed = lines
            .iter()
            .find(|line| matches!(line.event, crate::event::Event::Throttle(_)));
        state.line(failed.unwrap());
    }
    assert_eq!(state.model.units.len(), MAX_UNITS);
    assert_eq!(state.model.incidents.len(), MAX_INCIDENTS);
    assert!(!state.model.incidents.front().unwrap().verdict.is_empty());
}
