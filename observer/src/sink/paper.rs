//! Where text for people leaves: the only way to a terminal or a file for what is told in words.
//!
//! In: lines as they were put together, names from outside in them. Out: the same, made fit to be shown, as wide as is
//! allowed, in the signs that the locale has. A sink that writes text holds a [`Paper`] and not the writer, so that it
//! can write nothing raw; the only escapes in what comes out are the colours that are put in here.

use std::io::{self, Write};

use super::text::TextOptions;
use crate::shown::shown;
use crate::words::{fold, middle};

/// Colours that mean something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Red,
    Yellow,
    Grey,
}

/// Text, on its way out.
#[derive(Debug)]
pub(crate) struct Paper<W> {
    out: W,
    color: bool,
    unicode: bool,
    width: Option<usize>,
}

impl<W: Write> Paper<W> {
    pub(crate) fn new(out: W, options: &TextOptions) -> Self {
        Self {
            out,
            color: options.color,
            unicode: options.unicode,
            width: options.width,
        }
    }

    fn paint(&self, text: &str, colour: Colour) -> String {
        let code = match colour {
            Colour::Red => "1;31",
            Colour::Yellow => "33",
            Colour::Grey => "90",
        };
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A line as it may be shown, not folded yet.
    fn fit(&self, text: &str) -> String {
        let text = shown(text);
        if self.unicode {
            return text.into_owned();
        }
        text.replace(['●', '•'], "*")
            .replace('✖', "x")
            .replace('▲', "!")
            .replace('≋', "~")
            .replace('·', "-")
            .replace('…', "...")
            // As wide, where it is set in.
            .replace("→  ", "-> ")
            .replace('→', "->")
    }

    fn folded(&self, text: &str, indent: usize) -> String {
        match self.width {
            Some(width) => fold(text, width, indent, self.unicode),
            None => text.to_owned(),
        }
    }

    /// A line, folded to the width; what does not fit goes on below, indented.
    pub(crate) fn put(&mut self, text: &str, indent: usize) -> io::Result<()> {
        let text = self.folded(&self.fit(text), indent);
        writeln!(self.out, "{text}")
    }

    /// A line that stays one: its width was seen to.
    pub(crate) fn row(&mut self, text: &str) -> io::Result<()> {
        let text = self.fit(text);
        writeln!(self.out, "{text}")
    }

    /// A line with its first `mark` coloured.
    pub(crate) fn marked(&mut self, text: &str, mark: &str, colour: Colour, indent: usize) -> io::Result<()> {
        let text = self.folded(&self.fit(text), indent);
        // Coloured after folding: escapes have no width.
        let mark = self.fit(mark);
        let text = text.replacen(&mark, &self.paint(&mark, colour), 1);
        writeln!(self.out, "{text}")
    }

    /// A line that stays one: where there is no room for all of it, its middle is left out.
    pub(crate) fn cut(&mut self, indent: usize, text: &str, colour: Colour) -> io::Result<()> {
        let text = self.fit(text);
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(indent));
        let text = self.paint(&middle(&text, room.max(20), self.unicode), colour);
        writeln!(self.out, "{:indent$}{text}", "")
    }

    /// A line that is coloured behind its first words.
    pub(crate) fn painted(&mut self, words: &str, text: &str, colour: Colour, indent: usize) -> io::Result<()> {
        let (words, text) = (self.fit(words), self.folded(&self.fit(text), indent));
        let text = self.paint(&text, colour);
        writeln!(self.out, "{words}{text}")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
