//! The probe plan: what is to be learnt, the ways to it, best first, and what each way needs.
//!
//! One table. Adding a probe is its entry points in `observer-ebpf`, and a row here.

use observer_common::{ABSENT, Offsets};

use crate::event::Via;

/// How a way's programs are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// fentry at a function.
    Entry(&'static str),
    /// fexit at a function.
    Exit(&'static str),
    /// kprobe at a function.
    Kprobe(&'static str),
    /// kretprobe at a function.
    Kretprobe(&'static str),
    /// A tracepoint, by category and name.
    Tracepoint(&'static str, &'static str),
}

/// One program of a way.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name in the object.
    pub name: &'static str,
    /// Where it goes.
    pub attach: Attach,
}

/// One way to learn a probe's facts.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// What users read.
    pub via: Via,
    /// All of these, or the way is not taken.
    pub programs: &'static [Program],
    /// The fields without which it would tell nothing right; gives the first that is missing.
    pub missing: fn(&Offsets) -> Option<&'static str>,
}

/// One probe.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The name in the `start` event: the kernel's own.
    pub name: &'static str,
    /// What is lost where no way is left, and what stands in for it.
    pub without: (&'static str, Via),
    /// Best first.
    pub ways: &'static [Way],
}

macro_rules! needs {
    ($($field:ident),* $(,)?) => {
        |offsets: &Offsets| {
            $(if offsets.$field == ABSENT { return Some(stringify!($field)); })*
            None
        }
    };
}

const CHOICE_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(
    oom_control_memcg,
    oom_control_chosen,
    oom_control_constraint,
    oom_control_order,
    oom_control_gfp_mask,
    mem_cgroup_css,
    mem_cgroup_memory,
    page_counter_usage,
    page_counter_max,
    cgroup_subsys_state_cgroup,
    cgroup_kn,
    kernfs_node_id,
    task_struct_pid,
    task_struct_tgid,
    task_struct_comm,
);

const VICTIM_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(
    task_struct_pid,
    task_struct_tgid,
    task_struct_comm,
    task_struct_cgroups,
    css_set_subsys,
    memory_cgrp_id,
    cgroup_subsys_state_cgroup,
    cgroup_kn,
    kernfs_node_id,
);

const CHARGE_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(
    mem_cgroup_css,
    mem_cgroup_memory,
    page_counter_usage,
    page_counter_max,
    cgroup_subsys_state_cgroup,
    cgroup_subsys_state_ss,
    cgroup_kn,
    kernfs_node_id,
    task_struct_cgroups,
    css_set_subsys,
    memory_cgrp_id,
);

const CGROUP_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(cgroup_root, cgroup_id, cgroup_path);

macro_rules! cgroup_plan {
    ($name:literal) => {
        Plan {
            name: $name,
            without: ("the cgroup tree is read again and again", Via::Poll),
            ways: &[Way {
                via: Via::Tracepoint,
                programs: &[Program {
                    name: $name,
                    attach: Attach::Tracepoint("cgroup", $name),
                }],
                missing: CGROUP_NEEDS,
            }],
        }
    };
}

/// Every probe of oomtrace.
pub const PLANS: &[Plan] = &[
    Plan {
        name: "oom_kill_process",
        without: (
            "the limit's owner and the trigger's cgroup are concluded, not seen",
            Via::None,
        ),
        ways: &[
            Way {
                via: Via::Fentry,
                programs: &[
                    Program {
                        name: "oom_kill_process",
                        attach: Attach::Entry("oom_kill_process"),
                    },
                    Program {
                        name: "oom_kill_process_exit",
                        attach: Attach::Exit("oom_kill_process"),
                    },
                ],
                missing: CHOICE_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[
                    Program {
                        name: "oom_kill_process_kprobe",
                        attach: Attach::Kprobe("oom_kill_process"),
                    },
                    Program {
                        name: "oom_kill_process_kretprobe",
                        attach: Attach::Kretprobe("oom_kill_process"),
                    },
                ],
                missing: CHOICE_NEEDS,
            },
        ],
    },
    Plan {
        name: "mark_victim",
        without: ("kills are learnt from memory.events, without the victim", Via::Poll),
        ways: &[
            Way {
                via: Via::Fentry,
                programs: &[Program {
                    name: "mark_oom_victim",
                    attach: Attach::Entry("mark_oom_victim"),
                }],
                missing: VICTIM_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[Program {
                    name: "mark_oom_victim_kprobe",
                    attach: Attach::Kprobe("mark_oom_victim"),
                }],
                missing: VICTIM_NEEDS,
            },
            Way {
                via: Via::Tracepoint,
                programs: &[Program {
                    name: "mark_victim",
                    attach: Attach::Tracepoint("oom", "mark_victim"),
                }],
                missing: needs!(mark_victim_pid),
            },
        ],
    },
    Plan {
        name: "page_counter_try_charge",
        without: ("growth between samples is not seen", Via::Poll),
        ways: &[
            Way {
                via: Via::Fentry,
                programs: &[Program {
                    name: "page_counter_try_charge",
                    attach: Attach::Exit("page_counter_try_charge"),
                }],
                missing: CHARGE_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[Program {
                    name: "page_counter_try_charge_kprobe",
                    attach: Attach::Kprobe("page_counter_try_charge"),
                }],
                missing: CHARGE_NEEDS,
            },
        ],
    },
    cgroup_plan!("cgroup_mkdir"),
    cgroup_plan!("cgroup_rmdir"),
    cgroup_plan!("cgroup_rename"),
];
