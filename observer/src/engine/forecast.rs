//! The time left: to the limit that is reached first, among the cgroup's own, its ancestors' and the host's.

use std::collections::HashMap;

use super::series::{Series, Slope};
use crate::event::{Class, Forecast, Limit, LimitRef, Relation, Sample};
use crate::measure::Bytes;

/// Further than this is no statement worth making: 30 days.
const HORIZON: f64 = 30.0 * 86_400.0;
/// The share of intervals that hold the true time, as they are made: of slopes, 80 %.
const CONFIDENCE: f64 = 0.8;
/// Points that a slope rests on.
const POINTS: usize = 24;

/// The forecast for the binding limit; `None` = no statement.
pub(super) fn binding(
    class: Class,
    own: &Series,
    owners: &HashMap<String, Series>,
    sample: &Sample,
    reclaimable: Bytes,
) -> Option<Forecast> {
    if !matches!(class, Class::Leak | Class::Shmem | Class::Kernel | Class::Unknown) {
        return None;
    }
    // The cgroup must have a part in what fills up: a neighbour's growth alone is the neighbour's forecast.
    own.slope(POINTS).filter(|slope| slope.middle > 0.0)?;
    let candidates = sample
        .limits
        .iter()
        .filter(|limit| limit.file != "memory.high")
        .filter_map(|limit| {
            let (series, reclaimable) = match limit.relation {
                Relation::Own => (own, limit.reclaimable.unwrap_or(reclaimable)),
                Relation::Ancestor | Relation::Host => {
                    (owners.get(&limit.cgroup)?, limit.reclaimable.unwrap_or_default())
                }
            };
            let used = limit
                .usage
                .or(sample.memory.current.filter(|_| limit.relation == Relation::Own))?;
            time_left(limit, series.slope(POINTS)?, used.saturating_sub(reclaimable))
        });
    candidates.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn time_left(limit: &Limit, slope: Slope, fixed: Bytes) -> Option<Forecast> {
    let room = limit.bytes.saturating_sub(fixed).as_f64();
    // A slope that may as well be none is none.
    if slope.low <= 0.0 || !slope.middle.is_finite() {
        return None;
    }
    let seconds = room / slope.middle;
    if seconds > HORIZON {
        return None;
    }
    let late = room / slope.low;
    Some(Forecast {
        seconds,
        low_seconds: (room / slope.high).min(seconds),
        high_seconds: (late.is_finite() && late <= HORIZON).then_some(late.max(seconds)),
        confidence: CONFIDENCE,
        limit: LimitRef {
            cgroup: limit.cgroup.clone(),
            unit: limit.unit.clone(),
            file: limit.file.clone(),
            bytes: limit.bytes,
        },
    })
}
