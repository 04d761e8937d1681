//! A flame graph as SVG: who called whom from below to above, as wide as what is held.
//!
//! No script: names that do not fit stand in tooltips, which browsers show for `<title>`.

use std::collections::BTreeMap;

use super::markup::{Markup, put};
use crate::event::Stacks;
use crate::human::{bytes, duration};
use crate::measure::Bytes;
use crate::stacks::{name, path};

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
/// Above the graph: the heading.
const TOP: f64 = 48.0;
const MARGIN: f64 = 10.0;
/// A letter of the 12-pixel sans-serif is about so wide.
const LETTER: f64 = 6.7;
/// What is narrower is not drawn.
const NARROWEST: f64 = 0.4;

/// A function that was called by the one below it, with all that was held above it.
#[derive(Default)]
struct Node {
    bytes: u64,
    above: BTreeMap<String, Node>,
}

impl Node {
    fn add(&mut self, path: &[String], bytes: u64) {
        self.bytes += bytes;
        if let Some((first, rest)) = path.split_first() {
            self.above.entry(first.clone()).or_default().add(rest, bytes);
        }
    }

    fn depth(&self) -> usize {
        self.above.values().map(|node| 1 + node.depth()).max().unwrap_or(0)
    }
}

/// Draws it.
#[must_use]
pub fn flame(stacks: &Stacks) -> String {
    let mut root = Node::default();
    for stack in &stacks.stacks {
        root.add(&path(stack), stack.bytes.0);
    }
    let height = TOP + MARGIN + ROW * (root.depth() as f64 + 1.0);
    let name = name(stacks);
    let heading = format!(
        "{name}: {} taken in {} and still there",
        bytes(stacks.bytes),
        duration(stacks.window_seconds)
    );
    let mut svg = Markup::default();
    put!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n<text x=\"{}\" y=\"24\" font-size=\"16\">{}</text>\n",
        place(WIDTH),
        place(height),
        place(WIDTH),
        place(height),
        heading,
        place(MARGIN),
        heading
    );
    let scale = (WIDTH - 2.0 * MARGIN) / root.bytes.max(1) as f64;
    let base = height - MARGIN - ROW;
    draw(&mut svg, "all", &root, MARGIN, base, scale, root.bytes);
    put!(svg, "</svg>\n");
    svg.into_text()
}

fn place(points: f64) -> String {
    format!("{points:.1}")
}

fn draw(svg: &mut Markup, name: &str, node: &Node, x: f64, y: f64, scale: f64, total: u64) {
    let width = node.bytes as f64 * scale;
    if width < NARROWEST {
        return;
    }
    let share = node.bytes as f64 / total.max(1) as f64 * 100.0;
    let title = format!("{name}: {} ({share:.1} %)", bytes(Bytes(node.bytes)));
    put!(
        svg,
        "<g><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\" fill=\"{}\" stroke=\"#fff\" \
         stroke-width=\"0.5\"/>",
        title,
        place(x),
        place(y),
        place(width),
        place(ROW - 1.0),
        colour(name)
    );
    // Rounded down, and with some room at both ends.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let letters = ((width - 6.0).max(0.0) / LETTER) as usize;
    if letters >= 3 {
        let label: String = if name.chars().count() <= letters {
            name.to_owned()
        } else {
            name.chars().take(letters - 2).chain("..".chars()).collect()
        };
        put!(
            svg,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            place(x + 3.0),
            place(y + 12.5),
            label
        );
    }
    put!(svg, "</g>\n");
    let mut at = x;
    for (name, above) in &node.above {
        draw(svg, name, above, at, y - ROW, scale, total);
        at += above.bytes as f64 * scale;
    }
}

/// The kernel's are blue, the others between yellow and red, each name always the same.
fn colour(name: &str) -> String {
    let hash = name
        .bytes()
        .fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    let (hue, light) = if name.ends_with("_[k]") {
        (205 + hash % 20, 72 + hash / 20 % 8)
    } else {
        (18 + hash % 34, 66 + hash / 34 % 10)
    };
    format!("hsl({hue} 85% {light}%)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacks::tests::stacks;

    #[test]
    fn hostile_names_are_text_only() {
        let mut unit = stacks();
        unit.stacks[0].frames[0] = "</title><script>alert(1)</script>\u{1b}[2J".to_owned();
        let svg = flame(&unit);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
    }

    #[test]
    fn what_is_above_is_as_wide_as_what_it_holds() {
        let svg = flame(&stacks());
        assert!(svg.contains("main: 4.0M (100.0 %)"), "{svg}");
        assert!(
            svg.contains("leaf: 3.0M (75.0 %)") && svg.contains("width=\"885.0\""),
            "{svg}"
        );
    }
}
