//! The time left: to the limit that is reached first, among the cgroup's own, its ancestors' and the host's.

use std::collections::HashMap;

use super::series::Series;
use crate::event::{Class, Forecast, Limit, LimitRef, Relation, Sample};
use crate::measure::Bytes;

/// Further than this is no statement worth making: 30 days.
const HORIZON: f64 = 30.0 * 86_400.0;
/// The share of intervals that hold the true time, as they are made.
const CONFIDENCE: f64 = 0.8;

/// The forecast for the binding limit; `None` = no statement.
pub(super) fn binding(
    class: Class,
    own: &Series,
    owners: &HashMap<String, Series>,
    sample: &Sample,
    reclaimable: Bytes,
) -> Option<Forecast> {
    if !matches!(
        class,
        Class::Leak | Class::Shmem | Class::Kernel | Class::Unknown | Class::Burst
    ) {
        return None;
    }
    // The cgroup must have a part in what fills up: a neighbour's growth alone is the neighbour's forecast.
    own.line().filter(|line| line.slope.middle > 0.0)?;
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
            time_left(limit, series, used.saturating_sub(reclaimable))
        });
    candidates.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

fn time_left(limit: &Limit, series: &Series, fixed: Bytes) -> Option<Forecast> {
    let reach = series.reach(limit.bytes.as_f64(), fixed.as_f64())?;
    if reach.seconds > HORIZON {
        return None;
    }
    Some(Forecast {
        seconds: reach.seconds,
        low_seconds: reach.low.min(reach.seconds),
        high_seconds: (reach.high <= HORIZON).then_some(reach.high.max(reach.seconds)),
        confidence: CONFIDENCE,
        limit: LimitRef {
            cgroup: limit.cgroup.clone(),
            unit: limit.unit.clone(),
            file: limit.file.clone(),
            bytes: limit.bytes,
        },
    })
}
