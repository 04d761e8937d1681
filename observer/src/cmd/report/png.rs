//! A plot as PNG, by `resvg`.

use anyhow::{Context as _, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels to a pixel of the SVG: for screens and paper as they are now.
const SCALE: f32 = 2.0;

/// Of an SVG whose words are outlines.
///
/// # Errors
/// Where it cannot be drawn.
pub(super) fn render(svg: &str) -> anyhow::Result<Vec<u8>> {
    let tree = Tree::from_str(svg, &Options::default()).context("cannot draw the plot")?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .ok_or_else(|| anyhow!("the plot has no size"))?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| anyhow!("the plot is too large"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("cannot write the plot as PNG")
}
