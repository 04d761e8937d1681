//! Whether systemd-oomd asks before it kills, and whether an oomtrace is there to answer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::{Finding, State, not, ok};

const NAME: &str = "pre-kill hook";

/// The first version of systemd whose systemd-oomd has it.
const SINCE: u32 = 260;

const SETTING: &str = "PrekillHookTimeoutSec";

/// Where systemd-oomd's configuration lies, the first that has a name before the others (oomd.conf(5)).
const FOLDERS: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// Of a file no more is read than this, in bytes.
const MOST: u64 = 64 << 10;

const LOSS: &str = "of what systemd-oomd kills, the last sample may be as old as --interval, and the processes older";

/// `wait` is the setting's value, where it is set.
pub(super) fn finding(version: &str, wait: Option<&str>, is_heard: bool) -> Finding {
    let is_old = super::is_before(version, SINCE);
    match wait.filter(|wait| !is_none(wait)) {
        _ if is_old => not(
            State::Missing,
            NAME,
            format!("systemd-oomd {version} has none; systemd {SINCE} has"),
            LOSS,
            "",
        ),
        None => not(
            State::Missing,
            NAME,
            format!("off: {SETTING}=0"),
            LOSS,
            &format!(
                "write '[OOM]' and '{SETTING}=2s' into /etc/systemd/oomd.conf.d/oomtrace.conf, then systemctl restart systemd-oomd"
            ),
        ),
        Some(wait) if is_heard => ok(NAME, format!("listening; systemd-oomd waits {wait} at most")),
        Some(wait) => not(
            State::Missing,
            NAME,
            format!("nothing listens ({SETTING}={wait})"),
            LOSS,
            "systemctl start oomtrace",
        ),
    }
}

/// Whether a time span is none: `0`, `0s`, `0min`.
fn is_none(span: &str) -> bool {
    let mut digits = span.chars().filter(char::is_ascii_digit).peekable();
    span.is_empty() || digits.peek().is_some() && digits.all(|digit| digit == '0')
}

/// What systemd-oomd's files below a root say of its wait; `None` where they do not.
pub(super) fn timeout(root: &Path) -> Option<String> {
    let folders = FOLDERS.map(|folder| root.join(folder));
    let main = folders.iter().map(|folder| folder.join("oomd.conf"));
    let main = main.into_iter().find(|path| path.exists());
    // By name; of two with one name the first folder's.
    let mut drop_ins: BTreeMap<_, PathBuf> = BTreeMap::new();
    for folder in folders.iter().rev() {
        let entries = fs::read_dir(folder.join("oomd.conf.d")).into_iter().flatten().flatten();
        let named = entries.map(|entry| (entry.file_name(), entry.path()));
        drop_ins.extend(named.filter(|(_, path)| path.extension().is_some_and(|end| end == "conf")));
    }
    let files = main.into_iter().chain(drop_ins.into_values());
    files.filter_map(|file| value(&text(&file)?)).next_back()
}

fn text(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The last value in a file's `[OOM]` section.
fn value(text: &str) -> Option<String> {
    let mut is_inside = false;
    let mut value = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line == "[OOM]";
        } else if let Some((name, set)) = line.split_once('=')
            && is_inside
            && name.trim() == SETTING
        {
            value = Some(set.trim().to_owned());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_mend() {
        let found = |version: &str, wait: Option<&str>, is_heard| {
            let finding = finding(version, wait, is_heard);
            (finding.state, finding.found, finding.mend.is_some())
        };
        let old = (
            State::Missing,
            "systemd-oomd 257.13-1~deb13u1 has none; systemd 260 has".to_owned(),
            false,
        );
        assert_eq!(found("257.13-1~deb13u1", None, false), old);
        // Whoever listens there is not asked.
        assert_eq!(found("257.13-1~deb13u1", Some("2s"), true), old);
        let off = (State::Missing, "off: PrekillHookTimeoutSec=0".to_owned(), true);
        for wait in [None, Some("0"), Some(""), Some("0s"), Some("0min 0s")] {
            assert_eq!(found("262.1-1", wait, true), off, "{wait:?}");
        }
        assert_eq!(
            found("262.1-1", Some("2s"), false),
            (
                State::Missing,
                "nothing listens (PrekillHookTimeoutSec=2s)".to_owned(),
                true
            )
        );
        for wait in ["2s", "10", "infinity"] {
            let listening = (
                State::Ok,
                format!("listening; systemd-oomd waits {wait} at most"),
                false,
            );
            assert_eq!(found("262~rc1", Some(wait), true), listening);
        }
        assert_eq!(
            found("", Some("2s"), true).0,
            State::Ok,
            "an unknown version may have it"
        );
    }

    #[test]
    fn the_setting_is_read_as_systemd_oomd_does() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let told = || timeout(root.path());
        assert_eq!(told(), None);
        put("usr/lib/systemd/oomd.conf", "[OOM]\nPrekillHookTimeoutSec=1s\n");
        assert_eq!(told().as_deref(), Some("1s"));
        // The administrator's file stands in the place of the distribution's.
        put(
            "etc/systemd/oomd.conf",
            "[OOM]\n#PrekillHookTimeoutSec=9s\n[Other]\nPrekillHookTimeoutSec=8s\n",
        );
        assert_eq!(told(), None);
        put(
            "usr/lib/systemd/oomd.conf.d/50-a.conf",
            "[OOM]\nPrekillHookTimeoutSec = 2s\n",
        );
        put("run/systemd/oomd.conf.d/40-b.conf", "[OOM]\nPrekillHookTimeoutSec=3s\n");
        put("run/systemd/oomd.conf.d/README", "[OOM]\nPrekillHookTimeoutSec=7s\n");
        assert_eq!(told().as_deref(), Some("2s"), "by name, whatever the folder");
        put("etc/systemd/oomd.conf.d/50-a.conf", "");
        assert_eq!(told().as_deref(), Some("3s"), "one of the same name hides the others");
        put(
            "etc/systemd/oomd.conf.d/60-c.conf",
            "[OOM]\nPrekillHookTimeoutSec=4s\nPrekillHookTimeoutSec=5s\n",
        );
        assert_eq!(told().as_deref(), Some("5s"));
    }
}
