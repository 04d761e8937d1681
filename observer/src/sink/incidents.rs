//! One incident, one warning: what is told to a person of warnings that are raised, updated and cleared. In: the stream.
//! Out: what of it is news.

use std::collections::HashMap;

use crate::event::{Event, ForecastChange, ForecastState, LimitRef, Line, ancestry};
use crate::measure::Timestamp;

/// Incidents that are remembered, at most: paths may be long.
const KEPT: usize = 512;

/// A warning that comes again within this time is the same incident, in seconds.
const SAME_WITHIN: f64 = 600.0;

/// Shares of the time left at first at which it is told again.
const TOLD_AGAIN: [f64; 2] = [0.5, 0.1];

/// What a change of a forecast is to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// A new incident.
    Warning,
    /// The limit of one that was told is much nearer.
    Still,
    /// One that was over is back.
    Again,
    /// It is over.
    Cleared,
    /// Nothing that was not told.
    Old,
}

#[derive(Debug)]
struct Incident {
    limit: LimitRef,
    /// The time left at first, in seconds, and how often it was told again.
    first: f64,
    told: usize,
    /// Since when it is over.
    cleared: Option<Timestamp>,
    /// Told by who fills the limit.
    is_hidden: bool,
    /// What was warned of came.
    is_over: bool,
    /// When it changed last.
    last: Timestamp,
}

/// What stands, by host and path.
#[derive(Debug, Default)]
pub(crate) struct Incidents(HashMap<(String, String), Incident>);

impl Incidents {
    /// Takes a line; of a change of a forecast, what is news in it.
    pub(crate) fn take(&mut self, line: &Line) -> News {
        match &line.event {
            Event::Kill(kill) => {
                let path = kill.subject.cgroup.path.as_deref().unwrap_or_default();
                for above in ancestry(path) {
                    if let Some(incident) = self.0.get_mut(&(line.host.clone(), above.to_owned())) {
                        incident.is_over = true;
                    }
                }
                News::Old
            }
            Event::Forecast(change) => self.change(&line.host, line.ts, change),
            _ => News::Old,
        }
    }

    fn change(&mut self, host: &str, ts: Timestamp, change: &ForecastChange) -> News {
        let path = change.subject.cgroup.path.clone().unwrap_or_default();
        let key = (host.to_owned(), path);
        let forecast = match (change.state, &change.forecast) {
            (ForecastState::Cleared, _) => return self.cleared(&key, ts),
            (ForecastState::Raised, None) => return News::Warning,
            (ForecastState::Updated, None) => return News::Old,
            (ForecastState::Raised | ForecastState::Updated, Some(forecast)) => forecast,
        };
        let left = forecast.seconds;
        let is_same = |incident: &&mut Incident| {
            let back = incident
                .cleared
                .is_none_or(|cleared| ts.seconds_since(cleared) <= SAME_WITHIN);
            !incident.is_over
                && back
                && incident.limit.cgroup == forecast.limit.cgroup
                && incident.limit.file == forecast.limit.file
        };
        if let Some(incident) = self.0.get_mut(&key).filter(|incident| is_same(incident)) {
            incident.last = ts;
            let is_back = incident.cleared.take().is_some();
            let due = TOLD_AGAIN
                .get(incident.told)
                .is_some_and(|share| left <= incident.first * share);
            incident.told += usize::from(due);
            return match (incident.is_hidden, is_back, due) {
                (true, ..) => News::Old,
                (false, true, _) => News::Again,
                (false, false, true) => News::Still,
                (false, false, false) => News::Old,
            };
        }
        // Who fills a limit that others share is told, and not the limit's owner beside it.
        let is_hidden = self.0.iter().any(|((of, below), incident)| {
            let stands = incident.cleared.is_none() && !incident.is_over && incident.limit == forecast.limit;
            stands && of == host && below.len() > key.1.len() && ancestry(below).any(|above| above == key.1)
        });
        if self.0.len() >= KEPT {
            self.make_room(ts);
        }
        let incident = Incident {
            limit: forecast.limit.clone(),
            first: left,
            told: 0,
            cleared: None,
            is_hidden,
            is_over: false,
            last: ts,
        };
        self.0.insert(key, incident);
        if is_hidden { News::Old } else { News::Warning }
    }

    /// Forgets what has ended, and if all stand, the one that changed longest ago: it is told as new once it changes.
    fn make_room(&mut self, now: Timestamp) {
        let stands = |incident: &Incident| incident.cleared.is_none() && !incident.is_over;
        self.0
            .retain(|_, incident| stands(incident) || now.seconds_since(incident.last) <= SAME_WITHIN);
        if self.0.len() >= KEPT {
            let ended_first = |incident: &Incident| (stands(incident), incident.last);
            let oldest = self.0.iter().min_by_key(|(_, incident)| ended_first(incident));
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
    }

    fn cleared(&mut self, key: &(String, String), ts: Timestamp) -> News {
        let Some(incident) = self.0.get_mut(key) else {
            return News::Cleared;
        };
        // A kill clears nothing: what was warned of came.
        if incident.is_over || incident.is_hidden {
            self.0.remove(key);
            return News::Old;
        }
        (incident.cleared, incident.last) = (Some(ts), ts);
        News::Cleared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, path: &str, event: &str) -> Line {
        let ts = jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
        let text =
            format!(r#"{{"ts":"{ts}","seq":0,"host":"h","unit":null,"cgroup":{{"id":1,"path":"{path}"}},{event}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn change(second: i64, path: &str, state: &str, left: f64, limit: &str) -> Line {
        let forecast = if state == "cleared" {
            "null".to_owned()
        } else {
            format!(
                r#"{{"seconds":{left:?},"low_seconds":{left:?},"high_seconds":null,"confidence":0.8,"limit":{{"cgroup":"{limit}","unit":null,"file":"memory.max","bytes":1}}}}"#
            )
        };
        line(
            second,
            path,
            &format!(r#""event":"forecast","state":"{state}","class":"leak","trend":null,"forecast":{forecast}"#),
        )
    }

    fn kill(second: i64, path: &str) -> Line {
        line(
            second,
            path,
            r#""event":"kill","origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":{"pid":1,"tid":1,"comm":"a","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":null,"anon":null,"file":null,"shmem":null,"swap":null,"pgtables":null,"started":null},"leader_pid":null,"killer":null,"request":null,"before":null"#,
        )
    }

    #[test]
    fn one_incident_is_one_warning_and_a_kill_clears_nothing() {
        let mut incidents = Incidents::default();
        let a = "/a.slice/a.service";
        let mut told = |line: &Line| incidents.take(line);
        assert_eq!(told(&change(0, a, "raised", 1000.0, a)), News::Warning);
        assert_eq!(told(&change(1, a, "updated", 700.0, a)), News::Old);
        assert_eq!(told(&change(2, a, "updated", 490.0, a)), News::Still);
        assert_eq!(told(&change(3, a, "updated", 240.0, a)), News::Old);
        assert_eq!(told(&change(4, a, "updated", 90.0, a)), News::Still);
        assert_eq!(told(&change(5, a, "updated", 20.0, a)), News::Old);
        assert_eq!(told(&change(6, a, "cleared", 0.0, a)), News::Cleared);
        assert_eq!(told(&change(60, a, "raised", 80.0, a)), News::Again);
        assert_eq!(told(&kill(70, a)), News::Old);
        assert_eq!(told(&change(71, a, "cleared", 0.0, a)), News::Old);
        assert_eq!(told(&change(80, a, "raised", 80.0, a)), News::Warning, "the next life");
        assert_eq!(
            told(&change(90, a, "raised", 80.0, "/a.slice")),
            News::Warning,
            "another limit"
        );
    }

    #[test]
    fn what_stands_is_remembered_while_many_come_and_go() {
        let mut incidents = Incidents::default();
        let a = "/a.service";
        assert_eq!(incidents.take(&change(0, a, "raised", 1000.0, a)), News::Warning);
        for number in 0..3 * i64::try_from(KEPT).unwrap() {
            let pod = format!("/pod{number}");
            assert_eq!(
                incidents.take(&change(number, &pod, "raised", 9.0, &pod)),
                News::Warning
            );
            assert_eq!(
                incidents.take(&change(number, &pod, "cleared", 0.0, &pod)),
                News::Cleared
            );
            assert!(incidents.0.len() <= KEPT);
        }
        assert_eq!(incidents.take(&change(9_000, a, "updated", 700.0, a)), News::Old);
    }

    #[test]
    fn a_slice_is_not_told_beside_the_unit_that_fills_it() {
        let mut incidents = Incidents::default();
        let (slice, unit) = ("/a.slice", "/a.slice/a.service");
        assert_eq!(incidents.take(&change(0, unit, "raised", 100.0, slice)), News::Warning);
        assert_eq!(incidents.take(&change(1, slice, "raised", 100.0, slice)), News::Old);
        assert_eq!(incidents.take(&change(2, slice, "cleared", 0.0, slice)), News::Old);
        assert_eq!(incidents.take(&change(3, unit, "cleared", 0.0, slice)), News::Cleared);
    }
}
