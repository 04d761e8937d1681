//! Where the pressure came from, and who was killed: two statements of a kill, for they need not be about the same process.

use super::name;
use crate::event::{Ancestor, Grower, Kill, ancestry};
use crate::human::{bytes, duration};
use crate::measure::Bytes;
use crate::unit::is_same_unit;
use crate::verdict::holds;

/// Ancestors that are shown.
const CHAIN: usize = 4;

/// Growers beside the first that are shown.
const OTHERS: usize = 2;

/// The lines of a kill's paragraph, where it is known what grew.
pub(super) fn lines(kill: &Kill) -> Vec<(&'static str, String)> {
    let Some(first) = kill.growers.first() else {
        return Vec::new();
    };
    let others = kill.growers.iter().skip(1).take(OTHERS);
    let others: Vec<String> = others
        .map(|grower| format!("{} by {}", whose(grower, kill), bytes(grower.grown)))
        .collect();
    let then = if others.is_empty() {
        String::new()
    } else {
        format!("; then {}", others.join(", "))
    };
    let grew = ("grew", format!("{}{then}", statement(first, kill)));
    [grew].into_iter().chain(killed(first, kill)).collect()
}

/// `python3[51] of noisy.service by 180.0M to 192.0M in 42s, 97% of its unit's growth; started by bash[40] ← bash[39]`
fn statement(grower: &Grower, kill: &Kill) -> String {
    let mut text = format!(
        "{} by {} to {} in {}",
        whose(grower, kill),
        bytes(grower.grown),
        bytes(grower.held),
        duration(grower.seconds)
    );
    if let Some(share) = grower.share {
        text += &format!(", {:.0}% of its unit's growth", share * 100.0);
    }
    if grower.pid.is_none() {
        text += ", and none of its processes by as much: files in memory, or kernel memory";
    }
    if let Some(children) = grower.children {
        text += &format!("; {} of them run", children.running);
        if children.ended > 0 {
            text += &format!(", {} ended that held {}", children.ended, bytes(children.ended_held));
        }
    }
    if let Some(chain) = chain(&grower.ancestors) {
        text += &format!("; started by {chain}");
    }
    text
}

/// `bash[40] ← bash[39]`
fn chain(ancestors: &[Ancestor]) -> Option<String> {
    let shown = ancestors.iter().take(CHAIN);
    let shown: Vec<String> = shown
        .map(|ancestor| format!("{}[{}]", ancestor.comm, ancestor.pid))
        .collect();
    let more = if ancestors.len() > CHAIN { " ← …" } else { "" };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(" ← ")))
}

/// What grew, with its unit where that is not the one that was hit.
fn whose(grower: &Grower, kill: &Kill) -> String {
    let process = grower.pid.map(|pid| {
        let comm = grower.comm.as_deref().unwrap_or("a process");
        let children = if grower.children.is_some() {
            "the children of "
        } else {
            ""
        };
        format!("{children}{comm}[{pid}]")
    });
    let unit = grower.unit.as_deref().unwrap_or(&grower.cgroup);
    match process {
        None => unit.to_owned(),
        Some(process) if is_own(grower, kill) => process,
        Some(process) => format!("{process} of {unit}"),
    }
}

fn is_own(grower: &Grower, kill: &Kill) -> bool {
    let path = kill.subject.cgroup.path.as_deref();
    path.is_some_and(|path| is_same_unit(&grower.cgroup, path) || holds(&grower.cgroup, path))
}

/// Who was killed, where that is not what grew most.
fn killed(grower: &Grower, kill: &Kill) -> Option<(&'static str, String)> {
    let victim = kill.victim.as_ref()?;
    let process = format!("{}[{}]", victim.comm, victim.pid);
    let text = match (grower.pid, is_own(grower, kill)) {
        (Some(pid), _) if pid == victim.pid => return None,
        (None, true) => return None,
        (Some(_), true) => format!("{process}, another process of the same unit{}", own_growth(kill)),
        (_, false) => {
            let path = kill.subject.cgroup.path.as_deref().unwrap_or_default();
            let shared = ancestry(path).skip(1).find(|above| holds(above, &grower.cgroup));
            let shared = shared.and_then(|above| above.rsplit('/').next());
            let beside = shared.map_or_else(|| "another unit".to_owned(), |slice| format!("another unit in {slice}"));
            format!("{process} of {}, {beside}{}", name(&kill.subject), own_growth(kill))
        }
    };
    Some(("killed", text))
}

/// How much the victim itself grew.
fn own_growth(kill: &Kill) -> String {
    let of_victim = |pid| kill.tasks.iter().find(|task| task.pid == pid);
    let task = kill.victim.as_ref().and_then(|victim| of_victim(victim.pid));
    match task.and_then(|task| task.grown) {
        None => String::new(),
        Some(grown) if grown.unsigned_abs() < 1 << 20 => ", which did not grow".to_owned(),
        Some(grown) if grown > 0 => format!(", which grew by {}", bytes(Bytes(grown.unsigned_abs()))),
        Some(_) => ", which shrank".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Children, Event, Line};
    use crate::measure::Tgid;

    fn kill(path: &str, victim: u32, growers: Vec<Grower>) -> Kill {
        let unit = path.rsplit('/').next().unwrap();
        let text = format!(
            r#"{{"event":"kill","unit":"{unit}","cgroup":{{"id":1,"path":"{path}"}},"origin":"systemd_oomd","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":{{"pid":{victim},"tid":1,"comm":"sleep","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":null,"anon":null,"file":null,"shmem":null,"swap":null,"pgtables":null,"started":null}},"leader_pid":null,"killer":null,"request":null,"before":null,"ts":"2026-11-24T14:08:20Z"}}"#
        );
        let Event::Kill(kill) = Line::from_json(text.as_bytes()).unwrap().event else {
            panic!()
        };
        Kill { growers, ..*kill }
    }

    fn grower(pid: Option<u32>, cgroup: &str) -> Grower {
        let ancestor = |pid| Ancestor {
            pid: Tgid(pid),
            comm: "bash".to_owned(),
        };
        Grower {
            pid: pid.map(Tgid),
            comm: pid.map(|_| "python3".to_owned()),
            unit: cgroup.rsplit('/').next().map(str::to_owned),
            cgroup: cgroup.to_owned(),
            ancestors: vec![ancestor(40), ancestor(39)],
            held: Bytes(192 << 20),
            grown: Bytes(180 << 20),
            grown_at_trough: Bytes(180 << 20),
            seconds: 42.0,
            share: Some(0.97),
            children: None,
        }
    }

    fn said(kill: &Kill) -> Vec<String> {
        lines(kill)
            .into_iter()
            .map(|(label, text)| format!("{label}: {text}"))
            .collect()
    }

    #[test]
    fn who_grew_and_who_was_killed_are_two_statements_where_they_differ() {
        let (noisy, quiet) = ("/shared.slice/noisy.service", "/shared.slice/quiet.service");
        let chain = "started by bash[40] ← bash[39]";
        let grew = "by 180.0M to 192.0M in 42s, 97% of its unit's growth";
        assert_eq!(
            said(&kill(noisy, 51, vec![grower(Some(51), noisy)])),
            [format!("grew: python3[51] {grew}; {chain}")]
        );
        assert_eq!(
            said(&kill(noisy, 60, vec![grower(Some(51), noisy)])),
            [
                format!("grew: python3[51] {grew}; {chain}"),
                "killed: sleep[60], another process of the same unit".to_owned()
            ]
        );
        assert_eq!(
            said(&kill(quiet, 60, vec![grower(Some(51), noisy), grower(Some(52), quiet)])),
            [
                format!("grew: python3[51] of noisy.service {grew}; {chain}; then python3[52] by 180.0M"),
                "killed: sleep[60] of quiet.service, another unit in shared.slice".to_owned()
            ]
        );
        assert!(said(&kill(quiet, 60, Vec::new())).is_empty());
    }

    #[test]
    fn children_and_what_is_no_processs_are_named_for_what_they_are() {
        let path = "/a.slice/build.scope";
        let children = Some(Children {
            running: 212,
            ended: 1804,
            ended_held: Bytes(3 << 30),
        });
        let family = Grower {
            children,
            ancestors: Vec::new(),
            share: None,
            ..grower(Some(12), path)
        };
        assert_eq!(
            said(&kill(path, 12, vec![family])),
            [
                "grew: the children of python3[12] by 180.0M to 192.0M in 42s; 212 of them run, 1804 ended that held 3.0G"
            ]
        );
        let files = Grower {
            share: None,
            ancestors: Vec::new(),
            ..grower(None, path)
        };
        assert_eq!(
            said(&kill(path, 12, vec![files])),
            [
                "grew: build.scope by 180.0M to 192.0M in 42s, and none of its processes by as much: files in memory, or kernel memory"
            ]
        );
    }
}
