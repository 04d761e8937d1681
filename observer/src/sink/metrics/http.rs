//! The metrics over HTTP: to whom OpenMetrics can be told as that, to others as the text format before it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes as Body;
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::plain::plain;
use crate::connections::Connections;

/// Connections at one time.
const CONNECTIONS: usize = 16;

/// How long a connection may last, its one request and the answer, and how long the request may take to come. Of more
/// connections than there may be the oldest is closed: who waits keeps nobody from being answered.
const CONNECTION: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(5);

const OPENMETRICS: &str = "application/openmetrics-text";
const OPENMETRICS_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where to listen: `9877` and `:9877` are this machine's own address.
///
/// # Errors
/// Where it is no address, or cannot be listened at.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    let port = address.strip_prefix(':').unwrap_or(address).parse::<u16>().ok();
    let listener = match port {
        Some(port) => TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?,
        None => TcpListener::bind(address.to_socket_addrs()?.collect::<Vec<_>>().as_slice())?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

pub(super) async fn accept(listener: TcpListener, registry: Arc<Mutex<Registry>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let mut open = Connections::new(CONNECTIONS);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, it may be: a moment later there are some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let registry = Arc::clone(&registry);
        // Whose it is, TCP does not tell.
        open.serve(0, async move { serve(stream, &registry, is_local).await });
    }
}

/// One connection: its request and the answer.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, registry: &Mutex<Registry>, is_local: bool) {
    let service = service_fn(|request| {
        let answer = answer(&request, registry, is_local);
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever breaks off, or is too slow, asks again.
    let _ = tokio::time::timeout(CONNECTION, connection).await;
}

/// What is answered to these bytes, for `fuzz/`.
///
/// # Errors
/// Where there can be no runtime.
#[doc(hidden)]
pub fn answer_to(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut told = Vec::new();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(4096);
        let registry = Mutex::new(Registry::default());
        let ask = async {
            // A server that has heard enough closes.
            let _ = client.write_all(bytes).await;
            let _ = client.shutdown().await;
            let _ = client.read_to_end(&mut told).await;
        };
        tokio::join!(serve(server, &registry, true), ask);
    });
    Ok(told)
}

/// Whether a request that came to this machine's own address is meant for it. A page in a browser may have its own name
/// lead here (DNS rebinding), and would be told what runs on this machine; an address it cannot have.
fn is_meant<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(header::HOST) else {
        return true;
    };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
    })
}

fn answer<B>(request: &Request<B>, registry: &Mutex<Registry>, is_local: bool) -> Response<Full<Body>> {
    let tell = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Body::from(text)));
        *response.status_mut() = status;
        response
    };
    if is_local && !is_meant(request) {
        return tell(
            StatusCode::MISDIRECTED_REQUEST,
            "ask for localhost or an address\n".to_owned(),
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return tell(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics\n".to_owned());
    }
    if request.uri().path() != "/metrics" {
        return tell(StatusCode::NOT_FOUND, "oomtrace's metrics are at /metrics\n".to_owned());
    }
    let mut text = String::new();
    let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    if encode(&mut text, &registry).is_err() {
        return tell(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written\n".to_owned(),
        );
    }
    drop(registry);
    let accepted = request.headers().get_all(header::ACCEPT).iter();
    let takes_openmetrics = accepted
        .filter_map(|accepted| accepted.to_str().ok())
        .any(|accepted| accepted.contains(OPENMETRICS));
    let (text, content) = if takes_openmetrics {
        (text, OPENMETRICS_1)
    } else {
        (plain(&text), PLAIN)
    };
    let mut response = tell(StatusCode::OK, text);
    let content = header::HeaderValue::from_static(content);
    response.headers_mut().insert(header::CONTENT_TYPE, content);
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::sink::Metrics;

    #[test]
    fn who_asks_is_answered_and_who_asks_for_something_else_is_told_where() {
        let listener = listen(":0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback());
        Metrics::default().serve(listener).unwrap();
        let ask_at = |host: &str, path: &str, accept: &str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let accept = format!("Accept: {accept}\r\n");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{accept}\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let ask_for = |path: &str, accept: &str| ask_at("localhost:9877", path, accept);
        let ask = |path: &str| ask_for(path, "*/*");
        let told = ask_for(
            "/metrics",
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        );
        assert!(told.starts_with("HTTP/1.1 200") && told.contains("openmetrics-text") && told.contains("# EOF"));
        let told = ask("/metrics");
        assert!(
            told.starts_with("HTTP/1.1 200") && told.contains("text/plain; version=0.0.4") && !told.contains("# EOF")
        );
        assert!(ask("/").starts_with("HTTP/1.1 404") && ask("/").contains("/metrics"));
        for host in ["127.0.0.1", "[::1]:9877", "LOCALHOST"] {
            assert!(ask_at(host, "/metrics", "*/*").starts_with("HTTP/1.1 200"), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9877", "::"] {
            assert!(ask_at(host, "/metrics", "*/*").starts_with("HTTP/1.1 421"), "{host}");
        }
        // Who only waits keeps nobody out, and each is answered once.
        let _waiting: Vec<_> = (0..CONNECTIONS * 2)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        assert!(ask("/metrics").starts_with("HTTP/1.1 200"));
        assert!(listen(&address.to_string()).is_err(), "it is in use");
        assert!(listen("nonsense").is_err());
    }
}
