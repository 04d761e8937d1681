use super::*;
use crate::measure::Tgid;

const MIB: u64 = 1 << 20;

fn found(second: u64, slab: u64, objects: Vec<Object>, caches: &[(&str, u64)]) -> Found {
    let cache = |bytes: u64| Cache {
        bytes: Bytes(bytes * MIB),
        objects: 1,
    };
    Found {
        ask: Ask {
            id: CgroupId(1),
            path: "/a.slice/a.service".to_owned(),
            shared: true,
            kernel: true,
            caches: true,
            memory: Memory {
                current: Some(Bytes(64 * MIB)),
                slab_reclaimable: Some(Bytes(slab * MIB)),
                ..Memory::default()
            },
        },
        at: Duration::from_secs(second),
        took: Duration::ZERO,
        seen: Seen {
            objects,
            is_whole: true,
        },
        caches: Some(
            caches
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), cache(*bytes)))
                .collect(),
        ),
    }
}

fn file(name: &str, bytes: u64, pid: u32) -> Object {
    Object {
        bytes: Some(Bytes(bytes * MIB)),
        pid: Some(Tgid(pid)),
        ..Object::new(ObjectKind::TmpfsFile, Some(name.to_owned()))
    }
}

fn told(objects: &mut Objects, scope: &str) -> Vec<(String, Option<i64>, Option<f64>)> {
    let held = objects.held(scope, |_| None).into_iter();
    held.map(|object| {
        (
            object.name.unwrap(),
            object.grown.map(|grown| grown / MIB as i64),
            object.seconds,
        )
    })
    .collect()
}

#[test]
fn what_grew_is_told_since_it_was_seen_first_and_what_is_new_by_all_it_holds() {
    let mut objects = Objects::default();
    objects.learn(found(10, 0, vec![file("/run/a", 10, 5)], &[]));
    assert_eq!(
        told(&mut objects, "/a.slice/a.service"),
        [("/run/a".to_owned(), None, None)]
    );
    let now = vec![file("/run/a", 30, 6), file("/run/b", 8, 5), file("/run/little", 1, 5)];
    objects.learn(found(14, 0, now, &[]));
    let expected = [
        ("/run/a".to_owned(), Some(20), Some(4.0)),
        ("/run/b".to_owned(), Some(8), Some(4.0)),
    ];
    // What a user's manager has is its units', and is told once.
    let mut of_manager = found(15, 0, vec![file("/run/a", 30, 6)], &[]);
    (of_manager.ask.id, of_manager.ask.path) = (CgroupId(2), "/a.slice".to_owned());
    objects.learn(of_manager);
    for scope in ["/a.slice/a.service", "/a.slice", "/", "/a.slice/a.service/below"] {
        assert_eq!(told(&mut objects, scope), expected, "{scope}");
    }
    assert!(told(&mut objects, "/b.slice").is_empty());
    objects.forget(CgroupId(1));
    objects.forget(CgroupId(2));
    assert!(told(&mut objects, "/").is_empty());
}

#[test]
fn what_has_no_size_is_much_by_its_number() {
    let sockets = |count| Object {
        count: Some(count),
        pid: Some(Tgid(5)),
        ..Object::new(ObjectKind::Sockets, Some("UNIX".to_owned()))
    };
    let mut objects = Objects::default();
    // A kilobyte each, of 64 MiB.
    objects.learn(found(10, 0, vec![sockets(4_096)], &[]));
    assert_eq!(told(&mut objects, "/").len(), 1);
    objects.learn(found(11, 0, vec![sockets(4_095)], &[]));
    assert!(told(&mut objects, "/").is_empty());
}

#[test]
fn of_the_hosts_caches_those_are_told_that_grew_along_with_the_units_slab() {
    let mut objects = Objects::default();
    objects.learn(found(10, 2, vec![], &[("dentry", 50), ("inode_cache", 90)]));
    assert!(told(&mut objects, "/").is_empty(), "nothing has grown yet");
    objects.learn(found(
        20,
        18,
        vec![],
        &[("dentry", 66), ("inode_cache", 91), ("new", 3)],
    ));
    let expected = [
        ("dentry".to_owned(), Some(16), Some(10.0)),
        ("new".to_owned(), Some(3), Some(10.0)),
    ];
    assert_eq!(told(&mut objects, "/"), expected);
    // It is somebody else's slab that grows.
    objects.learn(found(30, 2, vec![], &[("dentry", 99)]));
    assert!(told(&mut objects, "/").is_empty());
}

#[test]
fn every_unit_has_its_turn_and_is_asked_about_once_at_a_time() {
    let Ok(hierarchy) = Hierarchy::detect() else { return };
    let memory = Memory {
        shmem: Some(Bytes(MIB)),
        ..Memory::default()
    };
    let mut objects = Objects::default();
    for _ in 0..3 {
        for id in 1..=5 {
            objects.want(&hierarchy, CgroupId(id), "/nobody.service", &memory, CLOSELY);
        }
    }
    let until = Instant::now() + Duration::from_secs(60);
    while objects.of.len() < 5 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
        objects.hear();
    }
    let mut looks: Vec<u32> = objects.of.values().map(|known| known.looks).collect();
    looks.sort_unstable();
    assert!(looks.len() == 5 && looks.iter().all(|looks| *looks == 1), "{looks:?}");
}

#[test]
fn a_limit_of_which_much_is_used_is_a_reason_to_look_but_not_the_hosts() {
    let limit = |relation, usage| Limit {
        cgroup: "/a.service".to_owned(),
        unit: None,
        relation,
        file: "memory.max".to_owned(),
        bytes: Bytes(100),
        usage,
        reclaimable: None,
        swap_usage: None,
        swap_room: None,
    };
    assert!(is_full(&[
        limit(Relation::Own, None),
        limit(Relation::Ancestor, Some(Bytes(50)))
    ]));
    assert!(!is_full(&[
        limit(Relation::Host, Some(Bytes(99))),
        limit(Relation::Own, Some(Bytes(49)))
    ]));
}

#[test]
fn a_unit_of_whose_memory_little_is_shared_or_the_kernels_is_not_looked_at() {
    let memory = |shmem, kernel| Memory {
        current: Some(Bytes(160 * MIB)),
        shmem: Some(Bytes(shmem * MIB)),
        kernel: Some(Bytes(kernel * MIB)),
        ..Memory::default()
    };
    assert_eq!(worth(&memory(9, 9)), (false, false));
    assert_eq!(worth(&memory(10, 9)), (true, false));
    assert_eq!(worth(&memory(0, 10)), (false, true));
    assert_eq!(worth(&Memory::default()), (false, false));
}

#[test]
fn where_a_look_ends_early_the_one_before_counts_on() {
    let mut objects = Objects::default();
    objects.learn(found(10, 0, vec![file("/run/a", 10, 5), file("/run/b", 10, 5)], &[]));
    let mut early = found(14, 0, vec![file("/run/b", 12, 5)], &[]);
    early.seen.is_whole = false;
    objects.learn(early);
    let expected = [
        ("/run/b".to_owned(), Some(2), Some(4.0)),
        ("/run/a".to_owned(), None, None),
    ];
    assert_eq!(told(&mut objects, "/"), expected);
    objects.learn(found(18, 0, vec![file("/run/a", 14, 5)], &[]));
    assert_eq!(told(&mut objects, "/"), [("/run/a".to_owned(), Some(4), Some(8.0))]);
}
