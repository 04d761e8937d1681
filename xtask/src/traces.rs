//! `cargo xtask traces`: records how real programs use memory, to their real end.
//!
//! Each program of `tests/traces/programs` runs alone in a memory cgroup with the limit that its header names, until it
//! is killed there or its time is over, as many lives as the header asks for; oomtrace records it, and what a forecast
//! needs of the stream is kept. On this machine, not in a guest: emulation would change the pace, and the memory
//! controller is the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use oomtrace_tests::traces::{Header, Kind, Lived, slim};

use crate::binary::{self, Profile};
use crate::packages::Tool;
use crate::{packages, step, workspace};

/// How often a program is looked after.
const LOOK: Duration = Duration::from_millis(200);
/// Between two lives, as `RestartSec=` has it.
const RESTART: Duration = Duration::from_secs(1);
/// How long the last kill may take to be seen.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// How a program is run.
struct Language {
    extension: &'static str,
    tool: Tool,
    /// The words after the compiler's name, before the name of what it makes; none = it is interpreted.
    compile: Option<&'static [&'static str]>,
}

impl Language {
    const fn new(
        extension: &'static str,
        program: &'static str,
        package: &'static str,
        compile: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            extension,
            tool: Tool {
                program,
                package,
                purpose: "to run programs of tests/traces",
            },
            compile,
        }
    }
}

const LANGUAGES: [Language; 10] = [
    Language::new("c", "cc", "gcc", Some(&["-O1", "-o"])),
    Language::new("escript", "escript", "erlang-base", None),
    Language::new("go", "go", "golang-go", Some(&["build", "-o"])),
    Language::new("java", "java", "default-jdk-headless", None),
    Language::new("js", "node", "nodejs", None),
    Language::new("php", "php", "php-cli", None),
    Language::new("pl", "perl", "perl", None),
    Language::new("py", "python3", "python3", None),
    Language::new("rb", "ruby", "ruby", None),
    Language::new("sh", "bash", "bash", None),
];

/// Record how real programs use memory: tests/traces/*.jsonl
#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// Only these programs [default: all that have no trace yet]
    names: Vec<String>,
}

/// A program, and where it is recorded.
#[derive(Debug)]
struct Program {
    name: String,
    header: Header,
    /// What runs it, in bash.
    command: String,
    /// Where it may leave files.
    folder: PathBuf,
    /// The path of its cgroup below the controller's folder.
    cgroup: String,
}

impl Traces {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if !packages::is_root()? {
            bail!("making cgroups takes root: sudo -E cargo xtask traces");
        }
        let oomtrace = binary::oomtrace(Profile::Release)?;
        let root = workspace().join("tests/traces");
        // Not in memory: files on a tmpfs would count as the program's.
        let work = tempfile::tempdir_in("/var/tmp")?;
        // Programs may run as someone else.
        Command::new("chmod").arg("755").arg(work.path()).status()?;
        let mut programs = Vec::new();
        for entry in fs::read_dir(root.join("programs"))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let wanted = if self.names.is_empty() {
                !root.join(format!("{name}.jsonl")).exists()
            } else {
                self.names.contains(&name)
            };
            if wanted {
                programs.push(Program::prepare(&path, name, work.path())?);
            }
        }
        let raw = work.path().join("raw");
        let mut observer = Command::new(oomtrace);
        observer.args(["--output", "json", "--host", "trace", "--no-cmdline"]);
        for program in &programs {
            program.make_cgroup()?;
            observer.args(["--cgroup", &program.cgroup]);
        }
        let mut observer = observer.stdout(File::create(&raw)?).spawn()?;
        step(format!("recording {} programs at once, some minutes", programs.len()));
        let lives: Vec<Result<Vec<Lived>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = programs.iter().map(|program| scope.spawn(|| program.live())).collect();
            let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            ends.map(|end| end.unwrap_or_else(|_| bail!("the recorder's thread failed")))
                .collect()
        });
        std::thread::sleep(SETTLE);
        Command::new("kill").arg(observer.id().to_string()).status()?;
        observer.wait()?;
        let mut failed = 0;
        for (program, lives) in programs.iter().zip(lives) {
            let lives = match lives {
                Ok(lives) => lives,
                Err(error) => {
                    step(format!("{}: {error:#}", program.name));
                    failed += 1;
                    continue;
                }
            };
            let trace = root.join(format!("{}.jsonl", program.name));
            let kept = slim(&raw, &program.cgroup, &program.header, &lives, &trace)?;
            println!("{}: {} samples, {} kills", trace.display(), kept.samples, kept.kills);
            if program.header.kind == Kind::Leak && kept.kills < program.header.lives {
                step(format!("{} was not killed as often as its header says", program.name));
                failed += 1;
            }
        }
        if failed > 0 {
            bail!(
                "{failed} of {} programs did not live as their header says",
                programs.len()
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Program {
    /// Reads the header, installs what it needs, and compiles what is to be compiled.
    fn prepare(path: &Path, name: String, work: &Path) -> Result<Self> {
        let header = Header::parse(&fs::read_to_string(path)?).with_context(|| path.display().to_string())?;
        packages::install(&header.needs, &name)?;
        let folder = work.join(&name);
        fs::create_dir(&folder)?;
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let language = LANGUAGES
            .iter()
            .find(|language| language.extension == extension)
            .with_context(|| format!("{}: nothing runs .{extension}", path.display()))?;
        packages::require(&[language.tool])?;
        let program = language.tool.program;
        let command = if let Some(options) = language.compile {
            let built = work.join(format!("{name}.bin"));
            let mut compiler = Command::new(program);
            compiler.args(options).arg(&built).arg(path).args(&header.args);
            if !compiler.status()?.success() {
                bail!("{} does not compile", path.display());
            }
            built.display().to_string()
        } else {
            format!("{program} {} {}", header.args.join(" "), path.display())
        };
        let cgroup = format!("/trace-{name}");
        Ok(Self {
            name,
            header,
            command,
            folder,
            cgroup,
        })
    }

    /// One life after the other, until there were enough or the time is over.
    fn live(&self) -> Result<Vec<Lived>> {
        let end = Instant::now() + Duration::from_secs(self.header.seconds);
        let mut lives = Vec::new();
        let mut kills = 0;
        loop {
            self.make_cgroup()?;
            let start = Timestamp::now();
            let mut program = self.spawn()?;
            while Instant::now() < end && !self.is_enough(kills + self.kills()?, 0) && program.try_wait()?.is_none() {
                std::thread::sleep(LOOK);
            }
            let killed = self.kills()?;
            lives.push(Lived {
                start,
                end: Timestamp::now(),
            });
            self.remove_cgroup()?;
            program.wait()?;
            if self.header.kind == Kind::Leak && killed == 0 && Instant::now() < end {
                bail!("ended without a kill");
            }
            kills += killed;
            if Instant::now() >= end || self.is_enough(kills, lives.len()) {
                return Ok(lives);
            }
            std::thread::sleep(RESTART);
        }
    }

    fn is_enough(&self, kills: u32, ended: usize) -> bool {
        match self.header.kind {
            Kind::Leak => kills >= self.header.lives,
            Kind::Calm => ended >= self.header.lives as usize,
        }
    }

    fn spawn(&self) -> Result<Child> {
        let procs = self.files().join("cgroup.procs");
        let script = format!("echo $$ > {} && exec {}", procs.display(), self.command);
        Ok(Command::new("bash")
            .args(["-c", &script])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?)
    }

    /// The folder of its cgroup.
    fn files(&self) -> PathBuf {
        let (controller, ..) = controller();
        controller.join(self.cgroup.trim_start_matches('/'))
    }

    fn make_cgroup(&self) -> Result<()> {
        let (_, limit, _) = controller();
        fs::create_dir_all(self.files())?;
        fs::write(self.files().join(limit), &self.header.limit).with_context(|| format!("cannot limit {}", self.name))
    }

    /// How often the kernel killed there.
    fn kills(&self) -> Result<u32> {
        let (.., events) = controller();
        let text = fs::read_to_string(self.files().join(events))?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(count.context("no oom_kill count")?.parse()?)
    }

    /// Ends what is left in it, and removes it.
    fn remove_cgroup(&self) -> Result<()> {
        let deadline = Instant::now() + GONE;
        loop {
            for pid in fs::read_to_string(self.files().join("cgroup.procs"))?.lines() {
                Command::new("kill")
                    .args(["-KILL", pid])
                    .stderr(Stdio::null())
                    .status()?;
            }
            match fs::remove_dir(self.files()) {
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).with_context(|| format!("cannot remove {}", self.files().display()));
                }
                Err(_) => std::thread::sleep(LOOK),
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// The memory controller's folder, its file for a limit and that for kills: v1 where it is mounted there.
fn controller() -> (&'static Path, &'static str, &'static str) {
    let legacy = Path::new("/sys/fs/cgroup/memory");
    if legacy.join("memory.limit_in_bytes").exists() {
        (legacy, "memory.limit_in_bytes", "memory.oom_control")
    } else {
        (Path::new("/sys/fs/cgroup"), "memory.max", "memory.events")
    }
}
