//! A kill, told to a person. The first words say what, who and which limit.

use super::{
    bursty, called, class_name, growers, held as held_words, kernel, known_name, limit as limit_words, name, pace,
};
use crate::event::{
    Ceiling, CeilingSource, Class, Confidence, Container, Kill, KillLimit, Origin, Relation, ShortageKind, Subject,
    Trigger, Victim,
};
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Timestamp};
use crate::unit::{UnitPath, is_same_unit};

/// Characters of a command line that are shown.
const COMMAND: usize = 160;

/// Characters of a container's id that are shown, as the runtimes do.
const ID_SHOWN: usize = 12;

fn size(size: Option<Bytes>) -> String {
    size.map_or_else(|| "?".to_owned(), bytes)
}

fn limit_name(limit: &KillLimit) -> String {
    let (unit, cgroup) = (limit.unit.as_deref(), limit.cgroup.as_deref());
    limit_words(limit.relation, unit, cgroup, &limit.file, &size(limit.bytes))
}

/// By whom, and why: `by the kernel`, `its own MemoryMax=64.0M was reached`.
fn cause_parts(kill: &Kill) -> (String, Option<String>) {
    let reached = kill
        .limit
        .as_ref()
        .map(|limit| format!("{} was reached", limit_name(limit)));
    let kernel = |why: String| ("by the kernel".to_owned(), Some(why));
    let leader = || kill.leader_pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
    match kill.origin {
        Origin::MemcgLimit => kernel(format!(
            "{}{}",
            reached.unwrap_or_else(|| "a memory cgroup's limit was reached".into()),
            own_limit(kill).unwrap_or_default()
        )),
        Origin::Host => kernel(lacking(kill).to_owned()),
        Origin::PageFault => kernel("a page fault failed, although no memory was short".to_owned()),
        Origin::Cpuset => kernel(format!("{} full", nodes(kill, "the trigger's cpuset"))),
        Origin::Mempolicy => kernel(format!("{} full", nodes(kill, "a memory policy"))),
        Origin::Sysrq => kernel("someone pressed the magic SysRq key".to_owned()),
        Origin::LimitLowered => {
            let limit = kill.limit.as_ref().map_or_else(|| "a limit".to_owned(), limit_name);
            kernel(format!("{limit} was set below what was in use"))
        }
        Origin::OomGroup => (
            format!("by the kernel together with pid {} (memory.oom.group)", leader()),
            Some(reached.unwrap_or_else(|| "a limit was reached".into())),
        ),
        Origin::SharedMm => kernel("it shared the memory of the process that was chosen".to_owned()),
        Origin::SystemdOomd => {
            let reason = kill.killer.as_ref().and_then(|killer| {
                let named = || killer.reason.as_deref().map(|reason| reason.replace('-', " "));
                killer.words.clone().or_else(named)
            });
            ("by systemd-oomd".to_owned(), reason)
        }
        Origin::CgroupKill => (format!("by {} through cgroup.kill", killer(kill)), None),
        Origin::UnitOomPolicy => (
            "by systemd (OOMPolicy=)".to_owned(),
            Some(format!("the kernel had killed pid {} of the same unit", leader())),
        ),
        Origin::Userspace => {
            let words = kill.killer.as_ref().and_then(|killer| killer.words.clone());
            (format!("for memory by {}", killer(kill)), words)
        }
        Origin::Unknown => {
            let why = match kill.in_memcg {
                Some(false) => "the kernel names no cgroup's limit; probably the whole host was out of memory",
                _ => "whose limit was reached is unknown",
            };
            ("by the kernel's OOM killer".to_owned(), Some(why.to_owned()))
        }
    }
}

/// What is inferred is said to be.
fn probably(kill: &Kill) -> &'static str {
    match kill.confidence {
        Confidence::Inferred if kill.origin != Origin::Unknown => "probably ",
        _ => "",
    }
}

/// By whom, when and why in one.
fn by(kill: &Kill, when: &str) -> String {
    let (by, why) = cause_parts(kill);
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{by}{when}{why}")
}

/// By whom and why in one: `by the kernel: its own MemoryMax=64.0M was reached`.
pub fn cause(kill: &Kill) -> String {
    format!("{}{}", probably(kill), by(kill, ""))
}

/// What happened in a sentence without its end: `python3[425] was killed by the kernel on Sat …: its own MemoryMax=64.0M was
/// reached`. `when` has its own space in front.
pub fn killed(who: &str, kill: &Kill, when: &str) -> String {
    format!("{who} was {}killed {}", probably(kill), by(kill, when))
}

/// A sentence for an alert: `shop-api.service: python3[425] was killed by the kernel: its own MemoryMax=64.0M was reached.`
/// Of a container with a name it is the pod or the container that is named, as `kubectl` and `docker` do.
pub fn message(kill: &Kill) -> String {
    let subject = &kill.subject;
    let told = killed(&kill.who(), kill, "");
    let container = subject.container.as_ref();
    let container = container.and_then(|container| container.pod_in_full().or_else(|| container.name.clone()));
    match container.as_deref().or_else(|| known_name(subject)) {
        Some(whose) => format!("{whose}: {told}."),
        None => format!("{told}."),
    }
}

/// What the machine lacked.
fn lacking(kill: &Kill) -> &'static str {
    let pieces = kill.request.as_ref().is_some_and(|request| request.order > 0);
    match kill.shortage.as_ref().map(|shortage| shortage.kind) {
        None if pieces => "a contiguous piece of memory could not be had",
        None | Some(ShortageKind::Machine) => "the whole host was out of memory",
        Some(ShortageKind::Zone) => "the memory zones that the request could use were full, others were not",
        Some(ShortageKind::Node) => "the memory nodes that the request could use were full, others were not",
        Some(ShortageKind::Order) => "memory was free, but no contiguous piece was large enough",
        Some(ShortageKind::None) => "an allocation failed, although no memory was short",
    }
}

/// Which limit, for a row of a list; where none was reached, who or what killed.
pub fn limit_brief(kill: &Kill) -> String {
    match (kill.origin, &kill.limit) {
        (Origin::SystemdOomd, _) => "by systemd-oomd".to_owned(),
        (Origin::CgroupKill | Origin::Userspace, _) => format!("by {}", killer(kill)),
        (Origin::UnitOomPolicy, _) => "by systemd (OOMPolicy=)".to_owned(),
        (_, Some(limit)) => limit_name(limit),
        (Origin::Host | Origin::PageFault, None) => lacking(kill).to_owned(),
        (_, None) => "an unknown limit".to_owned(),
    }
}

/// `the memory nodes of the trigger's cpuset (AllowedMemoryNodes= of a.service, 495.0M) were`.
fn nodes(kill: &Kill, whose: &str) -> String {
    let limit = kill.limit.as_ref();
    let owner = limit
        .and_then(|limit| limit.unit.as_deref())
        .map(|unit| format!("AllowedMemoryNodes= of {unit}"));
    let size = limit.and_then(|limit| limit.bytes).map(bytes);
    let told: Vec<String> = owner.into_iter().chain(size).collect();
    if told.is_empty() {
        return format!("the memory nodes of {whose} were");
    }
    format!("the memory nodes of {whose} ({}) were", told.join(", "))
}

/// `/system.slice memory.max 64.0M, used 64.0M, swap 31.9M of 32.0M`; what is not known is left out.
fn limit_line(limit: &KillLimit) -> String {
    let mut words = vec![
        limit.cgroup.clone().unwrap_or_default(),
        limit.file.clone(),
        size(limit.bytes),
    ];
    words.retain(|word| !word.is_empty());
    let used = limit.usage.map(|usage| format!(", used {}", bytes(usage)));
    let swap = limit.swap_usage.map(|usage| {
        let of = limit
            .swap_max
            .filter(|max| max.0 > 0)
            .map(|max| format!(" of {}", bytes(max)));
        format!(", swap {}{}", bytes(usage), of.unwrap_or_default())
    });
    format!(
        "{}{}{}",
        words.join(" "),
        used.unwrap_or_default(),
        swap.unwrap_or_default()
    )
}

/// `1.2G 61%`: of the limit, where one ran out.
fn held(current: Bytes, limit: Option<&KillLimit>) -> String {
    let whole = limit.and_then(|limit| limit.bytes).filter(|whole| whole.0 > 0);
    let share = whole.map(|whole| format!(" {:.0}%", current.as_f64() / whole.as_f64() * 100.0));
    format!("{}{}", bytes(current), share.unwrap_or_default())
}

/// What an ancestor's limit has to do with a unit: it has none of its own, or one that it did not reach.
fn own_limit(kill: &Kill) -> Option<String> {
    let limit = kill.limit.as_ref()?;
    if limit.relation != Some(Relation::Ancestor) {
        return None;
    }
    let last = kill.last_sample()?;
    let subject = name(&kill.subject);
    Some(match last.memory.max {
        None => format!(" ({subject} itself has none)"),
        Some(max) => format!(" ({subject}'s own {} was not)", bytes(max)),
    })
}

/// `earlyoom[221] of early.service`.
fn killer(kill: &Kill) -> String {
    let Some(killer) = &kill.killer else {
        return "another program".to_owned();
    };
    let comm = killer.comm.as_deref().unwrap_or("a program");
    let pid = killer.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
    let unit = killer
        .unit
        .as_ref()
        .map(|unit| format!(" of {unit}"))
        .unwrap_or_default();
    // A name alone says little: whoever it is calls itself so.
    let uid = killer
        .uid
        .filter(|uid| *uid != 0 && kill.confidence == Confidence::Inferred);
    let uid = uid.map(|uid| format!(", uid {uid}")).unwrap_or_default();
    format!("{comm}{pid}{unit}{uid}")
}

/// `app (containerd 0123456789ab), pod prod/app-7d9f`; a name that is not known is left out, and an id that is the name.
fn container_line(container: &Container) -> String {
    let id: String = container.id.chars().take(ID_SHOWN).collect();
    let runtime = format!("{} {id}", container.runtime);
    let name = match &container.name {
        Some(name) if *name == container.id => format!("{name} ({})", container.runtime),
        Some(name) => format!("{name} ({runtime})"),
        None => runtime,
    };
    let pod = container.pod_in_full().or_else(|| container.pod.clone());
    let pod = pod.map(|pod| format!(", pod {pod}"));
    let uid = container.uid.map(|uid| format!(", of uid {uid}")).unwrap_or_default();
    format!("{name}{}{uid}", pod.unwrap_or_default())
}

/// Where who asked for the memory lives, seen from the victim. By cgroup: what has no unit is no stranger for that.
fn trigger_place(trigger: &Trigger, victim: &Subject) -> String {
    match (&trigger.cgroup, &victim.cgroup.path) {
        (Some(cgroup), Some(path)) if is_same_unit(cgroup, path) => {
            let is_container = victim.container.is_some() || UnitPath::parse(path).container.is_some();
            let place = match (&victim.unit, is_container) {
                (_, true) => "container",
                (Some(_), false) => "unit",
                (None, false) => "cgroup",
            };
            return format!("in the same {place}");
        }
        (None, _) if trigger.unit.is_some() && trigger.unit == victim.unit && victim.user_unit.is_none() => {
            return "in the same unit".to_owned();
        }
        _ => {}
    }
    let unit = trigger.cgroup.as_deref().map(UnitPath::parse);
    match unit.as_ref().and_then(UnitPath::name).or(trigger.unit.as_deref()) {
        Some(unit) => format!("of {unit}"),
        None if trigger.cgroup.is_some() => "of no unit".to_owned(),
        None => "of an unknown unit".to_owned(),
    }
}

/// ` requested 1 page (order 0)`
fn requested(kill: &Kill) -> String {
    if kill.origin == Origin::Sysrq {
        // Nobody needed memory.
        return " handled the key".to_owned();
    }
    match kill.request.as_ref().map(|request| request.order) {
        None => " requested memory".to_owned(),
        Some(0) => " requested 1 page (order 0)".to_owned(),
        Some(order) => format!(
            " requested {} pages (order {order})",
            1_u64.checked_shl(order.unsigned_abs()).unwrap_or(0)
        ),
    }
}

/// Whether the victim asked for the memory itself: a line of its own would name it once more.
fn is_own_request(kill: &Kill) -> bool {
    let (Some(victim), Some(trigger)) = (&kill.victim, &kill.trigger) else {
        return false;
    };
    trigger.pid == Some(victim.pid) && trigger.comm == victim.comm
}

/// `python3[425], anon 63.7M, file 2.4M, shmem 0B, oom_score_adj 0, ran 47s`
fn victim_line(victim: &Victim, at: Timestamp) -> String {
    let ran = victim
        .started
        .map(|started| format!(", ran {}", duration(at.seconds_since(started))))
        .unwrap_or_default();
    let adjust = victim
        .oom_score_adj
        .map(|adj| format!(", oom_score_adj {adj}"))
        .unwrap_or_default();
    let ending = match victim.exiting {
        Some(true) => ", already exiting",
        Some(false) | None => "",
    };
    format!(
        "{}[{}], anon {}, file {}, shmem {}{adjust}{ran}{ending}",
        victim.comm,
        victim.pid,
        size(victim.anon),
        size(victim.file),
        size(victim.shmem)
    )
}

/// `-Xmx 2.0G, from its command line`
fn ceiling_line(ceiling: &Ceiling) -> String {
    let share = ceiling.percent.map(|percent| format!("{percent}%"));
    let told: Vec<String> = share.into_iter().chain(ceiling.bytes.map(bytes)).collect();
    let source = match ceiling.source {
        CeilingSource::Cmdline => "command line",
        CeilingSource::Environment => "environment",
    };
    format!(
        "{} {}, from its {source}",
        ceiling.name,
        told.join(" of what it sees, ")
    )
}

/// The paragraph: its first line without the clock, then the labelled ones.
pub fn paragraph(kill: &Kill, at: Timestamp) -> (String, Vec<(&'static str, String)>) {
    let head = format!("{} of {}, {}", kill.who(), called(&kill.subject), cause(kill));
    let mut lines = Vec::new();
    if let Some(victim) = &kill.victim {
        let itself = is_own_request(kill).then(|| format!("; it{} itself", requested(kill)));
        lines.push(("victim", victim_line(victim, at) + &itself.unwrap_or_default()));
    }
    if let Some(container) = &kill.subject.container {
        lines.push(("container", container_line(container)));
    }
    if let Some(victim) = &kill.victim
        && let Some(cmdline) = victim.cmdline.as_ref().filter(|cmdline| **cmdline != victim.comm)
    {
        let cut: String = cmdline.chars().take(COMMAND).collect();
        let more = if cut.len() < cmdline.len() { "…" } else { "" };
        lines.push(("command", format!("{cut}{more}")));
    }
    if let Some(ceiling) = kill.victim.as_ref().and_then(|victim| victim.ceiling.as_ref()) {
        lines.push(("ceiling", ceiling_line(ceiling)));
    }
    if let Some(trigger) = kill.trigger.as_ref().filter(|_| !is_own_request(kill)) {
        let place = trigger_place(trigger, &kill.subject);
        lines.push(("trigger", format!("{} {place}{}", trigger.who(), requested(kill))));
    }
    if let Some(limit) = &kill.limit {
        lines.push(("limit", limit_line(limit)));
    }
    if let Some(used) = kill.ledger.as_deref().and_then(super::ledger) {
        lines.push(("memory", used));
    }
    if !kill.holders.is_empty() {
        let held: Vec<String> = kill
            .holders
            .iter()
            .map(|holder| format!("{} {}", holder.unit, held(holder.current, kill.limit.as_ref())))
            .collect();
        lines.push(("held by", held.join(" · ")));
    }
    if let (Some(before), Some(last)) = (&kill.before, kill.last_sample()) {
        let memory = &last.memory;
        let class = before.trend.map_or(Class::Unknown, |trend| trend.class);
        let mut parts = vec![
            format!("anon {}", size(memory.anon)),
            format!("file {}", size(memory.file)),
            kernel(memory, class).unwrap_or_else(|| format!("kernel {}", size(None))),
        ];
        if let Some(trend) = before.trend {
            parts.push(format!(
                "{}, {}",
                pace(trend.bytes_per_second, trend.class),
                class_name(trend.class)
            ));
        }
        parts.extend(before.bursty.as_ref().map(bursty));
        if let (Some(forecast), Some(age)) = (&before.forecast, before.forecast_age_seconds)
            // At the very end it says nothing that the kill does not.
            && forecast.seconds + age >= 2.0
        {
            parts.push(format!(
                "forecast {} before: {}",
                duration(age),
                duration(forecast.seconds)
            ));
        }
        lines.push(("before", parts.join(" · ")));
    }
    lines.extend(held_words::lines(kill));
    lines.extend(growers::lines(kill));
    let others: Vec<String> = kill
        .tasks
        .iter()
        .filter(|task| kill.victim.as_ref().is_none_or(|victim| task.pid != victim.pid))
        .take(5)
        .map(|task| format!("{}[{}] {}", task.comm, task.pid, size(task.rss.or(task.anon))))
        .collect();
    if !others.is_empty() {
        lines.push(("others", others.join(" · ")));
    }
    lines.extend(kill.advice.iter().map(|advice| ("→", advice.clone())));
    (head, lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Tgid;

    #[test]
    fn a_container_is_named_as_far_as_it_is_known() {
        let mut container = Container {
            runtime: "containerd".to_owned(),
            id: "0123456789abcdef".repeat(4),
            uid: None,
            name: None,
            pod: None,
            pod_name: None,
            namespace: None,
        };
        assert_eq!(container_line(&container), "containerd 0123456789ab");
        container.pod = Some("0a1b2c3d".to_owned());
        assert_eq!(container_line(&container), "containerd 0123456789ab, pod 0a1b2c3d");
        container.name = Some("app".to_owned());
        container.pod_name = Some("app-7d9f".to_owned());
        container.namespace = Some("prod".to_owned());
        assert_eq!(
            container_line(&container),
            "app (containerd 0123456789ab), pod prod/app-7d9f"
        );
        let machine = UnitPath::parse("/lxc.payload.box").container.unwrap();
        assert_eq!(container_line(&machine), "box (lxc)");
    }

    fn kill(path: &str, unit: Option<&str>, user_unit: Option<&str>, before: &[(&str, Option<&str>, u64)]) -> Kill {
        let samples: Vec<serde_json::Value> = before
            .iter()
            .map(|(cgroup, unit, mib)| {
                serde_json::json!({"ts": "2026-11-24T14:00:00Z", "cgroup": cgroup, "unit": unit,
                    "memory": {"current": mib << 20, "anon": mib << 20, "file": 0, "kernel": 0}})
            })
            .collect();
        let mut kill: Kill = serde_json::from_value(serde_json::json!({
            "origin": "memcg_limit", "confidence": "observed", "evidence": [],
            "limit": {"cgroup": path, "unit": unit, "relation": "own", "file": "memory.max", "bytes": 64 << 20,
                "usage": 64 << 20, "swap_usage": 0},
            "trigger": {"pid": 6, "tid": 6, "comm": "b", "uid": 0, "unit": unit, "cgroup": path},
            "victim": {"pid": 5, "tid": 5, "comm": "a", "cmdline": null, "uid": 0, "oom_score_adj": 0, "total_vm": null,
                "anon": null, "file": null, "shmem": null, "swap": null, "pgtables": null, "started": null},
            "leader_pid": null, "killer": null, "request": null,
            "before": {"samples": samples, "trend": null, "forecast": null},
        }))
        .unwrap();
        let subject = serde_json::json!({"unit": unit, "user_unit": user_unit, "cgroup": {"id": 7, "path": path}});
        kill.subject = serde_json::from_value(subject).unwrap();
        kill
    }

    #[test]
    fn who_asked_for_the_memory_has_a_line_unless_it_was_the_victim() {
        let mut told = kill("/system.slice/a.service", Some("a.service"), None, &[]);
        assert_eq!(line(&told, "trigger"), "b[6] in the same unit requested memory");
        assert!(!line(&told, "victim").contains("requested"));
        let trigger = told.trigger.as_mut().unwrap();
        (trigger.pid, trigger.comm) = (Some(Tgid(5)), "a".to_owned());
        assert_eq!(line(&told, "trigger"), "");
        assert!(line(&told, "victim").ends_with("; it requested memory itself"));
    }

    #[test]
    fn an_alert_has_what_a_person_calls_it_in_front() {
        let path = "/system.slice/docker-3f4e.scope";
        let mut told = kill(path, Some("docker-3f4e.scope"), None, &[]);
        let what = "a[5] was killed by the kernel: its own MemoryMax=64.0M was reached.";
        assert_eq!(message(&told), format!("docker-3f4e.scope: {what}"));
        let mut container = Container {
            runtime: "docker".to_owned(),
            id: "3f4e".to_owned(),
            uid: None,
            name: Some("web".to_owned()),
            pod: None,
            pod_name: None,
            namespace: None,
        };
        told.subject.container = Some(container.clone());
        assert_eq!(message(&told), format!("web: {what}"));
        let head = |told: &Kill| paragraph(told, Timestamp(jiff::Timestamp::UNIX_EPOCH)).0;
        let cause = "by the kernel: its own MemoryMax=64.0M was reached";
        assert_eq!(head(&told), format!("a[5] of web, {cause}"));
        container.pod_name = Some("web-1".to_owned());
        container.namespace = Some("prod".to_owned());
        told.subject.container = Some(container);
        assert_eq!(message(&told), format!("prod/web-1: {what}"));
        assert_eq!(head(&told), format!("a[5] of prod/web-1/web, {cause}"));
        told.subject = Subject::default();
        assert_eq!(message(&told), what);
    }

    fn line(kill: &Kill, label: &str) -> String {
        let (_, lines) = paragraph(kill, Timestamp(jiff::Timestamp::UNIX_EPOCH));
        let line = lines.into_iter().find(|(own, _)| *own == label);
        line.map(|(_, text)| text).unwrap_or_default()
    }

    #[test]
    fn what_was_before_is_the_victims_own_cgroup_and_not_who_has_the_same_name() {
        let pod = "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/".to_owned() + &"5e".repeat(32);
        let told = kill(&pod, None, None, &[(&pod, None, 63), ("/", None, 1000)]);
        assert!(
            line(&told, "before").contains("anon 63.0M"),
            "{}",
            line(&told, "before")
        );
        assert!(line(&told, "trigger").contains("in the same container"));

        let manager = "/user.slice/user-1000.slice/user@1000.service";
        let (name, app) = (
            Some("user@1000.service"),
            format!("{manager}/app.slice/firefox.service"),
        );
        let told = kill(
            &app,
            name,
            Some("firefox.service"),
            &[(&app, name, 39), (manager, name, 136)],
        );
        assert!(
            line(&told, "before").contains("anon 39.0M"),
            "{}",
            line(&told, "before")
        );
        // Another of the same user's units asked: the manager's name is theirs both.
        let mut told = told;
        if let Some(trigger) = &mut told.trigger {
            trigger.cgroup = Some(format!("{manager}/app.slice/other.service"));
        }
        assert!(
            line(&told, "trigger").contains("of other.service"),
            "{}",
            line(&told, "trigger")
        );
        // Its own samples are not there: nothing, and not the host's.
        let told = kill(&pod, None, None, &[("/", None, 1000)]);
        assert_eq!(line(&told, "before"), "");
    }

    #[test]
    fn a_users_slice_is_not_called_by_its_managers_name() {
        let app = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        let unit = format!("{app}/firefox.service");
        let mut told = kill(&unit, Some("user@1000.service"), Some("firefox.service"), &[]);
        if let Some(limit) = &mut told.limit {
            (limit.cgroup, limit.relation) = (Some(app.to_owned()), Some(Relation::Ancestor));
        }
        let said = cause(&told);
        assert!(said.contains("app.slice's MemoryMax=64.0M was reached"), "{said}");
    }
}
