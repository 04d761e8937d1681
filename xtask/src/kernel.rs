//! Kernels to boot: the newest Debian cloud kernel of a series, with an initramfs that gets it to the root image.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::{Shell, cmd};

use crate::apt::Apt;
use crate::arch::Arch;
use crate::packages::{self, Tool};
use crate::{cache, step};

const TOOLS: [Tool; 3] = [
    Tool {
        program: "cpio",
        package: "cpio",
        purpose: "packs the guests' initramfs",
    },
    Tool {
        program: "depmod",
        package: "kmod",
        purpose: "finds the modules a kernel needs to boot",
    },
    Tool {
        program: "xz",
        package: "xz-utils",
        purpose: "unpacks kernel modules",
    },
];

/// What is needed to reach the root image and to talk to the host; a kernel has these built in or as modules.
const MODULES: [&str; 4] = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"];

/// What scenarios need, where the kernel has it: swap in memory, up to 6.11 its compressor as a module of its own, and what
/// containers keep their files on.
const OPTIONAL: [&str; 3] = ["lzo-rle", "zram", "overlay"];

const INIT: &str = include_str!("../guest/init");

/// The whole of a guest's user space until its root image is there.
const BUSYBOX: Tool = Tool {
    program: "busybox",
    package: "busybox-static",
    purpose: "is the guests' initramfs",
};

/// How long a kernel found for a series is taken without asking again.
const FOUND_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A series of kernels, like 6.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    major: u32,
    minor: u32,
}

impl Series {
    /// What is tested: the oldest and newest long-term kernels of Debian releases, and the newest of all.
    pub(crate) const ALL: [Self; 3] = [Self::new(6, 1), Self::new(6, 12), Self::new(7, 2)];

    /// What is tested beside them where time does not matter: the oldest that is still cared for, and the next.
    pub(crate) const BESIDE: [Self; 3] = [Self::new(5, 10), Self::new(6, 18), Self::new(7, 3)];

    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Series {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
        };
        parse().ok_or_else(|| "expected a series like 6.12".to_owned())
    }
}

/// The size of a kernel's pages, which it is built with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pages {
    #[default]
    #[value(name = "4k")]
    Small,
    /// Of Debian 13's kernels for aarch64
    #[value(name = "16k")]
    Large,
}

/// How Debian builds a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flavour {
    pub(crate) arch: Arch,
    pub(crate) pages: Pages,
}

impl Flavour {
    /// Of this machine's kind where none is named.
    pub(crate) fn new(arch: Option<Arch>, pages: Pages) -> Result<Self> {
        Ok(Self {
            arch: arch.map_or_else(Arch::own, Ok)?,
            pages,
        })
    }

    /// What tells it apart from this machine's in a name: ``, `-aarch64`, `-aarch64-16k`.
    pub(crate) fn mark(self) -> String {
        let arch = if self.arch.is_own() {
            String::new()
        } else {
            format!("-{}", self.arch.name())
        };
        match self.pages {
            Pages::Small => arch,
            Pages::Large => arch + "-16k",
        }
    }

    /// What another xtask is started with for the same.
    pub(crate) fn arguments(self) -> Vec<String> {
        let pages = match self.pages {
            Pages::Small => "4k",
            Pages::Large => "16k",
        };
        ["--arch", self.arch.name(), "--pages", pages]
            .map(str::to_owned)
            .to_vec()
    }

    /// As a release ends. With small pages the cloud kernels: small, and they have what a guest needs.
    fn suffix(self) -> Result<&'static str> {
        match (self.arch, self.pages) {
            (Arch::X86, Pages::Small) => Ok("-cloud-amd64"),
            (Arch::Arm, Pages::Small) => Ok("-cloud-arm64"),
            (Arch::Arm, Pages::Large) => Ok("-arm64-16k"),
            (Arch::X86, Pages::Large) => bail!("x86_64 has pages of 4 KiB only: add --arch aarch64"),
        }
    }
}

/// A kernel ready to boot.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub(crate) arch: Arch,
    /// As `uname -r` says.
    pub(crate) release: String,
    pub(crate) image: PathBuf,
    pub(crate) initramfs: PathBuf,
}

impl Kernel {
    /// This machine's newest kernel of `series`, fetched if it isn't in the cache.
    pub(crate) fn newest(series: Series) -> Result<Self> {
        Self::newest_of(series, Flavour::new(None, Pages::default())?)
    }

    /// The same of another flavour.
    pub(crate) fn newest_of(series: Series, flavour: Flavour) -> Result<Self> {
        let release = newest_release(series, flavour)?;
        let name = format!("kernel-{release}-{}", cache::key(&(MODULES, OPTIONAL, INIT)));
        let why = format!("fetching Linux {release} (the newest {series} that apt knows; once, about 40 MB)");
        let folder = cache::entry(&name, &why, |draft| make(&release, flavour.arch, draft))?;
        Ok(Self {
            arch: flavour.arch,
            release,
            image: folder.join("vmlinuz"),
            initramfs: folder.join("initramfs"),
        })
    }
}

/// Asks apt once a week, and takes what is there when apt can't be asked.
fn newest_release(series: Series, flavour: Flavour) -> Result<String> {
    let found = cache::root()?.join(format!("newest-{series}{}", flavour.suffix()?));
    let known = fs::read_to_string(&found).ok();
    if let Some(release) = &known
        && cache::is_fresh(&found, FOUND_AGE)
    {
        return Ok(release.clone());
    }
    match ask_apt(series, flavour) {
        Ok(release) => {
            fs::write(&found, &release)?;
            Ok(release)
        }
        Err(error) => {
            let release = known.ok_or(error)?;
            step(format!("cannot ask for a newer {series}, taking Linux {release}"));
            Ok(release)
        }
    }
}

fn ask_apt(series: Series, flavour: Flavour) -> Result<String> {
    let apt = Apt::open_for(flavour.arch)?;
    let suffix = flavour.suffix()?;
    apt.names(&format!("linux-image-{series}."))?
        .iter()
        .filter_map(|name| name.strip_prefix("linux-image-"))
        .filter(|release| release.ends_with(suffix))
        .max_by_key(|release| numbers(release, suffix))
        .map(str::to_owned)
        .with_context(|| format!("apt knows no linux-image-{series}…{suffix}"))
}

/// `6.12.115+deb13.1-cloud-amd64` → 6, 12, 115, 13, 1; `5.10.0-46-cloud-amd64` → 5, 10, 0, 46: good enough an order within one series.
fn numbers(release: &str, flavour: &str) -> Vec<u32> {
    // The flavour's numbers (amd64) count for nothing.
    release
        .trim_end_matches(flavour)
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

fn make(release: &str, arch: Arch, draft: &Path) -> Result<()> {
    packages::require(&TOOLS)?;
    let apt = Apt::open_for(arch)?;
    let binary = format!("linux-binary-{release}");
    // Newer packages come in parts; the image package only depends on them.
    let parts = if apt.names(&binary)?.contains(&binary) {
        vec![
            binary,
            format!("linux-modules-{release}"),
            format!("linux-base-{release}"),
        ]
    } else {
        vec![format!("linux-image-{release}")]
    };
    let tree = draft.join("tree");
    fs::create_dir(&tree)?;
    apt.unpack(&parts, &tree)?;

    let image = [
        format!("boot/vmlinuz-{release}"),
        format!("usr/lib/modules/{release}/vmlinuz"),
    ]
    .into_iter()
    .map(|path| tree.join(path))
    .find(|path| path.exists())
    .with_context(|| format!("no kernel image in {}", parts.join(", ")))?;
    fs::rename(image, draft.join("vmlinuz"))?;
    let busybox = if arch.is_own() {
        packages::require(&[BUSYBOX])?;
        packages::find(BUSYBOX.program).context("busybox is gone")?
    } else {
        apt.unpack(&[BUSYBOX.package.to_owned()], &tree)?;
        ["usr/bin/busybox", "bin/busybox"]
            .into_iter()
            .map(|path| tree.join(path))
            .find(|path| path.exists())
            .context("no busybox in busybox-static")?
    };
    make_initramfs(release, &tree, &busybox, draft)?;
    fs::remove_dir_all(&tree)?;
    Ok(())
}

fn make_initramfs(release: &str, tree: &Path, busybox: &Path, draft: &Path) -> Result<()> {
    // depmod and modprobe look below lib/, where packages of merged-usr releases have nothing.
    if !tree.join("lib").exists() {
        std::os::unix::fs::symlink("usr/lib", tree.join("lib"))?;
    }
    let sh = Shell::new()?;
    let depmod = packages::find("depmod").context("depmod is gone")?;
    let modprobe = packages::find("modprobe").context("no modprobe beside depmod")?;
    cmd!(sh, "{depmod} --basedir {tree} {release}").quiet().run()?;

    let root = draft.join("initramfs-root");
    for folder in ["bin", "dev", "modules", "root"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let mut loaded: Vec<PathBuf> = Vec::new();
    for module in MODULES.into_iter().chain(OPTIONAL) {
        // Lines of `insmod PATH`, what it depends on first, or `builtin NAME`.
        let plan = cmd!(
            sh,
            "{modprobe} --dirname {tree} --set-version {release} --show-depends {module}"
        )
        .quiet()
        .ignore_stderr()
        .read()
        .with_context(|| format!("Linux {release} has no {module}"));
        let plan = match plan {
            Err(_) if OPTIONAL.contains(&module) => continue,
            plan => plan?,
        };
        for path in plan.lines().filter_map(|line| line.strip_prefix("insmod ")) {
            let path = PathBuf::from(path.trim());
            if !loaded.contains(&path) {
                loaded.push(path);
            }
        }
    }
    for (number, module) in loaded.iter().enumerate() {
        let name = module
            .file_name()
            .and_then(|name| name.to_str())
            .context("a module without a name")?;
        let stem = name.split('.').next().unwrap_or(name);
        let place = root.join(format!("modules/{number:02}-{stem}.ko"));
        match name.rsplit('.').next() {
            Some("ko") => fs::copy(module, place).map(drop)?,
            Some("xz") => {
                // busybox insmod reads plain modules only.
                let bytes = Command::new("xz")
                    .args(["--decompress", "--stdout"])
                    .arg(module)
                    .output()?;
                fs::write(place, bytes.stdout)?;
            }
            _ => bail!("{name}: compressed in a way this step doesn't know"),
        }
    }
    fs::copy(busybox, root.join("bin/busybox"))?;
    write_executable(&root.join("init"), INIT)?;

    pack(&root, &draft.join("initramfs"))?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

fn write_executable(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// An uncompressed cpio archive of `root`: an emulated CPU reads faster than it unpacks.
fn pack(root: &Path, archive: &Path) -> Result<()> {
    let sh = Shell::new()?;
    let names = cmd!(sh, "find {root} -mindepth 1 -printf %P\\n").quiet().read()?;
    let mut cpio = Command::new("cpio")
        .args(["--create", "--format=newc", "--owner=0:0", "--quiet"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(archive)?)
        .spawn()
        .context("cannot run cpio")?;
    let mut stdin = cpio.stdin.take().context("cpio has no stdin")?;
    writeln!(stdin, "{names}")?;
    drop(stdin);
    if !cpio.wait()?.success() {
        bail!("cpio cannot pack the initramfs");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_is_chosen_by_numbers_not_by_letters() {
        let newest = [
            "6.12.90+deb13-cloud-amd64",
            "6.12.115+deb13-cloud-amd64",
            "6.12.115+deb13.1-cloud-amd64",
        ]
        .into_iter()
        .max_by_key(|release| numbers(release, "-cloud-amd64"));
        assert_eq!(newest, Some("6.12.115+deb13.1-cloud-amd64"));
        let older = ["5.10.0-9-cloud-amd64", "5.10.0-46-cloud-amd64", "5.10.0-44-cloud-amd64"];
        assert_eq!(
            older.into_iter().max_by_key(|release| numbers(release, "-cloud-amd64")),
            Some("5.10.0-46-cloud-amd64")
        );
    }

    #[test]
    fn a_series_is_two_numbers() {
        assert_eq!("6.12".parse(), Ok(Series::new(6, 12)));
        assert!("6".parse::<Series>().is_err());
        assert!("6.12.3".parse::<Series>().is_err());
    }
}
