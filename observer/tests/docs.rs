//! What people read is what the tools of the trade take: manual pages parse, links lead somewhere, words are spelled, and
//! phrases that no manual page has are in none.
//!
//! Where a tool is not installed its check says so, and is none.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const COMMANDS: [&str; 14] = [
    "record",
    "replay",
    "why",
    "stacks",
    "report",
    "units",
    "resolve",
    "config",
    "doctor",
    "schema",
    "man",
    "completions",
    "oomtrace.conf",
    "",
];

/// Words that are right here: build units, the low points of a saw, addresses in the kernel's log.
const SPELLED: &str = "--ignore-words-list=bu,crate,ot,trough";

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn oomtrace(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomtrace"));
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn page(command: &str) -> String {
    let args = ["man", command];
    oomtrace(if command.is_empty() { &args[..1] } else { &args })
}

/// Every document, by its path.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "docs/decisions", "docs/pipelines"];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(home().join(folder)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Runs a tool; what it wrote, or nothing where it is not there.
fn tool(name: &str, args: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(name)
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        let _ = writeln!(std::io::stderr(), "{name} is not installed: not checked");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), told))
}

#[test]
fn manual_pages_have_no_warnings_and_a_name_to_be_found_by() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let path = folder.path().join("page.8");
        fs::write(&path, page(command)).unwrap();
        let path = path.to_str().unwrap();
        if let Some((_, told)) = tool("man", &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path]) {
            let warnings = told
                .lines()
                .find(|line| line.contains("warning") && line.contains("page.8"));
            assert_eq!(warnings, None, "{command}");
        }
        if let Some((found, told)) = tool("lexgrog", &[path]) {
            assert!(
                found
                    && told.contains(&format!(
                        "oomtrace{}",
                        if command.starts_with("oomtrace") { ".conf" } else { "" }
                    )),
                "{command}: {told}"
            );
        }
    }
}

#[test]
fn words_are_spelled() {
    let documents = documents();
    let mut args = vec![SPELLED];
    args.extend(documents.iter().map(|(path, _)| path.to_str().unwrap()));
    let help: String = COMMANDS.map(page).concat();
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    fs::write(&pages, help).unwrap();
    args.push(pages.to_str().unwrap());
    if let Some((clean, told)) = tool("codespell", &args) {
        assert!(clean, "{told}");
    }
}

/// Phrases that a native writer of manual pages would strike.
const STRUCK: [&str; 3] = ["told", "is looked", "of it."];

/// Whether it stands there as a word.
fn has(text: &str, phrase: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(phrase)
        .any(|(at, _)| !is_word(text[..at].chars().next_back()) && !is_word(text[at + phrase.len()..].chars().next()))
}

#[test]
fn no_manual_page_no_help_and_no_document_has_the_phrases_that_were_struck() {
    let mut texts: Vec<(String, String)> = documents()
        .into_iter()
        .map(|(path, text)| (path.display().to_string(), text))
        .collect();
    for command in COMMANDS {
        texts.push((format!("man {command}"), page(command)));
        if command != "oomtrace.conf" {
            let args = [command, "--help"];
            texts.push((
                format!("help {command}"),
                oomtrace(if command.is_empty() { &args[1..] } else { &args }),
            ));
        }
    }
    for (name, text) in texts {
        for line in text.lines() {
            // Names of code are no prose, and what is looked up is looked up.
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
            let line = prose.replace("is looked up", "");
            let found = STRUCK.iter().find(|phrase| has(&line, phrase));
            assert_eq!(found, None, "{name}: {line}");
        }
    }
}

/// A heading's anchor, as forges make it: lower case, without punctuation, spaces as hyphens.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_' || letter == ' ';
    let mut anchors = BTreeSet::new();
    for heading in headings {
        let plain: String = heading.chars().filter(|letter| kept(*letter)).collect();
        let plain = plain.replace(' ', "-");
        // The second of a name has a number behind it.
        let numbered = (1..).map(|number| format!("{plain}-{number}"));
        let free = std::iter::once(plain.clone())
            .chain(numbered)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in documents() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.contains(char::is_whitespace)) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&target).unwrap());
                assert!(there.contains(anchor), "{}: {link}", path.display());
            }
        }
    }
}
