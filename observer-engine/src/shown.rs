//! Text from outside, made fit to be looked at.
//!
//! In: names of cgroups and programs, command lines, file names, words of the kernel and of systemd: whoever starts a
//! process chooses some of them. Out: one line in which nothing acts on a terminal, hides, or passes for a line of ours.
//! What people read goes through here where it leaves (`sink/paper.rs`, `notice`, the screen's and the journal's own
//! ends), never where it is put together: so nothing can be forgotten. What programs read (JSON, captures) stays whole.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a line at most: the longest path there is (`PATH_MAX`).
const MOST: usize = 4096;

/// A text in one line, with what must not be shown as it is written out: `\n`, `\x1b`, `\u{202e}`. What is too long ends
/// in `…`.
pub fn shown(text: &str) -> Cow<'_, str> {
    let is_short = text.len() <= MOST || text.chars().nth(MOST).is_none();
    if is_short && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(MOST) + 16);
    let mut before = ' ';
    for (place, letter) in text.chars().enumerate() {
        if place == MOST {
            out.push('…');
            break;
        }
        // A String takes everything.
        let _ = match letter {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            _ if letter.is_control() => write!(out, "\\x{:02x}", u32::from(letter)),
            _ if is_hidden(letter) && !joins(before, letter) => write!(out, "\\u{{{:x}}}", u32::from(letter)),
            _ => out.write_char(letter),
        };
        before = letter;
    }
    Cow::Owned(out)
}

/// JSON that a person may look at: the same values, with what `shown` writes out as escapes of JSON's own.
#[must_use]
pub fn shown_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter != '\n' && (letter.is_control() || is_hidden(letter)) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// What has no shape of its own and changes what is around it: format characters (Unicode's Cf: bidirectional controls,
/// zero widths, tags), line and paragraph separators (Zl, Zp), noncharacters.
fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A joiner within an emoji: 👩‍💻 is two with one between them.
fn joins(before: char, letter: char) -> bool {
    letter == '\u{200d}' && !before.is_ascii() && !before.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        for (text, told) in [
            ("a\nb\r\t", r"a\nb\r\t"),
            ("\x1b]0;pwn\x07", r"\x1b]0;pwn\x07"),
            ("\u{9b}2J\x7f\0", r"\x9b2J\x7f\x00"),
            ("\u{202e}gpj\u{2066}", r"\u{202e}gpj\u{2066}"),
            ("ssh\u{200d}d\u{200b}", r"ssh\u{200d}d\u{200b}"),
            (
                "a\u{2028}b\u{2029}\u{feff}\u{e0041}",
                r"a\u{2028}b\u{2029}\u{feff}\u{e0041}",
            ),
        ] {
            assert_eq!(shown(text), told);
        }
    }

    #[test]
    fn what_is_only_written_in_other_letters_stays() {
        for text in [
            "größe",
            "内存",
            "메모리",
            "память",
            "👩‍💻 ✈️",
            r"dev-disk-by\x2did.swap",
            "▲ · … →",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn json_is_the_same_value_without_them() {
        let value = serde_json::json!({"a": "\u{9b}\u{202e}\u{e0041}\n\u{7f}ü"});
        let text = shown_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            !text
                .chars()
                .any(|letter| letter != '\n' && letter.is_control() || is_hidden(letter)),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(shown(&"a".repeat(1 << 20)).chars().count(), MOST + 1);
        assert_eq!(shown(&"ä".repeat(MOST)).chars().count(), MOST);
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_would_be_written_out_again(text in any::<String>()) {
            let once = shown(&text).into_owned();
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert_eq!(&shown(&once), &once);
        }
    }
}
