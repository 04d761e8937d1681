//! One guest: boots a kernel on the root image in QEMU, runs one command in it, and brings back what came of it.
//!
//! What goes in is a tar on a second disk, what comes back a tar on a third; the command's output comes live through
//! two virtio ports, which, unlike serial lines, hold the writer when the reader is slow. The other end of all this is
//! `guest/agent` on the root image. QEMU emulates the CPU (TCG): that works on any machine, CI's included.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::image;
use crate::kernel::Kernel;
use crate::packages::{self, Tool};
use crate::workspace;

/// What emulates a kind of machine.
#[derive(Debug)]
struct Emulator {
    qemu: Tool,
    /// Its board, and a CPU that is as quick to emulate as can be.
    board: [&'static str; 4],
    /// The kernel's name of its serial line.
    console: &'static str,
}

impl Emulator {
    fn of(arch: Arch) -> Self {
        let purpose = "boots guests";
        match arch {
            Arch::X86 => Self {
                qemu: Tool {
                    program: "qemu-system-x86_64",
                    package: "qemu-system-x86",
                    purpose,
                },
                // QEMU 7.2 spoils the flags in cmpxchg16b: without cx16=off a guest dies of a double fault now and then.
                board: ["-M", "q35", "-cpu", "max,la57=off,cx16=off"],
                console: "ttyS0",
            },
            Arch::Arm => Self {
                qemu: Tool {
                    program: "qemu-system-aarch64",
                    package: "qemu-system-arm",
                    purpose,
                },
                // Has pages of 16 KiB, which a Cortex-A72 has not, and no signed pointers, which `max` is slow with.
                board: ["-M", "virt", "-cpu", "neoverse-n1"],
                console: "ttyAMA0",
            },
        }
    }
}

const SETPRIV: Tool = Tool {
    program: "setpriv",
    package: "util-linux",
    purpose: "ends guests with xtask",
};

/// What a package would install beside the binary.
const INSTALLED: [(&str, &str); 7] = [
    ("oomtrace.conf", "etc/oomtrace/oomtrace.conf"),
    ("defaults.conf", "usr/lib/oomtrace/oomtrace.conf"),
    ("grafana-dashboard.json", "usr/share/oomtrace/grafana-dashboard.json"),
    ("oomtrace.service", "usr/lib/systemd/system/oomtrace.service"),
    ("oomtrace-user.service", "usr/lib/systemd/user/oomtrace.service"),
    ("prometheus-rules.yaml", "usr/share/oomtrace/prometheus-rules.yaml"),
    ("oomtrace.catalog", "usr/lib/systemd/catalog/oomtrace.catalog"),
];

/// The room for /out, as a sparse file: what a guest brings back is limited by this only.
const OUT_SIZE: u64 = 4 << 30;

/// What to boot and what to run there.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) image: &'a Path,
    /// On the guest's PATH as `oomtrace`.
    pub(crate) oomtrace: &'a Path,
    /// On the guest's PATH under their own names.
    pub(crate) programs: &'a [PathBuf],
    /// Its content is copied to /share.
    pub(crate) share: Option<&'a Path>,
    /// A shell script; `None` is a shell on this terminal.
    pub(crate) command: Option<String>,
    pub(crate) machine: &'a Machine,
    /// Where the logs and `out` go; emptied before.
    pub(crate) results: &'a Path,
}

/// The machine to emulate, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cpus: u32,
    pub(crate) memory_mb: u32,
    /// Memory nodes, of which each has its share.
    pub(crate) nodes: u32,
    pub(crate) cores: Cores,
    /// More of the kernel's command line.
    pub(crate) append: String,
    pub(crate) timeout: Option<Duration>,
}

/// How QEMU runs the guest's CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cores {
    /// One after the other on one of the machine's
    #[default]
    Shared,
    /// At the same time: a line arrives as soon as on a machine, but a guest dies now and then while its kernel patches code
    /// that another CPU runs (`Oops: int3`)
    Parallel,
    /// One, whose clock counts instructions
    Counting,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cpus: 2,
            memory_mb: 1024,
            nodes: 2,
            cores: Cores::Shared,
            append: String::new(),
            timeout: None,
        }
    }
}

/// How a guest ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command's exit status.
    Done(u8),
    TimedOut,
}

/// A program that whatever ends xtask, a signal included, ends too.
pub(crate) fn ending_with_xtask(program: impl AsRef<OsStr>) -> Result<Command> {
    packages::require(&[SETPRIV])?;
    let mut command = Command::new(SETPRIV.program);
    command.args(["--pdeathsig", "KILL"]).arg(program);
    Ok(command)
}

impl Guest<'_> {
    /// Boots and runs a command that is to end well, with its output as it comes.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.run(std::io::stdout(), std::io::stderr())? {
            Outcome::Done(0) => Ok(()),
            Outcome::Done(status) => bail!("the guest's script ended with {status}"),
            Outcome::TimedOut => bail!("the guest did not end in time\n{}", self.last_words()?),
        }
    }

    /// Boots, runs the command, and waits for the end. Its output goes to `stdout` and `stderr` as it comes.
    pub(crate) fn run<O, E>(&self, stdout: O, stderr: E) -> Result<Outcome>
    where
        O: Write + Send,
        E: Write + Send,
    {
        packages::require(&[Emulator::of(self.kernel.arch).qemu])?;
        let out = self.results.join("out");
        if self.results.exists() {
            fs::remove_dir_all(self.results).with_context(|| format!("cannot empty {}", self.results.display()))?;
        }
        fs::create_dir_all(&out)?;

        // Sockets have short names only, so they can't lie below an arbitrary target folder; nor need the disks.
        let work = tempfile::Builder::new().prefix("oomtrace-vm.").tempdir()?;
        let disks = Disks { work: work.path() };
        self.pack(&disks.inward())?;
        File::create(disks.outward())?.set_len(OUT_SIZE)?;
        let ports = [
            Port::listen(work.path(), "stdout")?,
            Port::listen(work.path(), "stderr")?,
        ];

        let mut qemu = self.start(&disks, &ports)?;
        let ended = thread::scope(|scope| {
            let [out_port, err_port] = &ports;
            scope.spawn(|| out_port.copy_to(stdout));
            scope.spawn(|| err_port.copy_to(stderr));
            let ended = wait(&mut qemu, self.machine.timeout);
            // A QEMU that died at its start never connected: this ends the waiting for it.
            for port in &ports {
                drop(UnixStream::connect(&port.path));
            }
            ended
        })?;
        if ended == Ended::TimedOut {
            return Ok(Outcome::TimedOut);
        }
        match self.unpack(&disks.outward(), &out)? {
            Some(status) => Ok(Outcome::Done(status)),
            None => bail!(
                "the guest ended before its command did ({ended:?})\n{}",
                self.last_words().unwrap_or_default()
            ),
        }
    }

    /// The end of the console and of what QEMU had to say.
    pub(crate) fn last_words(&self) -> Result<String> {
        let mut words = String::new();
        for name in ["qemu.log", "console.log"] {
            let path = self.results.join(name);
            let text = String::from_utf8_lossy(&fs::read(&path)?).replace('\r', "");
            let lines: Vec<_> = text.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
            if !tail.is_empty() {
                words += &format!("the end of {}:\n  {}\n", path.display(), tail.join("\n  "));
            }
        }
        Ok(words)
    }

    /// The tar that the agent unpacks at /.
    fn pack(&self, disk: &Path) -> Result<()> {
        let mut tar = tar::Builder::new(File::create(disk)?);
        tar.follow_symlinks(false);
        let oomtrace = fs::read(self.oomtrace).with_context(|| format!("cannot read {}", self.oomtrace.display()))?;
        image::append(&mut tar, "usr/bin/oomtrace", 0o755, &oomtrace)?;
        for path in self.programs {
            let name = path.file_name().context("a program without a name")?.to_string_lossy();
            let program = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            image::append(&mut tar, &format!("usr/bin/{name}"), 0o755, &program)?;
        }
        for (name, place) in INSTALLED {
            let path = workspace().join("packaging").join(name);
            let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            image::append(&mut tar, place, 0o644, &text)?;
        }
        if let Some(command) = &self.command {
            image::append(&mut tar, "run/xtask/command", 0o644, command.as_bytes())?;
        } else if let Some(size) = terminal_size() {
            image::append(&mut tar, "run/xtask/terminal", 0o644, size.as_bytes())?;
        }
        if let Some(share) = self.share {
            tar.append_dir_all("share", share)
                .with_context(|| format!("cannot pack {}", share.display()))?;
        }
        tar.finish()?;
        Ok(())
    }

    /// Unpacks /out, and returns the exit status, or `None` if the guest didn't get as far as writing it.
    fn unpack(&self, disk: &Path, out: &Path) -> Result<Option<u8>> {
        let mut status = None;
        for entry in tar::Archive::new(File::open(disk)?).entries()? {
            let mut entry = entry.context("cannot read what the guest left in /out")?;
            let name = entry.path()?.into_owned();
            if name == Path::new("status") {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                status = text.trim().parse().ok();
            } else if name == Path::new("out-is-lost") {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                bail!("cannot bring back the guest's /out: {}", text.trim());
            } else if name.starts_with("out") && !entry.header().entry_type().is_fifo() {
                entry.unpack_in(self.results)?;
            }
        }
        debug_assert!(out.exists());
        Ok(status)
    }

    fn start(&self, disks: &Disks, ports: &[Port]) -> Result<Child> {
        let machine = self.machine;
        let console = self.results.join("console.log");
        let emulator = Emulator::of(self.kernel.arch);
        let mut qemu = ending_with_xtask(emulator.qemu.program)?;
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        qemu.args(emulator.board);
        match machine.cores {
            Cores::Shared => qemu.args(["-accel", "tcg,thread=single"]),
            Cores::Parallel => qemu.args(["-accel", "tcg,thread=multi"]),
            Cores::Counting => qemu.args(["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]),
        };
        qemu.args(["-smp", &machine.cpus.to_string(), "-m", &machine.memory_mb.to_string()]);
        let nodes = machine.nodes.max(1);
        for node in 0..nodes {
            let rest = if node == 0 { machine.memory_mb % nodes } else { 0 };
            let share = machine.memory_mb / nodes + rest;
            qemu.args(["-object", &format!("memory-backend-ram,id=ram{node},size={share}M")]);
            qemu.args(["-numa", &format!("node,nodeid={node},memdev=ram{node}")]);
        }
        qemu.arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(&self.kernel.initramfs);
        // Before 6.1 swap is counted where it is asked for.
        qemu.arg("-append").arg(format!(
            "console={} rw quiet systemd.show_status=0 panic=-1 psi=1 swapaccount=1 mitigations=off nokaslr {}",
            emulator.console, machine.append
        ));
        let (backend, stdin) = if self.command.is_some() {
            ("file,path=", Stdio::null())
        } else {
            // QEMU sets the terminal to raw and back, and Ctrl-C goes to the guest.
            ("stdio,signal=off,logfile=", Stdio::inherit())
        };
        qemu.arg("-chardev")
            .arg(format!("{backend}{},id=console", escaped(&console)));
        qemu.args(["-serial", "chardev:console"]);
        // In this order: vda, vdb, vdc.
        let drive = |path: &Path, options: &str| format!("if=virtio,format=raw,{options},file={}", escaped(path));
        qemu.arg("-drive").arg(drive(self.image, "snapshot=on"));
        qemu.arg("-drive").arg(drive(&disks.inward(), "readonly=on"));
        qemu.arg("-drive").arg(drive(&disks.outward(), "cache=unsafe"));
        qemu.args(["-device", "virtio-serial"]);
        for port in ports {
            let name = port.name;
            qemu.arg("-chardev")
                .arg(format!("socket,id={name},path={}", escaped(&port.path)));
            qemu.args(["-device", &format!("virtserialport,chardev={name},name={name}")]);
        }
        let log = File::create(self.results.join("qemu.log"))?;
        qemu.stdin(stdin).stderr(log);
        if self.command.is_some() {
            qemu.stdout(Stdio::null());
        }
        qemu.spawn()
            .with_context(|| format!("cannot run {}", emulator.qemu.program))
    }
}

/// QEMU's option values end at a comma; a comma of the value is doubled.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// `rows 24 cols 80`, as stty wants it in the guest.
fn terminal_size() -> Option<String> {
    let output = Command::new("stty")
        .arg("size")
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (rows, columns) = text.trim().split_once(' ')?;
    Some(format!("rows {rows} cols {columns}"))
}

struct Disks<'a> {
    work: &'a Path,
}

impl Disks<'_> {
    fn inward(&self) -> PathBuf {
        self.work.join("in.tar")
    }

    fn outward(&self) -> PathBuf {
        self.work.join("out.tar")
    }
}

/// The host's end of a virtio port.
struct Port {
    name: &'static str,
    path: PathBuf,
    listener: UnixListener,
}

impl Port {
    fn listen(folder: &Path, name: &'static str) -> Result<Self> {
        let path = folder.join(name);
        let listener = UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
        Ok(Self { name, path, listener })
    }

    /// Copies until QEMU closes it. A reader that went away (`| head -1`) doesn't stop the guest: the rest is dropped.
    fn copy_to(&self, mut sink: impl Write) {
        let Ok((mut stream, _)) = self.listener.accept() else {
            return;
        };
        let mut buffer = [0; 1 << 16];
        let mut open = true;
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            let bytes = buffer.get(..length).unwrap_or_default();
            open = open && sink.write_all(bytes).and_then(|()| sink.flush()).is_ok();
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Exited(ExitStatus),
    TimedOut,
}

/// Waits for QEMU, and ends it at the deadline.
fn wait(qemu: &mut Child, timeout: Option<Duration>) -> Result<Ended> {
    let started = Instant::now();
    loop {
        if let Some(status) = qemu.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if timeout.is_some_and(|timeout| started.elapsed() > timeout) {
            qemu.kill()?;
            qemu.wait()?;
            return Ok(Ended::TimedOut);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
