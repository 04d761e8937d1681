use jiff::tz::TimeZone;

use super::*;

const UNIT: &str = r#""unit":"<b>&.service","invocation_id":"a","cgroup":{"id":7,"path":"/x.slice/b.service"}"#;

fn line(second: i64, event: &str, fields: &str) -> Line {
    let ts = jiff::Timestamp::from_second(1_763_694_764 + second).unwrap();
    let text = format!(r#"{{"event":"{event}","ts":"{ts}","seq":{second},"host":"h",{fields}}}"#);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A unit that grows by 1000 bytes a second below its own limit and a slice's.
fn sample(second: i64, unit: &str) -> Line {
    let current = 1_000_000 + second * 1_000;
    let forecast = format!(
        r#"{{"seconds":{0},"low_seconds":{0},"high_seconds":null,"confidence":0.8,"limit":{{"cgroup":"/x.slice/b.service","unit":"b.service","file":"memory.max","bytes":90000000}}}}"#,
        80_000 - second
    );
    line(
        second,
        "sample",
        &format!(
            r#"{unit},"memory":{{"current":{current},"anon":{current},"file":5000,"kernel":{second}}},"forecast":{forecast},"limits":[
            {{"cgroup":"/x.slice/b.service","unit":"b.service","relation":"own","file":"memory.max","bytes":90000000,"usage":{current},"reclaimable":0}},
            {{"cgroup":"/x.slice","unit":"x.slice","relation":"ancestor","file":"memory.max","bytes":100000000,"usage":{current},"reclaimable":0}}]"#
        ),
    )
}

fn report(lines: impl IntoIterator<Item = Line>) -> Report {
    let mut report = Report::new(TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC));
    lines.into_iter().for_each(|line| report.take(line));
    report
}

fn kill(second: i64) -> Line {
    let fields = r#""origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"leader_pid":null,"killer":null,"request":null,"before":null,"victim":{"pid":205,"tid":205,"comm":"py<thon","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":1,"anon":1,"file":1,"shmem":0,"swap":0,"pgtables":0,"started":null}"#;
    line(second, "kill", &format!("{UNIT},{fields}"))
}

#[test]
fn what_a_pod_held_before_its_kill_is_its_own_and_not_the_hosts() {
    let pod = format!(
        "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{}",
        "5".repeat(64)
    );
    let before = |cgroup: &str, mib: u64| {
        let size = mib << 20;
        format!(
            r#"{{"ts":"2025-11-21T03:12:44Z","cgroup":"{cgroup}","unit":null,"memory":{{"current":{size},"anon":{size},"file":0,"kernel":0}}}}"#
        )
    };
    let fields = format!(
        r#""unit":null,"cgroup":{{"id":7,"path":"{pod}"}},"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"leader_pid":null,"killer":null,"request":null,"before":{{"samples":[{},{}],"trend":null,"forecast":null}},"victim":{{"pid":205,"tid":205,"comm":"python3","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":1,"anon":1,"file":1,"shmem":0,"swap":0,"pgtables":0,"started":null}}"#,
        before(&pod, 63),
        before("/", 1000)
    );
    let page = report([line(0, "kill", &fields)]).page();
    assert!(page.contains("anon 63.0M") && !page.contains("anon 1000.0M"), "{page}");
}

/// A sample of this size, and with a limit of its own where that is given.
fn sized(second: i64, name: &str, path: &str, mib: u64, max: Option<u64>) -> Line {
    let limit = max.map(|max| {
        let max = max << 20;
        format!(r#"{{"cgroup":"{path}","unit":"{name}","relation":"own","file":"memory.max","bytes":{max},"usage":1,"reclaimable":0}}"#)
    });
    let fields = format!(
        r#""unit":"{name}","cgroup":{{"id":7,"path":"{path}"}},"memory":{{"current":{}}},"limits":[{}]"#,
        mib << 20,
        limit.unwrap_or_default()
    );
    line(second, "sample", &fields)
}

fn headings(page: &str) -> Vec<String> {
    let mut found = page.split("<h2 id=\"u").skip(1);
    let first = found.next();
    assert!(first.is_some_and(|first| first.starts_with("nits")), "{page}");
    let text = found.filter_map(|part| part.split_once('>')?.1.split_once("</h2>"));
    text.map(|(heading, _)| heading.to_owned()).collect()
}

#[test]
fn two_users_units_of_one_name_are_two() {
    let path = |uid: u32| format!("/user.slice/user-{uid}.slice/user@{uid}.service/app.slice/a.service");
    let lines = (0..20).flat_map(|second| {
        [
            sized(second, "a.service", &path(1000), 10, None),
            sized(second, "a.service", &path(1001), 90, None),
        ]
    });
    let headings = headings(&report(lines).page());
    assert_eq!(headings.len(), 2, "{headings:?}");
    assert!(
        headings.iter().any(|heading| heading.contains("user@1001.service")),
        "{headings:?}"
    );
}

#[test]
fn a_slice_that_holds_one_unit_alone_is_not_shown_beside_it_unless_it_says_more() {
    let page = |max: Option<u64>, beside: u64| {
        let lines = (0..20).flat_map(move |second| {
            [
                sized(second, "user.slice", "/user.slice", 50 + beside, None),
                sized(second, "app.slice", "/user.slice/app.slice", 50, max),
                sized(second, "a.service", "/user.slice/app.slice/a.service", 50, None),
            ]
        });
        headings(&report(lines).page())
    };
    assert_eq!(page(None, 0), ["a.service"]);
    // A limit of its own, and memory that nobody below has.
    assert_eq!(page(Some(100), 0), ["app.slice", "a.service"]);
    assert_eq!(page(None, 50), ["user.slice", "a.service"]);
}

#[test]
fn who_was_killed_comes_first_then_who_had_the_least_headroom() {
    let lines = (0..20).flat_map(|second| {
        [
            sized(second, "roomy.service", "/roomy.service", 500, Some(5_000)),
            sized(second, "tight.service", "/tight.service", 90, Some(100)),
            sized(second, "free.service", "/free.service", 900, None),
            sample(second, UNIT),
        ]
    });
    let headings = headings(&report(lines.chain([kill(20)])).page());
    assert_eq!(
        headings,
        [
            "&lt;b&gt;&amp;.service",
            "tight.service",
            "roomy.service",
            "free.service"
        ]
    );
}

#[test]
fn where_there_are_samples_alone_that_is_said() {
    let samples = || (0..20).map(|second| sample(second, UNIT));
    let page = report(samples()).page();
    assert!(
        page.contains("holds samples only") && page.contains("No OOM kill recorded, no warning recorded"),
        "{page}"
    );
    let page = report(samples().chain([kill(20)])).page();
    assert!(
        !page.contains("samples only") && page.contains("1 process was OOM-killed"),
        "{page}"
    );
}

#[test]
fn names_are_safe_and_nothing_comes_from_elsewhere() {
    let page = report((0..100).map(|second| sample(second, UNIT)).chain([kill(100)])).page();
    assert!(page.contains("&lt;b&gt;&amp;.service") && !page.contains("<b>") && !page.contains("py<thon"));
    for foreign in ["http:", "https:", "<script", "url(", "@import", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn the_page_of_a_host_full_of_units_stays_below_two_mebibytes() {
    // 60 units, more points of each than are kept, all of them different, every plot with all that it can have.
    let units: Vec<String> = (0..60)
        .map(|unit| {
            format!(
                r#""unit":"u{unit}.service","invocation_id":"a","cgroup":{{"id":7,"path":"/x.slice/u{unit}.service"}}"#
            )
        })
        .collect();
    let mut report = report([]);
    for unit in &units {
        let first = sample(0, unit);
        for second in 0..2_000 {
            let mut line = first.clone();
            line.ts = Timestamp(first.ts.0 + jiff::SignedDuration::from_secs(second * 5));
            if let Event::Sample(sample) = &mut line.event {
                let noise = u64::try_from((second * 7_919) % 1_013 * 40_000).unwrap();
                sample.memory.current = sample
                    .memory
                    .current
                    .map(|bytes| crate::measure::Bytes(bytes.0 + noise));
            }
            report.take(line);
        }
    }
    for unit in &units {
        report.take(line(
            10_000,
            "forecast",
            &format!(r#"{unit},"state":"raised","class":"leak","trend":null,"forecast":null"#),
        ));
    }
    let page = report.page();
    assert!(page.len() < 2 << 20, "{}", page.len());
    assert_eq!(page.matches("<svg").count(), 40);
    assert!(page.contains("u59.service"), "the table has them all");
}

#[test]
fn a_sawtooth_stays_one_and_the_peak_is_kept() {
    let teeth = (0..50_000).map(|second| {
        let mut line = sample(second, UNIT);
        if let Event::Sample(sample) = &mut line.event {
            let current = if second % 7 < 3 {
                1_000_000
            } else {
                50_000_000 + u64::try_from(second).unwrap()
            };
            sample.memory.current = Some(crate::measure::Bytes(current));
        }
        line
    });
    let report = report(teeth);
    let past = report.units.values().next().unwrap();
    assert!((past.peak() - 50_049_999.0).abs() < 1.0, "{}", past.peak());
    let points = past.points.plotted();
    assert!(points.len() <= points::POINTS + 2, "{}", points.len());
    let low = points.iter().filter(|point| point.current < 2e6).count();
    assert!(
        low * 3 > points.len() && low < points.len(),
        "{low} of {}",
        points.len()
    );
    assert!(points.is_sorted_by_key(|point| point.ts));
    for point in &points {
        let sum = point.stacked(point.parts.len());
        assert!((sum - point.current).abs() < 1.0, "{point:?}");
    }
}

#[test]
fn limits_forecasts_kills_and_gaps_are_drawn_and_said() {
    let start = |second| {
        line(
            second,
            "start",
            r#""schema":"oomtrace/1","version":"0","kernel":"6.12","boot_id":"b","cgroup_version":"v2","probes":[]"#,
        )
    };
    let before = (0..60_000).step_by(60).map(|second| sample(second, UNIT));
    let after = (61_000..70_000).step_by(60).map(|second| sample(second, UNIT));
    let report = report(before.chain([start(61_000)]).chain(after).chain([kill(70_000)]));
    let page = report.page();
    for words in [
        "its own MemoryMax=85.8M",
        "x.slice's MemoryMax=95.3M",
        "class=\"band\"",
        "class=\"truth\"",
        "class=\"gap\"",
        "class=\"killed\"",
        "Times are Europe/Berlin, UTC+01:00",
        "nothing",
        "without a warning",
        "<desc id=",
        "<caption>",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(report.file_name(), "oomtrace-h-2025-11-21.html");
}

#[test]
fn a_plot_alone_needs_no_style_of_a_page_and_as_outlines_no_font() {
    let killed = report((0..100).map(|second| sample(second, UNIT)).chain([kill(100)]));
    let svg = killed.svg(Lettering::Text).unwrap();
    assert!(svg.starts_with("<svg xmlns=") && !svg.contains("var("), "{svg}");
    let outlines = killed.svg(Lettering::Outlines).unwrap();
    let count = |svg: &str, what: &str| svg.matches(what).count();
    assert_eq!(count(&outlines, "<text"), 0);
    assert_eq!(
        count(&outlines, "<path") - count(&svg, "<path"),
        count(&svg, "<text"),
        "all of its words"
    );
    assert!(report([kill(1)]).svg(Lettering::Text).is_none(), "nothing to plot");
}
