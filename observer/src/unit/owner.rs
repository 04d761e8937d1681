//! Signals on the bus by whoever owns a name, and by nobody else.
//!
//! A bus lets anybody send any signal, to all or to one connection directly; a rule without a sender takes them all, and a
//! rule with a name for its sender is the bus's to keep for what is sent to all only. What nobody can choose is the sender's
//! unique name, which the bus writes: it has to be the owner's, as the bus says who that is, over restarts of it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use zbus::fdo::{DBusProxy, NameOwnerChangedStream};
use zbus::names::{BusName, OwnedUniqueName, WellKnownName};
use zbus::{Connection, Message, MessageStream, match_rule};

/// Signals that may wait to be looked at. Beyond that the whole connection waits, so that they are taken at once.
const QUEUE: std::num::NonZero<usize> = std::num::NonZero::new(256).unwrap();

/// An owner's signals that wait until it is known which process it is, at most.
const HELD: usize = 64;

/// How long the bus may take to say which process an owner is.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a process may be the one that the name stands for.
pub(super) type IsMeant = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// What the owner of a name sends.
pub(super) struct OwnersSignals {
    bus: DBusProxy<'static>,
    is_meant: IsMeant,
    owners: NameOwnerChangedStream,
    signals: MessageStream,
    owner: Option<OwnedUniqueName>,
    /// Whether the owner is the process that is meant, as long as that is not known.
    check: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    /// What it sent meanwhile.
    held: VecDeque<Message>,
}

impl OwnersSignals {
    /// What a name's owner sends of that a rule asks for. The name may come later, and go, and come again.
    pub(super) async fn of(
        connection: &Connection,
        name: &'static str,
        rule: match_rule::Builder<'static>,
        is_meant: IsMeant,
    ) -> zbus::Result<Self> {
        let name = WellKnownName::try_from(name)?;
        let bus = DBusProxy::new(connection).await?;
        // Before it is asked who that is, so that no change is missed in between.
        let owners = bus.receive_name_owner_changed_with_args(&[(0, name.as_str())]).await?;
        let rule = rule.sender(name.clone()).build()?;
        let signals = MessageStream::for_match_rule(rule, connection, Some(QUEUE)).await?;
        // Nobody, where nobody has the name yet.
        let owner = bus.get_name_owner(BusName::from(name)).await.ok();
        let mut signals = Self {
            bus,
            is_meant,
            owners,
            signals,
            owner: None,
            check: None,
            held: VecDeque::new(),
        };
        signals.owned_by(owner);
        Ok(signals)
    }

    /// The name has another owner, or none. Which process it is the bus is asked; signals are taken from it meanwhile, for
    /// an answer waits behind them.
    fn owned_by(&mut self, owner: Option<OwnedUniqueName>) {
        self.held.clear();
        self.check = owner.clone().map(|owner| {
            let (bus, is_meant) = (self.bus.clone(), Arc::clone(&self.is_meant));
            let ask = async move {
                let asked = bus.get_connection_unix_process_id(owner.into());
                let process = tokio::time::timeout(TIMEOUT, asked).await;
                process.is_ok_and(|process| process.is_ok_and(|process| is_meant(process)))
            };
            ask.boxed()
        });
        self.owner = owner;
    }

    /// The owner's next signal; `None` where the bus is gone.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            if self.check.is_none()
                && let Some(held) = self.held.pop_front()
            {
                return Some(held);
            }
            tokio::select! {
                biased;
                change = self.owners.next() => {
                    let change = change?;
                    let owner = change.args().ok().and_then(|args| args.new_owner.as_ref().map(|owner| owner.to_owned().into()));
                    self.owned_by(owner);
                }
                is_meant = checked(&mut self.check) => {
                    self.check = None;
                    if !is_meant {
                        self.owned_by(None);
                    }
                }
                signal = self.signals.next() => {
                    if let Ok(signal) = signal?
                        && self.is_owners(&signal)
                        && self.held.len() < HELD
                    {
                        self.held.push_back(signal);
                    }
                }
            }
        }
    }

    fn is_owners(&self, signal: &Message) -> bool {
        let header = signal.header();
        header.sender().is_some() && header.sender() == self.owner.as_ref().map(OwnedUniqueName::inner)
    }
}

async fn checked(check: &mut Option<Pin<Box<dyn Future<Output = bool> + Send>>>) -> bool {
    match check {
        Some(check) => check.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const NAME: &str = "org.freedesktop.oom1";
    const CONFIG: &str = r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow send_destination="*"/><allow send_type="signal"/><allow receive_sender="*"/>
        <allow receive_type="signal"/><allow own="*"/></policy></busconfig>"#;

    /// A bus of its own, where there is a program for that.
    struct Bus(Child, String);

    impl Bus {
        fn start() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            let config = folder.path().join("bus.conf");
            std::fs::write(&config, CONFIG).unwrap();
            let mut daemon = Command::new("dbus-daemon")
                .arg("--nofork")
                .arg("--print-address")
                .arg(format!("--config-file={}", config.display()))
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            let mut address = String::new();
            BufReader::new(daemon.stdout.take()?).read_line(&mut address).ok()?;
            Some(Self(daemon, address.trim().to_owned()))
        }

        async fn connect(&self) -> Connection {
            zbus::connection::Builder::address(self.1.as_str())
                .build()
                .await
                .unwrap()
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn rule() -> match_rule::Builder<'static> {
        let rule = zbus::MatchRule::builder().msg_type(zbus::message::Type::Signal);
        rule.interface("org.freedesktop.oom1.Manager").member("Killed")
    }

    async fn tell(from: &Connection, to: Option<&Connection>, words: &str) {
        let to = to.and_then(|to| to.unique_name().cloned());
        let (path, interface) = ("/org/freedesktop/oom1", "org.freedesktop.oom1.Manager");
        from.emit_signal(to, path, interface, "Killed", &("/a", words))
            .await
            .unwrap();
    }

    async fn heard(signals: &mut OwnersSignals) -> String {
        signals
            .next()
            .await
            .unwrap()
            .body()
            .deserialize::<(String, String)>()
            .unwrap()
            .1
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_owner_of_the_name_is_heard_over_its_restarts() {
        let Some(bus) = Bus::start() else { return };
        let (listener, stranger, first) = (bus.connect().await, bus.connect().await, bus.connect().await);
        first.request_name(NAME).await.unwrap();
        let mut signals = OwnersSignals::of(&listener, NAME, rule(), Arc::new(|_| true))
            .await
            .unwrap();
        tell(&stranger, None, "to all").await;
        tell(&stranger, Some(&listener), "to one").await;
        tell(&first, None, "first").await;
        assert_eq!(heard(&mut signals).await, "first");
        // Restarted: another connection, and nobody in between.
        first.release_name(NAME).await.unwrap();
        tell(&first, Some(&listener), "no more").await;
        let second = bus.connect().await;
        second.request_name(NAME).await.unwrap();
        tell(&stranger, Some(&listener), "to one").await;
        tell(&second, None, "second").await;
        assert_eq!(heard(&mut signals).await, "second");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_owner_that_is_another_process_than_is_meant_is_not_heard() {
        let Some(bus) = Bus::start() else { return };
        let (listener, first, second) = (bus.connect().await, bus.connect().await, bus.connect().await);
        first.request_name(NAME).await.unwrap();
        // The first that is asked about is another, the second one is the one that is meant.
        let asked = AtomicU32::new(0);
        let is_meant = move |process| process == std::process::id() && asked.fetch_add(1, Ordering::Relaxed) > 0;
        let mut signals = OwnersSignals::of(&listener, NAME, rule(), Arc::new(is_meant))
            .await
            .unwrap();
        tell(&first, None, "first").await;
        // Not before it was taken: what is asked about the second one stands behind it.
        assert!(signals.next().now_or_never().is_none());
        while signals.check.is_some() {
            assert!(signals.next().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        first.release_name(NAME).await.unwrap();
        second.request_name(NAME).await.unwrap();
        tell(&second, None, "second").await;
        assert_eq!(heard(&mut signals).await, "second");
    }
}
