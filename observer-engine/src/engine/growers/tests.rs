use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

fn at(second: i64) -> Timestamp {
    Timestamp(jiff::Timestamp::from_second(1_700_000_000 + second).unwrap())
}

/// A process: pid, parent, when it started, what it holds.
fn process((pid, ppid, started, held): (u32, u32, i64, u64)) -> Process {
    Process {
        pid: Tgid(pid),
        ppid: Some(Tgid(ppid)),
        comm: format!("task-{pid}"),
        started: Some(at(started)),
        anon: Some(Bytes(held)),
        shmem: None,
        swap: None,
        pgtables: None,
        ceiling: None,
    }
}

fn told(processes: &[(u32, u32, i64, u64)]) -> Processes {
    Processes {
        count: processes.len() as u64,
        tasks: processes.iter().copied().map(process).collect(),
        ..Processes::default()
    }
}

fn siblings(ppid: u32, count: u64, held: u64) -> Siblings {
    Siblings {
        ppid: Some(Tgid(ppid)),
        count,
        held: Bytes(held),
    }
}

fn of(followed: &Followed, second: i64) -> Vec<Grower> {
    let growers = followed.growers(at(second), "/a.slice/a.scope", &[]);
    growers.into_iter().map(|(_, grower)| grower).collect()
}

#[test]
fn the_one_that_grows_among_many_is_named_with_its_chain_and_share() {
    let mut followed = Followed::default();
    for second in 0..60 {
        let grown = u64::try_from(second).unwrap() * MIB;
        let mut look = told(&[
            (10, 1, -500, MIB),
            (11, 10, -400, 2 * MIB),
            (12, 11, -300, 3 * MIB + grown),
        ]);
        look.others.push(siblings(11, 297, 40 * MIB));
        look.subject.unit = Some("a.scope".to_owned());
        let whole = Bytes(46 * MIB + grown).as_f64();
        followed.look(at(second), Some(whole), &look);
    }
    let growers = of(&followed, 60);
    let [grower] = growers.as_slice() else {
        panic!("{growers:?}")
    };
    assert_eq!((grower.pid, grower.comm.as_deref()), (Some(Tgid(12)), Some("task-12")));
    let chain: Vec<u32> = grower.ancestors.iter().map(|ancestor| ancestor.pid.0).collect();
    assert_eq!(chain, [11, 10]);
    assert_eq!(
        (grower.grown, grower.held, grower.seconds),
        (Bytes(59 * MIB), Bytes(62 * MIB), 59.0)
    );
    assert_eq!((grower.share, grower.unit.as_deref()), (Some(1.0), Some("a.scope")));
    assert_eq!(followed.parent(Tgid(12)), Some(Tgid(11)));
}

#[test]
fn what_comes_and_goes_is_behind_what_stays() {
    let mut followed = Followed::default();
    for second in 0..60 {
        let second_of = u64::try_from(second).unwrap();
        // A collector's saw, at its peak in the end, by more than the other grew.
        let saw = if second % 8 == 3 { 70 * MIB } else { 4 * MIB };
        let look = told(&[(1, 0, -900, saw), (2, 0, -900, (10 + second_of) * MIB)]);
        followed.look(at(second), None, &look);
    }
    let growers = of(&followed, 60);
    assert_eq!(growers.first().unwrap().pid, Some(Tgid(2)), "{growers:?}");
}

#[test]
fn a_new_process_has_grown_all_that_it_holds_and_an_old_one_what_it_gained() {
    let mut followed = Followed::default();
    followed.look(at(0), Some(0.0), &told(&[(1, 0, -900, 50 * MIB)]));
    followed.look(at(10), Some(0.0), &told(&[(1, 0, -900, 51 * MIB), (2, 1, 8, 30 * MIB)]));
    let growers = of(&followed, 10);
    let named: Vec<_> = growers
        .iter()
        .map(|grower| (grower.pid.unwrap().0, grower.grown.0 / MIB))
        .collect();
    assert_eq!(named.first(), Some(&(2, 30)), "{growers:?}");
    assert_eq!(growers.first().unwrap().seconds, 2.0);
}

#[test]
fn one_that_was_told_of_with_its_siblings_held_what_they_did() {
    let mut followed = Followed::default();
    let mut look = told(&[(1, 0, -900, MIB), (2, 1, -900, 8 * MIB)]);
    look.others.push(siblings(1, 100, 400 * MIB));
    followed.look(at(0), None, &look);
    let mut look = told(&[(1, 0, -900, MIB), (2, 1, -900, 8 * MIB), (3, 1, -900, 20 * MIB)]);
    look.others.push(siblings(1, 99, 396 * MIB));
    followed.look(at(10), None, &look);
    let growers = of(&followed, 10);
    assert_eq!(
        growers.first().map(|grower| (grower.pid, grower.grown)),
        Some((Some(Tgid(3)), Bytes(16 * MIB)))
    );
}

#[test]
fn children_that_grow_together_are_told_under_their_parent() {
    let mut followed = Followed::default();
    followed.look(at(0), Some(0.0), &told(&[(1, 0, -900, MIB)]));
    for second in 1..20 {
        let mut look = told(&[(1, 0, -900, MIB), (90, 1, 1, 2 * MIB)]);
        look.others.push(siblings(
            1,
            u64::try_from(second).unwrap() * 5,
            u64::try_from(second).unwrap() * 5 * MIB,
        ));
        look.ended.push(siblings(1, 3, 6 * MIB));
        followed.look(at(second), None, &look);
    }
    let growers = of(&followed, 20);
    let first = growers.first().unwrap();
    assert_eq!(first.pid, Some(Tgid(1)), "{growers:?}");
    assert_eq!(followed.growing(), None, "no single one");
    let children = first.children.unwrap();
    assert_eq!(
        (children.running, children.ended, children.ended_held),
        (96, 57, Bytes(19 * 6 * MIB))
    );
    assert!(
        growers.iter().all(|grower| grower.pid != Some(Tgid(90))),
        "it is one of them: {growers:?}"
    );
    // One child that has it all is named by itself.
    let mut followed = Followed::default();
    followed.look(at(0), Some(0.0), &told(&[(1, 0, -900, MIB)]));
    let all = [
        (1, 0, -900, MIB),
        (2, 1, 1, 90 * MIB),
        (3, 1, 1, MIB),
        (4, 1, 1, MIB),
        (5, 1, 1, MIB),
    ];
    followed.look(at(9), None, &told(&all));
    assert_eq!(of(&followed, 9).first().unwrap().pid, Some(Tgid(2)));
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let mut followed = Followed::default();
    followed.look(at(0), None, &told(&[(7, 1, -100, 80 * MIB)]));
    followed.look(at(10), None, &told(&[(7, 1, 5, 10 * MIB)]));
    let growers = of(&followed, 10);
    assert_eq!(
        growers.first().map(|grower| grower.grown),
        Some(Bytes(10 * MIB)),
        "{growers:?}"
    );
}

#[test]
fn growth_that_is_no_processs_is_told_without_one() {
    let mut followed = Followed::default();
    for second in 0..10 {
        let whole = Bytes(u64::try_from(second).unwrap() * 10 * MIB).as_f64();
        followed.look(at(second), Some(whole), &told(&[(1, 0, -900, 5 * MIB)]));
    }
    let growers = of(&followed, 10);
    assert_eq!(growers.len(), 1, "{growers:?}");
    let grower = growers.first().unwrap();
    assert_eq!((grower.pid, grower.grown), (None, Bytes(90 * MIB)));
}

#[test]
fn a_kill_that_is_told_late_knows_what_was_before_it() {
    let mut followed = Followed::default();
    for second in 0..10 {
        let grown = u64::try_from(second).unwrap() * MIB;
        followed.look(at(second), None, &told(&[(1, 0, -900, MIB), (2, 1, -900, grown)]));
    }
    let kill = |followed: &Followed| of(followed, 10).first().and_then(|grower| grower.pid);
    assert_eq!(kill(&followed), Some(Tgid(2)));
    // The first of its group was told, and what stays was looked at.
    followed.freed();
    followed.look(at(11), None, &told(&[(1, 0, -900, MIB)]));
    assert_eq!(kill(&followed), Some(Tgid(2)));
    // As was what stayed of that.
    followed.freed();
    followed.look(at(12), None, &told(&[]));
    followed.freed();
    assert_eq!(kill(&followed), Some(Tgid(2)));
    assert_eq!(of(&followed, 200), [], "long ago");
}

#[test]
fn what_a_kill_tells_of_a_process_is_its_last_word() {
    let mut followed = Followed::default();
    followed.look(at(0), Some(Bytes(10 * MIB).as_f64()), &told(&[(2, 1, -900, 10 * MIB)]));
    let task = |held| Task {
        pid: Tgid(2),
        ppid: None,
        comm: "x".to_owned(),
        rss: None,
        anon: Some(Bytes(held)),
        file: None,
        shmem: None,
        swap: None,
        oom_score_adj: None,
        grown: None,
    };
    let grown = |held| {
        let growers = followed.growers(at(3), "/a", &[task(held)]);
        growers.first().map(|(_, grower)| grower.grown)
    };
    assert_eq!(grown(64 * MIB), Some(Bytes(54 * MIB)));
    assert_eq!(grown(MIB), None, "it lets go of its memory");
    assert_eq!(followed.grown(at(3), &task(64 * MIB)), Some(54 << 20));
    assert_eq!(followed.grown(at(3), &task(4 * MIB)), Some(-(6 << 20)));
}

fn sizes(sizes: &[(u32, u64)]) -> Vec<TaskSize> {
    let task = |(pid, held): &(u32, u64)| TaskSize {
        pid: Tgid(*pid),
        comm: format!("task-{pid}"),
        held: Bytes(*held << 20),
    };
    sizes.iter().map(task).collect()
}

/// What is told with a warning where samples name the largest processes only; all in MiB.
fn warned(first: &[(u32, u64)], held: u64, then: &[(u32, u64)], now: u64) -> Option<GrowingTask> {
    let mut followed = Followed::default();
    followed.sample(at(0), Bytes(held << 20).as_f64(), &sizes(first));
    followed.sample(at(10), Bytes(now << 20).as_f64(), &sizes(then));
    followed.growing()
}

#[test]
fn a_warning_names_the_one_that_grows_and_none_where_all_do() {
    let task = warned(&[(1, 500), (2, 100)], 600, &[(1, 500), (2, 400)], 1000).unwrap();
    assert_eq!((task.pid, task.held, task.share), (Tgid(2), Bytes(400 << 20), 0.75));
    assert!(
        (task.bytes_per_second - 31_500_000.0).abs() < 1e5,
        "{}",
        task.bytes_per_second
    );
    let all = [(1, 200), (2, 200), (3, 200)];
    assert_eq!(warned(&[(1, 100), (2, 100), (3, 100)], 300, &all, 600), None);
    // Nor where it is no process at all: files on a tmpfs.
    assert_eq!(warned(&[(1, 100)], 100, &[(1, 100)], 600), None);
    assert_eq!(warned(&[(1, 100)], 600, &[(1, 200)], 500), None);
    let task = warned(&[(1, 100)], 100, &[(2, 300), (1, 100)], 400).unwrap();
    assert_eq!((task.pid, task.share), (Tgid(2), 1.0));
    // It may have been there, smaller than all that were told.
    let first = [(1, 300), (3, 300), (4, 300), (5, 300)];
    assert_eq!(warned(&first, 2000, &[(2, 400), (1, 300)], 2300), None);
}

proptest! {
    /// Whatever is told: bounded, ordered, and no more than there was.
    #[test]
    fn growers_are_few_and_true(
        looks in prop::collection::vec(
            prop::collection::vec((1_u32..200, 0_u32..200, -50_i64..50, 0_u64..1 << 40), 0..60), 1..20),
        freed in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut followed = Followed::default();
        for (second, (look, freed)) in (0..).zip(looks.iter().zip(freed)) {
            let mut once = look.clone();
            once.sort_unstable();
            once.dedup_by_key(|(pid, ..)| *pid);
            let held = once.iter().map(|(.., held)| *held).sum::<u64>();
            let mut look = told(&once);
            look.others = once.iter().map(|(pid, ppid, _, held)| siblings(*ppid, u64::from(*pid), *held)).collect();
            look.ended = look.others.clone();
            followed.look(at(second), Some(Bytes(held).as_f64()), &look);
            if freed {
                followed.freed();
            }
        }
        let most = looks.iter().flatten().map(|(.., held)| *held).max().unwrap_or(0);
        for second in [-1, 5, 30, 500] {
            let growers = followed.growers(at(second), "/a", &[]);
            prop_assert!(growers.len() <= NAMED);
            prop_assert!(growers.is_sorted_by(|(one, _), (other, _)| one >= other));
            for (score, grower) in &growers {
                prop_assert!(*score >= NOISE && grower.seconds >= 0.0 && grower.ancestors.len() <= ANCESTORS);
                prop_assert!(grower.share.is_none_or(|share| (0.0..=1.0).contains(&share)));
                if grower.children.is_none() && grower.pid.is_some() {
                    prop_assert!(grower.held.0 <= most && grower.grown <= grower.held);
                }
            }
        }
        // 48 processes and 16 parents in each of two lives.
        prop_assert!(followed.heap() <= 48 << 10, "{}", followed.heap());
    }
}

#[test]
fn one_that_started_shortly_before_the_first_look_has_grown_since_its_start() {
    let mut followed = Followed::default();
    followed.look(
        at(0),
        Some(Bytes(70 * MIB).as_f64()),
        &told(&[(1, 0, -900, MIB), (2, 1, -13, 65 * MIB)]),
    );
    let growers = of(&followed, 4);
    let first = growers.first().unwrap();
    assert_eq!(
        (first.pid, first.grown, first.seconds),
        (Some(Tgid(2)), Bytes(65 * MIB), 13.0)
    );
    assert_eq!(first.share, None, "what the unit had before is not known");
}

#[test]
fn the_only_process_that_grows_has_the_units_growth_however_the_histories_were_thinned() {
    for started in [-12, -500] {
        let mut followed = Followed::default();
        let mut second = 0;
        for look in 0..80 {
            second += 1 + look % 3;
            let held = u64::try_from(second + 12).unwrap() * MIB;
            let whole = Bytes(held + 2 * MIB).as_f64();
            followed.look(at(second), Some(whole), &told(&[(10, 1, started, held)]));
            if second > 10 {
                let growing = followed
                    .growing()
                    .unwrap_or_else(|| panic!("at {second} of one that started at {started}"));
                assert!(
                    growing.share >= 0.95,
                    "{growing:?} at {second} of one that started at {started}"
                );
            }
        }
    }
}

#[test]
fn a_run_that_was_followed_speaks_for_itself_and_not_for_the_one_before() {
    let mut followed = Followed::default();
    // A leak that is killed and started again, twice: the first run was followed for longer and grew more.
    for second in 0..42_u64 {
        let time = i64::try_from(second).unwrap();
        let held = (1 + second) * MIB;
        followed.look(at(time), Some(Bytes(held).as_f64()), &told(&[(229, 1, 0, held)]));
    }
    followed.freed();
    for second in 50..80_u64 {
        let time = i64::try_from(second).unwrap();
        let held = (1 + second - 50) * MIB;
        followed.look(at(time), Some(Bytes(held).as_f64()), &told(&[(295, 1, 50, held)]));
    }
    let growers = of(&followed, 80);
    assert_eq!(growers.first().unwrap().pid, Some(Tgid(295)), "{growers:?}");
    // Told late, a kill is still the first run's.
    let late = of(&followed, 45);
    assert_eq!(late.first().unwrap().pid, Some(Tgid(229)), "{late:?}");
}
