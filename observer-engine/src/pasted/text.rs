//! What copying does to lines: escapes of a terminal, a web page's spaces, a mail's encoding, spaces that an editor adds.

use std::borrow::Cow;

/// Lines that a mail's line may be broken into.
const BREAKS: usize = 64;

/// Words behind whose comma the kernel puts no space, and people do.
const KEYS: [&str; 9] = [
    ", nodemask=",
    ", cpuset=",
    ", mems_allowed=",
    ", global_oom",
    ", oom_memcg=",
    ", task_memcg=",
    ", task=",
    ", pid=",
    ", uid=",
];

/// Without colours and other escapes of a terminal, which a log that was shown with them has.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        let end = after
            .find(|sign: char| sign.is_ascii_alphabetic())
            .filter(|_| after.starts_with('['));
        rest = end.and_then(|end| after.get(end + 1..)).unwrap_or(after);
    }
    out.push_str(rest);
    out
}

/// A web page's text as it stands in its source.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Whether the report that is being read came so: what its header ends with is the kernel's own.
    marked: bool,
}

impl Page {
    /// Without the spaces and line ends of a page. A cgroup's name may hold the same signs: of the lines that have one only the
    /// end is touched, where the header had one too.
    pub(super) fn line<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let ends = ["<br>", "<br/>", "<br />"];
        let end = ends.iter().find_map(|end| text.trim_end().strip_suffix(end));
        if text.contains(" invoked oom-killer:") {
            self.marked = end.is_some();
        }
        let words = ["oom-kill:", "Task in /", "Tasks in /"];
        let path = words.iter().filter_map(|word| text.find(word)).min();
        let text = end.filter(|_| path.is_none() || self.marked).unwrap_or(text);
        let Some((head, path)) = text.split_at_checked(path.unwrap_or(text.len())) else {
            return Cow::Borrowed(text);
        };
        if head.contains('\u{a0}') || head.contains("&nbsp;") {
            let head = head.replace("&nbsp;", " ").replace('\u{a0}', " ");
            return Cow::Owned(head + path);
        }
        Cow::Borrowed(text)
    }
}

/// `oom-kill: constraint=CONSTRAINT_NONE, nodemask=(null), …`: the kernel writes no space behind the constraint, and whoever
/// added one added the others.
pub(super) fn summary(text: &str) -> Cow<'_, str> {
    const WORDS: &str = "constraint=CONSTRAINT_";
    let Some((head, rest)) = text.split_once("oom-kill:") else {
        return Cow::Borrowed(text);
    };
    let Some(rest) = rest.trim_start().strip_prefix(WORDS) else {
        return Cow::Borrowed(text);
    };
    let name = rest
        .bytes()
        .take_while(|sign| sign.is_ascii_uppercase() || *sign == b'_')
        .count();
    let Some((name, paths)) = rest.split_at_checked(name) else {
        return Cow::Borrowed(text);
    };
    if !paths.starts_with(", ") {
        return Cow::Owned(format!("{head}oom-kill:{WORDS}{rest}"));
    }
    let mut paths = paths.to_owned();
    for key in KEYS {
        paths = paths.replace(key, &key.replacen(' ', "", 1));
    }
    Cow::Owned(format!("{head}oom-kill:{WORDS}{name}{paths}"))
}

/// A mail in its encoded form (RFC 2045, quoted-printable): `=3D` stands for `=`, a `=` at a line's end for no end.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Whether the report that is being read came in such a mail.
    encoded: bool,
    kept: String,
    breaks: usize,
}

impl Mail {
    /// Whether a line's rest is to come.
    pub(super) fn is_open(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Takes a line; `None` where the next goes on with it. The kernel's own words begin and end the encoding: a path may have
    /// the same signs.
    pub(super) fn line(&mut self, text: String) -> Option<String> {
        if text.contains("gfp_mask=3D0x") || text.contains("oom-kill:constraint=3D") {
            self.encoded = true;
        } else if text.contains("gfp_mask=0x") || text.contains("oom-kill:constraint=CONSTRAINT_") {
            self.encoded = false;
        }
        if !self.encoded {
            self.kept.clear();
            return Some(text);
        }
        let (line, goes_on) = match text.strip_suffix('=') {
            Some(line) => (line, true),
            None => (text.as_str(), false),
        };
        self.kept.push_str(line);
        self.breaks += 1;
        if goes_on && self.breaks < BREAKS {
            return None;
        }
        self.end()
    }

    /// What is kept, decoded.
    pub(super) fn end(&mut self) -> Option<String> {
        self.breaks = 0;
        let kept = std::mem::take(&mut self.kept);
        (!kept.is_empty() || self.encoded).then(|| decoded(&kept))
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'='),
        }
        rest = byte.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
