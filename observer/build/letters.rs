//! The outlines of a font's letters, as Rust source: a picture with words needs no fonts on the machine then, nor a library that
//! finds and shapes them.

use std::fmt::Write as _;

use ttf_parser::{Face, OutlineBuilder};

/// Beside ASCII: what our own words have, and what stands for a letter that is not there.
const MORE: &str = "…–—·×±≤≥→∞�";

/// `LETTERS`, in order, and `EM`, the size in whose units they are.
pub(crate) fn source(font: &[u8]) -> Result<String, String> {
    let face = Face::parse(font, 0).map_err(|error| error.to_string())?;
    let mut letters: Vec<char> = (' '..='~').chain(MORE.chars()).collect();
    letters.sort_unstable();
    let mut source = format!(
        "const EM: u16 = {};\nstatic LETTERS: [Letter; {}] = [\n",
        face.units_per_em(),
        letters.len()
    );
    for letter in letters {
        let glyph = face
            .glyph_index(letter)
            .ok_or_else(|| format!("it has no {letter:?}"))?;
        let width = face
            .glyph_hor_advance(glyph)
            .ok_or_else(|| format!("{letter:?} has no width"))?;
        let mut outline = Outline::default();
        // A space has none.
        let _ = face.outline_glyph(glyph, &mut outline);
        if outline.has_cubic {
            return Err(format!("{letter:?} has curves that are not of TrueType"));
        }
        let steps = outline.steps;
        let _ = writeln!(
            source,
            "Letter {{ letter: {letter:?}, width: {width}, outline: &[{steps}] }},"
        );
    }
    source += "];\n";
    Ok(source)
}

/// Coordinates of TrueType are whole units, and its curves have one control point each.
#[derive(Default)]
struct Outline {
    steps: String,
    has_cubic: bool,
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let _ = write!(self.steps, "Step::Move({x:.0}, {y:.0}), ");
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let _ = write!(self.steps, "Step::Line({x:.0}, {y:.0}), ");
    }

    fn quad_to(&mut self, by_x: f32, by_y: f32, x: f32, y: f32) {
        let _ = write!(self.steps, "Step::Curve({by_x:.0}, {by_y:.0}, {x:.0}, {y:.0}), ");
    }

    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        self.has_cubic = true;
    }

    fn close(&mut self) {
        self.steps += "Step::Close, ";
    }
}
