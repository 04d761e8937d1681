//! Records of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).

use crate::measure::Tid;
use crate::raw;

/// A record of the device: `priority,sequence,microseconds,flags[,key=value…];text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its number: one more than the one before.
    pub sequence: u64,
    /// When it was printed, in microseconds of the kernel's own clock.
    pub time: u64,
    /// The thread that printed it, where the kernel tells (`CONFIG_PRINTK_CALLER`).
    pub caller: Option<Tid>,
    /// Whether it goes on where an earlier line of the same thread was interrupted.
    pub continues: bool,
    /// Whether the kernel wrote it, not a program through this device.
    pub by_kernel: bool,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// Reads a record; `None` for bytes that are none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let (head, text) = text.split_once(';')?;
        let mut fields = head.split(',');
        let priority: u32 = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        let time = fields.next()?.parse().ok()?;
        let flags = fields.next()?;
        let caller = fields.find_map(|field| field.strip_prefix("caller=T")?.parse().ok().map(Tid));
        Some(Self {
            sequence,
            time,
            caller,
            continues: flags == "c",
            // The facility stands above the three bits of the level; what is written from user space never has the kernel's.
            by_kernel: priority >> 3 == 0,
            text: unescape(text),
        })
    }
}

/// Bytes that do not print are `\x` and two digits in the device's records, the backslash too.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = text_byte(rest);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            rest.get(4..).unwrap_or_default()
        } else {
            tail
        };
    }
    raw::text(&bytes)
}

fn text_byte(escape: &[u8]) -> Option<u8> {
    let digits = escape.get(..4)?.strip_prefix(b"\\x")?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
