//! A flame graph as SVG: who called whom from below to above, as wide as what is held.
//!
//! No script: names that do not fit stand in tooltips, which browsers show for `<title>`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::folded::path;
use crate::event::Stacks;
use crate::event::{Stack, owner_name};
use crate::human::{bytes, duration};
use crate::measure::Bytes;
use crate::report::safe;

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
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n<text x=\"{MARGIN}\" y=\"24\" font-size=\"16\">{}</text>\n",
        safe(&heading),
        safe(&heading)
    );
    let scale = (WIDTH - 2.0 * MARGIN) / root.bytes.max(1) as f64;
    let base = height - MARGIN - ROW;
    draw(&mut svg, "all", &root, MARGIN, base, scale, root.bytes);
    svg.push_str("</svg>\n");
    svg
}

pub(super) fn name(stacks: &Stacks) -> String {
    let subject = &stacks.subject;
    owner_name(
        subject.user_unit.as_deref().or(subject.unit.as_deref()),
        subject.cgroup.path.as_deref(),
    )
    .unwrap_or_else(|| "all".to_owned())
}

fn draw(svg: &mut String, name: &str, node: &Node, x: f64, y: f64, scale: f64, total: u64) {
    let width = node.bytes as f64 * scale;
    if width < NARROWEST {
        return;
    }
    let share = node.bytes as f64 / total.max(1) as f64 * 100.0;
    let title = format!("{name}: {} ({share:.1} %)", bytes(Bytes(node.bytes)));
    let _ = write!(
        svg,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"2\" fill=\"{}\" \
         stroke=\"#fff\" stroke-width=\"0.5\"/>",
        safe(&title),
        ROW - 1.0,
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
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 3.0,
            y + 12.5,
            safe(&label)
        );
    }
    svg.push_str("</g>\n");
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

/// The stacks of several units as one, each below its unit's name.
#[must_use]
pub fn together(units: &[Stacks]) -> Option<Stacks> {
    let mut all = units.first()?.clone();
    if units.len() == 1 {
        return Some(all);
    }
    all.subject = crate::event::Subject::default();
    all.bytes = Bytes(units.iter().map(|unit| unit.bytes.0).sum());
    all.stacks = units
        .iter()
        .flat_map(|unit| {
            let name = name(unit);
            unit.stacks.iter().map(move |stack| Stack {
                comm: format!("{name}: {}", stack.comm),
                ..stack.clone()
            })
        })
        .collect();
    Some(all)
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
