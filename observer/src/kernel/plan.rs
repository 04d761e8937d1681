//! The probe plan: what is to be learnt, the ways to it, best first, and what each way needs.
//!
//! One table. Adding a probe is its entry points in `observer-ebpf`, and a row here.

use observer_common::{ABSENT, Offsets};

use crate::event::{Probe, Via};

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
    /// A tracepoint with the kernel's own arguments, by its name.
    RawTracepoint(&'static str),
    /// An iterator over all objects of this kind.
    Iter(&'static str),
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

/// Every function of the kernel that a program is attached to by its type.
pub(super) fn functions() -> impl Iterator<Item = String> {
    let programs = PLANS.iter().flat_map(|plan| plan.ways).flat_map(|way| way.programs);
    programs.filter_map(|program| match program.attach {
        Attach::Entry(function) | Attach::Exit(function) => Some(function.to_owned()),
        // kernel/bpf/bpf_iter.c: an iterator's context is told by a function of this name.
        Attach::Iter(kind) => Some(format!("bpf_iter_{kind}")),
        Attach::Kprobe(_) | Attach::Kretprobe(_) | Attach::Tracepoint(..) | Attach::RawTracepoint(_) => None,
    })
}

macro_rules! needs {
    () => {
        |_: &Offsets| None
    };
    ($($field:ident),+ $(,)?) => {
        |offsets: &Offsets| {
            $(if offsets.$field == ABSENT { return Some(stringify!($field)); })+
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
    cgroup_kn,
    kernfs_node_id,
    task_struct_cgroups,
    css_set_subsys,
    memory_cgrp_id,
);

const SIGNAL_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(
    task_struct_pid,
    task_struct_tgid,
    task_struct_comm,
    task_struct_cgroups,
    task_struct_mm,
    css_set_subsys,
    memory_cgrp_id,
    cgroup_subsys_state_cgroup,
    cgroup_kn,
    kernfs_node_id,
);

/// Without a field of these a walk would have nothing to tell, or not of whom. Others it may lack.
const WALK_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(
    mem_cgroup_css,
    mem_cgroup_memory,
    page_counter_usage,
    page_counter_max,
    cgroup_subsys_state_parent,
    cgroup_subsys,
    cgroup_kn,
    kernfs_node_id,
    memory_cgrp_id,
);

/// Nothing is read but what the helpers give.
const NO_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!();

const CGROUP_NEEDS: fn(&Offsets) -> Option<&'static str> = needs!(cgroup_root, cgroup_id, cgroup_path);

macro_rules! cgroup_plan {
    ($name:literal) => {
        Plan {
            name: $name,
            without: (
                "new and removed cgroups are found by scanning the cgroup tree",
                Via::Poll,
            ),
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

/// The writer of a cgroup file: from its entry to its exit.
macro_rules! write_plan {
    ($name:literal, $exit:literal, $kprobe:literal, $kretprobe:literal, $loss:literal) => {
        Plan {
            name: $name,
            without: ($loss, Via::None),
            ways: &[
                Way {
                    via: Via::Fentry,
                    programs: &[
                        Program {
                            name: $name,
                            attach: Attach::Entry($name),
                        },
                        Program {
                            name: $exit,
                            attach: Attach::Exit($name),
                        },
                    ],
                    missing: NO_NEEDS,
                },
                Way {
                    via: Via::Kprobe,
                    programs: &[
                        Program {
                            name: $kprobe,
                            attach: Attach::Kprobe($name),
                        },
                        Program {
                            name: $kretprobe,
                            attach: Attach::Kretprobe($name),
                        },
                    ],
                    missing: NO_NEEDS,
                },
            ],
        }
    };
}

/// The list of probes where none can be attached, for this reason.
#[must_use]
pub fn unattached(reason: &str) -> Vec<Probe> {
    let probe = |plan: &Plan| Probe {
        name: plan.name.to_owned(),
        via: plan.without.1,
        reason: Some(reason.to_owned()),
        loss: Some(plan.without.0.to_owned()),
    };
    PLANS.iter().map(probe).collect()
}

/// Every probe of oomtrace.
pub const PLANS: &[Plan] = &[
    Plan {
        name: "oom_kill_process",
        without: (
            "trigger and limit come from the kernel log, or are inferred where it leaves them out",
            Via::Poll,
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
        without: (
            "kills come from the kernel log, which leaves out victims that were exiting or shared the chosen process's memory",
            Via::Poll,
        ),
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
        name: "refill_stock",
        without: ("growth between two samples goes unseen", Via::Poll),
        ways: &[
            Way {
                via: Via::Fentry,
                programs: &[
                    Program {
                        name: "refill_stock",
                        attach: Attach::Entry("refill_stock"),
                    },
                    Program {
                        name: "do_huge_pmd_anonymous_page",
                        attach: Attach::Entry("do_huge_pmd_anonymous_page"),
                    },
                ],
                missing: CHARGE_NEEDS,
            },
            // A kernel without huge pages.
            Way {
                via: Via::Fentry,
                programs: &[Program {
                    name: "refill_stock",
                    attach: Attach::Entry("refill_stock"),
                }],
                missing: CHARGE_NEEDS,
            },
            // Its body, where the function itself was inlined (Debian's 6.12 for arm64).
            Way {
                via: Via::Fentry,
                programs: &[
                    Program {
                        name: "refill_stock",
                        attach: Attach::Entry("__refill_stock"),
                    },
                    Program {
                        name: "do_huge_pmd_anonymous_page",
                        attach: Attach::Entry("do_huge_pmd_anonymous_page"),
                    },
                ],
                missing: CHARGE_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[
                    Program {
                        name: "refill_stock_kprobe",
                        attach: Attach::Kprobe("refill_stock"),
                    },
                    Program {
                        name: "do_huge_pmd_anonymous_page_kprobe",
                        attach: Attach::Kprobe("do_huge_pmd_anonymous_page"),
                    },
                ],
                missing: CHARGE_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[
                    Program {
                        name: "refill_stock_kprobe",
                        attach: Attach::Kprobe("__refill_stock"),
                    },
                    Program {
                        name: "do_huge_pmd_anonymous_page_kprobe",
                        attach: Attach::Kprobe("do_huge_pmd_anonymous_page"),
                    },
                ],
                missing: CHARGE_NEEDS,
            },
        ],
    },
    Plan {
        name: "out_of_memory",
        without: (
            "an OOM without a killable process is known from the kernel log only",
            Via::Poll,
        ),
        ways: &[Way {
            via: Via::Fentry,
            programs: &[Program {
                name: "out_of_memory",
                attach: Attach::Exit("out_of_memory"),
            }],
            missing: CHOICE_NEEDS,
        }],
    },
    write_plan!(
        "memory_max_write",
        "memory_max_write_exit",
        "memory_max_write_kprobe",
        "memory_max_write_kretprobe",
        "a limit lowered below usage is inferred from the trigger"
    ),
    write_plan!(
        "cgroup_kill_write",
        "cgroup_kill_write_exit",
        "cgroup_kill_write_kprobe",
        "cgroup_kill_write_kretprobe",
        "a kill through cgroup.kill shows up as separate SIGKILLs"
    ),
    Plan {
        name: "do_send_sig_info",
        without: (
            "kills by user space (earlyoom, systemd-oomd without its signals) go unseen",
            Via::None,
        ),
        ways: &[
            // Whatever of kernel/signal.c is inlined, every signal comes by its tracepoint (`__send_signal_locked`). In Debian's
            // kernels for arm64 kill(2) and cgroup.kill do not come by `do_send_sig_info`.
            Way {
                via: Via::Tracepoint,
                programs: &[Program {
                    name: "signal_generate_raw",
                    attach: Attach::RawTracepoint("signal_generate"),
                }],
                missing: SIGNAL_NEEDS,
            },
            Way {
                via: Via::Fentry,
                programs: &[Program {
                    name: "do_send_sig_info",
                    attach: Attach::Entry("do_send_sig_info"),
                }],
                missing: SIGNAL_NEEDS,
            },
            Way {
                via: Via::Kprobe,
                programs: &[Program {
                    name: "do_send_sig_info_kprobe",
                    attach: Attach::Kprobe("do_send_sig_info"),
                }],
                missing: SIGNAL_NEEDS,
            },
            Way {
                via: Via::Tracepoint,
                programs: &[Program {
                    name: "signal_generate",
                    attach: Attach::Tracepoint("signal", "signal_generate"),
                }],
                missing: needs!(signal_generate_sig, signal_generate_pid),
            },
        ],
    },
    Plan {
        name: "sched_process_exit",
        without: ("whether a process died of a SIGTERM is unknown", Via::None),
        ways: &[Way {
            via: Via::Tracepoint,
            programs: &[Program {
                name: "sched_process_exit",
                attach: Attach::Tracepoint("sched", "sched_process_exit"),
            }],
            missing: needs!(task_struct_exit_code, task_struct_tgid),
        }],
    },
    Plan {
        name: "sched_process_exec",
        without: (
            "a victim's command line is known only if /proc was read before",
            Via::Poll,
        ),
        ways: &[Way {
            via: Via::Tracepoint,
            programs: &[Program {
                name: "sched_process_exec",
                attach: Attach::Tracepoint("sched", "sched_process_exec"),
            }],
            missing: needs!(task_struct_tgid, task_struct_mm, mm_struct_arg_start, mm_struct_arg_end),
        }],
    },
    cgroup_plan!("cgroup_mkdir"),
    cgroup_plan!("cgroup_rmdir"),
    cgroup_plan!("cgroup_rename"),
    Plan {
        name: "cgroup_attach_task",
        without: (
            "a cgroup whose creation was missed is found at the next scan",
            Via::Poll,
        ),
        ways: &[Way {
            via: Via::Tracepoint,
            programs: &[Program {
                name: "cgroup_attach_task",
                attach: Attach::Tracepoint("cgroup", "cgroup_attach_task"),
            }],
            missing: needs!(attach_task_root, attach_task_id, attach_task_path),
        }],
    },
    Plan {
        name: "cgroup_iter",
        without: (
            "counters are read from each cgroup's files, which costs more",
            Via::Poll,
        ),
        ways: &[Way {
            via: Via::Iter,
            programs: &[Program {
                name: "cgroup_iter",
                attach: Attach::Iter("cgroup"),
            }],
            missing: WALK_NEEDS,
        }],
    },
];
