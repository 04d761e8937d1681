//! Names as text, without losing a byte: what a cgroup, a program or a task is called is what somebody gave as bytes, UTF-8 or
//! not, and the files of a cgroup are opened by its name.
//!
//! A byte that is no UTF-8 is a character for private use, `U+EF00` and its value. What has such characters of its own is
//! told byte by byte too, so that no two names are one.

use std::borrow::Cow;

/// The character of byte 0.
const BASE: u32 = 0xef00;

/// The characters of the bytes that may be no UTF-8.
const BYTES: std::ops::RangeInclusive<char> = '\u{ef80}'..='\u{efff}';

/// How these begin in UTF-8.
const FIRST: u8 = 0xee;

/// As text.
#[must_use]
pub fn text(name: &[u8]) -> String {
    let is_plain = !name.contains(&FIRST);
    match std::str::from_utf8(name) {
        Ok(text) if is_plain => text.to_owned(),
        Ok(_) | Err(_) => name.utf8_chunks().fold(String::new(), |mut text, chunk| {
            for letter in chunk.valid().chars() {
                if BYTES.contains(&letter) {
                    let mut own = [0; 4];
                    text.extend(letter.encode_utf8(&mut own).bytes().map(character));
                } else {
                    text.push(letter);
                }
            }
            text.extend(chunk.invalid().iter().copied().map(character));
            text
        }),
    }
}

/// As the kernel has it.
#[must_use]
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&FIRST) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut name = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match u8::try_from(u32::from(letter).wrapping_sub(BASE)) {
            Ok(byte) if BYTES.contains(&letter) => name.push(byte),
            Ok(_) | Err(_) => name.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Cow::Owned(name)
}

fn character(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_characters_of_their_own() {
        for plain in ["/", "/system.slice/a\\x2db.service", "/grün/木"] {
            assert_eq!(text(plain.as_bytes()), plain);
        }
        assert_eq!(text(b"/bad\xff\xfe.service"), "/bad\u{efff}\u{effe}.service");
        // A name that looks like another's text is another.
        let forged = "/bad\u{efff}\u{effe}.service";
        assert_ne!(text(forged.as_bytes()), forged);
    }

    proptest! {
        #[test]
        fn whatever_a_name_is_it_is_found_again(path in prop::collection::vec(any::<u8>(), 0..60), more in "\\PC{0,20}") {
            for path in [path.as_slice(), more.as_bytes(), &[&path, more.as_bytes()].concat()] {
                let told = text(path);
                let found = bytes(&told);
                prop_assert_eq!(&*found, path);
            }
        }

        #[test]
        fn of_two_names_no_text_is_made_one(one in "[\u{ef7e}-\u{ef82}\u{effe}-\u{f001}a]{0,4}", other in "[\u{ef7e}-\u{ef82}\u{effe}-\u{f001}a]{0,4}") {
            prop_assert_eq!(one == other, text(one.as_bytes()) == text(other.as_bytes()));
        }
    }
}
