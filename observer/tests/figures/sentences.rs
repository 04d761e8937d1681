//! Figures in sentences: sizes, paces, durations, shares, counts and times, as a person reads them.

use std::collections::BTreeSet;

/// A figure, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Figure {
    Size(String),
    Rate(String),
    Duration(String),
    Share(String),
    Count(String),
    Time(String),
}

/// The units of durations, from the largest.
const SPANS: [&str; 4] = ["d", "h", "min", "s"];

/// A page's text, a line for each of its blocks: without its pictures, whose axes are no sentences.
pub(crate) fn visible(page: &str) -> String {
    let mut text = page.to_owned();
    for tag in ["style", "script", "svg", "code", "footer"] {
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        while let Some(start) = text.find(&open) {
            let end = text[start..]
                .find(&close)
                .map_or(text.len(), |end| start + end + close.len());
            text.replace_range(start..end, " ");
        }
    }
    let mut shown = String::new();
    for part in text.split('<') {
        let (tag, words) = part.split_once('>').unwrap_or(("", part));
        let is_inline = [
            "b", "/b", "span", "/span", "em", "/em", "strong", "/strong", "a", "/a", "time", "/time",
        ]
        .iter()
        .any(|name| tag.split(' ').next() == Some(name));
        shown.push(if is_inline { ' ' } else { '\n' });
        shown.push_str(words);
    }
    let entities = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
    ];
    entities
        .iter()
        .fold(shown, |text, (entity, letter)| text.replace(entity, letter))
}

/// The figures of a sentence, in their order. Digits in `names` are none.
pub(crate) fn figures(sentence: &str, names: &BTreeSet<String>) -> Vec<Figure> {
    let mut text = sentence.to_owned();
    let mut names: Vec<&String> = names
        .iter()
        .filter(|name| name.contains(|letter: char| letter.is_ascii_digit()))
        .collect();
    // The longest first: some are parts of others.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        text = text.replace(name.as_str(), "NAME");
        // As a container's id and an invocation's are shortened.
        let short = match name.len() {
            64 => name.get(..12),
            32 => name.get(..8),
            _ => None,
        };
        text = short.map_or(text.clone(), |short| text.replace(short, "NAME"));
    }
    let mut found: Vec<Figure> = Vec::new();
    let mut rest = text.as_str();
    let mut before = ' ';
    // Where the last duration ended: `1min 5s` is one.
    let mut joins = false;
    while let Some(letter) = rest.chars().next() {
        let is_start = letter.is_ascii_digit() && !before.is_alphanumeric() && before != '_';
        if !is_start {
            joins &= letter == ' ';
            before = letter;
            rest = &rest[letter.len_utf8()..];
            continue;
        }
        let length = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || ".:%-".contains(letter)));
        let (word, next) = rest.split_at(length.unwrap_or(rest.len()));
        // What ends a sentence is no part of its last word.
        let word = word.trim_end_matches(['.', ':', '-']);
        let figure = figure(word, next, before);
        let span = matches!(figure, Figure::Duration(_));
        match (found.last_mut(), &figure) {
            (Some(Figure::Duration(first)), Figure::Duration(second)) if joins && follows(first, second) => {
                *first = format!("{first} {second}");
                joins = false;
            }
            _ => {
                found.push(figure);
                joins = span;
            }
        }
        before = word.chars().last().unwrap_or(' ');
        rest = &rest[word.len()..];
    }
    found
}

/// Whether a duration goes on with a smaller unit.
fn follows(first: &str, second: &str) -> bool {
    let place = |text: &str| {
        SPANS
            .iter()
            .position(|span| text.trim_start_matches(|letter: char| letter.is_ascii_digit()) == *span)
    };
    place(first)
        .zip(place(second))
        .is_some_and(|(first, second)| second == first + 1)
}

fn figure(word: &str, next: &str, before: char) -> Figure {
    let unit = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let text = word.to_owned();
    match unit {
        "%" => Figure::Share(text),
        "B" | "K" | "M" | "G" | "T" if next.starts_with("/min") => Figure::Rate(format!("{before}{text}/min")),
        "B" | "K" | "M" | "G" | "T" if next.starts_with("/s") => Figure::Rate(format!("{text}/s")),
        "B" | "K" | "M" | "G" | "T" => Figure::Size(text),
        span if SPANS.contains(&span) => Figure::Duration(text),
        "st" | "nd" | "rd" | "th" => Figure::Count(text.trim_end_matches(unit).to_owned()),
        _ if word.contains(':') || word.matches('-').count() == 2 => Figure::Time(text),
        _ => Figure::Count(text),
    }
}

#[test]
fn figures_are_found_as_they_are_read() {
    use Figure::{Count, Duration, Rate, Share, Size, Time};
    let names = BTreeSet::from(["web@2.service".to_owned(), "python3".to_owned()]);
    let text = "web@2.service: python3[31200] used 127.7M of 128.0M, 94%, +47.6M/min for 1min 5s (2h … 3h 4min) at 14:05:06, the 3rd.";
    let owned = str::to_owned;
    assert_eq!(
        figures(text, &names),
        [
            Count(owned("31200")),
            Size(owned("127.7M")),
            Size(owned("128.0M")),
            Share(owned("94%")),
            Rate(owned("+47.6M/min")),
            Duration(owned("1min 5s")),
            Duration(owned("2h")),
            Duration(owned("3h 4min")),
            Time(owned("14:05:06")),
            Count(owned("3")),
        ]
    );
}
