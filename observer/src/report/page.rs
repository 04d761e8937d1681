//! The page: what happened, the units in a table, then each unit with its plot, its kills and its warnings.

use std::fmt::Write as _;

use super::markup::{Markup, markup, put};
use super::past::{Held, Past};
use super::words::{Words, size};
use super::{Report, UNITS as ROWS, figures, palette, plot};
use crate::event::{Kill, Relation, Unit, UnitState};
use crate::human::{bytes, duration};
use crate::measure::Timestamp;
use crate::unit::ends::explain;
use crate::words::{counted, limit_owner, name, paragraph, standstill, warning};

/// Units with a plot, the first in the page's order (`Past::rank`). More would make the page large.
const PLOTS: usize = 40;

/// Kills at the top of the page, and told in full of a unit.
const MAX_TOP: usize = 12;
const MAX_KILLS: usize = 12;

/// Times without a recorder that are told.
const MAX_GAPS: usize = 4;

/// Warnings and the like that are told of a unit.
const MAX_TOLD: usize = 40;

pub(super) fn page(report: &Report) -> String {
    let order = report.in_order();
    let mut out = Markup::default();
    head(report, &order, &mut out);
    put!(out, "<main>\n");
    happened(report, &order, &mut out);
    table(report, &order, &mut out);
    for past in order.iter().take(PLOTS) {
        unit(report, past, &mut out);
    }
    if order.len() > PLOTS {
        let more = order.len() - PLOTS;
        put!(
            out,
            "<p class=\"quiet\">{} more units have no plot: choose some with -u.</p>\n",
            more
        );
    }
    put!(
        out,
        "</main>\n<footer><p>Made by oomtrace {} from its recordings.</p></footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out.into_text()
}

/// A number of things.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn time(words: &Words, ts: Timestamp) -> Markup {
    markup!("<time datetime=\"{}\">{}</time>", words.exact(ts), words.date(ts))
}

fn head(report: &Report, order: &[&Past], out: &mut Markup) {
    let words = &report.words;
    let hosts: Vec<&str> = report
        .hosts
        .keys()
        .map(String::as_str)
        .filter(|host| !host.is_empty())
        .collect();
    let title = match hosts.as_slice() {
        [] => "Memory of a host".to_owned(),
        [host] => format!("Memory of {host}"),
        [first, ..] => format!(
            "Memory of {first} and {}",
            count(hosts.len() - 1, "other host", "other hosts")
        ),
    };
    let begins = order.iter().filter_map(|past| past.begins()).min();
    let ends = order.iter().filter_map(|past| past.ends()).max();
    let span = begins.zip(ends).map(|(begins, ends)| {
        markup!(
            "From {} to {}, {}. Times are {}. ",
            time(words, begins),
            time(words, ends),
            duration(ends.seconds_since(begins)),
            words.zone(begins)
        )
    });
    let mut systems: Vec<String> = report.hosts.values().filter_map(|host| host.system.clone()).collect();
    systems.dedup();
    let system = systems
        .first()
        .filter(|_| systems.len() == 1)
        .map(|system| format!("{system}."));
    let kills: usize = order.iter().map(|past| past.kills.total).sum();
    let warned = order.iter().filter(|past| past.raised().next().is_some()).count();
    put!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n<p class=\"lead\">{}, {}, {} seen.{}</p>\n<p>{}{}</p>\n",
        title,
        Markup::style(&palette::page()),
        title,
        match kills {
            0 => "No OOM kill recorded".to_owned(),
            kills => count(kills, "process was OOM-killed", "processes were OOM-killed"),
        },
        match warned {
            0 => "no warning recorded".to_owned(),
            warned => format!("{} warned of", count(warned, "unit", "units")),
        },
        count(order.len(), "unit", "units"),
        report
            .has_samples_alone()
            .then(|| markup!(" The recording holds samples only: no kill and no warning could be in it.")),
        span,
        system
    );
    missing(report, out);
    put!(out, "</header>\n");
}

/// What was not recorded.
fn missing(report: &Report, out: &mut Markup) {
    let gaps: Vec<_> = report.hosts.values().flat_map(|host| &host.gaps).collect();
    let lost = report
        .hosts
        .values()
        .fold(0, |lost: u64, host| lost.saturating_add(host.missing));
    let mut told: Vec<Markup> = gaps
        .iter()
        .take(MAX_GAPS)
        .map(|(from, to)| {
            markup!(
                "from {} to {} nothing",
                time(&report.words, *from),
                time(&report.words, *to)
            )
        })
        .collect();
    if gaps.len() > MAX_GAPS {
        let more = gaps.len() - MAX_GAPS;
        told.push(markup!("and {}", count(more, "more gap", "more gaps")));
    }
    if lost > 0 {
        told.push(markup!("{} missing in between", counted(lost, "line")));
    }
    if !told.is_empty() {
        put!(
            out,
            "<p>Not everything was recorded: {}.</p>\n",
            Markup::joined(&told, "; ")
        );
    }
}

/// The kills of all units, as the first thing that is asked for.
fn happened(report: &Report, order: &[&Past], out: &mut Markup) {
    let told = order
        .iter()
        .flat_map(|past| past.kills.kept.iter().map(move |(ts, kill)| (*ts, *past, kill)));
    let mut kills: Vec<(Timestamp, &Past, &Kill)> = told.map(|(ts, past, kill)| (ts, past, kill.as_ref())).collect();
    if kills.is_empty() {
        return;
    }
    kills.sort_by_key(|(ts, ..)| *ts);
    put!(
        out,
        "<section aria-labelledby=\"what\">\n<h2 id=\"what\">What happened</h2>\n<ol class=\"what\">\n"
    );
    for (ts, past, kill) in kills.iter().take(MAX_TOP) {
        let (head, _) = paragraph(kill, *ts);
        put!(
            out,
            "<li>{} <a href=\"#{}\">{}</a></li>\n",
            time(&report.words, *ts),
            anchor(past),
            head
        );
    }
    put!(out, "</ol>\n");
    let total: usize = order.iter().map(|past| past.kills.total).sum();
    let told = kills.len().min(MAX_TOP);
    if total > told {
        put!(out, "<p class=\"quiet\">And {} more.</p>\n", total - told);
    }
    put!(out, "</section>\n");
}

fn table(report: &Report, order: &[&Past], out: &mut Markup) {
    let several = report.hosts.len() > 1;
    put!(
        out,
        "<section aria-labelledby=\"units\">\n<h2 id=\"units\">Units</h2>\n<div class=\"wide\" role=\"region\" aria-labelledby=\"units\" tabindex=\"0\"><table>\n<caption>The limit shown is the one with the least headroom.</caption>\n<thead><tr><th scope=\"col\" class=\"left\">Unit</th>"
    );
    if several {
        put!(out, "<th scope=\"col\" class=\"left\">Host</th>");
    }
    put!(
        out,
        "<th scope=\"col\">Kills</th><th scope=\"col\">Warned</th><th scope=\"col\">Throttled</th><th scope=\"col\">Peak</th><th scope=\"col\">Last</th><th scope=\"col\">Limit</th><th scope=\"col\" class=\"left\">Limit set by</th><th scope=\"col\">Min headroom</th></tr></thead>\n<tbody>\n"
    );
    for (place, past) in order.iter().take(ROWS).enumerate() {
        let name = if place < PLOTS {
            markup!("<a href=\"#{}\">{}</a>", anchor(past), label(report, past))
        } else {
            label(report, past)
        };
        let host = several.then(|| markup!("<td class=\"left\">{}</td>", past.host));
        let held = past.nearest();
        let last = past
            .points
            .last()
            .map_or_else(|| "?".to_owned(), |point| size(point.current));
        let cell = |number: usize, class: &str| {
            if number == 0 {
                markup!("<td>–</td>")
            } else {
                markup!("<td class=\"{}\">{}</td>", class, number)
            }
        };
        put!(
            out,
            "<tr><th scope=\"row\" class=\"left\">{}</th>{}{}{}{}<td>{}</td><td>{}</td><td>{}</td><td class=\"left\">{}</td><td>{}</td></tr>\n",
            name,
            host,
            cell(past.kills.total, "bad"),
            cell(past.raised().count(), "warned"),
            cell(past.throttles.total.div_ceil(2), "warned"),
            size(past.peak()),
            last,
            held.map_or_else(|| "none".to_owned(), |held| bytes(held.bytes)),
            held.map_or_else(String::new, |held| {
                limit_owner(held.relation, held.unit.as_deref(), &held.cgroup)
            }),
            held.map_or_else(String::new, |held| size(held.least_room))
        );
    }
    put!(out, "</tbody>\n</table></div>\n");
    if report.is_short {
        put!(
            out,
            "<p class=\"quiet\">There are more than this report can hold: units that were not killed, and had more headroom, are left out. Choose some with -u.</p>\n"
        );
    } else if order.len() > ROWS {
        put!(out, "<p class=\"quiet\">And {} more.</p>\n", order.len() - ROWS);
    }
    put!(out, "</section>\n");
}

/// A unit's name, and its cgroup where another one has the same name.
fn label(report: &Report, past: &Past) -> Markup {
    match past.path.as_ref().filter(|_| report.has_a_namesake(past)) {
        Some(path) => markup!("{} <small>{}</small>", past.name, path),
        None => markup!("{}", past.name),
    }
}

/// A name for a link: the bytes of what nobody else is called.
fn anchor(past: &Past) -> String {
    let mut anchor = "u".to_owned();
    let own = past.path.as_ref().unwrap_or(&past.name);
    for byte in past.host.bytes().chain([b'/']).chain(own.bytes()) {
        let _ = write!(anchor, "{byte:02x}");
    }
    anchor
}

fn unit(report: &Report, past: &Past, out: &mut Markup) {
    let id = anchor(past);
    let host = (report.hosts.len() > 1).then(|| markup!(" <small>on {}</small>", past.host));
    put!(
        out,
        "<section id=\"{}\" aria-labelledby=\"{}-h\">\n<h2 id=\"{}-h\">{}{}</h2>\n<p>{}</p>\n",
        id,
        id,
        id,
        label(report, past),
        host,
        summary(past)
    );
    match plot::within(past, report.gaps(&past.host), &report.words, &id) {
        Some(svg) => {
            put!(
                out,
                "<figure>\n<div class=\"wide\" role=\"region\" aria-label=\"Plot of {}\" tabindex=\"0\">{}</div>\n",
                past.name,
                svg
            );
            legend(past, out);
            put!(out, "</figure>\n");
            figures::table(past, &report.words, out);
        }
        None => put!(out, "<p class=\"quiet\">No samples recorded.</p>\n"),
    }
    kills(report, past, out);
    told(report, past, out);
    put!(out, "</section>\n");
}

/// A unit in a sentence or two.
fn summary(past: &Past) -> String {
    let mut text = format!("Peaked at {}", size(past.peak()));
    if let Some(held) = past.nearest() {
        let limit = held.words();
        let _ = write!(text, "; at least {} of headroom below {limit}", size(held.least_room));
    }
    text.push('.');
    let first = past.kills.kept.first();
    if let Some((killed, _)) = first {
        let warned = past.raised().map(|(ts, _)| *ts).find(|ts| ts <= killed);
        let warned = warned.map_or_else(
            || "without a warning".to_owned(),
            |ts| format!("first warning {} earlier", duration(killed.seconds_since(ts))),
        );
        let times = if past.kills.total > 1 {
            format!(", {} times in all", past.kills.total)
        } else {
            String::new()
        };
        let _ = write!(text, " OOM-killed{times}, {warned}.");
    }
    text
}

fn legend(past: &Past, out: &mut Markup) {
    // As points::PARTS has them.
    const PARTS: [(&str, &str); 5] = [
        ("anon", "anonymous memory"),
        ("shmem", "shared memory and tmpfs"),
        ("kernel", "kernel memory"),
        ("other", "other"),
        ("cache", "page cache (reclaimable)"),
    ];
    put!(out, "<figcaption>");
    let mut key = |class: &str, words: &str| {
        put!(out, "<span><i class=\"key {}\"></i>{}</span>", class, words);
    };
    for ((class, words), part) in PARTS.into_iter().zip(past.points.sums()) {
        if part > 0.0 {
            key(class, words);
        }
    }
    if past.limits.iter().any(|held| held.relation == Relation::Own) {
        key("ceiling", "own limit");
    }
    if past.limits.iter().any(|held| held.relation != Relation::Own) {
        key("ceiling above", "effective limit from above");
    }
    if past.warnings.total > 0 {
        key("fan", "▲ warning, and the forecast as it stood then");
    }
    if past.throttles.total > 0 {
        key("throttled", "throttled to a halt");
    }
    if past.kills.total > 0 {
        key("ceiling", "✖ kill");
    }
    let far: Vec<String> = past.limits.iter().map(Held::words).collect();
    if !far.is_empty() {
        put!(out, "<br>Limits: {}.", far.join("; "));
    }
    put!(out, "</figcaption>\n");
}

fn kills(report: &Report, past: &Past, out: &mut Markup) {
    for (ts, kill) in past.kills.kept.iter().take(MAX_KILLS) {
        let (head, mut lines) = paragraph(kill, *ts);
        lines.extend(past.code_of(*ts).map(|code| ("code", code.to_owned())));
        put!(
            out,
            "<article class=\"kill\">\n<h3><span aria-hidden=\"true\">✖</span> Killed on {}</h3>\n<p>{}</p>\n<dl>\n",
            time(&report.words, *ts),
            head
        );
        for (label, text) in lines {
            let (label, class) = if label == "→" {
                ("advice", markup!(" class=\"advice\""))
            } else {
                (label, Markup::default())
            };
            put!(out, "<div{}><dt>{}</dt><dd>{}</dd></div>\n", class, label, text);
        }
        put!(out, "</dl>\n</article>\n");
    }
    let told = past.kills.kept.len().min(MAX_KILLS);
    if past.kills.total > told {
        put!(
            out,
            "<p class=\"quiet\">And {} more kills.</p>\n",
            past.kills.total - told
        );
    }
}

/// Warnings, standstills and ends, in the order of time.
fn told(report: &Report, past: &Past, out: &mut Markup) {
    let warnings = past
        .warnings
        .kept
        .iter()
        .map(|(ts, change)| (*ts, "▲", warning(change)));
    let standstills = past
        .throttles
        .kept
        .iter()
        .map(|(ts, throttle)| (*ts, "≋", standstill(throttle)));
    let ends = past.ends.kept.iter().map(|(ts, unit)| (*ts, "●", end(unit)));
    let mut lines: Vec<(Timestamp, &str, String)> = warnings.chain(standstills).chain(ends).collect();
    if lines.is_empty() {
        return;
    }
    lines.sort_by_key(|(ts, ..)| *ts);
    put!(out, "<h3>Events</h3>\n<ul class=\"told\">\n");
    for (ts, mark, text) in lines.iter().take(MAX_TOLD) {
        put!(
            out,
            "<li>{} <span aria-hidden=\"true\">{}</span> {}</li>\n",
            time(&report.words, *ts),
            mark,
            text
        );
    }
    put!(out, "</ul>\n");
    let total = past.warnings.total + past.throttles.total + past.ends.total;
    let told = lines.len().min(MAX_TOLD);
    if total > told {
        put!(out, "<p class=\"quiet\">And {} more.</p>\n", total - told);
    }
}

/// A start or an end in a sentence.
fn end(unit: &Unit) -> String {
    let name = name(&unit.subject);
    match unit.state {
        UnitState::Waiting => format!("{name} is waited for"),
        UnitState::Running => format!("{name} was running"),
        UnitState::Started => format!("{name} started"),
        UnitState::Stopped => format!("{name} stopped"),
        UnitState::Failed => {
            let result = unit.result.as_deref().unwrap_or("unknown");
            format!(
                "{name} failed (Result={result}): {}",
                explain(result, unit.exit.as_deref())
            )
        }
    }
}
