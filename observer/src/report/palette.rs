//! The colours, light and dark, in one place: for the page as variables, for a plot alone as they are.

/// A colour's name, on white and on black. The parts differ in lightness too, for those who see no hues.
const COLOURS: [(&str, &str, &str); 15] = [
    ("ink", "#1b1f24", "#e6e9ee"),
    ("paper", "#ffffff", "#14171c"),
    ("panel", "#f6f7f9", "#1b1f26"),
    ("soft", "#5b6370", "#a2aab6"),
    ("line", "#dde1e7", "#2f3641"),
    ("anon", "#2f65ad", "#4d8be0"),
    ("shmem", "#7d56a8", "#a685d6"),
    ("kernel", "#b3742f", "#d39a55"),
    ("other", "#8f98a5", "#6b7482"),
    ("cache", "#b9d8bf", "#40664b"),
    ("kill", "#b3261e", "#ff7b72"),
    ("limit", "#b3261e", "#ff7b72"),
    ("warn", "#8a5a00", "#f0b93a"),
    ("fan", "#e0a100", "#f0b93a"),
    ("gap", "#e8e4da", "#2a2a22"),
];

const PAGE: &str = include_str!("page.css");
const PLOT: &str = include_str!("plot.css");

/// The page's style sheet. Paper is white, whatever the screen was.
pub(super) fn page() -> String {
    let variables = |dark: bool| -> String {
        let colours = COLOURS.iter().map(|(name, on_white, on_black)| {
            let colour = if dark { on_black } else { on_white };
            format!("--{name}:{colour};")
        });
        colours.collect()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{}}}}}\n{PLOT}{PAGE}",
        variables(false),
        variables(true)
    )
}

/// The style sheet of a plot that stands alone. Not every program that shows SVG knows variables.
pub(super) fn plot() -> String {
    let style = COLOURS.iter().fold(PLOT.to_owned(), |style, (name, on_white, _)| {
        style.replace(&format!("var(--{name})"), on_white)
    });
    format!("svg{{font-family:\"DejaVu Sans\",\"Liberation Sans\",Arial,sans-serif}}\n{style}")
}
