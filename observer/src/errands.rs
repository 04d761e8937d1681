//! Errands: what a confined process (`confine`) still needs of the system, done for it by one that reads nothing from outside.
//!
//! That one is forked before the first byte is parsed. It is told one errand of a few, each of which it knows how to do by itself, and
//! gives a descriptor or an error. Whoever takes over the process that parses can have these errands done, and nothing else.

use std::io::{self, IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, WaitOptions, waitpid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest errand, and the longest answer. A unit's name has 255 bytes at most.
const LONGEST: usize = 16 << 10;

/// Whom errands are given to, until this is dropped.
#[derive(Debug)]
pub(crate) struct Errands<E> {
    /// Closed first: it ends whom they are given to.
    socket: Option<OwnedFd>,
    doer: Pid,
    errand: PhantomData<fn(E)>,
}

/// An error as it goes through a socket.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    number: Option<i32>,
    words: String,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self {
            number: error.raw_os_error(),
            words: error.to_string(),
        }
    }
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        failed
            .number
            .map_or_else(|| Self::other(failed.words), Self::from_raw_os_error)
    }
}

impl<E: Serialize + DeserializeOwned> Errands<E> {
    /// Forks whoever does them. The process has one thread as yet.
    ///
    /// # Errors
    /// Where there can be no other process.
    pub(crate) fn start(done: impl FnMut(E) -> io::Result<Option<OwnedFd>>) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        // SAFETY: commands begin with it, before they start a thread, so that no lock is held by a thread that is gone in the child.
        let child = unsafe { libc::fork() };
        match child {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(ours);
                outlive_signals();
                let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(&theirs, done)));
                // SAFETY: ends this process at once: what is buffered and registered for the end is its parent's.
                unsafe { libc::_exit(i32::from(served.is_err())) }
            }
            child => Ok(Self {
                socket: Some(ours),
                doer: Pid::from_raw(child).ok_or(io::ErrorKind::InvalidData)?,
                errand: PhantomData,
            }),
        }
    }

    /// Has one done.
    ///
    /// # Errors
    /// Where it failed, or nobody is there to do it any more.
    pub(crate) fn run(&self, errand: &E) -> io::Result<Option<OwnedFd>> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        send(socket, &serde_json::to_vec(errand)?, None)?;
        let (answer, descriptor) = receive(socket)?.ok_or(io::ErrorKind::BrokenPipe)?;
        let answer: Option<Failed> = serde_json::from_slice(&answer)?;
        answer.map_or(Ok(descriptor), |failed| Err(failed.into()))
    }
}

impl<E> Drop for Errands<E> {
    fn drop(&mut self) {
        self.socket = None;
        let _ = again(|| waitpid(Some(self.doer), WaitOptions::empty()));
    }
}

/// Ctrl-C and systemd's signals are for all processes of a command, and it is the other one that decides what they mean: it may go
/// on for a while, and want something done. What is run has signals as ever, for a handler is no program's own.
fn outlive_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
}

/// Does what it is told until nobody tells it anything.
fn serve<E: DeserializeOwned>(socket: &OwnedFd, mut done: impl FnMut(E) -> io::Result<Option<OwnedFd>>) {
    while let Ok(Some((errand, _))) = receive(socket) {
        let answer = serde_json::from_slice(&errand)
            .map_err(io::Error::from)
            .and_then(&mut done);
        let (failed, descriptor) = match answer {
            Ok(descriptor) => (None, descriptor),
            Err(error) => (Some(Failed::from(error)), None),
        };
        let Ok(answer) = serde_json::to_vec(&failed) else {
            return;
        };
        if send(socket, &answer, descriptor.as_ref()).is_err() {
            return;
        }
    }
}

fn send(socket: &OwnedFd, message: &[u8], descriptor: Option<&OwnedFd>) -> io::Result<()> {
    if message.len() > LONGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let descriptors: Vec<_> = descriptor.iter().map(|descriptor| descriptor.as_fd()).collect();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut room);
    if !descriptors.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    again(|| sendmsg(socket, &[IoSlice::new(message)], &mut beside, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// A message and what came with it; `None` where nobody will send one any more.
fn receive(socket: &OwnedFd) -> io::Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
    let mut message = vec![0; LONGEST];
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut room);
    let received = again(|| {
        recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut message)],
            &mut beside,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    message.truncate(received.bytes);
    let descriptor = beside.drain().find_map(|one| match one {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok((!message.is_empty()).then_some((message, descriptor)))
}

/// Until no signal comes between.
fn again<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_errand_brings_a_descriptor_or_its_error() {
        let errands = Errands::start(|name: String| match name.as_str() {
            "nothing" => Ok(None),
            "panic" => panic!("it ends, and that is told"),
            path => File::open(path).map(|file| Some(file.into())),
        })
        .unwrap();
        let run = |name: &str| errands.run(&name.to_owned());
        assert!(run("nothing").unwrap().is_none());
        rustix::process::kill_process(errands.doer, rustix::process::Signal::INT).unwrap();
        assert!(run("nothing").is_ok(), "what ends the other one does not end this");
        let mut file = File::from(run("/proc/self/stat").unwrap().unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(!text.starts_with(&std::process::id().to_string()), "another's: {text}");
        assert_eq!(run("/nowhere").unwrap_err().raw_os_error(), Some(libc::ENOENT));
        assert!(run(&"x".repeat(LONGEST)).is_err());
        assert!(run("panic").is_err());
        assert_eq!(run("nothing").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
