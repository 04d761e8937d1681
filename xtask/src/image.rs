//! The root images of the guests: a small Debian with the systemd that goes with the kernel ([`suite_of`]).
//! Others have more, by a name: the tools that oomtrace is compared with, what log pipelines are made of, containers' runtimes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::apt::{self, Apt};
use crate::arch::Arch;
use crate::cache;
use crate::kernel::Series;
use crate::packages::{self, Tool};
use crate::python;

const TOOLS: [Tool; 3] = [
    Tool {
        program: "mmdebstrap",
        package: "mmdebstrap",
        purpose: "makes the guests' root image",
    },
    Tool {
        program: "mke2fs",
        package: "e2fsprogs",
        purpose: "makes the guests' root image",
    },
    Tool {
        program: "fakeroot",
        package: "fakeroot",
        purpose: "makes the guests' root image without root",
    },
];

/// What runs the packages' scripts where the root image is for another kind of machine: the kernel hands them to QEMU.
const EMULATED: [Tool; 2] = [
    Tool {
        program: "qemu-aarch64-static",
        package: "qemu-user-static",
        purpose: "makes a root image for aarch64",
    },
    Tool {
        program: "arch-test",
        package: "arch-test",
        purpose: "makes a root image for aarch64",
    },
];

/// Beyond dpkg's essential packages: systemd with its buses, what scenarios run, what a person debugs with.
const PACKAGES: [&str; 15] = [
    "systemd",
    "systemd-sysv",
    "systemd-oomd",
    "udev",
    "kmod",
    "dbus",
    "dbus-user-session",
    "python3-minimal",
    "libpython3-stdlib",
    "procps",
    "stress-ng",
    "earlyoom",
    "nohang",
    "jq",
    "less",
];

/// What `cargo xtask conformance` compares with, beside what every image has (systemd, earlyoom, the kernel's log).
const PEERS: [&str; 3] = ["bpftrace", "bpfcc-tools", "libbpf-tools"];

/// A root image with more than every guest has.
#[derive(Hash)]
struct Extra {
    /// As `--image` of `cargo xtask vm` and `image` of a scenario have it.
    name: &'static str,
    /// The Debian release; `None` is this machine's own.
    suite: Option<&'static str>,
    packages: &'static [&'static str],
    /// Packages of this machine's own release whose files are laid beside the others, which exclude them.
    beside: &'static [&'static str],
    /// Python packages, each at one version, whose programs are laid into `/usr/local/bin`.
    python: &'static [&'static str],
    /// Units that must not start by themselves.
    masked: &'static [&'static str],
}

/// All there are: another is a row here.
const EXTRAS: [Extra; 6] = [
    // The scenarios `stacks_languages`, `stacks_c` and `dumps`; prometheus is the program in Go.
    Extra {
        name: "languages",
        suite: Some("trixie"),
        packages: &[
            "curl",
            "gcc",
            "gdb",
            "heaptrack",
            "libc6-dev",
            "nodejs",
            "openjdk-21-jdk-headless",
            "prometheus",
            "python3",
        ],
        beside: &[],
        python: &["py-spy==0.4.3"],
        masked: &["prometheus.service"],
    },
    // The scenario `virtual_machine`, which starts libvirt itself.
    Extra {
        name: "machines",
        suite: Some("trixie"),
        packages: &[
            "libvirt-clients",
            "libvirt-daemon-system",
            "qemu-system-x86",
            "systemd-container",
        ],
        beside: &[],
        python: &[],
        masked: &[
            "libvirt-guests.service",
            "libvirtd-admin.socket",
            "libvirtd-ro.socket",
            "libvirtd.service",
            "libvirtd.socket",
            "virtlockd-admin.socket",
            "virtlockd.socket",
            "virtlogd-admin.socket",
            "virtlogd.socket",
        ],
    },
    // `cargo xtask pipelines`, which starts the services with configurations of its own. The libraries are syslog-ng's.
    Extra {
        name: "pipelines",
        suite: None,
        packages: &[
            "prometheus",
            "rsyslog",
            "libivykis0",
            "libjson-c5",
            "libnet1",
            "libpcre3",
            "libwrap0",
            "libglib2.0-0",
        ],
        beside: &["syslog-ng-core"],
        python: &[],
        masked: &["prometheus.service", "rsyslog.service"],
    },
    // The scenario `systemd_report`: systemd 260 and what asks for metrics, which Debian has a package of its own for.
    Extra {
        name: "report",
        suite: Some("sid"),
        packages: &["systemd-report"],
        beside: &[],
        python: &[],
        masked: &[],
    },
    // The scenario `runtimes`: what runs containers, each of which the scenario starts itself.
    Extra {
        name: "runtimes",
        suite: Some("trixie"),
        packages: &[
            "busybox-static",
            "catatonit",
            "containerd",
            "crun",
            "curl",
            "docker-cli",
            "docker.io",
            "lxc",
            "podman",
            "runc",
            "systemd-container",
            "uidmap",
        ],
        beside: &[],
        python: &[],
        masked: &[
            "containerd.service",
            "docker.service",
            "docker.socket",
            "lxc-net.service",
            "lxc.service",
            "podman-auto-update.service",
            "podman-auto-update.timer",
            "podman-restart.service",
            "podman.service",
            "podman.socket",
        ],
    },
    // `cargo xtask completions`; bash is in every image.
    Extra {
        name: "shells",
        suite: None,
        packages: &["bash-completion", "zsh", "fish"],
        beside: &[],
        python: &[],
        masked: &[],
    },
];

/// Not needed here, and each takes a part of a second of an emulated boot.
const MASKED: [&str; 29] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "earlyoom.service",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "kmod-static-nodes.service",
    "modprobe@.service",
    "nohang-desktop.service",
    "nohang.service",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-hwdb-update.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-oomd.socket", // a scenario that wants it says so: systemctl unmask --runtime
    "systemd-oomd.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-timesyncd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
];

/// Files laid over the packages: path, mode, text.
const FILES: [(&str, u32, &str); 8] = [
    ("usr/local/lib/xtask/agent", 0o755, include_str!("../guest/agent")),
    (
        "etc/systemd/system/xtask-run.service",
        0o644,
        include_str!("../guest/xtask-run.service"),
    ),
    // User managers without logind: `systemctl start user@1000.service`.
    (
        "etc/systemd/system/user-runtime-dir@.service",
        0o644,
        include_str!("../guest/user-runtime-dir@.service"),
    ),
    (
        "etc/systemd/system/user@.service.d/environment.conf",
        0o644,
        include_str!("../guest/user-environment.conf"),
    ),
    ("etc/hostname", 0o644, "guest\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost guest\n"),
    // A known one: with none, systemd takes every boot for the first.
    ("etc/machine-id", 0o444, "6f6f6d74726163650000000000000001\n"),
    ("etc/fstab", 0o644, ""),
];

/// Run in the new root once the packages are in.
const SETUP: &str = "useradd --create-home --uid 1000 --shell /bin/bash tester && \
    systemctl --quiet set-default multi-user.target && systemctl --quiet enable xtask-run.service";

/// Room for what runs in a guest; the file is sparse.
const SIZE: &str = "2G";

/// Debian's releases with a systemd that is tried, oldest first.
const RELEASES: [&str; 3] = ["bookworm", "trixie", "sid"];

/// The release whose systemd guests with a kernel have: Debian 12's or 13's, or this machine's own where that is newer, for what is
/// built here does not run on older ones. For another kind of machine this machine's own: an image of it takes long to make, and is
/// made once.
pub(crate) fn suite_of(arch: Arch, kernel: Series) -> Result<String> {
    if !arch.is_own() {
        return apt::own_suite();
    }
    at_least(if kernel < Series::new(6, 12) {
        "bookworm"
    } else {
        "trixie"
    })
}

/// This release, or this machine's own where that is newer.
pub(crate) fn at_least(suite: &str) -> Result<String> {
    Ok(newer(apt::own_suite()?, suite))
}

/// `other` where that is a later release than `own`. One that is not among [`RELEASES`] is somebody's own, and kept.
fn newer(own: String, other: &str) -> String {
    let age = |suite: &str| RELEASES.iter().position(|release| *release == suite);
    match age(&own) {
        Some(age_of_own) if Some(age_of_own) < age(other) => other.to_owned(),
        _ => own,
    }
}

/// The path of the image that guests of this kind with `suite` have, made if it isn't there or its recipe changed.
pub(crate) fn root(arch: Arch, suite: &str) -> Result<PathBuf> {
    let key = cache::key(&(PACKAGES, MASKED, FILES, SETUP, SIZE));
    let (name, time) = if arch.is_own() {
        (suite.to_owned(), "about a minute")
    } else {
        (format!("{suite}-{}", arch.debian()), "some minutes")
    };
    let why = format!("making the guests' root image ({name}, systemd as PID 1; once, {time})");
    let folder = cache::entry(&format!("root-{name}-{key}"), &why, |draft| {
        make(arch, suite, &PACKAGES, &MASKED, &|_, _| Ok(()), draft)
    })?;
    Ok(folder.join("root.ext4"))
}

/// The path of the image that has the peers too, and the headers of the kernel `release`, which bcc compiles against.
pub(crate) fn with_peers(release: &str) -> Result<PathBuf> {
    let suite = apt::own_suite()?;
    let key = cache::key(&(PACKAGES, PEERS, MASKED, FILES, SETUP, SIZE));
    let why = format!(
        "making a root image with {} and the headers of Linux {release} (once, some minutes)",
        PEERS.join(", ")
    );
    let packages = [&PACKAGES[..], &PEERS].concat();
    let folder = cache::entry(&format!("peers-{suite}-{release}-{key}"), &why, |draft| {
        make(
            Arch::own()?,
            &suite,
            &packages,
            &MASKED,
            &|draft, tree| lay_headers(release, draft, tree),
            draft,
        )
    })?;
    Ok(folder.join("root.ext4"))
}

/// The names of the images that have more.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    EXTRAS.iter().map(|extra| extra.name)
}

/// The path of the image `name`, one of [`names`], which are for this machine's kind.
pub(crate) fn named(arch: Arch, name: &str) -> Result<PathBuf> {
    ensure!(
        arch.is_own(),
        "no image {name} for {}: only for this kind of machine",
        arch.name()
    );
    let extra = EXTRAS
        .iter()
        .find(|extra| extra.name == name)
        .with_context(|| format!("no image {name}: there are {}", names().collect::<Vec<_>>().join(", ")))?;
    let suite = extra.suite.map_or_else(apt::own_suite, at_least)?;
    let key = cache::key(&(PACKAGES, extra, MASKED, FILES, SETUP, SIZE));
    let more = [extra.packages, extra.beside, extra.python].concat();
    let why = format!("making a root image with {} (once, some minutes)", more.join(", "));
    let packages = [&PACKAGES[..], extra.packages].concat();
    let masked = [&MASKED[..], extra.masked].concat();
    let folder = cache::entry(&format!("{name}-{suite}-{key}"), &why, |draft| {
        let lay = |draft: &Path, tree: &Path| {
            lay_beside(extra.beside, draft, tree)?;
            lay_programs(extra.python, tree)
        };
        make(arch, &suite, &packages, &masked, &lay, draft)
    })?;
    Ok(folder.join("root.ext4"))
}

/// `lay` puts into the tree (its second folder) what packages do not; the first is one for its own use.
fn make(
    arch: Arch,
    suite: &str,
    packages: &[&str],
    masked: &[&str],
    lay: &dyn Fn(&Path, &Path) -> Result<()>,
    draft: &Path,
) -> Result<()> {
    let is_root = packages::is_root()?;
    packages::require(if is_root { &TOOLS[..2] } else { &TOOLS })?;
    let sources = draft.join("root.sources");
    if !arch.is_own() {
        packages::require(&EMULATED)?;
        emulate(arch)?;
    }
    fs::write(&sources, apt::sources_of(&[suite], arch)?)?;
    let overlay = draft.join("overlay.tar");
    write_overlay(&overlay)?;

    // A tar first and the file system from that: neither needs a mount, and without root both have the right owners.
    let sh = Shell::new()?;
    let tarball = draft.join("root.tar");
    let include = packages.join(",");
    let lay_over = format!("tar-in {} /", overlay.display());
    let set_up = format!("chroot \"$1\" sh -c '{SETUP}'");
    let masked = masked.join(" ");
    let age = Some(apt::age_of_lists()?).filter(|line| !line.is_empty());
    let mask = format!("chroot \"$1\" systemctl --quiet mask {masked}");
    cmd!(sh, "mmdebstrap --quiet --variant=minbase --include={include}")
        .arg(format!("--architectures={}", arch.debian()))
        // apt of the guest stays unused; documentation and languages are most of the files.
        .args([
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/nohang/*", // sid's is not installed without its example
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-include=/usr/share/man/man1", // the folder alone: Java is not installed without it
        ])
        .args([
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--aptopt=Acquire::Languages none",
        ])
        .args(age.map(|line| format!("--aptopt={line}")))
        .arg(format!("--customize-hook={lay_over}"))
        .arg(format!("--customize-hook={set_up}"))
        .arg(format!("--customize-hook={mask}"))
        .args([suite.as_ref(), tarball.as_os_str(), sources.as_os_str()])
        .quiet()
        .ignore_stdout()
        .run()
        .context("mmdebstrap failed")?;
    let tree = draft.join("tree");
    fs::create_dir(&tree)?;
    lay(draft, &tree)?;
    let image = draft.join("root.ext4");
    let mke2fs = packages::find("mke2fs").context("mke2fs is gone")?;
    // No journal, nothing to initialise later: less to do for an emulated disk.
    let script = r#"tar -x -p --numeric-owner -f "$1" -C "$2" && "$3" -q -t ext4 -O ^has_journal -E lazy_itable_init=0,root_owner=0:0 -d "$2" "$4" "$5""#;
    let fakeroot = if is_root { None } else { Some("fakeroot") };
    let words = fakeroot.into_iter().chain(["sh", "-c", script, "mke2fs"]);
    let mut words = words.map(std::ffi::OsString::from).collect::<Vec<_>>();
    words.extend([
        tarball.clone().into(),
        tree.clone().into(),
        mke2fs.into(),
        image.into(),
        SIZE.into(),
    ]);
    let program = words.remove(0);
    cmd!(sh, "{program} {words...}").quiet().ignore_stdout().run()?;

    fs::remove_dir_all(&tree)?;
    for file in [tarball, overlay, sources] {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// Sees to it that this machine's kernel runs programs for `arch`: qemu-user-static registers with binfmt_misc where systemd runs.
fn emulate(arch: Arch) -> Result<()> {
    let sh = Shell::new()?;
    let name = arch.debian();
    if cmd!(sh, "arch-test {name}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok()
    {
        return Ok(());
    }
    ensure!(
        packages::is_root()?,
        "programs for {} do not run here; as root: systemctl restart systemd-binfmt",
        arch.name()
    );
    let formats = Path::new("/proc/sys/fs/binfmt_misc");
    if !formats.join("register").exists() {
        cmd!(sh, "mount -t binfmt_misc binfmt_misc {formats}").quiet().run()?;
    }
    let format = format!("/usr/lib/binfmt.d/qemu-{}.conf", arch.name());
    let line = fs::read(&format).with_context(|| format!("cannot read {format}"))?;
    fs::write(formats.join("register"), line).context("cannot register QEMU with binfmt_misc")?;
    Ok(())
}

/// Lays the headers of a kernel into `tree`, where a build against it looks for them.
fn lay_headers(release: &str, draft: &Path, tree: &Path) -> Result<()> {
    // `6.12.117+deb13-cloud-amd64`: what all flavours share is a package of its own.
    let version = release.strip_suffix("-cloud-amd64").unwrap_or(release);
    let (own, common) = (
        format!("linux-headers-{release}"),
        format!("linux-headers-{version}-common"),
    );
    let unpacked = draft.join("headers");
    fs::create_dir(&unpacked)?;
    Apt::open()?.unpack(&[own.clone(), common.clone()], &unpacked)?;
    fs::create_dir_all(tree.join("usr/src"))?;
    for name in [&own, &common] {
        fs::rename(unpacked.join("usr/src").join(name), tree.join("usr/src").join(name))?;
    }
    let modules = tree.join("usr/lib/modules").join(release);
    fs::create_dir_all(&modules)?;
    std::os::unix::fs::symlink(format!("/usr/src/{own}"), modules.join("build"))?;
    std::os::unix::fs::symlink(format!("/usr/src/{common}"), modules.join("source"))?;
    fs::remove_dir_all(unpacked)?;
    Ok(())
}

/// Lays the files of `packages` into `tree`, from this machine's own suite.
fn lay_beside(packages: &[&str], draft: &Path, tree: &Path) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let unpacked = draft.join("beside");
    fs::create_dir(&unpacked)?;
    let sh = Shell::new()?;
    sh.change_dir(&unpacked);
    for name in packages {
        cmd!(sh, "apt-get download --quiet {name}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?;
        for package in sh
            .read_dir(".")?
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        {
            cmd!(sh, "dpkg-deb --extract {package} files").quiet().run()?;
            fs::remove_file(package)?;
        }
    }
    // The rest of a package is for its service, which is not started here.
    fs::rename(unpacked.join("files/usr"), tree.join("usr"))?;
    fs::remove_dir_all(unpacked)?;
    Ok(())
}

/// Lays the programs of Python packages into `tree`.
fn lay_programs(requirements: &[&str], tree: &Path) -> Result<()> {
    let place = tree.join("usr/local/bin");
    for requirement in requirements {
        fs::create_dir_all(&place)?;
        for program in fs::read_dir(python::package(requirement)?.join("bin"))? {
            let program = program?;
            fs::copy(program.path(), place.join(program.file_name()))?;
        }
    }
    Ok(())
}

/// `FILES` as a tar, owned by root.
fn write_overlay(path: &Path) -> Result<()> {
    let mut tar = tar::Builder::new(fs::File::create(path)?);
    for (name, mode, text) in FILES {
        append(&mut tar, name, mode, text.as_bytes())?;
    }
    tar.finish()?;
    Ok(())
}

/// Adds a file of root's to `tar`.
pub(crate) fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, name, bytes)
        .with_context(|| format!("cannot pack {name}"))
}

#[cfg(test)]
mod tests {
    use super::newer;

    #[test]
    fn a_guest_is_never_older_than_the_machine_that_built_for_it() {
        let newer = |own: &str, other| newer(own.to_owned(), other);
        assert_eq!(newer("bookworm", "trixie"), "trixie");
        assert_eq!(newer("trixie", "bookworm"), "trixie");
        assert_eq!(newer("sid", "sid"), "sid");
        assert_eq!(newer("noble", "sid"), "noble");
    }
}
