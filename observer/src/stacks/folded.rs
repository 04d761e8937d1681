//! Folded stacks: `root;…;leaf BYTES`, as flame graph tools take them.

use std::io::{self, Write};

use crate::event::{PageKind, Stack};
use crate::shown::shown;

/// Writes a line for each stack: the thread's name, its functions from the outermost to the innermost, and of what the kernel
/// took on its behalf the kernel's functions, marked `_[k]`.
///
/// # Errors
/// Where it cannot be written.
pub fn folded(stacks: &[Stack], out: &mut impl Write) -> io::Result<()> {
    for stack in stacks {
        let frames = path(stack);
        let frames: Vec<String> = frames.iter().map(|frame| shown(frame).replace(';', ":")).collect();
        writeln!(out, "{} {}", frames.join(";"), stack.bytes.0)?;
    }
    Ok(())
}

/// From the outermost to the innermost, the thread's name first.
pub(crate) fn path(stack: &Stack) -> Vec<String> {
    let mut path = vec![stack.comm.clone()];
    if stack.frames.is_empty() {
        path.push("[unknown]".to_owned());
    }
    path.extend(stack.frames.iter().rev().cloned());
    // How a fault comes to its page is the same each time.
    if stack.kind != PageKind::Anon {
        path.extend(stack.kernel.iter().rev().map(|function| format!("{function}_[k]")));
    }
    path
}
