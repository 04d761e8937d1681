//! `cargo xtask traces`: records how real programs use memory, to their real end.
//!
//! Each program of `tests/traces/programs` runs alone in a memory cgroup with the limit that its header names, until it
//! is killed there or its time is over, as many lives as the header asks for; oomtrace records it, and what a forecast
//! needs of the stream is kept. On this machine, since emulation changes the pace; in a guest where the machine's kernel
//! does not tell what the program is about (cgroup v1 does not say what of the kernel's memory can be given back).

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, iter};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::traces::{Header, Kind, Lived, slim};

use crate::binary::{self, Profile};
use crate::guest::{Guest, Machine, Outcome};
use crate::kernel::{Kernel, Series};
use crate::packages::Tool;
use crate::{image, packages, step, workspace};

/// What a guest takes beside the programs' time: its boot, and the programs' ends.
const GUEST: Duration = Duration::from_secs(120);

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

/// Programs that run scripts and are in a guest's image.
const GUESTS: [&str; 2] = ["bash", "python3"];

/// Record how real programs use memory: tests/traces/*.jsonl
#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// Only these programs [default: all that have no trace yet]
    names: Vec<String>,

    /// Those of many minutes, in tests/traces/hours
    #[arg(long)]
    hours: bool,

    /// In a guest with the newest kernel of this series, in place of this machine: bash and Python without packages only
    #[arg(long, value_name = "SERIES")]
    kernel: Option<Series>,
}

/// A program to be recorded.
#[derive(Debug)]
struct Program {
    name: String,
    path: PathBuf,
    header: Header,
}

impl Traces {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let traces = workspace().join("tests/traces");
        let root = if self.hours { traces.join("hours") } else { traces };
        let programs = self.programs(&root)?;
        // Not in memory: files on a tmpfs would count as the program's.
        let work = tempfile::Builder::new()
            .prefix("oomtrace-traces.")
            .tempdir_in("/var/tmp")?;
        // Programs may run as someone else.
        Command::new("chmod").arg("755").arg(work.path()).status()?;
        let out = match self.kernel {
            Some(series) => in_guest(series, &programs, work.path())?,
            None => here(&programs, work.path())?,
        };
        let mut failed = 0;
        for program in &programs {
            if let Err(error) = program.keep(&out, &root) {
                step(format!("{}: {error:#}", program.name));
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

    /// Those that are asked for.
    fn programs(&self, root: &Path) -> Result<Vec<Program>> {
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
                let header = Header::parse(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
                programs.push(Program { name, path, header });
            }
        }
        if let Some(unknown) = self
            .names
            .iter()
            .find(|name| !programs.iter().any(|program| program.name == **name))
        {
            bail!("no program {unknown} in tests/traces/programs");
        }
        if programs.is_empty() {
            bail!("every program of tests/traces/programs has its trace: name those to record again");
        }
        Ok(programs)
    }
}

/// What records programs, wherever it runs.
fn recorder() -> PathBuf {
    workspace().join("tests/traces/record.sh")
}

/// Records on this machine, and says where.
fn here(programs: &[Program], work: &Path) -> Result<PathBuf> {
    if !packages::is_root()? {
        bail!("making cgroups takes root: sudo -E cargo xtask traces");
    }
    let oomtrace = binary::oomtrace(Profile::Release)?;
    let folder = oomtrace.parent().context("oomtrace lies in no folder")?.to_owned();
    let mut wanted = String::new();
    for program in programs {
        wanted += &program.line(&program.prepare(work)?);
    }
    let out = work.join("out");
    fs::create_dir(&out)?;
    step(format!("recording {} programs at once, some minutes", programs.len()));
    let paths = env::var_os("PATH").unwrap_or_default();
    let mut running = Command::new("bash")
        .arg(recorder())
        .arg(&out)
        .current_dir(work)
        .env(
            "PATH",
            env::join_paths(iter::once(folder).chain(env::split_paths(&paths)))?,
        )
        .stdin(Stdio::piped())
        .spawn()?;
    // Dropped, and so ended, once it is written.
    let mut input = running.stdin.take().context("bash has no input")?;
    input.write_all(wanted.as_bytes())?;
    drop(input);
    if !running.wait()?.success() {
        bail!("recording failed");
    }
    Ok(out)
}

/// Records in a guest, and says where.
fn in_guest(series: Series, programs: &[Program], work: &Path) -> Result<PathBuf> {
    let share = work.join("share");
    fs::create_dir(&share)?;
    fs::copy(recorder(), share.join("record.sh"))?;
    let mut wanted = String::new();
    for program in programs {
        let file = program.path.file_name().unwrap_or_default();
        let language = program.language()?;
        if language.compile.is_some() || !GUESTS.contains(&language.tool.program) || !program.header.needs.is_empty() {
            bail!(
                "{}: a guest has nothing that runs it; record it on a machine with cgroup v2",
                program.name
            );
        }
        fs::copy(&program.path, share.join(file))?;
        let path = Path::new("/share").join(file);
        wanted += &program.line(&language.interpreted(&program.header, &path.to_string_lossy()));
    }
    fs::write(share.join("programs"), wanted)?;
    let longest = programs.iter().map(|program| program.header.seconds).max();
    let kernel = Kernel::newest(series)?;
    let results = work.join("guest");
    let guest = Guest {
        kernel: &kernel,
        image: &image::root(kernel.arch, &image::suite_of(kernel.arch, series)?)?,
        oomtrace: &binary::oomtrace(Profile::Release)?,
        programs: &[],
        share: Some(&share),
        command: Some("cd /var/tmp && exec bash /share/record.sh /out < /share/programs".to_owned()),
        machine: &Machine {
            timeout: longest.map(|seconds| Duration::from_secs(seconds) + GUEST),
            ..Machine::default()
        },
        results: &results,
    };
    step(format!(
        "recording {} programs on Linux {} (emulated), some minutes",
        programs.len(),
        kernel.release
    ));
    match guest.run(io::stdout(), io::stderr())? {
        Outcome::Done(0) => Ok(results.join("out")),
        ended => bail!("recording failed: {ended:?}\n{}", guest.last_words()?),
    }
}

impl Language {
    /// What runs a script, in bash.
    fn interpreted(&self, header: &Header, path: &str) -> String {
        format!("{} {} {path}", self.tool.program, header.args.join(" "))
    }
}

impl Program {
    fn language(&self) -> Result<&'static Language> {
        let extension = self.path.extension().unwrap_or_default().to_string_lossy();
        LANGUAGES
            .iter()
            .find(|language| language.extension == extension)
            .with_context(|| format!("{}: nothing runs .{extension}", self.path.display()))
    }

    /// Installs what it needs, compiles what is to be compiled, and says what runs it, in bash.
    fn prepare(&self, work: &Path) -> Result<String> {
        packages::install(&self.header.needs, &self.name)?;
        let language = self.language()?;
        packages::require(&[language.tool])?;
        let Some(options) = language.compile else {
            return Ok(language.interpreted(&self.header, &self.path.to_string_lossy()));
        };
        let built = work.join(format!("{}.bin", self.name));
        let mut compiler = Command::new(language.tool.program);
        compiler
            .args(options)
            .arg(&built)
            .arg(&self.path)
            .args(&self.header.args);
        if !compiler.status()?.success() {
            bail!("{} does not compile", self.path.display());
        }
        Ok(built.display().to_string())
    }

    /// Keeps what was recorded of it as its trace.
    fn keep(&self, out: &Path, root: &Path) -> Result<()> {
        let lives = fs::read_to_string(out.join(format!("{}.lives", self.name))).context("did not live")?;
        let lives = lives.lines().map(str::parse).collect::<Result<Vec<Lived>>>()?;
        let cgroup = format!("/trace-{}", self.name);
        let trace = root.join(format!("{}.jsonl", self.name));
        let kept = slim(&out.join("raw"), &cgroup, &self.header, &lives, &trace)?;
        println!("{}: {} samples, {} kills", trace.display(), kept.samples, kept.kills);
        if kept.samples == 0 {
            bail!("ended at once");
        }
        if self.header.kind == Kind::Leak && kept.kills < self.header.lives {
            bail!("was not killed as often as its header says");
        }
        Ok(())
    }

    /// What `record.sh` is told of it.
    fn line(&self, command: &str) -> String {
        let Header {
            limit,
            seconds,
            kind,
            lives,
            ..
        } = &self.header;
        let kind = match kind {
            Kind::Leak => "leak",
            Kind::Calm => "calm",
        };
        format!("{} {limit} {seconds} {kind} {lives} {command}\n", self.name)
    }
}
