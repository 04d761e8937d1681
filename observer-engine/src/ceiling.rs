//! How much memory a program was told to take at most: a heap's or a cache's own ceiling, from its command line and from
//! the environment variables that such programs read.
//!
//! In: words. Out: a size and its name, reckoned in each program's own units. Only what these options say is taken: the
//! rest may be secrets, and nothing of it is kept.

use crate::event::{Ceiling, CeilingSource};
use crate::measure::Bytes;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A block of `PostgreSQL`'s, the unit of a bare number (src/include/pg_config.h: `BLCKSZ`).
const POSTGRES_BLOCK: u64 = 8 * KIB;

/// The environment variables that are looked at: no other is.
const VARIABLES: [&str; 5] = [
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JAVA_TOOL_OPTIONS",
    "GOMEMLIMIT",
    "NODE_OPTIONS",
];

/// A size with one of these units behind it, matched without case; a bare number is in the first.
type Units = &'static [(&'static str, u64)];

/// `-Xmx512m`: bytes, or k, m, g, t (hotspot: `parse_argument_memory_size`).
const JAVA: Units = &[("", 1), ("k", KIB), ("m", MIB), ("g", GIB), ("t", TIB)];
/// `GOMEMLIMIT=512MiB`: bytes, or these, as they are written (runtime: `parseByteCount`).
const GO: Units = &[
    ("", 1),
    ("B", 1),
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("TiB", TIB),
];
/// `--max-old-space-size=512`: MiB.
const NODE: Units = &[("", MIB)];
/// `shared_buffers=128MB`: blocks, or these, as they are written (guc.c: `memory_unit_conversion_table`).
const POSTGRES: Units = &[
    ("", POSTGRES_BLOCK),
    ("B", 1),
    ("kB", KIB),
    ("MB", MIB),
    ("GB", GIB),
    ("TB", TIB),
];
/// `--innodb-buffer-pool-size=1G`: bytes, or k, m, g, t (mysys/my_getopt.cc: `eval_num_suffix`).
const MYSQL: Units = JAVA;
/// `--maxmemory 1gb`: bytes, or k, kb and so on, of which those without `b` are powers of ten (util.c: `memtoull`).
const REDIS: Units = &[
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", KIB),
    ("m", 1_000_000),
    ("mb", MIB),
    ("g", 1_000_000_000),
    ("gb", GIB),
];
/// `-m 64`: MiB.
const MEMCACHED: Units = &[("", MIB)];

/// Whether units are known by their letters whatever their case.
fn is_strict(units: Units) -> bool {
    std::ptr::eq(units, GO) || std::ptr::eq(units, POSTGRES)
}

/// A number and its unit, in bytes; `None` where it is none, or 0, which these programs take for no ceiling.
fn size(text: &str, units: Units) -> Option<Bytes> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let is_this = |known: &str| {
        if is_strict(units) {
            known == unit
        } else {
            known.eq_ignore_ascii_case(unit)
        }
    };
    let (_, factor) = units.iter().find(|(known, _)| is_this(known))?;
    Some(Bytes(number.checked_mul(*factor)?)).filter(|size| size.0 > 0)
}

/// What kind of program it is, by its file's name: options of the same letters mean something else elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Java,
    Node,
    Postgres,
    Mysql,
    Redis,
    Memcached,
}

impl Program {
    /// By the first word of a command line, with or without a path.
    fn of(word: &str) -> Option<Self> {
        let name = word.rsplit('/').next()?;
        match name {
            "java" => Some(Self::Java),
            "node" | "nodejs" => Some(Self::Node),
            "postgres" | "postmaster" => Some(Self::Postgres),
            "mysqld" | "mariadbd" => Some(Self::Mysql),
            "redis-server" | "valkey-server" | "keydb-server" => Some(Self::Redis),
            "memcached" => Some(Self::Memcached),
            _ => None,
        }
    }
}

/// The ceiling that a command line names, its words joined with spaces. Of one that is named twice the last counts, as with
/// these programs.
#[must_use]
pub fn of_command_line(line: &str) -> Option<Ceiling> {
    let mut words = line.split_whitespace();
    let program = Program::of(words.next()?)?;
    let words: Vec<&str> = words.collect();
    options(program, &words, CeilingSource::Cmdline)
}

/// The ceilings that a process's environment names, by the variable: nothing else of it is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment(Vec<(&'static str, Ceiling)>);

impl Environment {
    /// From `/proc/PID/environ`: `NAME=value`, each ended by a zero byte (proc_pid_environ(5)).
    #[must_use]
    pub fn parse(block: &[u8]) -> Self {
        let variables = block.split(|byte| *byte == 0).filter_map(|variable| {
            let text = std::str::from_utf8(variable).ok()?;
            let (name, value) = text.split_once('=')?;
            let name = VARIABLES.into_iter().find(|known| *known == name)?;
            Some((name, of_variable(name, value)?))
        });
        // Of one that is there twice the first counts (getenv(3)).
        Self(variables.take(VARIABLES.len()).collect())
    }

    fn of(&self, name: &str) -> Option<Ceiling> {
        let (_, ceiling) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(ceiling.clone())
    }
}

/// The ceiling that an environment variable names.
fn of_variable(name: &str, value: &str) -> Option<Ceiling> {
    let program = match name {
        "_JAVA_OPTIONS" | "JDK_JAVA_OPTIONS" | "JAVA_TOOL_OPTIONS" => Program::Java,
        "NODE_OPTIONS" => Program::Node,
        "GOMEMLIMIT" => {
            return Some(told("GOMEMLIMIT", size(value.trim(), GO)?, CeilingSource::Environment));
        }
        _ => return None,
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    options(program, &words, CeilingSource::Environment)
}

/// The ceiling of a process: of its variables and its command line the one that its program obeys.
#[must_use]
pub fn of_process(line: Option<&str>, environment: &Environment) -> Option<Ceiling> {
    let variable = |name: &str| environment.of(name);
    let program = line.and_then(|line| Program::of(line.split_whitespace().next()?));
    let cmdline = || line.and_then(of_command_line);
    match program {
        // What `_JAVA_OPTIONS` says comes last and counts, the others come before the command line.
        Some(Program::Java) => variable("_JAVA_OPTIONS")
            .or_else(cmdline)
            .or_else(|| variable("JDK_JAVA_OPTIONS"))
            .or_else(|| variable("JAVA_TOOL_OPTIONS")),
        Some(Program::Node) => cmdline().or_else(|| variable("NODE_OPTIONS")),
        Some(Program::Postgres | Program::Mysql | Program::Redis | Program::Memcached) => cmdline(),
        // Whether it is Go nothing says but that variable.
        None => variable("GOMEMLIMIT"),
    }
}

fn told(name: &str, size: Bytes, source: CeilingSource) -> Ceiling {
    Ceiling {
        name: name.to_owned(),
        bytes: Some(size),
        percent: None,
        source,
    }
}

fn options(program: Program, words: &[&str], source: CeilingSource) -> Option<Ceiling> {
    match program {
        Program::Java => java(words, source),
        Program::Node => {
            let names = ["--max-old-space-size", "--max_old_space_size"];
            let found = names.into_iter().find_map(|name| last(words, name))?;
            Some(told("--max-old-space-size", size(found, NODE)?, source))
        }
        Program::Postgres => {
            let values = pairs(words, "-c").chain(words.iter().filter_map(|word| word.strip_prefix("--")));
            let found = values
                .filter_map(|setting| setting.split_once('='))
                .filter(|(name, _)| name.replace('-', "_") == "shared_buffers")
                .last()?;
            Some(told("shared_buffers", size(found.1, POSTGRES)?, source))
        }
        Program::Mysql => {
            let names = ["--innodb-buffer-pool-size", "--innodb_buffer_pool_size"];
            let found = names.into_iter().find_map(|name| last(words, name))?;
            Some(told("--innodb-buffer-pool-size", size(found, MYSQL)?, source))
        }
        Program::Redis => Some(told("maxmemory", size(last(words, "--maxmemory")?, REDIS)?, source)),
        Program::Memcached => {
            let attached = words.iter().rev().find_map(|word| {
                let value = word.strip_prefix("-m")?;
                value.bytes().next()?.is_ascii_digit().then_some(value)
            });
            let found = last(words, "-m")
                .or(attached)
                .or_else(|| last(words, "--memory-limit"))?;
            Some(told("-m", size(found, MEMCACHED)?, source))
        }
    }
}

/// `-Xmx` counts before a share; what stands behind the program's jar or class is its own.
fn java(words: &[&str], source: CeilingSource) -> Option<Ceiling> {
    let is_own = |word: &&&str| source == CeilingSource::Cmdline && **word == "-jar";
    let end = words.iter().position(|word| is_own(&word)).unwrap_or(words.len());
    let options = words.get(..end).unwrap_or(words);
    let find = |names: &[&str]| {
        let found = options.iter().rev();
        let mut found = found.filter_map(|word| names.iter().find_map(|name| word.strip_prefix(name)));
        found.next()
    };
    if let Some(most) = find(&["-Xmx", "-XX:MaxHeapSize="]) {
        return Some(told("-Xmx", size(most, JAVA)?, source));
    }
    let ram = find(&["-XX:MaxRAM="]).and_then(|ram| size(ram, JAVA));
    if let Some(percent) = find(&["-XX:MaxRAMPercentage="]) {
        let percent = percent.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a size is within it"
        )]
        let of_ram = ram.map(|ram| Bytes((ram.as_f64() * percent / 100.0) as u64));
        return Some(Ceiling {
            name: "-XX:MaxRAMPercentage".to_owned(),
            bytes: of_ram,
            percent: Some(percent),
            source,
        });
    }
    // A quarter of it is the heap's (hotspot: `MaxRAMPercentage` = 25).
    ram.map(|ram| told("-XX:MaxRAM", Bytes(ram.0 / 4), source))
}

/// The last value of `--name=value` or `--name value`.
fn last<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let joined = words.iter().enumerate().filter_map(|(place, word)| {
        let value = word.strip_prefix(name)?.strip_prefix('=')?;
        Some((place, value))
    });
    let apart = words.iter().zip(words.iter().skip(1)).enumerate();
    let apart = apart.filter_map(|(place, (word, value))| (*word == name).then_some((place, *value)));
    let found = joined.chain(apart).max_by_key(|(place, _)| *place);
    found.map(|(_, value)| value)
}

/// What stands behind each of these options, in a word of its own or in the same.
fn pairs<'a>(words: &'a [&'a str], name: &'a str) -> impl Iterator<Item = &'a str> {
    let before = std::iter::once(&"").chain(words);
    words.iter().zip(before).filter_map(move |(word, before)| {
        if *before == name {
            return Some(*word);
        }
        word.strip_prefix(name).filter(|rest| !rest.is_empty())
    })
}

#[cfg(test)]
mod tests;
