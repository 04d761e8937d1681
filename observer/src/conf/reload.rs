//! What the files said at the start, and what a reload (SIGHUP) finds them to say.

use std::path::PathBuf;

use std::collections::BTreeMap;

use clap::{ArgMatches, Id};

use super::{ConfError, Entry, check, command, files};

/// The configuration that a recorder began with.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// What counts, in the order in which it does.
    pub entries: Vec<Entry>,
    /// The values of each option that they set, by the option's id.
    pub(super) values: BTreeMap<Id, Vec<String>>,
    asked: Option<PathBuf>,
    is_ignored: bool,
}

impl Loaded {
    /// What the files say, as `--config` and `--no-config` among the options have it.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub(super) fn read(options: &ArgMatches) -> Result<Self, ConfError> {
        Self::from_files(
            options.get_one::<PathBuf>("config").cloned(),
            options.get_flag("no_config"),
        )
    }

    /// The same, told what the options are.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub fn from_files(asked: Option<PathBuf>, is_ignored: bool) -> Result<Self, ConfError> {
        let entries = if is_ignored {
            Vec::new()
        } else {
            files::read(asked.as_deref())?
        };
        Ok(Self {
            values: check::settings(&command(), &entries)?,
            entries,
            asked,
            is_ignored,
        })
    }

    #[cfg(test)]
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        Self {
            values: check::settings(&command(), &entries).unwrap(),
            entries,
            ..Self::default()
        }
    }

    /// What a reload has to say: nothing of the files takes effect while a recorder runs. Nothing where they are as they were: a
    /// signal may come each hour, from whatever rotates the outputs.
    #[must_use]
    pub fn reread(&self) -> Option<String> {
        match Self::from_files(self.asked.clone(), self.is_ignored) {
            Err(error) => Some(format!(
                "reload: {error}; a restart would fail, and this recorder goes on as it began"
            )),
            Ok(now) => {
                let names = changed(&self.entries, &now.entries);
                (!names.is_empty()).then(|| {
                    format!(
                        "reload: changed, and in force after 'systemctl restart oomtrace': {}",
                        names.join(", ")
                    )
                })
            }
        }
    }
}

/// The names whose values differ, each once.
fn changed<'a>(before: &'a [Entry], now: &'a [Entry]) -> Vec<&'a str> {
    let of = |entries: &'a [Entry], name: &str| -> Vec<&'a str> {
        let named = entries.iter().filter(|entry| entry.name == name);
        named.map(|entry| entry.value.as_str()).collect()
    };
    let mut names: Vec<&str> = before.iter().chain(now).map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| of(before, name) != of(now, name));
    names
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_reload_says_what_waits_for_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("oomtrace.conf");
        let put = |text: &str| fs::write(&file, text).unwrap();
        put("[record]\nmax-size=2G\ninterval=2s\n");
        let loaded = Loaded::from_files(Some(file.clone()), false).unwrap();
        assert_eq!(loaded.reread(), None);
        put("# a comment more\n[record]\nmax-size=3G\ninterval=2s\njournal=yes\n");
        let told = loaded.reread().unwrap();
        assert!(told.ends_with("restart oomtrace': journal, max-size"), "{told}");
        put("[record]\nmax-size=much\n");
        let told = loaded.reread().unwrap();
        assert!(
            told.contains("oomtrace.conf:2: bad value 'much'") && told.contains("a restart would fail"),
            "{told}"
        );
    }
}
