//! `oomtrace why`: past kills explained, from captures and from what the host kept.
//!
//! Captures and the journal become one list of ends, in the order of time; what both tell of is told once, as the capture
//! has it. The text is a function of that list. A log that is pasted (`log`) is told alone: it may be any machine's.

mod attempt;
mod growth;
mod json;
mod log;
mod now;
mod packed;
mod past;
mod sources;
mod text;
mod together;

use std::io;

use anyhow::anyhow;

use super::output;
use crate::cli::{Exit, Failure, Output, Why};
use crate::rights;
use crate::unit::Selection;

use past::Past;

/// Explains.
///
/// # Errors
/// Where nothing of the unit is recorded, or not everything could be read; what could be read has been used.
pub fn run(options: &Why) -> Result<(), Failure> {
    rights::for_reading();
    let units: Vec<String> = options.units.iter().chain(&options.which.unit).cloned().collect();
    let which = &options.which;
    let selection = Selection::new(&units, &which.user_unit, &which.slice, &which.cgroup)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if let Some(logs) = log::given(options) {
        return log::run(options, &selection, &logs);
    }
    let mut past = Past {
        selection,
        ..Past::default()
    };
    past.captures(options)?;
    past.journal(options)?;
    past.settle(options);
    let told = match options.output {
        Output::Json => past.json(options.all),
        Output::Text => {
            let text = output::text_options(options.color, false, &past.selection);
            past.text(options.all, &text)
        }
    };
    match told {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        told => told?,
    }
    past.damages.end()?;
    if past.ends.is_empty() && !past.denied.is_empty() {
        let message = anyhow!(
            "cannot say whether {} was killed: {}; run it as root (sudo), or read the journal as a member of the group systemd-journal",
            past.name(),
            past.denied.join("; ")
        );
        return Err(Failure::new(Exit::NotPermitted, message));
    }
    if past.looked.is_empty() {
        let message = anyhow!(
            "nothing to search: no recordings, and neither journal nor kernel log could be read{}",
            past.hint()
        );
        return Err(Failure::new(Exit::NotFound, message));
    }
    if past.ends.is_empty() && !past.selection.is_empty() {
        let message = anyhow!(
            "{}: no OOM kill or failure found; searched {}{}",
            past.name(),
            past.searched(),
            past.hint()
        );
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(())
}
