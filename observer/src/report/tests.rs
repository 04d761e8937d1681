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
fn a_plot_alone_needs_no_style_of_a_page() {
    let svg = report((0..100).map(|second| sample(second, UNIT)).chain([kill(100)]))
        .svg()
        .unwrap();
    assert!(svg.starts_with("<svg xmlns=") && !svg.contains("var("), "{svg}");
    assert!(report([kill(1)]).svg().is_none(), "nothing to plot");
}
