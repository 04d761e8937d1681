use super::*;
use crate::event::CgroupRef;

const UNIT: &str = "/system.slice/a.service";

fn facts() -> KillFacts {
    let subject = Subject {
        unit: Some("a.service".to_owned()),
        cgroup: CgroupRef {
            id: None,
            path: Some(UNIT.to_owned()),
        },
        ..Subject::default()
    };
    let victim = Victim::new(Tgid(7), "a".to_owned());
    KillFacts::new(subject, victim, Vec::new())
}

fn choice(constraint: Constraint) -> OomFacts {
    let owner = OwnerFacts {
        path: Some("/system.slice".to_owned()),
        unit: Some("system.slice".to_owned()),
        limit: Some(Bytes(64)),
        usage: Some(Bytes(64)),
        swap_usage: None,
        swap_max: None,
    };
    OomFacts {
        constraint,
        order: Some(0),
        gfp: None,
        owner: (constraint == Constraint::Memcg).then_some(owner),
        chosen: Some(Tgid(7)),
        lowering: None,
    }
}

fn chosen(oom: OomFacts) -> KillFacts {
    KillFacts {
        oom: Some(oom),
        ..facts()
    }
}

fn asked_in(cgroup: &str, oom: OomFacts) -> KillFacts {
    let trigger = Trigger {
        pid: None,
        tid: Some(crate::measure::Tid(1)),
        comm: String::new(),
        uid: None,
        unit: None,
        cgroup: Some(cgroup.to_owned()),
    };
    KillFacts {
        trigger: Some(trigger),
        ..chosen(oom)
    }
}

fn by(origin: Origin, confidence: Confidence) -> KillFacts {
    let killer = Killer {
        pid: Some(Tgid(1)),
        comm: None,
        uid: None,
        unit: None,
        reason: None,
        words: None,
    };
    KillFacts {
        user: Some(UserFacts {
            origin,
            confidence,
            killer,
            after: None,
        }),
        ..facts()
    }
}

#[test]
fn a_cgroup_whose_name_begins_alike_is_another() {
    let above = ["/", "/kubepods", "/kubepods/pod1"];
    assert!(above.iter().all(|above| holds(above, "/kubepods/pod1/c")));
    assert!(!holds("/kubepods/pod1", "/kubepods/pod10") && !holds("/kubepods/pod1/c", "/kubepods/pod1"));
}

/// Every origin that there is, and what leads to it.
#[test]
fn every_origin_has_its_facts() {
    use Confidence::{Inferred, Observed};
    let memcg = || choice(Constraint::Memcg);
    let another = || OomFacts {
        chosen: Some(Tgid(6)),
        ..memcg()
    };
    let concluded = KillFacts {
        concluded_limit: memcg().owner.map(|owner| owner.limit_of(&facts().subject)),
        ..facts()
    };
    let shared = KillFacts {
        shared_mm: true,
        ..chosen(another())
    };
    let lowered = OomFacts {
        lowering: Some(true),
        ..memcg()
    };
    let swapping = OomFacts {
        lowering: Some(false),
        ..memcg()
    };
    let by_key = OomFacts {
        order: Some(-1),
        ..choice(Constraint::Host)
    };
    let used = |usage: u64| {
        let owner = memcg().owner.map(|owner| OwnerFacts {
            limit: Some(Bytes(32 << 20)),
            usage: Some(Bytes(usage)),
            ..owner
        });
        OomFacts { owner, ..memcg() }
    };
    let cases = [
        // The limit is below what is used, and who is there asks for more.
        (
            asked_in(UNIT, used(60 << 20)),
            Origin::LimitLowered,
            Inferred,
            Some(Relation::Ancestor),
        ),
        // A dying process was let through.
        (
            asked_in(UNIT, used(33 << 20)),
            Origin::MemcgLimit,
            Observed,
            Some(Relation::Ancestor),
        ),
        (chosen(memcg()), Origin::MemcgLimit, Observed, Some(Relation::Ancestor)),
        (
            asked_in(UNIT, memcg()),
            Origin::MemcgLimit,
            Observed,
            Some(Relation::Ancestor),
        ),
        (concluded, Origin::MemcgLimit, Inferred, Some(Relation::Ancestor)),
        (chosen(choice(Constraint::Host)), Origin::Host, Observed, None),
        (chosen(choice(Constraint::Cpuset)), Origin::Cpuset, Observed, None),
        (chosen(choice(Constraint::Mempolicy)), Origin::Mempolicy, Observed, None),
        (chosen(choice(Constraint::Unknown(9))), Origin::Unknown, Observed, None),
        (chosen(by_key), Origin::Sysrq, Observed, None),
        (
            chosen(lowered),
            Origin::LimitLowered,
            Observed,
            Some(Relation::Ancestor),
        ),
        (
            asked_in("/init.scope", memcg()),
            Origin::LimitLowered,
            Inferred,
            Some(Relation::Ancestor),
        ),
        // Someone ended the use of swap: what comes back is charged to whose it is.
        (
            asked_in("/user.slice/session-3.scope", swapping),
            Origin::MemcgLimit,
            Observed,
            Some(Relation::Ancestor),
        ),
        (chosen(another()), Origin::OomGroup, Observed, Some(Relation::Ancestor)),
        (shared, Origin::SharedMm, Observed, Some(Relation::Ancestor)),
        (by(Origin::SystemdOomd, Observed), Origin::SystemdOomd, Observed, None),
        (by(Origin::CgroupKill, Observed), Origin::CgroupKill, Observed, None),
        (
            by(Origin::UnitOomPolicy, Inferred),
            Origin::UnitOomPolicy,
            Inferred,
            None,
        ),
        (by(Origin::Userspace, Inferred), Origin::Userspace, Inferred, None),
        (facts(), Origin::Unknown, Inferred, None),
    ];
    for (facts, origin, confidence, relation) in cases {
        let kill = verdict(facts, |_| None);
        let told = (
            kill.origin,
            kill.confidence,
            kill.limit.and_then(|limit| limit.relation),
        );
        assert_eq!(told, (origin, confidence, relation));
    }
}

fn short_of(kind: ShortageKind) -> Shortage {
    Shortage {
        kind,
        node: Some(0),
        zone: Some("DMA32".to_owned()),
        order: Some(2),
        free: Some(Bytes(3 << 20)),
        min: Some(Bytes(1 << 20)),
        low: None,
        high: None,
        free_cma: None,
        swap_free: None,
        swap_total: Some(Bytes(0)),
    }
}

fn outside() -> KillLimit {
    KillLimit {
        cgroup: Some("/".to_owned()),
        unit: None,
        relation: Some(Relation::Host),
        file: "MemTotal".to_owned(),
        bytes: Some(Bytes(1 << 30)),
        usage: None,
        swap_usage: None,
        swap_max: None,
    }
}

/// What the machine lacked decides whether its memory was a limit that was reached, and whose error a request without flags is.
#[test]
fn the_machines_memory_is_the_limit_only_where_all_of_it_was_short() {
    use Origin::{Cpuset, Host, PageFault, Sysrq};
    use ShortageKind::{Machine, Node, None as Nothing, Order, Zone};
    let asked = |constraint, order, gfp: &str, kind: Option<ShortageKind>| {
        let oom = OomFacts {
            order: Some(order),
            gfp: Some(gfp.to_owned()),
            ..choice(constraint)
        };
        KillFacts {
            shortage: kind.map(short_of),
            outside: Some(outside()),
            ..chosen(oom)
        }
    };
    let cases = [
        (asked(Constraint::Host, 0, "GFP_KERNEL", None), Host, true, None),
        // Of kills in a row the kernel reports ten in five seconds: of the next ones nothing may tell what was free.
        (asked(Constraint::Host, 2, "GFP_KERNEL", None), Host, false, None),
        (
            asked(Constraint::Host, 0, "GFP_KERNEL", Some(Machine)),
            Host,
            true,
            Some("All of the machine's memory was in use"),
        ),
        (
            asked(Constraint::Host, 0, "GFP_KERNEL", Some(Zone)),
            Host,
            false,
            Some("other memory was free"),
        ),
        (
            asked(Constraint::Host, 2, "GFP_KERNEL", Some(Order)),
            Host,
            false,
            Some("4 contiguous pages"),
        ),
        (
            asked(Constraint::Host, 0, "GFP_KERNEL", Some(Nothing)),
            Host,
            true,
            Some("Nothing was short as far as the kernel shows"),
        ),
        (
            asked(Constraint::Cpuset, 0, "GFP_KERNEL", Some(Node)),
            Cpuset,
            true,
            Some("AllowedMemoryNodes="),
        ),
        (asked(Constraint::Host, 0, "0x0", None), PageFault, false, None),
        (
            asked(Constraint::Host, 0, "0x0", Some(Nothing)),
            PageFault,
            false,
            Some("a page fault handler"),
        ),
        (
            asked(Constraint::Host, 0, "0x0", Some(Machine)),
            Host,
            true,
            Some("All of the machine's memory was in use"),
        ),
        (
            asked(Constraint::Host, -1, "GFP_KERNEL", Some(Nothing)),
            Sysrq,
            false,
            Some("only the key press"),
        ),
    ];
    for (facts, origin, has_limit, words) in cases {
        let case = format!("{:?} {:?}", facts.oom, facts.shortage);
        let kill = verdict(facts, |_| None);
        assert_eq!((kill.origin, kill.limit.is_some()), (origin, has_limit), "{case}");
        let advice = kill.advice.join("\n");
        assert!(words.is_none_or(|words| advice.contains(words)), "{case}: {advice}");
    }
}

#[test]
fn a_second_kill_names_the_first_what_it_held_and_the_time_between() {
    let told = |order| {
        let unfreed = Some(Unfreed {
            pid: Tgid(5),
            comm: "first".to_owned(),
            before: std::time::Duration::from_millis(2_340),
            held: Bytes(32 << 20),
        });
        let oom = OomFacts {
            order: Some(order),
            ..choice(Constraint::Host)
        };
        let kill = verdict(KillFacts { unfreed, ..chosen(oom) }, |_| None);
        kill.advice.first().cloned().unwrap_or_default()
    };
    let words = "first[5], killed 2.3s earlier, still held 32.0M when a[7] was chosen: ";
    assert_eq!(
        told(0),
        format!("{words}the kernel had stopped waiting for that memory.")
    );
    assert_eq!(told(-1), format!("{words}the magic SysRq key does not wait for that."));
}

/// The table of a kernel with pages of 16 KiB, as the kernel's log has it: in pages.
#[test]
fn the_logs_table_is_in_pages_of_its_kernel() {
    let log = "solver invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
Tasks state (memory values in pages):\n\
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name\n\
[   1135]     0  1135     5000     4000     3900      100         0   327680       50             0 solver\n\
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a.service,task_memcg=/a.service,task=solver,pid=1135,uid=0\n";
    let mut parser = crate::log::LogParser::default();
    let told = log.lines().find_map(|line| parser.text(line, None, 1));
    let Some(crate::log::Logged::Choice(report)) = told else {
        panic!("no choice: {told:?}")
    };
    let page = crate::measure::PageSize::new(16 << 10).unwrap();
    let tasks = from_log::tasks(Some(&report), Some("/a.service"), page).unwrap();
    let sizes = tasks.first().map(|task| (task.rss, task.anon, task.swap)).unwrap();
    let pages = |pages: u64| Some(Bytes(pages * 16384));
    assert_eq!(sizes, (pages(4000), pages(3900), pages(50)));
}

/// Of a report that was cut, nothing but its page tables may say that pages are not of 4 KiB: sizes are told where they are.
#[test]
fn a_cut_table_tells_no_sizes_that_may_be_of_larger_pages() {
    let sizes = |tables: [u64; 2]| {
        let log = format!(
            "solver invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
Tasks state (memory values in pages):\n\
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n\
[   1011]     0  1011     2200       85   {}        0             0 helper\n\
[   1135]     0  1135     5000     4000   {}       50             0 solver\n\
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a.service,task_memcg=/a.service,task=solver,pid=1135,uid=0\n",
            tables[0], tables[1]
        );
        let mut parser = crate::log::LogParser::default();
        let told = log.lines().find_map(|line| parser.text(line, None, 1));
        let Some(crate::log::Logged::Choice(report)) = told else {
            panic!("no choice: {told:?}")
        };
        let row = report.row(crate::measure::Tid(1135)).unwrap();
        row.sizes(report.page(None)).total_vm
    };
    assert_eq!(sizes([49_152, 327_680]), None);
    assert_eq!(sizes([45_056, 327_680]), Some(Bytes(5000 * 4096)));
}
