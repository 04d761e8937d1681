//! systemd-oomd's word before it kills, and its wait for an answer (oomd.conf(5): "Prekill event", since systemd 260).
//!
//! In: connections to a socket in its folder. Out: [`Prekill`]s, each of which it waits for. A thread of its own accepts, reads and
//! answers, so that an answer goes out in time even if whoever takes the [`Prekill`]s is late or stuck.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::UnitPath;
use crate::cgroup::{Hierarchy, cgroup_of};
use crate::confine::Task;
use crate::connections;
use crate::journal::OOMD_UNIT;
use crate::measure::Tgid;
use crate::private::Callers;
use crate::varlink::server::{self, Service};
use crate::varlink::socket::{self, Socket};
use crate::varlink::{Call, Fault, Interface, Replies};

/// Where systemd-oomd looks for sockets (systemd: src/basic/constants.h, `VARLINK_DIR_OOMD_PREKILL_HOOK`). It does not make the folder.
pub const FOLDER: &str = "/run/systemd/oomd.prekill.hook";

/// What the names of our sockets there begin with; the rest is a pid, so that no oomtrace takes another's.
const NAME: &str = "io.oomtrace.";

/// Sockets of others that are looked at, at most.
const LOOKED_AT: usize = 64;

/// An answer comes this late at most: the least that systemd-oomd can be told to wait is a second.
const WITHIN: Duration = Duration::from_millis(500);

/// A path, at most (PATH_MAX, include/uapi/linux/limits.h).
const MAX_PATH: usize = 4_096;

/// Kills that wait to be taken, at most; of more nothing is read.
const QUEUE: usize = 16;

/// A cgroup that systemd-oomd is about to kill. It goes on once this is dropped, or half a second after its word.
#[derive(Debug)]
pub struct Prekill {
    /// The cgroup's path.
    pub cgroup: String,
    answer: oneshot::Sender<()>,
}

impl Prekill {
    /// Whether nobody waits for it any more: it was answered for being late, or systemd-oomd broke off.
    pub(crate) fn is_over(&self) -> bool {
        self.answer.is_closed()
    }

    /// With what tells that it was dropped.
    pub(crate) fn of(cgroup: String) -> (Self, oneshot::Receiver<()>) {
        let (answer, answered) = oneshot::channel();
        let prekill = Self { cgroup, answer };
        (prekill, answered)
    }
}

/// Our socket; it is removed with this.
#[derive(Debug)]
pub struct Hook {
    _socket: Socket,
}

/// Listens in a folder for what systemd-oomd is about to kill.
///
/// # Errors
/// Where there is no folder, or others may write to it; where no socket can be made there, and no thread.
pub fn listen(folder: &Path, hierarchy: Hierarchy) -> io::Result<(Hook, mpsc::Receiver<Prekill>)> {
    for path in ours(folder) {
        socket::sweep(&path);
    }
    let path = folder.join(format!("{NAME}{}", std::process::id()));
    let (socket, listener) = Socket::listen(&path, Callers::Owner)?;
    let (calls, taken) = mpsc::channel(QUEUE);
    let is_trusted = move |uid, pid: Option<i32>| {
        let place = |pid: i32| cgroup_of(&hierarchy, Tgid(u32::try_from(pid).ok()?));
        is_trusted(uid, || pid.and_then(place))
    };
    connections::answer("prekill", Task::Attend, attend(listener, is_trusted, calls))?;
    Ok((Hook { _socket: socket }, taken))
}

/// Whether an oomtrace listens in a folder, as far as that may be seen.
#[must_use]
pub fn is_heard(folder: &Path) -> bool {
    ours(folder).iter().any(|path| socket::is_heard(path))
}

/// Every oomtrace's sockets.
fn ours(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(NAME)));
    let sockets = named.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()));
    sockets.take(LOOKED_AT).map(|entry| entry.path()).collect()
}

/// Root, and whatever runs as systemd-oomd's own unit: only root puts processes there.
fn is_trusted(uid: u32, place: impl FnOnce() -> Option<String>) -> bool {
    let is_oomd = |path: String| {
        let unit = UnitPath::parse(&path);
        unit.user_unit.is_none() && unit.unit.as_deref() == Some(OOMD_UNIT)
    };
    uid == 0 || place().is_some_and(is_oomd)
}

/// What systemd-oomd calls (systemd 260: src/shared/varlink-io.systemd.oom.Prekill.c).
const INTERFACE: Interface = Interface {
    name: "io.systemd.oom.Prekill",
    description: "# Notifications of systemd-oomd before a kill
interface io.systemd.oom.Prekill

# Samples the cgroup that is about to be killed, and replies when that is done
method Notify(cgroup: string) -> ()
",
};

/// Passes kills on, of whom that closure trusts.
struct Listening<F> {
    is_trusted: F,
    calls: mpsc::Sender<Prekill>,
}

/// Answers whoever connects, until nobody takes the calls any more.
async fn attend(
    listener: UnixListener,
    is_trusted: impl Fn(u32, Option<i32>) -> bool + Send + Sync + 'static,
    calls: mpsc::Sender<Prekill>,
) {
    let end = calls.clone();
    server::attend(listener, Arc::new(Listening { is_trusted, calls }), end.closed()).await;
}

impl<F: Fn(u32, Option<i32>) -> bool + Send + Sync + 'static> Service for Listening<F> {
    const INTERFACE: Interface = INTERFACE;

    /// systemd-oomd has one for each kill.
    const CONNECTION: Duration = Duration::from_secs(30);

    fn is_trusted(&self, uid: u32, pid: Option<i32>) -> bool {
        (self.is_trusted)(uid, pid)
    }

    async fn answer(&self, call: &Call) -> Result<Replies, Fault> {
        if call.method() != "Notify" {
            return Err(call.unknown_method());
        }
        let cgroup = call.text("cgroup")?;
        if !is_cgroup_path(cgroup) {
            return Err(Fault::InvalidParameter("cgroup".to_owned()));
        }
        notify(cgroup.to_owned(), &self.calls).await;
        Ok(Replies::one(&json!({})))
    }
}

/// Whether a text is a cgroup's path from the root, and leads to no other place.
fn is_cgroup_path(text: &str) -> bool {
    let is_name = |name: &str| !["", ".", ".."].contains(&name) && !name.contains('\0');
    let names = text.strip_prefix('/').filter(|_| text.len() < MAX_PATH);
    names.is_some_and(|names| names.is_empty() || names.split('/').all(is_name))
}

/// Passes it on, and waits until it is dropped, or for as long as it may take.
async fn notify(cgroup: String, calls: &mpsc::Sender<Prekill>) {
    let (prekill, answered) = Prekill::of(cgroup);
    if calls.try_send(prekill).is_ok() {
        let _ = timeout(WITHIN, answered).await;
    }
}

/// What is answered to these bytes, for `fuzz/`.
#[doc(hidden)]
#[must_use]
pub fn answer_to(message: &[u8]) -> Option<Vec<u8>> {
    // Nobody takes the calls.
    let (calls, _) = mpsc::channel(1);
    let is_trusted = |_: u32, _: Option<i32>| true;
    server::answer_to(&Listening { is_trusted, calls }, message)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::Value;

    use super::*;
    use crate::event::CgroupVersion;
    use crate::private;
    use crate::varlink::MAX_CALL;
    use crate::varlink::client::Client;
    use crate::varlink::server::CONNECTIONS;

    fn hierarchy() -> Hierarchy {
        Hierarchy::at("/nowhere".into(), CgroupVersion::V2, 0)
    }

    /// A server in a folder, for whom that closure trusts.
    fn server(
        folder: &Path,
        is_trusted: impl Fn(u32, Option<i32>) -> bool + Send + Sync + 'static,
    ) -> (PathBuf, mpsc::Receiver<Prekill>) {
        let path = folder.join("socket");
        let listener = private::socket(&path, Callers::Owner).unwrap();
        let (calls, taken) = mpsc::channel(QUEUE);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(attend(listener, is_trusted, calls));
        });
        (path, taken)
    }

    fn notify(cgroup: &str) -> Value {
        json!({"method": "io.systemd.oom.Prekill.Notify", "parameters": {"cgroup": cgroup}})
    }

    #[test]
    fn what_systemd_oomd_sends_is_a_cgroup_that_is_about_to_be_killed() {
        // As sd_varlink_invoke() writes it (systemd: src/libsystemd/sd-varlink); the guest of scenario oomd_prekill has the real one.
        let sent =
            r#"{"method":"io.systemd.oom.Prekill.Notify","parameters":{"cgroup":"/pressed.slice/stalled.service"}}"#;
        assert_eq!(answer_to(sent.as_bytes()).unwrap(), b"{\"parameters\":{}}\0");
        let other = answer_to(br#"{"method":"io.systemd.oom.Prekill.Other"}"#).unwrap();
        let unknown = "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"io.systemd.oom.Prekill.Other\"}}\0";
        assert_eq!(other, unknown.as_bytes());
    }

    #[test]
    fn a_text_that_is_no_cgroups_path_is_refused() {
        let told = |message: &str| {
            let mut told = answer_to(message.as_bytes()).unwrap();
            assert_eq!(told.pop(), Some(0));
            serde_json::from_slice::<Value>(&told).unwrap()
        };
        let refused = json!({"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "cgroup"}});
        let long = format!("/{}", "x".repeat(4_096));
        for path in ["", "a.slice", "/a/../b", "/..", "/./a", "//a", "/a/", "/a\0b", &long] {
            assert_eq!(told(&notify(path).to_string()), refused, "{path:?}");
        }
        for path in ["/", "/a.slice", "/a.slice/..b", "/user.slice/run-r\u{1}.scope"] {
            assert_eq!(told(&notify(path).to_string()), json!({"parameters": {}}), "{path:?}");
        }
        for parameters in [
            "",
            r#","parameters":null"#,
            r#","parameters":{"cgroup":7}"#,
            r#","parameters":[]"#,
        ] {
            let message = format!(r#"{{"method":"io.systemd.oom.Prekill.Notify"{parameters}}}"#);
            assert_eq!(told(&message), refused, "{message}");
        }
    }

    #[test]
    fn the_answer_comes_when_the_kill_is_dropped_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut taken) = server(dir.path(), |_, _| true);
        let mut client = Client::connect(&path);
        client.send(&notify("/a.slice/b.service"));
        let prekill = taken.blocking_recv().unwrap();
        assert_eq!(prekill.cgroup, "/a.slice/b.service");
        client.0.set_nonblocking(true).unwrap();
        assert_eq!(client.0.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.0.set_nonblocking(false).unwrap();
        drop(prekill);
        assert_eq!(client.receive(), Some(json!({"parameters": {}})));
        // The connection stays for another.
        client.send(&notify("/c.slice"));
        drop(taken.blocking_recv().unwrap());
        assert_eq!(client.receive(), Some(json!({"parameters": {}})));
    }

    #[test]
    fn who_is_stuck_keeps_nobody_from_being_killed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut taken) = server(dir.path(), |_, _| true);
        let mut first = Client::connect(&path);
        first.send(&notify("/a.slice"));
        let held = taken.blocking_recv().unwrap();
        assert_eq!(first.receive(), Some(json!({"parameters": {}})), "nobody dropped it");
        drop(held);
        drop(taken);
        // It ends with who would take them.
        assert_eq!(first.receive(), None);
    }

    #[test]
    fn of_too_many_connections_the_oldest_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut taken) = server(dir.path(), |_, _| true);
        let mut many: Vec<Client> = (0..=CONNECTIONS).map(|_| Client::connect(&path)).collect();
        assert_eq!(many[0].receive(), None);
        let last = &mut many[CONNECTIONS];
        last.send(&notify("/a.slice"));
        drop(taken.blocking_recv().unwrap());
        assert_eq!(last.receive(), Some(json!({"parameters": {}})));
    }

    #[test]
    fn beyond_what_may_wait_a_kill_is_answered_and_not_kept() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (calls, mut taken) = mpsc::channel(1);
        runtime.block_on(async {
            // Nobody takes the first within its time, and the second finds no room.
            super::notify("/a.slice".to_owned(), &calls).await;
            super::notify("/b.slice".to_owned(), &calls).await;
        });
        assert_eq!(taken.try_recv().unwrap().cgroup, "/a.slice");
        assert!(taken.try_recv().is_err());
    }

    #[test]
    fn of_a_stranger_nothing_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut taken) = server(dir.path(), |_, _| false);
        let mut client = Client::connect(&path);
        // It may be refused before that is sent.
        let _ = client.0.write_all(format!("{}\0", notify("/a.slice")).as_bytes());
        let refused = json!({"error": "org.varlink.service.PermissionDenied", "parameters": {}});
        assert_eq!(client.receive(), Some(refused));
        assert_eq!(client.receive(), None);
        assert!(taken.try_recv().is_err());
    }

    #[test]
    fn root_is_trusted_and_systemd_oomds_own_unit_and_nobody_else() {
        let of = |uid, path: Option<&str>| is_trusted(uid, || path.map(str::to_owned));
        assert!(of(0, None));
        assert!(of(997, Some("/system.slice/systemd-oomd.service")));
        assert!(!of(997, None) && !of(1000, Some("/")));
        for path in [
            "/system.slice/other.service",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/systemd-oomd.service",
            "/user.slice/user-1000.slice/user@1000.service/systemd-oomd.service",
            "/system.slice/docker-0123456789abcdef.scope/system.slice/systemd-oomd.service",
            "/machine.slice/systemd-nspawn@a.service/payload/system.slice/systemd-oomd.service",
        ] {
            assert!(!of(1000, Some(path)), "{path}");
        }
    }

    #[test]
    fn what_is_no_call_or_too_long_for_one_ends_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut taken) = server(dir.path(), |_, _| true);
        let long = format!("{}\0", "x".repeat(usize::try_from(MAX_CALL).unwrap()));
        for message in ["{}\0", "\0", &long] {
            let mut client = Client::connect(&path);
            // It may be closed before all is sent.
            let _ = client.0.write_all(message.as_bytes());
            assert_eq!(client.receive(), None);
        }
        let mut client = Client::connect(&path);
        client.send(&notify("/a/../b"));
        let refused = json!({"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "cgroup"}});
        assert_eq!(client.receive(), Some(refused));
        assert!(taken.try_recv().is_err());
        // One that wants no reply gets none.
        let mut oneway = notify("/a.slice");
        oneway["oneway"] = json!(true);
        client.send(&oneway);
        drop(taken.blocking_recv().unwrap());
        client.send(&json!({"method": "org.varlink.service.GetInfo"}));
        let info = client.receive().unwrap();
        assert_eq!(info["parameters"]["product"], "oomtrace");
    }

    #[test]
    fn a_socket_of_the_dead_makes_room_and_that_of_the_living_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = |name: &str| dir.path().join(name);
        drop(UnixListener::bind(place("io.oomtrace.1")).unwrap());
        drop(UnixListener::bind(place("io.other")).unwrap());
        let _living = UnixListener::bind(place("io.oomtrace.2")).unwrap();
        fs::write(place("io.oomtrace.3"), "no socket").unwrap();
        let (hook, taken) = listen(dir.path(), hierarchy()).unwrap();
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let own = format!("io.oomtrace.{}", std::process::id());
        let mut left = vec![
            "io.oomtrace.2".to_owned(),
            "io.oomtrace.3".to_owned(),
            "io.other".to_owned(),
        ];
        assert!(is_heard(dir.path()));
        let mut with_own = left.clone();
        with_own.push(own);
        with_own.sort();
        assert_eq!(names(), with_own);
        // Nobody takes another's.
        assert_eq!(
            listen(dir.path(), hierarchy()).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(names(), with_own);
        drop((hook, taken));
        left.sort();
        assert_eq!(names(), left);
    }
}
