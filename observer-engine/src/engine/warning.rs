//! Whether the state of a warning changes: growth is worth waking someone where it has lasted long enough to be believed.

use super::forecast::Growth;
use super::{History, grows};
use crate::event::{Class, Forecast, ForecastState, RunEnd};
use crate::measure::Timestamp;

/// A warning that said this or less, in seconds, is not said again: nobody could do more with the next one.
const LAST_WORD: f64 = 15.0;

/// How long growth must have lasted, as a share of the time that is left, before it is warned of.
const LASTED: f64 = 0.7;

/// What starts, grows: so many steps of it say nothing. A step is from sample to sample, and [`STEP`] at least.
const START: f64 = 6.0;

/// And what is seen from its start on is starting where it would fill its limit within so many seconds of that, or in as many
/// steps where these are longer than a second: runtimes, caches and workers that are started together do, and most of them stop
/// there.
const FAST: f64 = 60.0;

/// It was seen from its start on where it held no more than this share of the limit at first.
const BEGAN_BELOW: f64 = 0.25;

/// A start that leaves no more than this share of the limit is warned of nonetheless: few stop there.
const START_STOPS: f64 = 0.06;

/// One that takes up to so many times as long leaves more, in proportion, up to the other share. What takes longer is no start: a
/// leak of two minutes is warned of in the first half of its life, and not on the edge of that.
const SLOWER: f64 = 1.85;
const SLOWER_STOPS: f64 = 0.43;

/// How long growth must have lasted, as a share of the longest time that may be left: growth by leaps says little of when.
const LASTED_OF_HIGH: f64 = 0.4;

/// And in steps: of what is seen more rarely, less is known in the same time.
const LASTED_AT_LEAST: f64 = 30.0;

/// A step of what is sampled more often, in seconds: memory moves no faster for being looked at.
const STEP: f64 = 1.0;

/// A warning stands while growth would have to go on for no more than so many times what would raise it.
const HYSTERESIS: f64 = 2.0;

/// How long there must be no reason for a warning before it is cleared: a share of the growth's own time, and so many
/// steps at least.
const QUIET: f64 = 0.2;
const QUIET_AT_LEAST: f64 = 5.0;

/// What stands below this share of what it was has given something back.
const GIVEN_BACK: f64 = 0.95;

/// And what stands above this one goes on growing.
const GOES_ON: f64 = 1.02;

/// A warning that stands.
#[derive(Debug)]
pub(super) struct Told {
    /// What it said last, in seconds.
    pub(super) left: f64,
    /// When it was raised.
    pub(super) at: Timestamp,
    /// How long growth had lasted then, in seconds.
    pub(super) lasted: f64,
    /// The most that was held since, in bytes.
    pub(super) held: f64,
    /// Since when there would be no warning, were there none.
    pub(super) quiet_since: Option<Timestamp>,
}

/// How long growth is taken to go on that has lasted so long, seen in such steps; all in seconds.
fn goes_on_for(lasted: f64, step: f64) -> f64 {
    (lasted - START * step).max(0.0) / LASTED
}

/// What speaks for a warning, and against one.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) class: Class,
    pub(super) forecast: Option<&'a Forecast>,
    /// The growth that leads to the forecast's limit.
    pub(super) growth: Option<Growth>,
    /// Whether its program was told to end it below the limit.
    pub(super) ends_below: bool,
    /// A warning is wanted of what comes within so many seconds.
    pub(super) within: f64,
}

/// Whether it has just been started, and there is room enough for its start to end in.
fn starts(ts: Timestamp, begun: Option<(Timestamp, f64)>, forecast: &Forecast, rest: f64, step: f64) -> bool {
    let limit = forecast.limit.bytes.as_f64();
    begun.is_some_and(|(since, held)| {
        let times = (ts.seconds_since(since) + forecast.seconds) / (FAST * step);
        let slower = ((times - 1.0) / (SLOWER - 1.0)).max(0.0);
        let stops = START_STOPS + (SLOWER_STOPS - START_STOPS) * slower;
        times < SLOWER && held <= limit * BEGAN_BELOW && rest > limit * stops
    })
}

/// Whether the state of a warning changes. Raised once, updated when the time left has halved, cleared when the limit is
/// twice as far as would raise it or out of sight, but not where it is met.
pub(super) fn change(ts: Timestamp, history: &mut History, case: &Case<'_>) -> Option<ForecastState> {
    let Case {
        class,
        forecast,
        growth,
        ends_below,
        within,
    } = *case;
    let was_killed = history.earlier.is_some_and(|earlier| earlier.end == RunEnd::Killed);
    let step = history.growth.spacing().max(STEP);
    let begun = history.runs.begun();
    // Of what has been due for some time nothing leads there any more.
    let Growth { slowing, left, lasted } = growth.unwrap_or_default();
    // Growth that has not lasted as long as it would have to go on is no reason to wake anyone: caches and warm-ups look
    // the same at first. A run that was killed after it had grown the same way is.
    let is_believed = |forecast: &Forecast, lasted: f64| {
        let is_precise = forecast
            .high_seconds
            .is_some_and(|high| lasted >= high * LASTED_OF_HIGH);
        is_precise && forecast.seconds <= goes_on_for(lasted, step)
    };
    let is_new = lasted < LASTED_AT_LEAST * step;
    let is_sure = |forecast: &&Forecast| {
        was_killed
            || !is_new
                && !ends_below
                && is_believed(forecast, lasted)
                && slowing <= goes_on_for(lasted, step)
                && !starts(ts, begun, forecast, left, step)
                && history.growth.rises_beyond(left)
    };
    let forecast = forecast.filter(|_| grows(class));
    let held = history.growth.last().unwrap_or_default();
    // What was given back is not on its way any more.
    history.calmed = history.calmed.take().filter(|calmed| held >= calmed.held * GIVEN_BACK);
    let Some(told) = history.told.as_deref_mut() else {
        // The same growth as was told before, in its next wave: it has lasted since it began. How fast that is, no first moment
        // of it tells.
        let resumed = history.calmed.as_ref().filter(|calmed| held > calmed.held * GOES_ON);
        let lasted = resumed.map_or(lasted, |calmed| lasted.max(calmed.lasted + ts.seconds_since(calmed.at)));
        let goes_on = |forecast: &&Forecast| resumed.is_some() && !is_new && is_believed(forecast, lasted);
        let left = forecast
            .filter(|forecast| is_sure(forecast) || goes_on(forecast))?
            .seconds;
        history.told = (left <= within).then(|| {
            Box::new(Told {
                left,
                at: ts,
                lasted,
                held,
                quiet_since: None,
            })
        });
        return history.told.as_ref().map(|_| ForecastState::Raised);
    };
    told.held = told.held.max(held);
    let believed = if was_killed {
        within
    } else {
        within.min(goes_on_for(told.lasted + ts.seconds_since(told.at), step))
    };
    let left = forecast
        .map(|forecast| forecast.seconds)
        .filter(|left| *left <= believed * HYSTERESIS);
    if left.is_none() && history.met_since.is_none() {
        let since = *told.quiet_since.get_or_insert(ts);
        // A trough is no end: what still grows, if more slowly, is given a share of all the time that it grew.
        let lasted = match history.growth.line() {
            Some(line) if line.slope().low > 0.0 => told.lasted + since.seconds_since(told.at),
            line => line.map_or(0.0, |line| line.window()),
        };
        if ts.seconds_since(since) < (lasted * QUIET).max(QUIET_AT_LEAST * step) {
            return None;
        }
        history.calmed = history.told.take();
        return Some(ForecastState::Cleared);
    }
    told.quiet_since = None;
    let left = left.filter(|left| *left <= told.left / 2.0 && told.left > LAST_WORD)?;
    told.left = left;
    Some(ForecastState::Updated)
}
