//! What systemd says of units, over the system bus.

use std::sync::Arc;
use std::time::Duration;

use super::ends::exit_text;
use super::oomd::{self, OomdKill};
use super::owner::{IsMeant, OwnersSignals};
use crate::cgroup::Hierarchy;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zbus::proxy::{CacheProperties, Defaults, ProxyImpl};
use zbus::{Connection, DBusError as _, MatchRule, OwnedObjectPath, message, proxy};

/// How long systemd may take to answer. It is busy just when a unit dies.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The same for a list of all unit files, which it reads anew each time.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// How many near misses are named.
const MAX_NEAR: usize = 3;

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn subscribe(&self) -> zbus::Result<()>;
    fn list_unit_files(&self) -> zbus::Result<Vec<(String, String)>>;
    fn list_units(&self) -> zbus::Result<Vec<ListedUnit>>;
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> zbus::Result<String>;
}

#[proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1"
)]
trait UnitProperties {
    #[zbus(property(emits_changed_signal = "false"))]
    fn load_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn active_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn sub_state(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn description(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"), name = "InvocationID")]
    fn invocation_id(&self) -> zbus::Result<Vec<u8>>;
}

#[proxy(
    interface = "org.freedesktop.systemd1.Service",
    default_service = "org.freedesktop.systemd1"
)]
trait ServiceProperties {
    #[zbus(property(emits_changed_signal = "false"))]
    fn result(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"), name = "NRestarts")]
    fn n_restarts(&self) -> zbus::Result<u32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn exec_main_code(&self) -> zbus::Result<i32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn exec_main_status(&self) -> zbus::Result<i32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn control_group(&self) -> zbus::Result<String>;
}

/// Scopes are stopped for their `OOMPolicy=` too, in newer systemds.
#[proxy(
    interface = "org.freedesktop.systemd1.Scope",
    default_service = "org.freedesktop.systemd1"
)]
trait ScopeProperties {
    #[zbus(property(emits_changed_signal = "false"))]
    fn result(&self) -> zbus::Result<String>;
}

/// One row of `ListUnits()`: name, description, load, active and sub state, followed unit, path, job id, type and path.
type ListedUnit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

/// What systemd says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitStatus {
    /// `LoadState=`: `loaded`, `not-found`, …
    pub load_state: String,
    /// `ActiveState=`.
    pub active_state: String,
    /// `SubState=`.
    pub sub_state: String,
    /// `Description=`.
    pub description: String,
    /// `InvocationID=`, 32 hexadecimal digits; of the last run where it runs no longer.
    pub invocation_id: Option<String>,
    /// `Result=`, for services and scopes.
    pub result: Option<String>,
    /// `NRestarts=`, for services.
    pub restarts: Option<u64>,
    /// How the main process ended: `killed/KILL`.
    pub exit: Option<String>,
    /// `ControlGroup=`.
    pub control_group: Option<String>,
}

/// A unit whose properties changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChange {
    /// Its name.
    pub unit: String,
}

/// Where the system bus is wherever systemd is. The D-Bus specification says `/var/run`, which an image with nothing but this
/// program does not have.
const BUS: &str = "unix:path=/run/dbus/system_bus_socket";

async fn bus() -> zbus::Result<Connection> {
    if std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_some() {
        return Connection::system().await;
    }
    zbus::connection::Builder::address(BUS).build().await
}

/// The connection to systemd.
#[derive(Debug, Clone)]
pub struct Systemd {
    connection: Connection,
}

impl Systemd {
    /// Connects to the system bus; `None` where there is none, or no systemd on it.
    pub async fn connect() -> Option<Self> {
        let connection = tokio::time::timeout(TIMEOUT, bus()).await.ok()?.ok()?;
        let systemd = Self { connection };
        let manager = ManagerProxy::new(&systemd.connection).await.ok()?;
        tokio::time::timeout(TIMEOUT, manager.subscribe()).await.ok()?.ok()?;
        Some(systemd)
    }

    /// What systemd says of a unit now.
    ///
    /// # Errors
    /// Where the bus fails or systemd does not answer in time.
    pub async fn state(&self, unit: &str) -> zbus::Result<UnitStatus> {
        tokio::time::timeout(TIMEOUT, self.ask(unit)).await.map_err(timed_out)?
    }

    async fn ask(&self, unit: &str) -> zbus::Result<UnitStatus> {
        let path = ManagerProxy::new(&self.connection).await?.load_unit(unit).await?;
        let properties: UnitPropertiesProxy<'_> = self.uncached(&path).await?;
        // All at once: systemd answers in the order in which it is asked, and one after the other each would wait its turn.
        let (id, load_state, active_state, sub_state, description) = tokio::join!(
            properties.invocation_id(),
            properties.load_state(),
            properties.active_state(),
            properties.sub_state(),
            properties.description(),
        );
        let id = id.unwrap_or_default();
        let mut status = UnitStatus {
            load_state: load_state?,
            active_state: active_state?,
            sub_state: sub_state?,
            description: description?,
            invocation_id: (id.len() == 16).then(|| id.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..UnitStatus::default()
        };
        if unit.ends_with(".service") {
            let service: ServicePropertiesProxy<'_> = self.uncached(&path).await?;
            let (result, restarts, control_group, code, exit) = tokio::join!(
                service.result(),
                service.n_restarts(),
                service.control_group(),
                service.exec_main_code(),
                service.exec_main_status(),
            );
            status.result = result.ok();
            status.restarts = restarts.ok().map(u64::from);
            status.control_group = control_group.ok().filter(|path| !path.is_empty());
            status.exit = exit_text(code.unwrap_or(0), exit.unwrap_or(0));
        } else if unit.ends_with(".scope") {
            let scope: ScopePropertiesProxy<'_> = self.uncached(&path).await?;
            status.result = scope.result().await.ok();
        }
        Ok(status)
    }

    /// A unit's properties of one kind, each asked for when it is read.
    async fn uncached<P>(&self, path: &OwnedObjectPath) -> zbus::Result<P>
    where
        P: ProxyImpl<'static> + From<zbus::Proxy<'static>> + Defaults,
    {
        P::builder(&self.connection)
            .path(path.clone())
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    /// systemd's own version, as `systemctl --version` has it.
    ///
    /// # Errors
    /// Where the bus fails or systemd does not answer in time.
    pub async fn version(&self) -> zbus::Result<String> {
        let ask = async { ManagerProxy::new(&self.connection).await?.version().await };
        tokio::time::timeout(TIMEOUT, ask).await.map_err(timed_out)?
    }

    /// The units that systemd has, as files or loaded.
    ///
    /// # Errors
    /// Where the bus fails or systemd does not answer in time.
    pub async fn known_units(&self) -> zbus::Result<Vec<String>> {
        let ask = async {
            let manager = ManagerProxy::new(&self.connection).await?;
            let files = manager.list_unit_files().await?;
            let loaded = manager.list_units().await?;
            let mut names: Vec<String> = files
                .iter()
                .filter_map(|(path, _)| Some(path.rsplit('/').next()?.to_owned()))
                // What is asked for in vain is loaded too, as not found.
                .chain(
                    loaded
                        .into_iter()
                        .filter(|unit| unit.2 != "not-found")
                        .map(|unit| unit.0),
                )
                .collect();
            names.sort_unstable();
            names.dedup();
            Ok(names)
        };
        tokio::time::timeout(LIST_TIMEOUT, ask).await.map_err(timed_out)?
    }

    /// Sends what systemd-oomd tells of its kills.
    ///
    /// # Errors
    /// Where the bus fails.
    pub async fn subscribe_oomd(&self, hierarchy: Hierarchy, kills: mpsc::Sender<OomdKill>) -> zbus::Result<()> {
        oomd::subscribe(&self.connection, hierarchy, kills).await
    }

    /// Sends the name of every unit whose properties change. A full channel loses names: each is a hint to look. The task that does
    /// so ends when the connection does.
    ///
    /// # Errors
    /// Where the bus fails.
    pub async fn subscribe(&self, changes: mpsc::Sender<UnitChange>) -> zbus::Result<JoinHandle<()>> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .path_namespace("/org/freedesktop/systemd1/unit");
        // The bus gives this name to root alone.
        let is_meant: IsMeant = Arc::new(|_| true);
        let mut signals = OwnersSignals::of(&self.connection, "org.freedesktop.systemd1", rule, is_meant).await?;
        Ok(tokio::spawn(async move {
            while let Some(signal) = signals.next().await {
                let name = signal.header().path().and_then(|path| unit_of(path.as_str()));
                if let Some(unit) = name
                    && changes
                        .try_send(UnitChange { unit })
                        .is_err_and(|error| matches!(error, mpsc::error::TrySendError::Closed(_)))
                {
                    return;
                }
            }
        }))
    }
}

/// Whether systemd's answer is that it has no such unit, or has it no more.
#[must_use]
pub fn is_gone(error: &zbus::Error) -> bool {
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.as_str().to_owned(),
        zbus::Error::FDO(error) => error.name().to_string(),
        _ => return false,
    };
    name == "org.freedesktop.systemd1.NoSuchUnit" || name == "org.freedesktop.DBus.Error.UnknownObject"
}

fn timed_out(_: tokio::time::error::Elapsed) -> zbus::Error {
    zbus::Error::InputOutput(Arc::new(std::io::ErrorKind::TimedOut.into()))
}

/// The unit whose object this is: bytes that are no letter or digit are written `_xx` (`bus_label_unescape`).
fn unit_of(path: &str) -> Option<String> {
    let label = path.strip_prefix("/org/freedesktop/systemd1/unit/")?;
    let mut name = Vec::new();
    let mut rest = label.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'_' => {
                name.push(byte);
                rest = tail.get(2..)?;
            }
            _ => {
                name.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(name).ok()
}

/// The names that are nearest to one that is not known.
#[must_use]
pub fn near_misses(unit: &str, known: &[String]) -> Vec<String> {
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase();
    let wanted = stem(unit);
    let mut near: Vec<(f64, &String)> = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &stem(name)), name))
        .filter(|(score, _)| *score >= 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    near.into_iter().take(MAX_NEAR).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_paths_are_unit_names() {
        let unit = unit_of("/org/freedesktop/systemd1/unit/leak_40a_5cx2db_2eservice");
        assert_eq!(unit.as_deref(), Some("leak@a\\x2db.service"));
        assert_eq!(unit_of("/org/freedesktop/systemd1/job/1"), None);
        assert_eq!(unit_of("/org/freedesktop/systemd1/unit/a_").as_deref(), Some("a_"));
    }

    #[test]
    fn near_misses_are_named_best_first() {
        let known = ["ssh.service", "postgresql.service", "systemd-oomd.service"].map(str::to_owned);
        assert_eq!(near_misses("postgres.service", &known), ["postgresql.service"]);
        assert!(near_misses("zzz.service", &known).is_empty());
    }

    #[test]
    fn only_an_answer_says_that_a_unit_is_gone() {
        use zbus::fdo;
        let fdo = |error: fdo::Error| zbus::Error::from(error);
        assert!(is_gone(&fdo(fdo::Error::UnknownObject(String::new()))));
        assert!(!is_gone(&fdo(fdo::Error::AccessDenied(String::new()))));
        assert!(!is_gone(&zbus::Error::InvalidReply));
    }
}
