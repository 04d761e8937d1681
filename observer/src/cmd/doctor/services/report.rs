//! Whether systemd-report has oomtrace's metrics.

use std::path::Path;

use super::super::{Finding, State, not, ok};
use crate::sink::report;
use crate::varlink::socket;

const NAME: &str = "systemd-report";

/// The first version of systemd that has it.
const SINCE: u32 = 260;

const LOSS: &str = "kills and warnings are not among what systemd-report shows";

/// `folder` is where systemd-report looks for sockets.
pub(super) fn finding(version: &str, folder: &Path) -> Finding {
    let place = report::place(folder);
    if socket::is_heard(&place) {
        ok(NAME, format!("answered at {}", place.display()))
    } else if super::is_before(version, SINCE) {
        let found = format!("systemd {version} has none; {SINCE} has");
        not(State::Missing, NAME, found, LOSS, "")
    } else if folder.is_dir() {
        let found = format!("nothing listens at {}", place.display());
        let mend =
            "systemctl enable --now oomtrace (one that runs already began before that folder was there: restart it)";
        not(State::Missing, NAME, found, LOSS, mend)
    } else {
        let found = format!("there is no {}", folder.display());
        not(State::Missing, NAME, found, LOSS, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_mend() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("report");
        let found = |version: &str| {
            let finding = finding(version, &folder);
            let found = finding.found.replace(folder.to_str().unwrap(), "FOLDER");
            (finding.state, found, finding.mend.is_some())
        };
        let old = || (State::Missing, "systemd 257.13-1 has none; 260 has".to_owned(), false);
        assert_eq!(found("257.13-1"), old());
        let none = || (State::Missing, "there is no FOLDER".to_owned(), false);
        assert_eq!((found("262.1-1"), found("")), (none(), none()));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(found("257.13-1"), old());
        let silent = || (State::Missing, "nothing listens at FOLDER/io.oomtrace".to_owned(), true);
        assert_eq!(found("262~rc1"), silent());
        let (socket, listener) = report::listen(&folder).unwrap();
        let heard = (State::Ok, "answered at FOLDER/io.oomtrace".to_owned(), false);
        assert_eq!(found("262.1-1"), heard);
        drop(listener);
        assert_eq!(found("262.1-1"), silent(), "a dead one's answers nobody");
        drop(socket);
    }
}
