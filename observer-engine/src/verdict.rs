//! The verdict: what made a kill, at whose limit, and what follows from it.
//!
//! Only what the facts say: where the kernel was seen choosing, the origin is observed; where it is concluded, that is
//! said; where nothing is known, it is `unknown`.

mod advice;
pub mod counters;
pub mod earlier;
pub mod from_log;
pub mod gfp;
pub(crate) mod growers;
pub mod repeats;
pub mod signal;

use advice::advice;
use earlier::Unfreed;

use crate::ceiling;
use crate::event::{
    Before, Confidence, Holder, Kill, KillLimit, Killer, Ledger, Object, Origin, Relation, Request, Shortage,
    ShortageKind, Subject, Task, Trigger, Victim,
};
use crate::measure::{Bytes, Tgid};

/// Where the kernel looked for a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// In the whole host.
    Host,
    /// On the nodes of a cpuset.
    Cpuset,
    /// On the nodes of a memory policy.
    Mempolicy,
    /// In the cgroup whose limit was reached.
    Memcg,
    /// A number that this version does not know.
    Unknown(i32),
}

/// The owner of the limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerFacts {
    /// Its cgroup's path.
    pub path: Option<String>,
    /// Its unit.
    pub unit: Option<String>,
    /// The limit.
    pub limit: Option<Bytes>,
    /// What it used.
    pub usage: Option<Bytes>,
    /// What it had in swap.
    pub swap_usage: Option<Bytes>,
    /// What it may have in swap.
    pub swap_max: Option<Bytes>,
}

impl OwnerFacts {
    /// As a kill tells it, seen from where the victim lived.
    #[must_use]
    pub fn limit_of(&self, victim: &Subject) -> KillLimit {
        KillLimit {
            cgroup: self.path.clone(),
            unit: self.unit.clone(),
            relation: relation(self.path.as_deref(), self.unit.as_deref(), victim),
            file: "memory.max".to_owned(),
            bytes: self.limit,
            usage: self.usage,
            swap_usage: self.swap_usage,
            swap_max: self.swap_max,
        }
    }
}

/// The kernel's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OomFacts {
    /// Where it looked.
    pub constraint: Constraint,
    /// `oc->order`; -1 = the magic key.
    pub order: Option<i32>,
    /// The allocation's flags, by name.
    pub gfp: Option<String>,
    /// Whose limit; `None` = the host.
    pub owner: Option<OwnerFacts>,
    /// Who was chosen.
    pub chosen: Option<Tgid>,
    /// Whether the trigger was writing to `memory.max`: the limit came down to what was used. `None` = nobody saw.
    pub lowering: Option<bool>,
}

impl OwnerFacts {
    /// Whether far more is used than the limit allows, as no charge makes it. Of a process that is dying some are let through
    /// (mm/memcontrol.c: `try_charge_memcg`; before 5.16 any): that is little.
    fn is_exceeded(&self) -> bool {
        self.limit
            .zip(self.usage)
            .is_some_and(|(limit, usage)| usage.0.saturating_sub(limit.0) > (limit.0 / EXCEEDED).max(LET_THROUGH))
    }
}

/// What is used beyond a limit is much from this part of it on,
const EXCEEDED: u64 = 16;
/// and from so many bytes on.
const LET_THROUGH: u64 = 1 << 20;

impl OomFacts {
    /// The allocation; the magic key makes none.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        Some(Request {
            order: self.order.filter(|order| *order >= 0)?,
            gfp: self.gfp.clone()?,
        })
    }
}

/// A program that killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// What kind of killer it is.
    pub origin: Origin,
    /// Whether that it was for memory is seen or concluded.
    pub confidence: Confidence,
    /// Who.
    pub killer: Killer,
    /// The kernel's victim, where this kill follows from that one.
    pub after: Option<Tgid>,
}

/// Everything that is known of a kill.
#[derive(Debug, Clone, PartialEq)]
pub struct KillFacts {
    /// Where the victim lived.
    pub subject: Subject,
    /// The kernel's choice, where it was seen.
    pub oom: Option<OomFacts>,
    /// Whether the victim shares the memory of the chosen one.
    pub shared_mm: bool,
    /// The program that killed, where it was not the kernel.
    pub user: Option<UserFacts>,
    /// Who was killed.
    pub victim: Victim,
    /// The processes of its cgroup.
    pub tasks: Vec<Task>,
    /// Who held what ran out, largest first.
    pub holders: Vec<Holder>,
    /// What held its shared and its kernel memory, most first.
    pub held: Vec<Object>,
    /// Who asked for memory.
    pub trigger: Option<Trigger>,
    /// What it is known from.
    pub evidence: Vec<String>,
    /// Where the choice was not seen: the limit that the counters point at.
    pub concluded_limit: Option<KillLimit>,
    /// Where the choice was not seen: whether a memory cgroup's limit was reached, whosever it was.
    pub in_memcg: Option<bool>,
    /// What was short, where it was no memory cgroup's limit.
    pub shortage: Option<Shortage>,
    /// What all of the machine's memory was used for, where it was no memory cgroup's limit.
    pub ledger: Option<Box<Ledger>>,
    /// The limit that is no memory cgroup's: the machine's memory, or that of a cpuset's nodes.
    pub outside: Option<KillLimit>,
    /// An earlier victim whose memory was not given back yet as this one was chosen.
    pub unfreed: Option<Unfreed>,
}

impl KillFacts {
    /// Who was killed, where, and what it is known from; nothing else is known yet.
    #[must_use]
    pub fn new(subject: Subject, victim: Victim, evidence: Vec<String>) -> Self {
        Self {
            subject,
            oom: None,
            shared_mm: false,
            user: None,
            victim,
            tasks: Vec::new(),
            holders: Vec::new(),
            held: Vec::new(),
            trigger: None,
            evidence,
            concluded_limit: None,
            in_memcg: None,
            shortage: None,
            ledger: None,
            outside: None,
            unfreed: None,
        }
    }
}

impl KillFacts {
    /// Whether the machine may have had memory left, if not for this request: where the pieces were too small, and where a
    /// large piece was asked for and nothing tells what there was. Where nothing is seen to have been short, it may have been
    /// looked at too late.
    fn may_have_memory(&self) -> bool {
        match &self.shortage {
            Some(shortage) => matches!(shortage.kind, ShortageKind::Zone | ShortageKind::Order),
            None => self
                .oom
                .as_ref()
                .and_then(|oom| oom.order)
                .is_some_and(|order| order > 0),
        }
    }
}

/// Whether `above` is `path` or a cgroup above it.
#[must_use]
pub fn holds(above: &str, path: &str) -> bool {
    above == "/"
        || path
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where the owner of a limit stands, seen from the victim. A cgroup below the unit's own is the unit's.
fn relation(owner: Option<&str>, owner_unit: Option<&str>, victim: &Subject) -> Option<Relation> {
    let (owner_path, victim_path) = (owner?, victim.cgroup.path.as_deref()?);
    if !holds(owner_path, victim_path) {
        return None;
    }
    let unit = victim.name();
    let same_unit = unit.is_some() && owner_unit == unit;
    Some(if owner_path == victim_path || same_unit {
        Relation::Own
    } else {
        Relation::Ancestor
    })
}

/// `before` gives what was known before.
pub(super) fn verdict(facts: KillFacts, before: impl FnOnce(&Subject) -> Option<Before>) -> Kill {
    let (origin, confidence, limit) = match (&facts.user, &facts.oom) {
        (Some(user), _) => (user.origin, user.confidence, None),
        (None, None) => match facts.concluded_limit.clone() {
            Some(limit) => (Origin::MemcgLimit, Confidence::Inferred, Some(limit)),
            None if facts.in_memcg == Some(true) => (Origin::MemcgLimit, Confidence::Inferred, None),
            None => (Origin::Unknown, Confidence::Inferred, None),
        },
        (None, Some(oom)) => {
            let (origin, confidence) = kernel_origin(&facts, oom);
            let limit = match (&oom.owner, oom.constraint) {
                (Some(owner), _) => Some(owner.limit_of(&facts.subject)),
                // The magic key kills without a limit having been reached.
                (None, _) if oom.order.is_some_and(|order| order < 0) => None,
                // What the machine has was not what was reached.
                (None, Constraint::Host) if origin == Origin::PageFault || facts.may_have_memory() => None,
                (None, _) => facts.outside.clone().map(|limit| KillLimit {
                    relation: limit
                        .relation
                        .or_else(|| relation(limit.cgroup.as_deref(), limit.unit.as_deref(), &facts.subject)),
                    ..limit
                }),
            };
            (origin, confidence, limit)
        }
    };
    let leader_pid = match origin {
        Origin::OomGroup | Origin::SharedMm => facts.oom.as_ref().and_then(|oom| oom.chosen),
        _ => facts.user.as_ref().and_then(|user| user.after),
    };
    let before = before(&facts.subject);
    let mut victim = facts.victim;
    // Whoever saw the process has its environment too.
    if victim.ceiling.is_none() {
        victim.ceiling = victim.cmdline.as_deref().and_then(ceiling::of_command_line);
    }
    let mut kill = Kill {
        in_memcg: facts.in_memcg.filter(|_| origin == Origin::Unknown),
        request: facts.oom.as_ref().and_then(OomFacts::request),
        subject: facts.subject,
        origin,
        confidence,
        evidence: facts.evidence,
        limit,
        trigger: facts.trigger,
        victim: Some(victim),
        leader_pid,
        killer: facts.user.map(|user| user.killer),
        shortage: facts.shortage,
        ledger: facts.ledger,
        before,
        tasks: facts.tasks,
        growers: Vec::new(),
        holders: facts.holders,
        held: facts.held,
        advice: Vec::new(),
    };
    kill.advice = advice(&kill, facts.unfreed.as_ref());
    kill
}

/// What made a kill of the kernel's whose choice was seen.
fn kernel_origin(facts: &KillFacts, oom: &OomFacts) -> (Origin, Confidence) {
    let is_other = oom.chosen.is_some_and(|chosen| chosen != facts.victim.pid);
    if oom.order == Some(-1) {
        return (Origin::Sysrq, Confidence::Observed);
    }
    if is_other {
        let origin = if facts.shared_mm {
            Origin::SharedMm
        } else {
            Origin::OomGroup
        };
        return (origin, Confidence::Observed);
    }
    if oom.lowering == Some(true) {
        return (Origin::LimitLowered, Confidence::Observed);
    }
    let origin = match oom.constraint {
        Constraint::Memcg => {
            // Whoever charges does so below the limit's owner, as a rule. A trigger from elsewhere then wrote the limit
            // (mm/memcontrol.c: `memory_max_write`), unless that is known not to be so: swapoff(8), the kernel's threads and
            // faults in other processes' memory charge the cgroup whose memory it is (`mem_cgroup_swapin_charge_folio`,
            // `set_active_memcg`). Who writes without waiting (O_NONBLOCK, since 6.16) kills nobody, and who charges next meets a limit
            // that is below what is used already.
            let trigger = facts.trigger.as_ref().and_then(|trigger| trigger.cgroup.as_deref());
            let owner = oom.owner.as_ref();
            let is_elsewhere = trigger
                .zip(owner.and_then(|owner| owner.path.as_deref()))
                .is_some_and(|(trigger, owner)| !holds(owner, trigger));
            if is_elsewhere && oom.lowering.is_none() || owner.is_some_and(OwnerFacts::is_exceeded) {
                return (Origin::LimitLowered, Confidence::Inferred);
            }
            Origin::MemcgLimit
        }
        Constraint::Host => host_origin(facts, oom),
        Constraint::Cpuset => Origin::Cpuset,
        Constraint::Mempolicy => Origin::Mempolicy,
        Constraint::Unknown(_) => Origin::Unknown,
    };
    (origin, Confidence::Observed)
}

/// A request without any flags is the page-fault path's (mm/oom_kill.c: `pagefault_out_of_memory`, up to 5.15): some handler of
/// the fault had no memory, and what the machine had need not have been short.
fn host_origin(facts: &KillFacts, oom: &OomFacts) -> Origin {
    let is_short = facts
        .shortage
        .as_ref()
        .is_some_and(|shortage| shortage.kind == ShortageKind::Machine);
    if oom.gfp.as_deref() == Some(NO_FLAGS) && !is_short {
        Origin::PageFault
    } else {
        Origin::Host
    }
}

/// As [`gfp::gfp_name`] writes it.
const NO_FLAGS: &str = "0x0";

#[cfg(test)]
mod tests;
