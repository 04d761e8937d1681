//! Tracepoint fields from their `format` files.
//!
//! Which fields a tracepoint has is no matter of versions: those of `oom:mark_victim` were back-ported to some stable
//! trees and not to others. The file says what the running kernel has.

use std::path::{Path, PathBuf};
use std::{fs, io};

use observer_common::{ABSENT, Offsets};

/// The fields of one tracepoint and where they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Format {
    fields: Vec<(String, u32)>,
}

impl Format {
    /// Parses the text of a `format` file. Lines that are no field are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| {
            // `field:__data_loc char[] comm;	offset:12;	size:4;	signed:1;`
            let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
            let declaration = parts.next()?;
            let name = declaration.rsplit([' ', '\t', '*']).next()?.split('[').next()?;
            let offset = parts.find_map(|part| part.strip_prefix("offset:"))?.parse().ok()?;
            Some((name.to_owned(), offset))
        });
        Self {
            fields: fields.collect(),
        }
    }

    /// Where a field stands, or [`ABSENT`].
    #[must_use]
    pub fn offset(&self, name: &str) -> u32 {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map_or(ABSENT, |(_, offset)| *offset)
    }
}

/// The mounted tracing file system.
#[derive(Debug, Clone)]
pub struct Tracefs {
    root: PathBuf,
}

impl Tracefs {
    /// Finds it where distributions mount it, and mounts it where none did: tracepoints are attached by the ids that
    /// stand in it.
    ///
    /// # Errors
    /// Where it is not mounted and may not be.
    pub fn find() -> io::Result<Self> {
        let standard = Path::new("/sys/kernel/tracing");
        let older = Path::new("/sys/kernel/debug/tracing");
        let found = |root: &Path| root.join("events/oom").is_dir();
        if !found(standard) && !found(older) {
            rustix::mount::mount(
                "tracefs",
                standard,
                "tracefs",
                rustix::mount::MountFlags::NOSUID
                    | rustix::mount::MountFlags::NODEV
                    | rustix::mount::MountFlags::NOEXEC,
                None,
            )?;
        }
        let root = if found(standard) { standard } else { older };
        Ok(Self { root: root.to_owned() })
    }

    fn format(&self, category: &str, name: &str) -> io::Result<Format> {
        let path = self.root.join("events").join(category).join(name).join("format");
        fs::read_to_string(path).map(|text| Format::parse(&text))
    }

    /// Fills in every offset that comes from the tracepoints oomtrace uses.
    pub fn fill(&self, offsets: &mut Offsets) {
        let victim = self.format("oom", "mark_victim").unwrap_or_default();
        offsets.mark_victim_pid = victim.offset("pid");
        offsets.mark_victim_uid = victim.offset("uid");
        offsets.mark_victim_comm = victim.offset("comm");
        offsets.mark_victim_total_vm = victim.offset("total_vm");
        offsets.mark_victim_anon_rss = victim.offset("anon_rss");
        offsets.mark_victim_file_rss = victim.offset("file_rss");
        offsets.mark_victim_shmem_rss = victim.offset("shmem_rss");
        offsets.mark_victim_pgtables = victim.offset("pgtables");
        offsets.mark_victim_oom_score_adj = victim.offset("oom_score_adj");
        let signal = self.format("signal", "signal_generate").unwrap_or_default();
        offsets.signal_generate_sig = signal.offset("sig");
        offsets.signal_generate_code = signal.offset("code");
        offsets.signal_generate_pid = signal.offset("pid");
        offsets.signal_generate_comm = signal.offset("comm");
        let cgroup = self.format("cgroup", "cgroup_mkdir").unwrap_or_default();
        offsets.cgroup_root = cgroup.offset("root");
        offsets.cgroup_id = cgroup.offset("id");
        offsets.cgroup_path = cgroup.offset("path");
        let attach = self.format("cgroup", "cgroup_attach_task").unwrap_or_default();
        offsets.attach_task_root = attach.offset("dst_root");
        offsets.attach_task_id = attach.offset("dst_id");
        offsets.attach_task_path = attach.offset("dst_path");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK_VICTIM: &str = "name: mark_victim
ID: 612
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:int pid;\toffset:8;\tsize:4;\tsigned:1;
\tfield:__data_loc char[] comm;\toffset:12;\tsize:4;\tsigned:0;
\tfield:unsigned long total_vm;\toffset:16;\tsize:8;\tsigned:0;

print fmt: \"pid=%d\", REC->pid
";

    #[test]
    fn fields_are_found_by_name_and_only_by_name() {
        let format = Format::parse(MARK_VICTIM);
        assert_eq!(format.offset("pid"), 8);
        assert_eq!(format.offset("comm"), 12);
        assert_eq!(format.offset("total_vm"), 16);
        assert_eq!(format.offset("anon_rss"), ABSENT);
    }

    #[test]
    fn a_cut_format_gives_what_is_whole() {
        for end in 0..MARK_VICTIM.len() {
            let _ = Format::parse(&MARK_VICTIM[..end]);
        }
    }
}
