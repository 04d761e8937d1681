//! `oomtrace why`: past kills explained, from captures and from what the host kept.
//!
//! Captures and the journal become one list of ends, in the order of time; what both tell of is told once, as the capture
//! has it. The text is a function of that list. A log that is pasted (`log`) is told alone: it may be any machine's.

mod attempt;
mod boot;
mod errand;
mod growth;
mod json;
mod log;
mod now;
mod packed;
mod past;
mod sources;
mod text;
mod together;

use anyhow::{Context as _, anyhow};

use super::output;
use super::pager::Pager;
use crate::cli::{self, Exit, Failure, Output, Why};
use crate::confine::{self, Task};
use crate::rights;
use crate::unit::{Names, Selection};

use past::Past;

/// Explains.
///
/// # Errors
/// Where nothing of the unit is recorded, or not everything could be read; what could be read has been used.
pub fn run(options: &Why) -> Result<(), Failure> {
    cli::in_order(options.since, options.until)?;
    rights::for_reading();
    let boot = boot::Boot::asked(options.boot.as_deref());
    let named = boot.as_ref().err().cloned();
    let boot = boot.unwrap_or(Some(boot::Boot::CURRENT));
    let units = named.into_iter().chain(options.units.clone());
    let units: Vec<String> = units.chain(options.which.unit.clone()).collect();
    let which = &options.which;
    let selection = Selection::new(&units, &which.user_unit, &which.slice, &which.cgroup)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if let Some(logs) = log::given(options, &selection) {
        return log::run(options, &selection, &logs);
    }
    let errands = errand::start(options, boot.as_ref()).context("cannot start another process")?;
    confine::process(Task::Read);
    let mut past = Past {
        names: options.journal_file.is_none().then(Names::default),
        selection,
        boot,
        is_narrowed: options.since.is_some() || options.until.is_some() || options.boot.is_some(),
        is_given: options.dir.is_some() || options.journal_file.is_some(),
        errands: Some(errands),
        ..Past::default()
    };
    past.captures(options)?;
    past.journal(options)?;
    past.settle(options);
    let (wanted, reverse) = (options.wanted(), options.reverse);
    let told = match options.format.output() {
        Output::Json => past.json(wanted, reverse),
        Output::Text => {
            // As wide as the terminal that the pager is on.
            let text = output::text_options(options.color, false, &past.selection);
            let errands = past.errands.as_ref();
            let _pager = errands.and_then(|errands| Pager::open(errands, options.paging));
            past.text(wanted, reverse, &text)
        }
    };
    if output::is_over(told)? {
        return Ok(());
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
