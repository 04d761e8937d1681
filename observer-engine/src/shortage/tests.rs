use super::*;
use crate::log::LogParser;
use crate::log::Logged;
use crate::measure::{PageSize, Pages};

const KERNEL: u32 = 0xcc0;
const USER: u32 = 0x10_0cca;

/// `/proc/zoneinfo` of two nodes as 6.12 writes it, counters and the lists of the CPUs left out but for what could be taken
/// for something else; each zone with so many pages free.
fn zoneinfo(free: [u64; 4]) -> String {
    let [dma, dma32, movable, far] = free;
    let zone = |node: u32, name: &str, free: u64, managed: u64, protection: &str| {
        let first = if name.starts_with("DMA") && node == 0 {
            "\n  per-node stats\n      nr_inactive_anon 5"
        } else {
            ""
        };
        let lists = if managed > 0 {
            format!(
                "\n      nr_free_pages {free}\n      nr_free_cma  0\n  pagesets\n    cpu: 0\n              count:    9\n              high:     8\n              batch:    7\n  vm stats threshold: 4\n  node_unreclaimable:  0\n  start_pfn:           1"
            )
        } else {
            String::new()
        };
        format!(
            "Node {node}, zone {name:>8}{first}\n  pages free     {free}\n        boost    0\n        min      100\n        low      125\n        high     150\n        promo    175\n        spanned  {managed}\n        present  {managed}\n        managed  {managed}\n        cma      0\n        protection: ({protection}){lists}\n"
        )
    };
    [
        zone(0, "DMA", dma, 3_840, "0, 900, 900, 1800, 1800"),
        zone(0, "DMA32", dma32, 60_000, "0, 0, 0, 900, 900"),
        zone(0, "Normal", 0, 0, "0, 0, 0, 0, 0"),
        zone(0, "Movable", movable, 60_000, "0, 0, 0, 0, 0"),
        zone(0, "Device", 0, 0, "0, 0, 0, 0, 0"),
        zone(1, "DMA", 0, 0, "0, 0, 0, 0, 0"),
        zone(1, "DMA32", 0, 0, "0, 0, 0, 0, 0"),
        zone(1, "Normal", far, 120_000, "0, 0, 0, 0, 0"),
        zone(1, "Movable", 0, 0, "0, 0, 0, 0, 0"),
        zone(1, "Device", 0, 0, "0, 0, 0, 0, 0"),
    ]
    .concat()
}

const SMALL: &str = "Node 0, zone      DMA      9      0      0      0      0      0      0      0      0      0      0 \n\
Node 0, zone    DMA32  30000      2      0      0      0      0      0      0      0      0      0 \n\
Node 1, zone   Normal  30000      2      0      0      0      0      0      0      0      0      0 \n";

fn asked(constraint: Constraint, gfp: Option<u32>, order: i32, nodes: &[u32]) -> Asked<'_> {
    Asked {
        constraint,
        gfp,
        order: Some(order),
        nodes,
        narrow: false,
        by_order: false,
    }
}

#[test]
fn zoneinfo_tells_what_the_allocator_goes_by() {
    let mut zones = Zones::from_zoneinfo(&zoneinfo([2_000, 110, 50_000, 120]), PageSize::SMALL);
    zones.add_buddyinfo(SMALL);
    assert_eq!(zones.zones.len(), 10);
    let dma32 = zones.zones.get(1).unwrap();
    assert_eq!((dma32.node, dma32.name.as_str()), (Some(0), "DMA32"));
    let pages = |pages| Some(Pages(pages).to_bytes(PageSize::SMALL));
    assert_eq!((dma32.free, dma32.min, dma32.low), (pages(110), pages(100), pages(125)));
    // Not that of a CPU's list.
    assert_eq!((dma32.high, dma32.managed), (pages(150), pages(60_000)));
    assert_eq!((dma32.free_cma, &*dma32.reserve), (pages(0), &[0, 0, 0, 900, 900][..]));
    assert_eq!(dma32.blocks.get(..3), Some(&[30_000, 2, 0][..]));
    let empty = zones.zones.get(2).unwrap();
    assert_eq!((empty.managed, empty.free_cma), (pages(0), None));
}

#[test]
fn every_kind_has_its_zones_and_request() {
    use Constraint::{Cpuset, Host, Memcg, Mempolicy, Unknown};
    use ShortageKind::{Machine, Node, None as Nothing, Order, Zone};
    let (full, far, fit) = (
        [1_000, 110, 120, 120],
        [1_000, 110, 120, 50_000],
        [1_000, 110, 50_000, 120],
    );
    let cases = [
        (
            "all is full",
            full,
            Host,
            Some(USER),
            0,
            &[][..],
            Some((Machine, Some(0))),
        ),
        (
            "more than is kept for DMA's own users is free there",
            [2_000, 110, 120, 120],
            Host,
            Some(USER),
            0,
            &[],
            Some((Nothing, Some(0))),
        ),
        (
            "another node has memory",
            far,
            Host,
            Some(USER),
            0,
            &[],
            Some((Nothing, Some(1))),
        ),
        (
            "of several that are free the highest is told",
            [2_000, 110, 120, 50_000],
            Host,
            Some(USER),
            0,
            &[],
            Some((Nothing, Some(1))),
        ),
        (
            "what is movable only is free",
            fit,
            Host,
            Some(KERNEL),
            0,
            &[],
            Some((Zone, Some(1))),
        ),
        (
            "and a user's page may use it",
            fit,
            Host,
            Some(USER),
            0,
            &[],
            Some((Nothing, Some(0))),
        ),
        (
            "flags that are not known are taken for a user's",
            fit,
            Host,
            None,
            0,
            &[],
            Some((Nothing, Some(0))),
        ),
        (
            "the page-fault path's too",
            fit,
            Host,
            Some(0),
            0,
            &[],
            Some((Nothing, Some(0))),
        ),
        (
            "the key asks for nothing, whatever its flags",
            fit,
            Host,
            Some(KERNEL),
            -1,
            &[],
            Some((Nothing, Some(0))),
        ),
        (
            "the key where all is full",
            full,
            Host,
            Some(KERNEL),
            -1,
            &[],
            Some((Machine, Some(0))),
        ),
        (
            "a node is full",
            far,
            Cpuset,
            Some(USER),
            0,
            &[0],
            Some((Node, Some(0))),
        ),
        (
            "the other one by a policy",
            fit,
            Mempolicy,
            Some(USER),
            0,
            &[1],
            Some((Node, Some(1))),
        ),
        (
            "nodes that are not known",
            far,
            Cpuset,
            Some(USER),
            0,
            &[],
            Some((Node, None)),
        ),
        (
            "a node that is not there",
            far,
            Mempolicy,
            Some(USER),
            0,
            &[7],
            Some((Node, Some(7))),
        ),
        (
            "pieces that are too small",
            far,
            Host,
            Some(KERNEL),
            2,
            &[],
            Some((Order, Some(1))),
        ),
        (
            "pieces that are large enough",
            far,
            Host,
            Some(KERNEL),
            1,
            &[],
            Some((Nothing, Some(1))),
        ),
        ("a limit's", far, Memcg, Some(USER), 0, &[], None),
        ("a number that is not known", far, Unknown(9), Some(USER), 0, &[], None),
    ];
    for (case, free, constraint, gfp, order, nodes, told) in cases {
        let mut zones = Zones::from_zoneinfo(&zoneinfo(free), PageSize::SMALL);
        zones.add_buddyinfo(SMALL);
        let short = shortage(&asked(constraint, gfp, order, nodes), &zones);
        assert_eq!(short.map(|short| (short.kind, short.node)), told, "{case}");
    }
}

#[test]
fn zones_of_which_something_is_missing_decide_nothing() {
    let text = zoneinfo([1_000, 110, 120, 120]);
    for missing in ["pages free     110\n", "low      125\n"] {
        let zones = Zones::from_zoneinfo(&text.replace(missing, "\n"), PageSize::SMALL);
        assert_eq!(
            shortage(&asked(Constraint::Host, Some(USER), 0, &[]), &zones),
            None,
            "{missing}"
        );
    }
    assert_eq!(
        shortage(&asked(Constraint::Host, Some(USER), 0, &[]), &Zones::default()),
        None
    );
}

/// The same machine, by what the kernel prints at the kill and by the files.
#[test]
fn the_log_and_the_files_tell_the_same() {
    let log = "python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
Mem-Info:\n\
Node 0 DMA free:4000kB boost:0kB min:400kB low:500kB high:600kB reserved_highatomic:0KB managed:15360kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n\
lowmem_reserve[]: 0 900 900 1800 1800\n\
Node 0 DMA32 free:440kB boost:0kB min:400kB low:500kB high:600kB reserved_highatomic:0KB managed:240000kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n\
lowmem_reserve[]: 0 0 0 900 900\n\
Node 0 Movable free:200000kB boost:0kB min:400kB low:500kB high:600kB reserved_highatomic:0KB managed:240000kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n\
lowmem_reserve[]: 0 0 0 0 0\n\
Node 1 Normal free:480kB boost:0kB min:400kB low:500kB high:600kB reserved_highatomic:0KB managed:480000kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n\
lowmem_reserve[]: 0 0 0 0 0\n\
0 pages HighMem/MovableOnly\n\
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,global_oom,task_memcg=/a,task=python3,pid=5,uid=0\n";
    let mut parser = LogParser::default();
    let told = log.lines().find_map(|line| parser.text(line, None, 1));
    let Some(Logged::Choice(report)) = told else {
        panic!("no choice: {told:?}")
    };
    let by_log = crate::verdict::from_log::shortage_of(&report, None).unwrap();
    let zones = Zones::from_zoneinfo(&zoneinfo([1_000, 110, 50_000, 120]), PageSize::SMALL);
    let by_files = shortage(&asked(Constraint::Host, Some(KERNEL), 0, &[]), &zones);
    assert_eq!(by_log.kind, ShortageKind::Zone);
    assert_eq!(Some(by_log), by_files);
}

/// Since 6.1 the log shows no zone above those that the request may use, but what is free in all.
#[test]
fn zones_that_the_log_leaves_out_are_free_where_the_sum_says_so() {
    let kind = |free: &str| {
        let log = format!(
            "python3 invoked oom-killer: gfp_mask=0x40dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO), order=0, oom_score_adj=900\n\
Mem-Info:\n\
{free}\n\
Node 0 DMA32 free:9756kB boost:0kB min:10148kB low:12684kB high:15220kB reserved_highatomic:0KB managed:200000kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n\
lowmem_reserve[]: 0 0 0 243 243\n\
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=python3,pid=5,uid=0\n"
        );
        let mut parser = LogParser::default();
        let told = log.lines().find_map(|line| parser.text(line, None, 1));
        let Some(Logged::Choice(report)) = told else {
            panic!("no choice: {told:?}")
        };
        crate::verdict::from_log::shortage_of(&report, None).map(|short| short.kind)
    };
    let of = |pages: u64| kind(&format!("                 free:{pages} free_pcp:209 free_cma:0"));
    assert_eq!(of(60_000), Some(ShortageKind::Zone));
    assert_eq!(of(2_439), Some(ShortageKind::Machine));
    assert_eq!(kind(""), Some(ShortageKind::Machine));
    // As the device has it: one record of several lines.
    let whole =
        "active_anon:1 inactive_anon:2 isolated_anon:0\\x0a mapped:3 shmem:4\\x0a free:60000 free_pcp:209 free_cma:0";
    assert_eq!(kind(whole), Some(ShortageKind::Zone));
}

/// `/proc/zoneinfo` counts in pages of the kernel that runs, and so do the reserves and the blocks.
#[test]
fn zoneinfo_of_a_kernel_with_larger_pages_has_larger_zones() {
    let page = PageSize::new(16 << 10).unwrap();
    let zones = Zones::from_zoneinfo(&zoneinfo([2_000, 110, 50_000, 120]), page);
    let dma32 = zones.zones.get(1).unwrap();
    let pages = |pages| Some(Pages(pages).to_bytes(page));
    assert_eq!(
        (dma32.free, dma32.min, dma32.managed),
        (pages(110), pages(100), pages(60_000))
    );
    assert_eq!(zones.page().0, 16 << 10);
}

proptest::proptest! {
    #[test]
    fn no_text_stops_it(text in ".{0,400}", cut in 0_usize..4_000) {
        let whole = zoneinfo([1_000, 110, 120, 120]);
        let mut zones = Zones::from_zoneinfo(&format!("{}{text}", whole.get(..cut).unwrap_or(&whole)), PageSize::SMALL);
        zones.add_buddyinfo(&text);
        let _ = shortage(&asked(Constraint::Host, Some(USER), 2, &[]), &zones);
    }
}
