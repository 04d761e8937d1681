//! Whoever connects to a service's socket, answered within bounds: of connections, of a call's bytes, and of time.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Call, Fault, Interface, MAX_CALL, Replies};
use crate::connections::Connections;

/// Connections at one time.
pub(crate) const CONNECTIONS: usize = 16;

/// What is offered at a socket.
pub(crate) trait Service: Send + Sync + 'static {
    /// The one interface beside what every service has.
    const INTERFACE: Interface;

    /// How long a connection may last, all its calls and their replies.
    const CONNECTION: Duration;

    /// Whether to answer this user and process at all, both as the kernel has them of who connected (`SO_PEERCRED`).
    fn is_trusted(&self, uid: u32, pid: Option<i32>) -> bool;

    /// What is replied to a call of a method of its interface.
    fn answer(&self, call: &Call) -> impl Future<Output = Result<Replies, Fault>> + Send;
}

/// Answers whoever connects, until that future is ready.
pub(crate) async fn attend<S: Service>(listener: UnixListener, service: Arc<S>, end: impl Future<Output = ()>) {
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else {
        return;
    };
    let mut open = Connections::new(CONNECTIONS);
    let mut end = std::pin::pin!(end);
    loop {
        let accepted = tokio::select! {
            () = &mut end => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, it may be: a moment later there are some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Whoever it is not known of has gone.
        let Ok(peer) = stream.peer_cred() else {
            continue;
        };
        let is_trusted = service.is_trusted(peer.uid(), peer.pid());
        let service = Arc::clone(&service);
        // Whoever breaks off, or is too slow, waits for nothing any more.
        open.serve(peer.uid(), async move {
            let _ = timeout(S::CONNECTION, serve(stream, is_trusted, &*service)).await;
        });
    }
}

/// One connection: its calls and the answers.
async fn serve(stream: UnixStream, is_trusted: bool, service: &impl Service) -> io::Result<()> {
    if !is_trusted {
        stream.readable().await?;
        let mut stream = BufStream::new(stream);
        stream.write_all(Replies::from(Fault::PermissionDenied).bytes()).await?;
        return stream.flush().await;
    }
    let mut stream = BufStream::new(stream);
    loop {
        let mut message = Vec::new();
        (&mut stream).take(MAX_CALL).read_until(0, &mut message).await?;
        // Its end, or more than any call has.
        let Some((0, message)) = message.split_last() else {
            return Ok(());
        };
        let Some(call) = Call::read(message) else {
            return Ok(());
        };
        let replies = replies(service, &call).await;
        if !call.is_oneway() {
            stream.write_all(replies.bytes()).await?;
            stream.flush().await?;
        }
    }
}

/// What is replied to a call.
async fn replies<S: Service>(service: &S, call: &Call) -> Replies {
    let answer = match call.general(S::INTERFACE) {
        Some(answer) => answer,
        None => service.answer(call).await,
    };
    answer.unwrap_or_else(Replies::from)
}

/// What is replied to these bytes, for `fuzz/` and for tests.
pub(crate) fn answer_to(service: &impl Service, message: &[u8]) -> Option<Vec<u8>> {
    let call = Call::read(message)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .ok()?;
    Some(runtime.block_on(replies(service, &call)).0)
}
