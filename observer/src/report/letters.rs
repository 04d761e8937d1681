//! Words as outlines: what a picture shows is the same whether the machine has fonts or not, and servers have none.
//!
//! The letters are those of DejaVu Sans, taken out of the font when this is built (`build/letters.rs`). They are ASCII and what our
//! own words have; any other is shown as one that is missing. Names of units have no others.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::markup::Part;
use crate::shown::shown;

/// A letter, in units of which [`EM`] are the size of the font; upwards from the line it stands on.
struct Letter {
    letter: char,
    width: u16,
    outline: &'static [Step],
}

enum Step {
    Move(i16, i16),
    Line(i16, i16),
    /// By a control point, to a place.
    Curve(i16, i16, i16, i16),
    Close,
}

include!(concat!(env!("OUT_DIR"), "/letters.rs"));

/// Which of its points the words' place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The path of words.
#[derive(Debug)]
pub(super) struct Outline(String);

impl Outline {
    /// Of words of a size that stand at a place.
    pub(super) fn of(words: &str, size: f64, anchor: Anchor, x: i64, y: i64) -> Self {
        let words = shown(words);
        let unit = size / f64::from(EM);
        let letters = || {
            words
                .chars()
                .filter_map(|letter| find(letter).or_else(|| find('\u{fffd}')))
        };
        let width: f64 = letters().map(|letter| f64::from(letter.width) * unit).sum();
        #[expect(clippy::cast_precision_loss, reason = "a place in a plot")]
        let (x, y) = (x as f64, y as f64);
        let mut from = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let mut path = String::new();
        for letter in letters() {
            let place = |right: i16, up: i16| (from + f64::from(right) * unit, y - f64::from(up) * unit);
            for step in letter.outline {
                // A String takes everything.
                let _ = match *step {
                    Step::Move(right, up) => {
                        let (x, y) = place(right, up);
                        write!(path, "M{x:.2} {y:.2}")
                    }
                    Step::Line(right, up) => {
                        let (x, y) = place(right, up);
                        write!(path, "L{x:.2} {y:.2}")
                    }
                    Step::Curve(by_right, by_up, right, up) => {
                        let ((by_x, by_y), (x, y)) = (place(by_right, by_up), place(right, up));
                        write!(path, "Q{by_x:.2} {by_y:.2} {x:.2} {y:.2}")
                    }
                    Step::Close => write!(path, "z"),
                };
            }
            from += f64::from(letter.width) * unit;
        }
        Self(path)
    }
}

fn find(letter: char) -> Option<&'static Letter> {
    let place = LETTERS.binary_search_by_key(&letter, |known| known.letter).ok()?;
    LETTERS.get(place)
}

/// Made of numbers and of letters of ours, and of nothing else.
impl Part for Outline {
    fn part(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(outline: &Outline) -> Vec<f64> {
        let starts = outline.0.split('M').skip(1);
        starts
            .map(|start| start.split(' ').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn words_stand_where_they_are_anchored() {
        let at = |anchor| starts(&Outline::of("ll", 22.0, anchor, 100, 50));
        let (start, middle, end) = (at(Anchor::Start), at(Anchor::Middle), at(Anchor::End));
        assert_eq!(start.len(), 2, "a letter each");
        let width = 2.0 * (start[1] - start[0]);
        assert!(start[0] > 100.0 && end[1] < 100.0, "{start:?} {end:?}");
        assert!((start[0] - middle[0] - width / 2.0).abs() < 0.05 && (start[0] - end[0] - width).abs() < 0.05);
    }

    #[test]
    fn what_the_font_has_no_letter_for_is_shown_as_missing() {
        let of = |words| Outline::of(words, 22.0, Anchor::Start, 0, 0).0;
        assert_eq!(of("日"), of("\u{fffd}"));
        assert_ne!(of("…"), of("\u{fffd}"));
        assert_eq!(of("\u{1b}"), of("\\x1b"), "what acts is written out");
        assert_eq!(of(" "), "");
    }
}
