//! HTML and SVG under way: what was made as text can come into it only as text.
//!
//! In: a form, which is a literal, and values for its places. Out: markup in which every value that is no markup and no number of
//! ours is escaped, whoever made it. There is no way around that: a form takes no names of variables, whose values would not pass
//! by here, and whoever compiles one that does is told so.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::shown::shown;

/// Markup. It is made by [`put!`] and [`markup!`] only.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// For the macros, which have made sure of each value.
    pub(super) fn of_macro(&mut self, written: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.0.write_fmt(written);
    }

    /// A style sheet, which nothing in it can end.
    pub(super) fn style(css: &str) -> Self {
        Self(css.replace('<', ""))
    }

    /// One after the other.
    pub(super) fn joined(parts: &[Self], between: &'static str) -> Self {
        let parts: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
        Self(parts.join(between))
    }

    /// As it is handed out.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// What can stand in a place of a form.
pub(super) trait Part {
    /// As markup.
    fn part(&self) -> Cow<'_, str>;
}

/// What acts or hides is written out first, which XML has no letters for either.
impl Part for str {
    fn part(&self) -> Cow<'_, str> {
        Cow::Owned(html_escape::encode_double_quoted_attribute(&*shown(self)).into_owned())
    }
}

impl Part for String {
    fn part(&self) -> Cow<'_, str> {
        self.as_str().part()
    }
}

impl Part for Markup {
    fn part(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

impl Part for i64 {
    fn part(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl Part for u64 {
    fn part(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl Part for usize {
    fn part(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl<T: Part + ?Sized> Part for &T {
    fn part(&self) -> Cow<'_, str> {
        (**self).part()
    }
}

/// Nothing, where there is nothing.
impl<T: Part> Part for Option<T> {
    fn part(&self) -> Cow<'_, str> {
        self.as_ref().map_or(Cow::Borrowed(""), Part::part)
    }
}

/// Whether a form has places and no names: `{}`, and `{{` for a brace.
pub(super) const fn has_no_names(form: &str) -> bool {
    let bytes = form.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        if bytes[place] == b'{' {
            place += 1;
            if place == bytes.len() || bytes[place] != b'{' && bytes[place] != b'}' {
                return false;
            }
        }
        place += 1;
    }
    true
}

/// Adds to [`Markup`]: `put!(out, "<p>{}</p>\n", name)`.
macro_rules! put {
    ($out:expr, $form:literal $(, $value:expr)* $(,)?) => {{
        const _: () = assert!(
            $crate::report::markup::has_no_names($form),
            "a form takes empty places only: the value of a name in it would not be escaped"
        );
        $out.of_macro(format_args!($form $(, $crate::report::markup::Part::part(&$value))*));
    }};
}

/// Makes [`Markup`], as [`put!`] adds to it.
macro_rules! markup {
    ($($form:tt)*) => {{
        let mut out = $crate::report::markup::Markup::default();
        $crate::report::markup::put!(out, $($form)*);
        out
    }};
}

pub(super) use {markup, put};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_text() {
        let name = "<script>\"'&\u{1b}\u{202e}".to_owned();
        let inner = markup!("<b title=\"{}\">{}</b>", name, 7_i64);
        let outer = markup!("{}{}", inner, Some(name));
        assert_eq!(
            outer.into_text(),
            r#"<b title="&lt;script&gt;&quot;'&amp;\x1b\u{202e}">7</b>&lt;script&gt;&quot;'&amp;\x1b\u{202e}"#
        );
    }

    #[test]
    fn a_form_takes_no_names() {
        for (form, is_good) in [
            ("<p>{}</p>", true),
            ("a{{b}}", true),
            ("{name}", false),
            ("{0}", false),
            ("{:?}", false),
            ("{", false),
        ] {
            assert_eq!(has_no_names(form), is_good, "{form}");
        }
    }

    #[test]
    fn a_style_sheet_does_not_end_its_element() {
        assert_eq!(Markup::style("a{}</style><script>").into_text(), "a{}/style>script>");
    }
}
