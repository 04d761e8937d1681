//! What compressed pages take in the zram devices: in no counter of `/proc/meminfo`.

use std::fs;
use std::path::Path;

use crate::measure::Bytes;

/// What all of them take together; `None` where there is none, or one of them does not tell.
pub(super) fn held() -> Option<Bytes> {
    below(Path::new("/sys/block"))
}

fn below(blocks: &Path) -> Option<Bytes> {
    let names = fs::read_dir(blocks).ok()?.flatten().map(|entry| entry.file_name());
    let devices = names.filter(|name| name.to_str().is_some_and(|name| name.starts_with("zram")));
    let sizes = devices.map(|name| {
        let text = fs::read_to_string(blocks.join(name).join("mm_stat")).ok()?;
        taken(&text)
    });
    let sizes: Vec<Bytes> = sizes.collect::<Option<_>>()?;
    sizes
        .into_iter()
        .reduce(|sum, size| Bytes(sum.0.saturating_add(size.0)))
}

/// The third figure of `mm_stat`, `mem_used_total`, in bytes (Documentation/admin-guide/blockdev/zram.rst).
fn taken(text: &str) -> Option<Bytes> {
    text.split_whitespace().nth(2)?.parse().ok().map(Bytes)
}

/// Its parser, for `cgroup::feed`.
pub(super) fn feed(text: &str) {
    let _ = taken(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_devices_are_one_figure_and_a_silent_one_makes_it_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let device = |name: &str, text: Option<&str>| {
            fs::create_dir(dir.path().join(name)).unwrap();
            if let Some(text) = text {
                fs::write(dir.path().join(name).join("mm_stat"), text).unwrap();
            }
        };
        device("sda", None);
        assert_eq!(below(dir.path()), None, "there is none");
        device("zram0", Some("  4096  74  12288  0  12288  1  0  0  0\n"));
        device("zram1", Some("  4096  74  8192  0  8192  1  0  0  0\n"));
        assert_eq!(below(dir.path()), Some(Bytes(20_480)));
        device("zram2", None);
        assert_eq!(below(dir.path()), None);
    }
}
