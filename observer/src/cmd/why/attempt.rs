//! What to type: the command that changes the limit that was met, or the one that finds out more. Nothing is changed here.

use super::now::Now;
use crate::event::{Class, Kill, Origin, Relation, Subject, owner_name, setting};
use crate::measure::Bytes;
use crate::unit::{UnitPath, unit_cgroup};

/// A limit is suggested in whole steps of this, in bytes.
const STEP: u64 = 1 << 20;

/// Commands after a kill, most useful first.
pub(super) fn after(kill: &Kill, now: Option<&Now>) -> Vec<String> {
    let mut commands = Vec::new();
    commands.extend(start(&kill.subject, now));
    let class = kill
        .before
        .as_ref()
        .and_then(|before| before.trend)
        .map(|trend| trend.class);
    if matches!(class, Some(Class::Leak | Class::Shmem | Class::Kernel)) {
        let which = which(&kill.subject);
        commands.push(format!(
            "oomtrace{which}   # it leaks: a larger limit only delays the next kill; see what grows"
        ));
        return commands;
    }
    match kill.origin {
        Origin::SystemdOomd => commands.extend(edit(&kill.subject, "ManagedOOMPreference=avoid", "[Service]")),
        Origin::Host => commands.push("oomtrace units   # who holds the host's memory".to_owned()),
        _ => commands.extend(raise(kill)),
    }
    commands
}

/// What starts it where it is down.
fn start(subject: &Subject, now: Option<&Now>) -> Option<String> {
    let now = now.filter(|now| !now.is_up())?;
    let (systemctl, unit) = manager(subject)?;
    let reset = format!("{systemctl} reset-failed {unit} && ");
    let reset = if now.is_at_start_limit() { reset } else { String::new() };
    Some(format!("{reset}{systemctl} start {unit}"))
}

/// Twice the limit that was met, on whoever owns it.
fn raise(kill: &Kill) -> Option<String> {
    let limit = kill.limit.as_ref()?;
    let size = twice(limit.bytes?)?;
    if let Some(container) = kill
        .subject
        .container
        .as_ref()
        .filter(|_| limit.relation == Some(Relation::Own))
    {
        if container.pod.is_some() && container.runtime != "podman" {
            return Some(format!(
                "set resources.limits.memory: {size}i for this container in the pod's specification"
            ));
        }
        let name = container
            .name
            .clone()
            .unwrap_or_else(|| container.id.chars().take(12).collect());
        let name = quoted(&name);
        match (container.runtime.as_str(), container.uid, &kill.subject.unit) {
            ("podman", None, Some(unit)) if unit.ends_with(".service") => {
                return Some(format!(
                    "set --memory={size} for podman in {unit} (Quadlet: PodmanArgs=)"
                ));
            }
            (runtime @ ("docker" | "podman"), None, _) => {
                return Some(format!("{runtime} update --memory={size} {name}"));
            }
            ("podman", Some(uid), _) => return Some(format!("podman update --memory={size} {name}   # as uid {uid}")),
            ("lxc", None, _) if limit.cgroup.as_deref().is_some_and(|own| unit_cgroup(own) == own) => {
                return Some(format!(
                    "set lxc.cgroup2.memory.max = {size} in the configuration of {name}"
                ));
            }
            // systemd's own: a unit has the limit.
            ("systemd-nspawn", ..) => {}
            _ => return None,
        }
    }
    let key = setting(&limit.file, limit.unit.as_deref(), limit.cgroup.as_deref());
    if !key.starts_with("Memory") {
        return None; // no unit's: there is no command of systemd's for it
    }
    let name = owner_name(limit.unit.as_deref(), limit.cgroup.as_deref())?;
    let user = limit
        .cgroup
        .as_deref()
        .map(UnitPath::parse)
        .and_then(|path| path.user_unit);
    let user = if user.is_some() { " --user" } else { "" };
    let name = quoted(&name);
    Some(format!(
        "systemctl{user} set-property {name} {key}={size}   # --runtime: until reboot; 'systemctl{user} edit {name}' to see it in a file"
    ))
}

fn edit(subject: &Subject, line: &str, section: &str) -> Option<String> {
    let (systemctl, unit) = manager(subject)?;
    Some(format!("{systemctl} edit {unit}   # {section} {line}"))
}

/// The manager's command, and the unit as a shell takes it.
fn manager(subject: &Subject) -> Option<(&'static str, String)> {
    match (&subject.user_unit, &subject.unit) {
        (Some(unit), _) => Some(("systemctl --user", quoted(unit))),
        (None, Some(unit)) => Some(("systemctl", quoted(unit))),
        (None, None) => None,
    }
}

fn which(subject: &Subject) -> String {
    match subject.name().or(subject.cgroup.path.as_deref()) {
        Some(name) => format!(" -u {}", quoted(name)),
        None => String::new(),
    }
}

fn twice(limit: Bytes) -> Option<String> {
    let size = limit.0.checked_mul(2)?.next_multiple_of(STEP);
    Some(if size % (1 << 30) == 0 {
        format!("{}G", size >> 30)
    } else {
        format!("{}M", size >> 20)
    })
}

/// As one word of a shell: who names a unit does not write commands.
fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(class: &str, limit: &serde_json::Value, subject: &serde_json::Value) -> Kill {
        let kill = serde_json::json!({
            "origin": "memcg_limit", "confidence": "observed", "evidence": [], "limit": limit, "trigger": null,
            "victim": {"pid": 5, "tid": 5, "comm": "a", "cmdline": null, "uid": 0, "oom_score_adj": 0, "total_vm": null,
                "anon": null, "file": null, "shmem": null, "swap": null, "pgtables": null, "started": null},
            "leader_pid": null, "killer": null, "request": null,
            "before": {"samples": [], "forecast": null,
                "trend": {"bytes_per_second": 1.0, "low": 1.0, "high": 1.0, "window_seconds": 60.0, "class": class}},
        });
        let mut kill: Kill = serde_json::from_value(kill).unwrap();
        kill.subject = serde_json::from_value(subject.clone()).unwrap();
        kill
    }

    fn limit(cgroup: &str, relation: &str) -> serde_json::Value {
        serde_json::json!({"cgroup": cgroup, "unit": null, "relation": relation, "file": "memory.max", "bytes": 64 << 20,
            "usage": null, "swap_usage": null})
    }

    fn unit(name: &str) -> serde_json::Value {
        serde_json::json!({"unit": name, "slice": "system.slice", "cgroup": {"id": 7, "path": format!("/system.slice/{name}")}})
    }

    #[test]
    fn the_command_is_for_whoever_owns_the_limit() {
        let told = |class, cgroup, relation| {
            after(&kill(class, &limit(cgroup, relation), &unit("a.service")), None).join("\n")
        };
        assert!(
            told("cache", "/system.slice/a.service", "own")
                .starts_with("systemctl set-property a.service MemoryMax=128M ")
        );
        assert!(
            told("unknown", "/batch.slice", "ancestor")
                .starts_with("systemctl set-property batch.slice MemoryMax=128M ")
        );
        let leak = told("leak", "/system.slice/a.service", "own");
        assert!(
            leak.starts_with("oomtrace -u a.service") && !leak.contains("set-property"),
            "{leak}"
        );
        let manager = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service";
        assert!(told("cache", manager, "own").starts_with("systemctl --user set-property x.service "));
        assert_eq!(
            told("cache", "/system.slice/a.service/inner", "own"),
            "",
            "the unit's setting is another limit"
        );
    }

    #[test]
    fn a_containers_limit_is_raised_where_its_runtime_has_it() {
        let id = "5e".repeat(32);
        let told = |path: &str, limited: &str, container: Option<serde_json::Value>| {
            let mut told = kill("cache", &limit(limited, "own"), &serde_json::json!({}));
            told.subject = UnitPath::parse(path).into_subject(None, path, None);
            if let Some(container) = container {
                told.subject.container = serde_json::from_value(container).unwrap();
            }
            raise(&told).unwrap_or_default()
        };
        let own = |path: &str, container| told(path, path, container);
        let podman = serde_json::json!({"runtime": "podman", "id": id, "name": "shop", "pod": null, "namespace": null});
        assert_eq!(
            own(&format!("/docker/{id}"), None),
            "docker update --memory=128M 5e5e5e5e5e5e"
        );
        let scope = format!("/machine.slice/libpod-{id}.scope");
        assert_eq!(own(&scope, Some(podman.clone())), "podman update --memory=128M shop");
        let users = format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope");
        assert_eq!(
            own(&users, None),
            "podman update --memory=128M 5e5e5e5e5e5e   # as uid 1000"
        );
        let payload = format!("/system.slice/shop.service/libpod-payload-{id}");
        assert_eq!(
            own(&payload, Some(podman)),
            "set --memory=128M for podman in shop.service (Quadlet: PodmanArgs=)"
        );
        let lxc = "/lxc.payload.box";
        assert_eq!(
            own(lxc, None),
            "set lxc.cgroup2.memory.max = 128M in the configuration of box"
        );
        assert_eq!(
            own("/lxc.payload.box/system.slice/a.service", None),
            "",
            "another limit"
        );
        let machine = "/machine.slice/systemd-nspawn@box.service";
        assert!(
            told(&format!("{machine}/payload"), machine, None)
                .starts_with("systemctl set-property systemd-nspawn@box.service MemoryMax=128M ")
        );
    }

    #[test]
    fn what_is_down_is_started_first_and_what_is_up_is_not() {
        let told = kill("cache", &limit("/system.slice/a.service", "own"), &unit("a.service"));
        let first = |properties: &str| {
            let now = Now::parse(&format!("LoadState=loaded\n{properties}\n"));
            after(&told, now.as_ref()).first().cloned().unwrap_or_default()
        };
        assert_eq!(
            first("ActiveState=failed\nResult=oom-kill"),
            "systemctl start a.service"
        );
        assert_eq!(
            first("ActiveState=failed\nResult=start-limit-hit"),
            "systemctl reset-failed a.service && systemctl start a.service"
        );
        assert!(first("ActiveState=active").starts_with("systemctl set-property a.service"));
    }

    #[test]
    fn a_name_is_one_word_whatever_it_holds() {
        assert_eq!(quoted("getty@tty1.service"), "getty@tty1.service");
        assert_eq!(quoted("a\\x2db.service"), "'a\\x2db.service'");
        assert_eq!(quoted("x; rm -rf ~.service"), "'x; rm -rf ~.service'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("-f"), "'-f'");
    }
}
