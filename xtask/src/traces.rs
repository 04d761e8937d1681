//! `cargo xtask traces`: records how real programs use memory, to their real end.
//!
//! Each program of `tests/traces/programs` runs alone in a memory cgroup with the limit that its header names, until it
//! is killed there or its time is over; oomtrace records it, and what a forecast needs of the stream is kept. On this
//! machine, not in a guest: emulation would change the pace, and the memory controller is the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::traces::{Header, slim};

use crate::binary::{self, Profile};
use crate::{packages, step, workspace};

/// Record how real programs use memory: tests/traces/*.jsonl
#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// Only these programs [default: all that have no trace yet]
    names: Vec<String>,
}

struct Run {
    name: String,
    header: Header,
    cgroup: PathBuf,
    program: Child,
    observer: Child,
    raw: PathBuf,
    since: Instant,
}

impl Traces {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if !packages::is_root()? {
            bail!("making cgroups takes root: sudo -E cargo xtask traces");
        }
        let oomtrace = binary::oomtrace(Profile::Release)?;
        let root = workspace().join("tests/traces");
        let work = tempfile::tempdir()?;
        let mut runs = Vec::new();
        for entry in fs::read_dir(root.join("programs"))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let wanted = if self.names.is_empty() {
                !root.join(format!("{name}.jsonl")).exists()
            } else {
                self.names.contains(&name)
            };
            if wanted {
                runs.push(start(&oomtrace, &path, name, work.path())?);
            }
        }
        step(format!("recording {} programs at once, some minutes", runs.len()));
        for mut run in runs {
            finish(&mut run)?;
            let trace = root.join(format!("{}.jsonl", run.name));
            slim(&run.raw, &run.header, &trace)?;
            println!("{}", trace.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The memory controller's folder: v1 where it is mounted there.
fn controller() -> (&'static Path, &'static str) {
    let legacy = Path::new("/sys/fs/cgroup/memory");
    if legacy.join("memory.limit_in_bytes").exists() {
        (legacy, "memory.limit_in_bytes")
    } else {
        (Path::new("/sys/fs/cgroup"), "memory.max")
    }
}

fn start(oomtrace: &Path, path: &Path, name: String, work: &Path) -> Result<Run> {
    let text = fs::read_to_string(path)?;
    let header = Header::parse(&text).with_context(|| path.display().to_string())?;
    let (controller, limit) = controller();
    let cgroup = controller.join(format!("trace-{name}"));
    fs::create_dir_all(&cgroup)?;
    fs::write(cgroup.join(limit), &header.limit)?;
    let raw = work.join(format!("{name}.raw"));
    let observer = Command::new(oomtrace)
        .args([
            "--output",
            "json",
            "--host",
            "trace",
            "--no-cmdline",
            "--cgroup",
            &format!("/trace-{name}"),
        ])
        .stdout(File::create(&raw)?)
        .spawn()?;
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let file = path.display();
    let command = match extension.as_str() {
        "py" => format!("exec python3 {file}"),
        "pl" => format!("exec perl {file}"),
        "js" => format!("exec node {file}"),
        "sh" => format!("exec bash {file}"),
        "java" => format!("exec java {} {file}", header.args),
        "c" => {
            let program = work.join(&name);
            let status = Command::new("cc")
                .arg("-O1")
                .arg("-o")
                .arg(&program)
                .arg(path)
                .status()?;
            if !status.success() {
                bail!("{file} does not compile");
            }
            format!("exec {}", program.display())
        }
        other => bail!("{file}: nothing runs .{other}"),
    };
    let program = Command::new("bash")
        .args(["-c", &format!("echo $$ > {}/cgroup.procs; {command}", cgroup.display())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Run {
        name,
        header,
        cgroup,
        program,
        observer,
        raw,
        since: Instant::now(),
    })
}

fn finish(run: &mut Run) -> Result<()> {
    while run.program.try_wait()?.is_none() && run.since.elapsed() < Duration::from_secs(run.header.seconds) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let _ = run.program.kill();
    run.program.wait()?;
    std::thread::sleep(Duration::from_millis(1500));
    let pid = run.observer.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status()?;
    run.observer.wait()?;
    // Children that outlive the program.
    for pid in fs::read_to_string(run.cgroup.join("cgroup.procs"))?.lines() {
        Command::new("kill").args(["-KILL", pid]).status()?;
    }
    std::thread::sleep(Duration::from_millis(300));
    let _ = fs::remove_dir(&run.cgroup);
    Ok(())
}
