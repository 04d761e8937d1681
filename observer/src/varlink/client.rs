//! Who calls a service, for tests.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// A connection. What is not there in time is not there.
pub(crate) struct Client(pub(crate) UnixStream);

impl Client {
    pub(crate) fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, message: &impl ToString) {
        let message = format!("{}\0", message.to_string());
        self.0.write_all(message.as_bytes()).unwrap();
    }

    /// The next reply; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        let mut message = Vec::new();
        let mut byte = [0];
        while self.0.read(&mut byte).ok()? == 1 {
            if byte == [0] {
                return serde_json::from_slice(&message).ok();
            }
            message.push(byte[0]);
        }
        None
    }
}
