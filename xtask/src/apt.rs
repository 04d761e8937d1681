//! Debian packages of any release and kind of machine, through the machine's own apt sources.
//!
//! The machine says which mirror and which keys it trusts; only the release in the suite name is exchanged
//! (`bookworm` → `trixie`, `bookworm-security` → `trixie-security`). Sources, lists and downloads are private to the
//! cache folder: the machine's own apt is not touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::arch::Arch;
use crate::{cache, step};

/// Where kernels and the standard library's source are looked for: the releases that carry the kernels under test.
const SUITES: [&str; 5] = ["bullseye", "bookworm", "trixie", "trixie-backports", "sid"];

/// Lists are asked for anew after this time. A new kernel of a series waits a day at most.
const LISTS_AGE: Duration = Duration::from_secs(24 * 3600);

/// The lists of all `SUITES`, ready to be searched.
#[derive(Debug)]
pub(crate) struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// Packages for this machine; the lists are brought up to date if they are older than a day.
    pub(crate) fn open() -> Result<Self> {
        Self::open_for(Arch::own()?)
    }

    /// Packages for another kind of machine, to unpack.
    pub(crate) fn open_for(arch: Arch) -> Result<Self> {
        let folder = cache::root()?.join(if arch.is_own() {
            "apt".to_owned()
        } else {
            format!("apt-{}", arch.debian())
        });
        fs::create_dir_all(folder.join("lists/partial"))?;
        let _lock = cache::lock(&folder, "lists")?;

        let sources = folder.join("oomtrace.sources");
        let text = sources_of(&SUITES, arch)?;
        let stamp = folder.join("updated");
        let known = fs::read_to_string(&sources).is_ok_and(|old| old == text);
        fs::write(&sources, text)?;
        let apt = Self {
            options: options(&folder, arch),
        };
        if !known || !cache::is_fresh(&stamp, LISTS_AGE) {
            step(format!(
                "asking apt what {} have for {} (about 40 MB of lists)",
                SUITES.join(", "),
                arch.debian()
            ));
            let sh = Shell::new()?;
            let options = &apt.options;
            cmd!(sh, "apt-get {options...} --quiet=2 update")
                .quiet()
                .ignore_stdout()
                .run()
                .context("cannot read the package lists: is there a way to the Debian mirror?")?;
            fs::write(&stamp, "")?;
        }
        Ok(apt)
    }

    /// All package names that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let sh = Shell::new()?;
        let options = &self.options;
        let names = cmd!(sh, "apt-cache {options...} pkgnames {prefix}").quiet().read()?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// All versions there are of `package`.
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let sh = Shell::new()?;
        let options = &self.options;
        let table = cmd!(sh, "apt-cache {options...} madison {package}").quiet().read()?;
        // `rust-src | 1.95.0+dfsg1-2 | http://… trixie-backports/main amd64 Packages`
        Ok(table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(|version| version.trim().to_owned())
            .collect())
    }

    /// Downloads `packages` (`name` or `name=version`) and unpacks them into `folder`, running none of their scripts.
    pub(crate) fn unpack(&self, packages: &[String], folder: &Path) -> Result<()> {
        let downloads = tempfile::tempdir_in(folder)?;
        let sh = Shell::new()?;
        sh.change_dir(downloads.path());
        let options = &self.options;
        cmd!(sh, "apt-get {options...} --quiet=2 download {packages...}")
            .quiet()
            .ignore_stdout()
            .run()?;
        for package in sh.read_dir(".")? {
            cmd!(sh, "dpkg-deb --extract {package} {folder}").quiet().run()?;
        }
        Ok(())
    }
}

/// apt with nothing of the machine's but its keys and its way to the network.
fn options(folder: &Path, arch: Arch) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    [
        format!("Dir::Etc::SourceList={}", path("oomtrace.sources")),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Dir::Etc::Preferences=/dev/null".to_owned(),
        "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", path("lists")),
        format!("Dir::Cache={}", folder.display()),
        "Dir::Cache::pkgcache=".to_owned(),
        "Dir::Cache::srcpkgcache=".to_owned(),
        // The private folders need not be open to the user `_apt`.
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        // Hooks of desktop packages have no business with private lists.
        "APT::Update::Post-Invoke-Success::=".to_owned(),
    ]
    .into_iter()
    .chain(foreign(arch))
    .flat_map(|option| ["-o".to_owned(), option])
    .collect()
}

/// Of another kind of machine alone, so that no name needs an `:arm64`.
fn foreign(arch: Arch) -> impl Iterator<Item = String> {
    let name = (!arch.is_own()).then(|| arch.debian());
    name.into_iter().flat_map(|name| {
        [
            format!("APT::Architecture={name}"),
            format!("APT::Architectures={name}"),
            format!("APT::Architectures::={name}"),
        ]
    })
}

/// The release this machine runs, as suites name it.
pub(crate) fn own_suite() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release has no VERSION_CODENAME: Debian is needed for kernels and packages")
}

/// Whether lists may be older than they say, as this machine's apt has it: a mirror that stands still has such. A line of
/// apt.conf(5), or none.
pub(crate) fn age_of_lists() -> Result<String> {
    let sh = Shell::new()?;
    let format = "%f \"%v\";%n";
    Ok(cmd!(
        sh,
        "apt-config dump --no-empty --format {format} Acquire::Check-Valid-Until"
    )
    .quiet()
    .read()?)
}

/// A deb822 sources file for `suites`, made from the machine's own sources.
pub(crate) fn sources_of(suites: &[&str], arch: Arch) -> Result<String> {
    let own = own_suite()?;
    let machine: Vec<_> = machine_sources()?.iter().flat_map(parse).collect();
    let mut text = String::new();
    for source in &machine {
        for suite in suites {
            // Only whole releases have a security archive; `bookworm-updates` and the like are left out.
            let release = !suite.contains('-') && *suite != "sid";
            let wanted = if source.suite == own {
                (*suite).to_owned()
            } else if release && source.suite == format!("{own}-security") {
                format!("{suite}-security")
            } else {
                continue;
            };
            let _ = writeln!(text, "Types: deb\nURIs: {}\nSuites: {wanted}", source.uri);
            for (field, value) in &source.fields {
                if field == "Architectures" && !arch.is_own() {
                    continue; // a Debian mirror has them all
                }
                let _ = writeln!(text, "{field}: {value}");
            }
            text.push('\n');
        }
    }
    if text.is_empty() {
        bail!(
            "no apt source for '{own}' in /etc/apt: kernels and packages are taken from where this machine takes its own"
        );
    }
    Ok(text)
}

/// One URI and suite, with the remaining fields in deb822 spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    uri: String,
    suite: String,
    fields: BTreeMap<String, String>,
}

/// The text of every sources file, each with whether it is in deb822 format.
fn machine_sources() -> Result<Vec<(String, bool)>> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.flatten().map(|file| file.path()));
    }
    let mut texts = Vec::new();
    for file in files.iter().filter(|file| file.exists()) {
        let deb822 = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => true,
            Some("list") => false,
            _ => continue, // apt ignores it as well
        };
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        texts.push((text, deb822));
    }
    Ok(texts)
}

fn parse((text, deb822): &(String, bool)) -> Vec<Source> {
    if *deb822 {
        text.split("\n\n").flat_map(parse_stanza).collect()
    } else {
        text.lines().filter_map(parse_line).collect()
    }
}

/// `deb [signed-by=/usr/share/keyrings/k.gpg] http://mirror/debian bookworm main contrib`
fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb ")?.trim_start();
    let mut fields = BTreeMap::new();
    if let Some((options, after)) = rest.strip_prefix('[').and_then(|text| text.split_once(']')) {
        for (key, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
            let field = match key {
                "signed-by" => "Signed-By",
                "trusted" => "Trusted",
                "arch" => "Architectures",
                "check-valid-until" => "Check-Valid-Until",
                _ => continue,
            };
            fields.insert(field.to_owned(), value.replace(',', " "));
        }
        rest = after;
    }
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?.to_owned(), words.next()?.to_owned());
    fields.insert("Components".to_owned(), words.collect::<Vec<_>>().join(" "));
    Some(Source { uri, suite, fields })
}

/// One paragraph of `Key: value` lines; a line that begins with a blank continues the one before (an embedded key).
fn parse_stanza(stanza: &str) -> Vec<Source> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = None;
    for line in stanza.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = last.as_ref().and_then(|key| fields.get_mut(key)) {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.insert(key.to_owned(), value.trim().to_owned());
            last = Some(key.to_owned());
        }
    }
    let mut take = |key| fields.remove(key).unwrap_or_default();
    let (types, uris, suites, enabled) = (take("Types"), take("URIs"), take("Suites"), take("Enabled"));
    if !types.split_whitespace().any(|kind| kind == "deb") || enabled == "no" {
        return Vec::new();
    }
    uris.split_whitespace()
        .flat_map(|uri| suites.split_whitespace().map(move |suite| (uri, suite)))
        .map(|(uri, suite)| Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            fields: fields.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_source_formats_say_the_same() {
        let line = parse(&(
            "# comment\ndeb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm main contrib # x\ndeb-src http://mirror.example/debian bookworm main\n"
                .to_owned(),
            false,
        ));
        let stanza = parse(&(
            "Types: deb deb-src\n# comment\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main contrib\nArchitectures: amd64\nSigned-By: /k.gpg\n\nTypes: deb\nEnabled: no\nURIs: http://off.example\nSuites: bookworm\n"
                .to_owned(),
            true,
        ));
        assert_eq!(line, stanza);
        assert_eq!(line.len(), 1);
    }

    #[test]
    fn an_embedded_key_survives() {
        let stanza = "Types: deb\nURIs: http://mirror.example\nSuites: a b\nSigned-By:\n -----BEGIN-----\n .\n abc\n";
        let sources = parse(&(stanza.to_owned(), true));
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].fields["Signed-By"], "\n -----BEGIN-----\n .\n abc");
    }
}
