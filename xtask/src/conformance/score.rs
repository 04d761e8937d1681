//! Claims against the truth, fact by fact. Pure.

use std::fmt;

use serde_json::Value;

/// What a tool told of one kill. What it did not tell is `None`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The victim's.
    pub(crate) pid: Option<u64>,
    /// The victim's unit, or the path of its cgroup.
    pub(crate) cgroup: Option<String>,
    /// The path of the cgroup whose limit it was; `/` is the host.
    pub(crate) limit: Option<String>,
    /// As oomtrace's events name it; `KERNEL` is less than that.
    pub(crate) origin: Option<String>,
    /// The pid of who asked for the memory.
    pub(crate) trigger: Option<u64>,
}

/// The origin of a claim that knows no more than that it was the kernel.
pub(crate) const KERNEL: &str = "kernel";

/// What is true of one kill. `None` is what the scenario does not know.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kill {
    pid: Option<u64>,
    /// The system's unit and the user's: either is right.
    units: Vec<String>,
    limit: Option<String>,
    origin: Option<String>,
    trigger: Option<u64>,
}

impl Kill {
    /// From an expected line; `None` for another event's.
    pub(crate) fn from_line(line: &Value) -> Option<Self> {
        if line["event"] != "kill" {
            return None;
        }
        let text = |value: &Value| value.as_str().filter(|text| *text != "*").map(str::to_owned);
        let units: Vec<String> = [&line["unit"], &line["user_unit"]]
            .into_iter()
            .filter_map(text)
            .collect();
        let relation = line["limit"]["relation"].as_str();
        // An own limit, where its path is not told, is that of the victim's cgroup, or the unit stands for it.
        let limit = text(&line["limit"]["cgroup"]).or_else(|| match relation {
            Some("own") => text(&line["cgroup"]["path"]).or_else(|| units.last().cloned()),
            Some("host") => Some("/".to_owned()),
            _ => None,
        });
        Some(Self {
            pid: line["victim"]["pid"].as_u64(),
            units,
            limit,
            origin: text(&line["origin"]),
            trigger: line["trigger"]["pid"].as_u64(),
        })
    }

    fn is_in(&self, cgroup: &str) -> bool {
        cgroup.split('/').any(|part| self.units.iter().any(|unit| unit == part))
    }

    fn is_meant(&self, claim: &Claim) -> bool {
        match (claim.pid, self.pid) {
            (Some(told), Some(known)) => told == known,
            _ => claim.cgroup.as_ref().is_none_or(|cgroup| self.is_in(cgroup)),
        }
    }
}

/// What is asked of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Victim,
    Cgroup,
    Limit,
    Origin,
    Trigger,
    Number,
}

impl Fact {
    pub(crate) const ALL: [Self; 6] = [
        Self::Victim,
        Self::Cgroup,
        Self::Limit,
        Self::Origin,
        Self::Trigger,
        Self::Number,
    ];

    pub(crate) fn letter(self) -> char {
        match self {
            Self::Victim => 'V',
            Self::Cgroup => 'C',
            Self::Limit => 'L',
            Self::Origin => 'O',
            Self::Trigger => 'T',
            Self::Number => 'N',
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Victim => "the victim's pid (the trigger's in its place is wrong)",
            Self::Cgroup => "the victim's unit or cgroup (an ancestor's in its place is wrong)",
            Self::Limit => "the owner of the limit that was reached: a cgroup, or the host",
            Self::Origin => {
                "what killed: a memory limit, a lowered one, the host's shortage, a cpuset, systemd-oomd, another program… \
                 (\"the kernel\" alone, or a cgroup's limit if it was lowered or others died along with the chosen process, \
                 is incomplete: not reported)"
            }
            Self::Trigger => "the pid of the process that requested the memory",
            Self::Number => "as many kills as there were (fewer: not reported; more: wrong)",
        }
    }

    /// Whether the truth of any of `kills` says it.
    pub(crate) fn is_known(self, kills: &[Kill]) -> bool {
        self == Self::Number
            || kills.iter().any(|kill| match self {
                Self::Victim => kill.pid.is_some(),
                Self::Cgroup => !kill.units.is_empty(),
                Self::Limit => kill.limit.is_some(),
                Self::Origin => kill.origin.is_some(),
                Self::Trigger => kill.trigger.is_some(),
                Self::Number => true,
            })
    }

    /// How `claim` does by `kill`; `None` where the truth is not known.
    fn judge(self, kill: &Kill, claim: Option<&Claim>) -> Option<Verdict> {
        let told = |right: Option<bool>| match right {
            None => Verdict::NotTold,
            Some(true) => Verdict::Right,
            Some(false) => Verdict::Wrong,
        };
        Some(match self {
            Self::Victim => {
                let known = kill.pid?;
                told(claim.and_then(|claim| claim.pid).map(|pid| pid == known))
            }
            Self::Cgroup => {
                if kill.units.is_empty() {
                    return None;
                }
                told(
                    claim
                        .and_then(|claim| claim.cgroup.as_ref())
                        .map(|cgroup| kill.is_in(cgroup)),
                )
            }
            Self::Limit => {
                let known = kill.limit.as_ref()?;
                told(claim.and_then(|claim| claim.limit.as_ref()).map(|limit| {
                    limit == known || (!known.starts_with('/') && limit.rsplit('/').next() == Some(known))
                }))
            }
            Self::Origin => {
                let known = kill.origin.as_ref()?;
                match claim.and_then(|claim| claim.origin.as_ref()) {
                    Some(origin) if origin == known => Verdict::Right,
                    Some(origin) if origin == KERNEL && is_by_kernel(known) => Verdict::NotTold,
                    Some(origin) if origin == "memcg_limit" && is_by_limit(known) => Verdict::NotTold,
                    Some(_) => Verdict::Wrong,
                    None => Verdict::NotTold,
                }
            }
            Self::Trigger => {
                let known = kill.trigger?;
                told(claim.and_then(|claim| claim.trigger).map(|trigger| trigger == known))
            }
            Self::Number => return None, // of all kills together
        })
    }
}

/// Origins that are a cgroup's limit, and more than that.
fn is_by_limit(origin: &str) -> bool {
    matches!(origin, "memcg_limit" | "limit_lowered" | "oom_group" | "shared_mm")
}

fn is_by_kernel(origin: &str) -> bool {
    is_by_limit(origin) || matches!(origin, "host" | "cpuset" | "mempolicy" | "sysrq")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    NotTold,
    Wrong,
}

/// How a tool did in a scenario: its facts, how often right, not told, wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    facts: Vec<(Fact, Tally)>,
    silent: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    right: usize,
    not_told: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::NotTold => self.not_told += 1,
            Verdict::Wrong => self.wrong += 1,
        }
    }
}

impl Cell {
    /// `count` is how many kills there were.
    pub(crate) fn new(kills: &[Kill], count: usize, claims: &[Claim]) -> Self {
        // A claim with a pid is of one kill, one without may be of all in its unit.
        let mut free: Vec<&Claim> = claims.iter().collect();
        let mut joined: Vec<Option<&Claim>> = Vec::new();
        for kill in kills {
            let exact = free
                .iter()
                .position(|claim| claim.pid.is_some() && claim.pid == kill.pid);
            let place = exact.or_else(|| free.iter().position(|claim| kill.is_meant(claim)));
            joined.push(match place {
                Some(place) if free.get(place).is_some_and(|claim| claim.pid.is_some()) => Some(free.remove(place)),
                Some(place) => free.get(place).copied(),
                None => None,
            });
        }
        // What is left and was of no kill was told in the place of one that nothing was told of.
        let used: Vec<*const Claim> = joined
            .iter()
            .flatten()
            .map(|claim| std::ptr::from_ref(*claim))
            .collect();
        let mut strays = claims
            .iter()
            .filter(|claim| !used.contains(&std::ptr::from_ref(*claim)));
        for place in joined.iter_mut().filter(|place| place.is_none()) {
            *place = strays.next();
        }
        let facts = Fact::ALL
            .into_iter()
            .filter(|fact| fact.is_known(kills))
            .map(|fact| {
                let mut tally = Tally::default();
                for (kill, claim) in kills.iter().zip(&joined) {
                    if let Some(verdict) = fact.judge(kill, *claim) {
                        tally.add(verdict);
                    }
                }
                if fact == Fact::Number {
                    tally.add(match claims.len().cmp(&count) {
                        std::cmp::Ordering::Less => Verdict::NotTold,
                        std::cmp::Ordering::Equal => Verdict::Right,
                        std::cmp::Ordering::Greater => Verdict::Wrong,
                    });
                }
                (fact, tally)
            })
            .collect();
        Self {
            facts,
            silent: claims.is_empty() && count == 0,
        }
    }

    /// How often each fact was right, not told, wrong.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (Fact, [usize; 3])> {
        let numbers = |tally: &Tally| [tally.right, tally.not_told, tally.wrong];
        self.facts.iter().map(move |(fact, tally)| (*fact, numbers(tally)))
    }

    /// Wrong weighs more than right: nothing told is better than something wrong.
    pub(crate) fn rank(&self) -> (std::cmp::Reverse<usize>, usize) {
        let sum = |of: fn(&Tally) -> usize| self.facts.iter().map(|(_, tally)| of(tally)).sum();
        (std::cmp::Reverse(sum(|tally| tally.wrong)), sum(|tally| tally.right))
    }

    /// Nothing was to be told, and nothing was.
    pub(crate) fn is_silence(&self) -> bool {
        self.silent
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fact, tally) in &self.facts {
            let letter = match tally {
                Tally { wrong: 1.., .. } => '✗',
                Tally { right: 0, .. } => '·',
                Tally { not_told: 0, .. } => fact.letter(),
                Tally { .. } => fact.letter().to_ascii_lowercase(),
            };
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kill(pid: u64) -> Kill {
        Kill::from_line(&json!({
            "event": "kill", "unit": "big.service", "origin": "memcg_limit", "victim": {"pid": pid},
            "trigger": {"pid": 8}, "limit": {"cgroup": "/pair.slice", "relation": "ancestor"}
        }))
        .unwrap()
    }

    fn whole(pid: u64) -> Claim {
        Claim {
            pid: Some(pid),
            cgroup: Some("/pair.slice/big.service".to_owned()),
            limit: Some("/pair.slice".to_owned()),
            origin: Some("memcg_limit".to_owned()),
            trigger: Some(8),
        }
    }

    #[test]
    fn all_that_is_told_rightly_has_its_letter() {
        assert_eq!(Cell::new(&[kill(7)], 1, &[whole(7)]).to_string(), "VCLOTN");
    }

    #[test]
    fn what_is_not_told_is_not_wrong() {
        let bare = Claim {
            pid: Some(7),
            ..Claim::default()
        };
        assert_eq!(Cell::new(&[kill(7)], 1, &[bare]).to_string(), "V····N");
        assert_eq!(Cell::new(&[kill(7)], 1, &[]).to_string(), "······");
    }

    #[test]
    fn the_trigger_told_as_the_victim_is_wrong() {
        let mixed = Claim {
            cgroup: Some("/pair.slice/small.service".to_owned()),
            ..whole(8)
        };
        assert_eq!(Cell::new(&[kill(7)], 1, &[mixed]).to_string(), "✗✗LOTN");
    }

    #[test]
    fn one_kill_told_at_two_units_is_one_too_many() {
        let of = |unit: &str| Claim {
            cgroup: Some(unit.to_owned()),
            origin: Some(KERNEL.to_owned()),
            ..Claim::default()
        };
        let claims = [of("pair.slice"), of("big.service")];
        assert_eq!(Cell::new(&[kill(7)], 1, &claims).to_string(), "·C···✗");
        assert_eq!(Cell::new(&[kill(7)], 1, &claims[..1]).to_string(), "·✗···N");
    }

    #[test]
    fn some_of_several_kills_is_a_small_letter() {
        assert_eq!(Cell::new(&[kill(7), kill(9)], 2, &[whole(9)]).to_string(), "vclot·");
    }

    #[test]
    fn a_part_of_the_origin_is_not_told_and_another_is_wrong() {
        let lowered = Kill {
            origin: Some("limit_lowered".to_owned()),
            ..Kill::default()
        };
        let of = |origin: &str| Claim {
            origin: Some(origin.to_owned()),
            ..Claim::default()
        };
        assert_eq!(
            Cell::new(std::slice::from_ref(&lowered), 1, &[of("memcg_limit")]).to_string(),
            "·N"
        );
        assert_eq!(
            Cell::new(std::slice::from_ref(&lowered), 1, &[of("host")]).to_string(),
            "✗N"
        );
        assert_eq!(Cell::new(&[lowered], 1, &[of("limit_lowered")]).to_string(), "ON");
    }

    #[test]
    fn a_claim_where_nothing_was_killed_is_wrong_and_ranks_below_silence() {
        let loud = Cell::new(&[], 0, &[whole(7)]);
        let silent = Cell::new(&[], 0, &[]);
        assert_eq!((loud.to_string(), silent.to_string()), ("✗".to_owned(), "N".to_owned()));
        assert!(loud.rank() < silent.rank());
    }
}
