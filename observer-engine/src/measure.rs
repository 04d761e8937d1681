//! Units of measure and identities, one type each, so that pages never pass for bytes and a thread never for a process.
//!
//! Conversions are named and happen at the border, where the kernel and its files are read; everything behind it speaks [`Bytes`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Digits of a number that is reckoned, not counted: more would tell nothing, and a capture would have to keep them.
const DIGITS: i32 = 3;

/// A number with the digits that mean something. Order is kept; what is not finite stays as it is.
#[must_use]
pub(crate) fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of ten, within 400 of 0")]
    let below = DIGITS - 1 - value.abs().log10().floor() as i32;
    // Powers of ten that are whole numbers are exact, others are not.
    let rounded = if below >= 0 {
        (value * 10_f64.powi(below)).round() / 10_f64.powi(below)
    } else {
        (value / 10_f64.powi(-below)).round() * 10_f64.powi(-below)
    };
    if rounded.is_finite() { rounded } else { value }
}

/// A size in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// From the kB of `/proc` files, which are KiB. Saturates.
    #[must_use]
    pub fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1024))
    }

    /// As a float, for the engine's arithmetic. Sizes above 2^53 lose their lowest bits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "said in the documentation")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// What is left of `self` after `other` is taken out; 0 where `other` is larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// How large a kernel's pages are, which its counters count in: 4 KiB on x86-64, and 4, 16 or 64 KiB on arm64, as it was
/// built (arch/arm64/Kconfig: `ARM64_PAGE_SHIFT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u64);

impl PageSize {
    /// 4 KiB: the smallest there is.
    pub const SMALL: Self = Self(4096);

    /// From bytes; `None` where no kernel has such pages.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes >= Self::SMALL.0 && bytes.is_power_of_two()).then_some(Self(bytes))
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// `page_counter.max` when there is no limit: `LONG_MAX / PAGE_SIZE` (include/linux/page_counter.h).
    fn counter_max(self) -> u64 {
        i64::MAX as u64 / self.0
    }
}

/// A count of pages, as the kernel's page counters keep it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pages(pub u64);

impl Pages {
    /// In bytes. Saturates.
    #[must_use]
    pub fn to_bytes(self, page: PageSize) -> Bytes {
        Bytes(self.0.saturating_mul(page.0))
    }

    /// A limit in bytes; `None` where the counter's value means "no limit".
    #[must_use]
    pub fn to_limit(self, page: PageSize) -> Option<Bytes> {
        (self.0 < page.counter_max()).then(|| self.to_bytes(page))
    }
}

/// The kernel's id of a cgroup: the inode number of its directory (kernfs id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CgroupId(pub u64);

impl fmt::Display for CgroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process: what user space calls a pid and the kernel a thread group id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tgid(pub u32);

impl fmt::Display for Tgid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A thread: what the kernel calls a pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tid(pub u32);

/// Nanoseconds since boot, suspended time included (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootNanos(pub u64);

/// A point in time as the stream writes it: RFC 3339, UTC, always nine digits of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub jiff::Timestamp);

impl Timestamp {
    /// The millisecond it lies in. Reading a cgroup's files takes a good part of one, so that a sample's time has no more
    /// digits that mean something; a capture would have to keep them.
    #[must_use]
    pub fn to_millisecond(self) -> Self {
        jiff::Timestamp::from_millisecond(
            self.0
                .as_nanosecond()
                .div_euclid(1_000_000)
                .try_into()
                .unwrap_or(i64::MAX),
        )
        .map_or(self, Self)
    }

    /// Seconds from `earlier` to `self`; negative where the clock went back.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a capture's length fit a float well enough"
    )]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0.as_nanosecond() - earlier.0.as_nanosecond()) as f64 / 1e9
    }

    /// So many seconds later; `None` where there is no such time.
    #[must_use]
    pub fn after_seconds(self, seconds: f64) -> Option<Self> {
        let span = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
        Some(Self(self.0.checked_add(span).ok()?))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

/// How large a process is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Address space.
    pub total_vm: Option<Bytes>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident file pages.
    pub file: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Page tables.
    pub pgtables: Option<Bytes>,
}

impl Sizes {
    /// These, and what only the others tell.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            total_vm: self.total_vm.or(others.total_vm),
            anon: self.anon.or(others.anon),
            file: self.file.or(others.file),
            shmem: self.shmem.or(others.shmem),
            swap: self.swap.or(others.swap),
            pgtables: self.pgtables.or(others.pgtables),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reckoned_has_three_digits() {
        for (value, digits) in [
            (93_456.789, 93_500.0),
            (0.012_345_6, 0.012_3),
            (-1.000_4, -1.0),
            (0.1 + 0.2, 0.3),
            (0.0, 0.0),
            (99_999.0, 100_000.0),
            (1e300, 1e300),
            (5e-324, 5e-324),
        ] {
            assert!((significant(value) - digits).abs() <= digits.abs() * 1e-15, "{value}");
        }
        assert_eq!(significant(0.1 + 0.2).to_string(), "0.3");
        assert!(significant(f64::NAN).is_nan());
    }

    #[test]
    fn an_unlimited_page_counter_is_no_limit() {
        for (bytes, limit) in [(4096, 16384), (16384, 4096), (65536, 1024)] {
            let page = PageSize::new(bytes).unwrap();
            assert_eq!(Pages(i64::MAX as u64 / bytes).to_limit(page), None);
            assert_eq!(Pages(limit).to_limit(page), Some(Bytes(64 << 20)));
        }
        assert_eq!([0, 1024, 5000].map(PageSize::new), [None; 3]);
    }

    #[test]
    fn a_timestamp_always_has_nine_digits() {
        let time = Timestamp("2026-11-21T03:12:44Z".parse().unwrap());
        assert_eq!(time.to_string(), "2026-11-21T03:12:44.000000000Z");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&serde_json::to_string(&time).unwrap()).unwrap(),
            time
        );
    }
}
