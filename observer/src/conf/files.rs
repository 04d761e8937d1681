//! The files, and what stands in them. Nothing here knows which names there are.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{ConfError, DROP_INS, Entry, FILE, PACKAGES, Place, SECTION};
use crate::private;

/// All files together: values stay in memory.
const MOST: u64 = 256 << 10;

/// What the file that is asked for says, or else those that are there.
pub(super) fn read(asked: Option<&Path>) -> Result<Vec<Entry>, ConfError> {
    match asked {
        Some(file) => match one(file, &mut MOST.clone()) {
            Err(ConfError::Unreadable { cause, file }) if cause.kind() == io::ErrorKind::NotFound => {
                Err(ConfError::NotThere { file })
            }
            read => read,
        },
        None => below(Path::new("/")),
    }
}

/// What the package's file, the administrator's and the drop-ins say, in the order in which they count.
fn below(root: &Path) -> Result<Vec<Entry>, ConfError> {
    let in_root = |path: &str| root.join(path.trim_start_matches('/'));
    let mut files = vec![in_root(PACKAGES), in_root(FILE)];
    files.extend(drop_ins(&in_root(DROP_INS))?);
    let mut room = MOST;
    let mut entries = Vec::new();
    for file in files {
        match one(&file, &mut room) {
            Err(ConfError::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
            read => entries.extend(read?),
        }
    }
    Ok(entries)
}

fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, ConfError> {
    let unreadable = |cause| ConfError::Unreadable {
        file: folder.to_owned(),
        cause,
    };
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(unreadable)?,
    };
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn one(file: &Path, room: &mut u64) -> Result<Vec<Entry>, ConfError> {
    let mut read = || -> io::Result<String> {
        let mut text = String::new();
        private::configuration(file)?
            .take(*room + 1)
            .read_to_string(&mut text)?;
        *room = room
            .checked_sub(text.len() as u64)
            .ok_or_else(|| io::Error::other("all files together have more than 256 KiB"))?;
        Ok(text)
    };
    let text = read().map_err(|cause| ConfError::Unreadable {
        file: file.to_owned(),
        cause,
    })?;
    parse(file, &text)
}

/// The assignments of one file's text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Entry>, ConfError> {
    let mut entries = Vec::new();
    let mut is_inside = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let place = Place {
            file: file.to_owned(),
            line: number + 1,
        };
        let wrong = |fault: String| ConfError::Wrong {
            place: place.clone(),
            fault,
        };
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if section != SECTION {
                return Err(wrong(format!(
                    "there is no section [{section}]; the only one is [{SECTION}]"
                )));
            }
            is_inside = true;
            continue;
        }
        // systemd joins such a line with the next one, and whoever writes it expects that.
        if line.ends_with('\\') {
            return Err(wrong(
                "lines are not continued by '\\'; write the value in one line".to_owned(),
            ));
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong(format!(
                "'{line}' has no '='; lines are NAME=VALUE, comments begin with '#'"
            )));
        };
        if !is_inside {
            return Err(wrong(format!(
                "'{}' is in no section; put a line [{SECTION}] above it",
                name.trim()
            )));
        }
        entries.push(Entry {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            place,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_spaces_and_empty_lines_are_as_systemd_has_them() {
        let text = "# one\n; two\n\n[record]\n  max-size =  2G  \nexec-on-warning=a --b=c # no comment\n";
        let entries = parse(Path::new("f"), text).unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.value.as_str(), entry.place.line))
            .collect();
        assert_eq!(
            told,
            [("max-size", "2G", 5), ("exec-on-warning", "a --b=c # no comment", 6)]
        );
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, told) in [
            ("max-size=1G\n", "f:1: 'max-size' is in no section"),
            ("[recrod]\n", "f:1: there is no section [recrod]"),
            ("[record]\n\njournal\n", "f:3: 'journal' has no '='"),
            ("[record]\nunit=a \\\n  b\n", "f:2: lines are not continued"),
        ] {
            let error = parse(Path::new("f"), text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn files_are_read_in_the_order_in_which_they_count() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(below(root.path()).unwrap(), []);
        put(&format!("{DROP_INS}/20-b.conf"), "[record]\nunit=4\n");
        put(&format!("{DROP_INS}/10-a.conf"), "[record]\nunit=3\n");
        put(&format!("{DROP_INS}/README"), "not one");
        put(FILE, "[record]\nunit=2\n");
        put(PACKAGES, "[record]\nunit=1\n");
        let values: Vec<String> = below(root.path())
            .unwrap()
            .into_iter()
            .map(|entry| entry.value)
            .collect();
        assert_eq!(values, ["1", "2", "3", "4"]);
        put(FILE, &format!("#{}\n", "x".repeat(256 << 10)));
        let error = below(root.path()).unwrap_err().to_string();
        assert!(error.contains("256 KiB"), "{error}");
    }
}
