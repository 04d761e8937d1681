//! Text as wide as a terminal allows.

use crate::shown::shown;

/// A text in at most `width` columns, cut in the middle.
#[must_use]
pub(crate) fn middle(text: &str, width: usize, unicode: bool) -> String {
    let ellipsis = if unicode { "…" } else { "..." };
    let count = text.chars().count();
    let room = width.saturating_sub(ellipsis.chars().count());
    if count <= width || room < 2 {
        return text.to_owned();
    }
    let head: String = text.chars().take(room.div_ceil(2)).collect();
    let tail: String = text.chars().skip(count - room / 2).collect();
    format!("{head}{ellipsis}{tail}")
}

/// Text folded at words, every line after the first indented. A word that has no room on a line of its own is cut in the
/// middle.
#[must_use]
pub(crate) fn fold(text: &str, width: usize, indent: usize, unicode: bool) -> String {
    // Before it has lines of its own.
    let text = &*shown(text);
    let start = text.len() - text.trim_start_matches(' ').len();
    let (lead, text) = text.split_at(start);
    let mut out = lead.to_owned();
    let mut column = start;
    for (place, word) in text.split(' ').enumerate() {
        let word = middle(word, width.saturating_sub(indent), unicode);
        let length = word.chars().count();
        if place > 0 && column > indent && column + 1 + length > width {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if place > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_in_the_middle_and_folded_at_words() {
        assert_eq!(middle("abcdefghij", 5, true), "ab…ij");
        assert_eq!(fold("    one two three", 10, 4, true), "    one\n    two\n    three");
    }
}
