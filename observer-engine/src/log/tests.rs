//! The texts are the kernels' own, from guests, with the stack traces and most of the statistics left out.

use observer_common::Constraint;

use super::*;
use crate::measure::Bytes;
use context::MAX_NODES;

fn read(text: &str) -> Vec<Logged> {
    let mut parser = LogParser::default();
    text.lines()
        .filter_map(|line| parser.line(LogLine::parse(line.as_bytes()).unwrap()))
        .collect()
}

fn kills(told: &[Logged]) -> Vec<&Kill> {
    told.iter()
        .filter_map(|logged| match logged {
            Logged::Kill(kill) => Some(kill),
            Logged::Choice(_) | Logged::Group(_) | Logged::NothingToKill(_) => None,
        })
        .collect()
}

const KIB: u64 = 1024;

#[test]
fn a_slices_limit_is_told_with_the_unit_below_it() {
    let told = read(include_str!("../../tests/fixtures/kmsg/6.12-slice.txt"));
    let [Logged::Choice(_), Logged::Kill(kill)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((kill.tid, kill.comm.as_str(), kill.uid), (Tid(260), "python3", Some(0)));
    assert_eq!((kill.in_memcg, kill.oom_score_adj), (Some(true), Some(0)));
    assert_eq!(kill.sizes.anon, Some(Bytes(65_152 * KIB)));
    assert_eq!(
        (kill.sizes.swap, kill.sizes.pgtables),
        (Some(Bytes(0)), Some(Bytes(184 * KIB)))
    );
    let report = kill.report.as_ref().unwrap();
    assert_eq!(report.owner.as_deref(), Some("/tight.slice"));
    assert_eq!(report.chosen_cgroup.as_deref(), Some("/tight.slice/inslice.service"));
    assert_eq!(
        (report.constraint, report.chosen),
        (Some(Constraint::Memcg), Some(Tid(260)))
    );
    assert_eq!(
        (report.limit, report.usage),
        (Some(Bytes(64 << 20)), Some(Bytes(64 << 20)))
    );
    assert_eq!((report.order, report.gfp), (Some(0), Some(0xcc0)));
    assert_eq!(
        (report.trigger_tid, report.trigger_comm.as_str()),
        (Some(Tid(260)), "python3")
    );
    assert_eq!(report.tasks.len(), 1);
    assert_eq!(report.tasks[0].sizes.anon, kill.sizes.anon);
}

#[test]
fn a_group_dies_with_its_leader_which_is_killed_twice() {
    let told = read(include_str!("../../tests/fixtures/kmsg/6.1-group.txt"));
    let kills = kills(&told);
    let pids: Vec<u32> = kills.iter().map(|kill| kill.tid.0).collect();
    assert_eq!(pids, [256, 253, 254, 255, 256]);
    assert_eq!(kills[0].group, None);
    for kill in &kills[1..] {
        let group = kill.group.as_ref().unwrap();
        assert_eq!(
            (group.leader, group.path.as_str()),
            (Tid(256), "/system.slice/group.scope")
        );
        assert_eq!(kill.report, kills[0].report);
    }
    // 6.1 tells one size of a task, and that is none of ours.
    let row = kills[0].report.as_ref().unwrap().row(Tid(253)).unwrap();
    assert_eq!(
        (row.comm.as_str(), row.sizes.anon, row.sizes.pgtables),
        ("bash", None, Some(Bytes(49_152)))
    );
}

#[test]
fn the_hosts_memory_has_no_owner() {
    let told = read(include_str!("../../tests/fixtures/kmsg/6.12-host.txt"));
    let kills = kills(&told);
    let report = kills[0].report.as_ref().unwrap();
    assert_eq!((kills.len(), kills[0].in_memcg), (1, Some(false)));
    assert_eq!(
        (report.constraint, report.owner.as_ref(), report.limit),
        (Some(Constraint::None), None, None)
    );
    assert_eq!(report.chosen_cgroup.as_deref(), Some("/system.slice/greedy.service"));
    assert_eq!(report.row(Tid(179)).unwrap().oom_score_adj, Some(-900));
    assert_eq!(report.gfp, Some(0x14_0dca));
}

#[test]
fn a_lowered_limit_is_asked_for_by_who_lowered_it_and_ends_with_nothing_left() {
    let told = read(include_str!("../../tests/fixtures/kmsg/7.2-lowered.txt"));
    let [Logged::Choice(_), Logged::Kill(kill), Logged::NothingToKill(rest)] = told.as_slice() else {
        panic!("{told:?}")
    };
    let report = kill.report.as_ref().unwrap();
    assert_eq!(
        (report.trigger_tid, report.trigger_comm.as_str()),
        (Some(Tid(1)), "systemd")
    );
    assert!(report.limit < report.usage && report.row(Tid(1)).is_none());
    assert_eq!(rest.owner.as_deref(), Some("/system.slice/lowered.service"));
    assert!(rest.tasks.is_empty());
}

#[test]
fn the_magic_key_is_of_no_order() {
    let told = read(include_str!("../../tests/fixtures/kmsg/7.2-sysrq.txt"));
    assert_eq!(kills(&told)[0].report.as_ref().unwrap().order, Some(-1));
}

#[test]
fn what_may_not_be_killed_is_told_with_its_owner() {
    let told = read(include_str!("../../tests/fixtures/kmsg/7.2-no-killable.txt"));
    let [Logged::NothingToKill(report)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(report.owner.as_deref(), Some("/system.slice/immune.service"));
    assert_eq!(report.tasks.len(), 1);
}

#[test]
fn a_kill_whose_report_was_suppressed_has_none_and_takes_no_others() {
    let told = read(include_str!("../../tests/fixtures/kmsg/7.2-suppressed.txt"));
    let told: Vec<_> = kills(&told)
        .iter()
        .map(|kill| {
            (
                kill.tid.0,
                kill.in_memcg,
                kill.report.as_ref().and_then(|report| report.owner.clone()),
            )
        })
        .collect();
    let path = |name: &str| Some(format!("/system.slice/{name}.service"));
    assert_eq!(
        told,
        [
            (231, Some(true), path("st10")),
            (233, Some(true), None),
            (235, Some(true), None),
            (237, Some(true), path("st13"))
        ]
    );
}

#[test]
fn a_group_is_one_where_the_clock_of_whole_seconds_moves_on_between_its_members() {
    let text = include_str!("../../tests/fixtures/kmsg/6.1-group.txt");
    let (before, members) = text.split_at(text.find("Killed process 255").unwrap());
    let (before, line) = before.rsplit_once('\n').unwrap();
    let second = |text: &str, second: u32| -> String {
        let lines = text.lines().map(|line| {
            let mut parts = line.splitn(4, ',');
            let (level, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            format!("{level},{number},{second}000000,{}\n", parts.nth(1).unwrap_or_default())
        });
        lines.collect()
    };
    let told = read(&(second(before, 35) + &second(&format!("{line}{members}"), 36)));
    let groups = kills(&told).iter().filter(|kill| kill.group.is_some()).count();
    assert_eq!(groups, 4);
}

#[test]
fn what_is_killed_after_a_group_without_a_report_is_none_of_the_group() {
    let mut parser = LogParser::default();
    let text = include_str!("../../tests/fixtures/kmsg/6.1-group.txt");
    for line in text.lines() {
        parser.line(LogLine::parse(line.as_bytes()).unwrap());
    }
    let later = "3,900,39000000,-;Memory cgroup out of memory: Killed process 300 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:7 pgtables:1kB oom_score_adj:0";
    let Some(Logged::Kill(kill)) = parser.line(LogLine::parse(later.as_bytes()).unwrap()) else {
        panic!("no kill")
    };
    assert_eq!(
        (kill.tid, kill.uid, kill.group, kill.report),
        (Tid(300), Some(7), None, None)
    );
}

#[test]
fn names_and_paths_may_hold_what_they_like() {
    let lines = [
        "4,1,1,-;a, b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "6,2,2,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        "6,2,2,-;[     77]     9    77        1        1        1        0             0 x,task=y,pid=1",
        r"6,2,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,b/dev\x5cx2dsd.mount,task_memcg=/a,b/dev\x5cx2dsd.mount/\xc3\xa9,task=x,task=y,pid=1,pid=77,uid=9",
        "3,3,3,-;Memory cgroup out of memory: Killed process 77 (x) total-vm:9kB) total-vm:1kB, anon-rss:2kB, file-rss:3kB, shmem-rss:4kB, UID:9 pgtables:5kB oom_score_adj:-3",
    ];
    let told = read(&lines.join("\n"));
    let kill = kills(&told)[0];
    let report = kill.report.as_ref().unwrap();
    assert_eq!(report.owner.as_deref(), Some(r"/a,b/dev\x2dsd.mount"));
    assert_eq!(report.chosen_cgroup.as_deref(), Some(r"/a,b/dev\x2dsd.mount/é"));
    assert_eq!((report.trigger_comm.as_str(), report.chosen), ("a, b", Some(Tid(77))));
    assert_eq!((kill.comm.as_str(), kill.oom_score_adj), ("x) total-vm:9kB", Some(-3)));
    assert_eq!(
        (kill.sizes.total_vm, kill.sizes.shmem),
        (Some(Bytes(KIB)), Some(Bytes(4 * KIB)))
    );
}

#[test]
fn what_programs_write_into_the_log_is_no_kill() {
    let line = "12,1,1,-;Out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0";
    assert_eq!(read(line), []);
    assert_eq!(kills(&read(&line.replacen("12", "3", 1))).len(), 1);
}

#[test]
fn a_line_that_was_interrupted_goes_on() {
    let lines = [
        "4,1,1,-,caller=T7;a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "6,2,2,-,caller=T7;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a",
        "6,4,3,c,caller=T7;,task_memcg=/a/b,task=a,pid=7,uid=0",
    ];
    let Some(Logged::Choice(report)) = read(&lines.join("\n")).pop() else {
        panic!("no choice")
    };
    assert_eq!(
        (report.owner.as_deref(), report.chosen_cgroup.as_deref()),
        (Some("/a"), Some("/a/b"))
    );
}

#[test]
fn whoever_asked_before_lines_were_lost_asked_for_another_kill() {
    let whole = include_str!("../../tests/reports/booted_6_12_group_kill.log");
    let asked = |text: &str| {
        let told = read(text);
        let report = kills(&told).first().and_then(|kill| kill.report.clone()).unwrap();
        (report.trigger_tid, report.owner.is_some())
    };
    let stack = whole.lines().position(|line| line.contains("<TASK>")).unwrap();
    let (head, rest) = whole.split_at(whole.lines().take(stack + 3).map(|line| line.len() + 1).sum());
    for first in ["memory: usage", "Memory cgroup stats for", "oom-kill:"] {
        let lost = rest.find(first).unwrap();
        let lost = rest[..lost].rfind('\n').unwrap() + 1;
        assert_eq!(asked(&format!("{head}{}", &rest[lost..])), (None, true), "{first}");
    }
    assert!(asked(whole).0.is_some());
}

#[test]
fn a_table_without_rows_is_of_nobody_who_is_named_elsewhere() {
    // journalctl prints `[170B blob data]` in place of each line with a hostile name: rows, choice and kill are gone.
    let report = "\
python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
memory: usage 4096kB, limit 4096kB, failcnt 58
Memory cgroup stats for /attack.slice/attack.service/out:
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[170B blob data]
";
    let row =
        "[    555]     0   555    15917    13539    12211     1328         0   163840        0             0 python3\n";
    let kill = "Memory cgroup out of memory: Killed process 555 (python3) total-vm:63668kB, anon-rss:48844kB, file-rss:5312kB, shmem-rss:0kB, UID:0 pgtables:160kB oom_score_adj:0";
    let has_report = |text: String| {
        let mut parser = LogParser::for_pasted();
        let told: Vec<Logged> = text.lines().filter_map(|line| parser.text(line, None, 0)).collect();
        kills(&told)
            .iter()
            .map(|kill| kill.report.is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(has_report(format!("{report}{kill}")), [false]);
    assert_eq!(has_report(format!("{report}{row}{kill}")), [true]);
}

#[test]
fn a_report_cut_short_is_not_taken_for_the_next_ones() {
    let text = include_str!("../../tests/fixtures/kmsg/6.12-slice.txt");
    let mut parser = LogParser::default();
    for line in text.lines().filter(|line| !line.contains("Killed process")) {
        parser.line(LogLine::parse(line.as_bytes()).unwrap());
    }
    parser.gap();
    let kill = text.lines().find(|line| line.contains("Killed process")).unwrap();
    let Some(Logged::Kill(kill)) = parser.line(LogLine::parse(kill.as_bytes()).unwrap()) else {
        panic!("no kill")
    };
    assert_eq!(kill.report, None);
}

proptest::proptest! {
    #[test]
    fn no_bytes_stop_it(lines in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..80), 0..8)) {
        let mut parser = LogParser::default();
        for line in lines {
            if let Some(line) = LogLine::parse(&line) {
                parser.line(line);
            }
        }
    }

    /// Every line of a real report cut and spoiled anywhere.
    #[test]
    fn no_spoiled_report_stops_it(cut in 0_usize..4_000, byte in proptest::num::u8::ANY) {
        let mut bytes = include_bytes!("../../tests/fixtures/kmsg/6.1-group.txt").to_vec();
        let place = cut % bytes.len();
        bytes[place] = byte;
        let mut parser = LogParser::default();
        for line in bytes.split(|byte| *byte == b'\n').filter_map(LogLine::parse) {
            parser.line(line);
        }
    }
}

#[test]
fn nodes_are_those_of_the_constraint() {
    let told = |text: &str| {
        let mut report = Report::default();
        context::read(&mut report, text);
        report.nodes
    };
    let rest = "oom_memcg=/a,task_memcg=/a/b,task=x,pid=1,uid=0";
    assert_eq!(
        told(&format!(
            "CPUSET,nodemask=(null),cpuset=a,mems_allowed=0-1,4,global_oom,{rest}"
        )),
        [0, 1, 4]
    );
    assert_eq!(
        told(&format!(
            "MEMORY_POLICY,nodemask=1,cpuset=/,mems_allowed=0-1,global_oom,{rest}"
        )),
        [1]
    );
    assert!(told(&format!("MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,{rest}")).is_empty());
    assert_eq!(told("CPUSET,mems_allowed=0-4294967295").len(), MAX_NODES);
}

/// Of a summary's paths: the owner's and the victim's.
fn paths(before: &[&str], paths: &str) -> (Option<String>, Option<String>) {
    let summary = format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,{paths},task=hog,pid=7,uid=0"
    );
    let mut parser = LogParser::default();
    parser.text(
        "hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        None,
        0,
    );
    for line in before {
        parser.text(line, None, 0);
    }
    let Some(Logged::Choice(report)) = parser.text(&summary, None, 0) else {
        panic!("no choice")
    };
    (report.owner.clone(), report.chosen_cgroup.clone())
}

#[test]
fn a_cgroup_whose_name_looks_like_the_kernels_words_is_not_another() {
    const FORGED: &str = "/t.slice/a,task_memcg=/system.slice/sshd.service/x";
    let own = format!("oom_memcg={FORGED},task_memcg={FORGED}");
    let stats = format!("Memory cgroup stats for {FORGED}:");
    let told = Some(FORGED.to_owned());
    assert_eq!(paths(&[], &own), (told.clone(), told.clone()));
    assert_eq!(paths(&[&stats], &own), (told.clone(), told));
}

#[test]
fn a_path_that_can_be_read_in_two_ways_is_not_told() {
    // Below its own owner, or below one that it makes up: the same words.
    let two = "oom_memcg=/a,task_memcg=/a/b,task_memcg=/a,task_memcg=/a/b/c";
    assert_eq!(paths(&[], two), (None, None));
    let (owner, cgroup) = paths(&["Memory cgroup stats for /a:"], two);
    assert_eq!(owner.as_deref(), Some("/a"));
    assert_eq!(cgroup.as_deref(), Some("/a/b,task_memcg=/a,task_memcg=/a/b/c"));
    // Whoever lives elsewhere was not killed for this limit.
    assert_eq!(paths(&[], "oom_memcg=/a,task_memcg=/b"), (None, None));
}
