//! Struct offsets from the running kernel's BTF.
//!
//! rustc emits no CO-RE relocations, so what C programs get from them is looked up here, at load, by name. A field that
//! this kernel does not have stays [`ABSENT`], and whoever needs it is refused by the [`super::plan`].

mod index;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use btf_rs::{Backend, Btf, Struct, Type};
use observer_common::{ABSENT, Offsets};

use super::plan;
use index::Index;

/// How deep anonymous structs and unions are searched: `struct page` and `mem_cgroup` nest two.
const MAX_ANONYMOUS_DEPTH: u32 = 4;

/// Why the kernel's types could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file is missing, closed or damaged.
    #[error("cannot read the kernel's types from {path}: {source}; a kernel with CONFIG_DEBUG_INFO_BTF has them")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: btf_rs::Error,
    },
}

/// The structs and enums that offsets are asked of.
const TYPES: [&str; 19] = [
    "cgroup",
    "cgroup_subsys_id",
    "cgroup_subsys_state",
    "cred",
    "css_set",
    "kernfs_node",
    "mem_cgroup",
    "memcg_memory_event",
    "mm_rss_stat",
    "mm_struct",
    "oom_control",
    "page",
    "page_counter",
    "percpu_counter",
    "pid",
    "pt_regs",
    "signal_struct",
    "task_struct",
    "user_namespace",
];

/// The kernel's own types.
pub struct KernelTypes {
    btf: Btf,
    /// `None` where the types have to be searched one by one.
    index: Option<Index>,
}

impl KernelTypes {
    /// Reads a BTF file, the running kernel's being `/sys/kernel/btf/vmlinux`.
    ///
    /// # Errors
    /// [`BtfError::Unreadable`].
    pub fn read(path: &Path) -> Result<Self, BtfError> {
        let unreadable = |source| BtfError::Unreadable {
            path: path.display().to_string(),
            source,
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
        let wanted: HashSet<String> = TYPES.map(str::to_owned).into_iter().chain(plan::functions()).collect();
        let index = Index::of(&bytes, |name| wanted.contains(name));
        let btf = match (&index, in_memory(&bytes)) {
            (Some(_), Ok(file)) => {
                drop(bytes);
                let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                Btf::from_file_with_backend(path, Backend::Mmap)
            }
            (None, _) | (_, Err(_)) => Btf::from_bytes(&bytes),
        };
        Ok(Self {
            btf: btf.map_err(unreadable)?,
            index,
        })
    }

    /// What attaching to the plan's functions takes of the kernel's types, as BTF; `None` where that is all of them.
    #[must_use]
    pub fn functions(&self) -> Option<Vec<u8>> {
        self.index.as_ref().map(Index::functions)
    }

    /// The types of this name.
    fn named(&self, name: &str) -> Vec<Type> {
        let types = match &self.index {
            Some(index) => index.ids(name).map(|id| self.btf.resolve_type_by_id(id)).collect(),
            None => self.btf.resolve_types_by_name(name),
        };
        types.unwrap_or_default()
    }

    /// The offset in bytes of a field, members of anonymous structs and unions included.
    fn field(&self, name: &str, field: &str) -> Option<(u32, Type)> {
        self.named(name).into_iter().find_map(|candidate| match candidate {
            Type::Struct(found) => self.member(&found, field, MAX_ANONYMOUS_DEPTH),
            _ => None,
        })
    }

    fn member(&self, container: &Struct, field: &str, depth: u32) -> Option<(u32, Type)> {
        container.members.iter().find_map(|member| {
            let offset = member.bit_offset() / 8;
            let name = self.btf.resolve_name(member).unwrap_or_default();
            let kind = || self.btf.resolve_chained_type(member).ok();
            if name == field {
                return Some((offset, kind()?));
            }
            if !name.is_empty() || depth == 0 {
                return None;
            }
            match kind()? {
                Type::Struct(inner) | Type::Union(inner) => {
                    let (within, found) = self.member(&inner, field, depth - 1)?;
                    Some((offset + within, found))
                }
                _ => None,
            }
        })
    }

    fn offset(&self, name: &str, field: &str) -> u32 {
        self.field(name, field).map_or(ABSENT, |(offset, _)| offset)
    }

    fn enumerator(&self, name: &str, enumerator: &str) -> u32 {
        self.named(name)
            .into_iter()
            .find_map(|candidate| match candidate {
                Type::Enum(found) => found
                    .members
                    .iter()
                    .find(|member| self.btf.resolve_name(*member).is_ok_and(|name| name == enumerator))
                    .map(btf_rs::EnumMember::val),
                _ => None,
            })
            .unwrap_or(ABSENT)
    }

    /// Where the counters of `mm_struct.rss_stat` begin, and how far apart they are.
    ///
    /// Up to 6.1 `rss_stat` is a struct around `atomic_long_t count[]`; since 6.2 an array of `percpu_counter`
    /// (f1a7941243c1, "mm: convert mm's rss stats into percpu_counter").
    fn rss_stat(&self) -> (u32, u32) {
        match self.field("mm_struct", "rss_stat") {
            Some((start, Type::Struct(_))) => match self.offset("mm_rss_stat", "count") {
                ABSENT => (ABSENT, 0),
                count => (start + count, 8),
            },
            Some((start, Type::Array(_))) => {
                let counter = self
                    .named("percpu_counter")
                    .into_iter()
                    .find_map(|candidate| match candidate {
                        Type::Struct(found) => u32::try_from(found.size()).ok(),
                        _ => None,
                    });
                match (self.offset("percpu_counter", "count"), counter) {
                    (ABSENT, _) | (_, None) => (ABSENT, 0),
                    (count, Some(stride)) => (start + count, stride),
                }
            }
            _ => (ABSENT, 0),
        }
    }

    /// Fills in every offset that comes from the kernel's structs.
    pub fn fill(&self, offsets: &mut Offsets) {
        let at = |name, field| self.offset(name, field);
        offsets.oom_control_memcg = at("oom_control", "memcg");
        offsets.oom_control_gfp_mask = at("oom_control", "gfp_mask");
        offsets.oom_control_order = at("oom_control", "order");
        offsets.oom_control_totalpages = at("oom_control", "totalpages");
        offsets.oom_control_chosen = at("oom_control", "chosen");
        offsets.oom_control_constraint = at("oom_control", "constraint");
        offsets.oom_control_nodemask = at("oom_control", "nodemask");
        offsets.mem_cgroup_css = at("mem_cgroup", "css");
        offsets.mem_cgroup_memory = at("mem_cgroup", "memory");
        offsets.mem_cgroup_swap = at("mem_cgroup", "swap");
        offsets.mem_cgroup_memory_events = at("mem_cgroup", "memory_events");
        offsets.mem_cgroup_memory_events_local = at("mem_cgroup", "memory_events_local");
        offsets.cgroup_subsys_state_cgroup = at("cgroup_subsys_state", "cgroup");
        offsets.cgroup_subsys_state_parent = at("cgroup_subsys_state", "parent");
        offsets.cgroup_kn = at("cgroup", "kn");
        offsets.cgroup_subsys = at("cgroup", "subsys");
        offsets.kernfs_node_id = at("kernfs_node", "id");
        offsets.page_counter_usage = at("page_counter", "usage");
        offsets.page_counter_max = at("page_counter", "max");
        offsets.page_counter_high = at("page_counter", "high");
        offsets.page_counter_low = at("page_counter", "low");
        offsets.page_counter_watermark = at("page_counter", "watermark");
        offsets.task_struct_pid = at("task_struct", "pid");
        offsets.task_struct_tgid = at("task_struct", "tgid");
        offsets.task_struct_comm = at("task_struct", "comm");
        offsets.task_struct_start_boottime = at("task_struct", "start_boottime");
        offsets.task_struct_signal = at("task_struct", "signal");
        offsets.task_struct_mm = at("task_struct", "mm");
        offsets.task_struct_real_cred = at("task_struct", "real_cred");
        offsets.task_struct_cred = at("task_struct", "cred");
        offsets.task_struct_thread_pid = at("task_struct", "thread_pid");
        offsets.task_struct_cgroups = at("task_struct", "cgroups");
        offsets.task_struct_mems_allowed = at("task_struct", "mems_allowed");
        offsets.task_struct_exit_code = at("task_struct", "exit_code");
        offsets.task_struct_group_leader = at("task_struct", "group_leader");
        offsets.task_struct_real_parent = at("task_struct", "real_parent");
        offsets.css_set_subsys = at("css_set", "subsys");
        offsets.signal_struct_oom_score_adj = at("signal_struct", "oom_score_adj");
        offsets.signal_struct_flags = at("signal_struct", "flags");
        offsets.cred_uid = at("cred", "uid");
        offsets.cred_euid = at("cred", "euid");
        offsets.cred_cap_effective = at("cred", "cap_effective");
        offsets.cred_user_ns = at("cred", "user_ns");
        offsets.user_namespace_level = at("user_namespace", "level");
        offsets.user_namespace_parent = at("user_namespace", "parent");
        offsets.user_namespace_owner = at("user_namespace", "owner");
        offsets.pid_level = at("pid", "level");
        offsets.mm_struct_total_vm = at("mm_struct", "total_vm");
        offsets.mm_struct_pgtables_bytes = at("mm_struct", "pgtables_bytes");
        offsets.mm_struct_arg_start = at("mm_struct", "arg_start");
        offsets.mm_struct_arg_end = at("mm_struct", "arg_end");
        self.fill_registers(offsets);
        (offsets.mm_struct_rss_stat, offsets.rss_stat_stride) = self.rss_stat();
        offsets.memory_cgrp_id = self.enumerator("cgroup_subsys_id", "memory_cgrp_id");
        let event = |name| self.enumerator("memcg_memory_event", name);
        offsets.memcg_low = event("MEMCG_LOW");
        offsets.memcg_high = event("MEMCG_HIGH");
        offsets.memcg_max = event("MEMCG_MAX");
        offsets.memcg_oom = event("MEMCG_OOM");
        offsets.memcg_oom_kill = event("MEMCG_OOM_KILL");
        offsets.memcg_oom_group_kill = event("MEMCG_OOM_GROUP_KILL");
        offsets.memcg_sock_throttled = event("MEMCG_SOCK_THROTTLED");
    }

    /// The registers that unwinding begins with, by the names that x86-64 and arm64 have for them.
    fn fill_registers(&self, offsets: &mut Offsets) {
        let at = |field| self.offset("pt_regs", field);
        offsets.pt_regs_sp = at("sp");
        (offsets.pt_regs_ip, offsets.pt_regs_fp, offsets.pt_regs_lr) = match at("regs") {
            ABSENT => (at("ip"), at("bp"), ABSENT),
            // x29 and x30 (arch/arm64/include/asm/ptrace.h).
            regs => (at("pc"), regs + 29 * 8, regs + 30 * 8),
        };
    }

    /// How large a type is, in bytes.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<usize> {
        self.named(name).into_iter().find_map(|candidate| match candidate {
            Type::Struct(found) => Some(found.size()),
            _ => None,
        })
    }

    /// Whether the per-CPU stock is part of the page counter, so that the charge path would be met once a charge
    /// instead of once a batch.
    #[must_use]
    pub fn stock_in_page_counter(&self) -> bool {
        self.offset("page_counter", "stock") != ABSENT
    }
}

/// A file in memory with these bytes: what is read of it is mapped, and given back whole.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("types", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_all_types_read_one_by_one() {
        let path = Path::new("/sys/kernel/btf/vmlinux");
        let (Ok(types), Ok(bytes)) = (KernelTypes::read(path), std::fs::read(path)) else {
            return;
        };
        assert!(types.index.is_some());
        let searched = KernelTypes {
            btf: Btf::from_bytes(&bytes).unwrap(),
            index: None,
        };
        let offsets = |types: &KernelTypes| {
            let mut offsets = Offsets::NONE;
            types.fill(&mut offsets);
            offsets
        };
        assert_eq!(offsets(&types), offsets(&searched));
    }

    #[test]
    fn the_running_kernels_types_give_offsets_or_a_reason() {
        match KernelTypes::read(Path::new("/sys/kernel/btf/vmlinux")) {
            Ok(types) => {
                let mut offsets = Offsets::NONE;
                types.fill(&mut offsets);
                assert_ne!(offsets.task_struct_pid, ABSENT);
                assert_eq!(offsets.task_struct_tgid, offsets.task_struct_pid + 4);
            }
            Err(error) => assert!(error.to_string().contains("CONFIG_DEBUG_INFO_BTF")),
        }
    }

    #[test]
    fn a_file_that_is_no_btf_is_named() {
        let Err(error) = KernelTypes::read(Path::new("/nonexistent/btf")) else {
            panic!("it was read")
        };
        assert!(error.to_string().contains("/nonexistent/btf"), "{error}");
    }
}
