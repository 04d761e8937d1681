//! Time: the kernel's boot clock, told as wall-clock time.
//!
//! The stream's times come from `CLOCK_BOOTTIME` plus an offset, so that they never go back within a run unless the
//! wall clock itself was set.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::measure::{BootNanos, Timestamp};

/// A wall clock that was moved by less than this was slewed, not set.
const STEP: i128 = 1_000_000_000;

/// The two clocks and how far apart they are.
#[derive(Debug)]
pub(super) struct Clock {
    offset: std::cell::Cell<i128>,
}

fn nanos(clock: ClockId) -> i128 {
    let time = clock_gettime(clock);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

fn offset() -> i128 {
    nanos(ClockId::Realtime) - nanos(ClockId::Boottime)
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            offset: offset().into(),
        }
    }

    /// Now, on the stream's time line.
    pub(super) fn now(&self) -> Timestamp {
        let current = offset();
        if (current - self.offset.get()).abs() > STEP {
            self.offset.set(current);
        }
        self.at_nanos(nanos(ClockId::Boottime))
    }

    /// A moment that the kernel told.
    pub(super) fn at(&self, time: BootNanos) -> Timestamp {
        self.at_nanos(i128::from(time.0))
    }

    fn at_nanos(&self, nanos: i128) -> Timestamp {
        Timestamp(jiff::Timestamp::from_nanosecond(nanos + self.offset.get()).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Since boot.
    pub(super) fn boot() -> Duration {
        Duration::from_nanos(Self::boot_nanos().0)
    }

    /// Since boot, as the kernel tells times.
    pub(super) fn boot_nanos() -> BootNanos {
        BootNanos(u64::try_from(nanos(ClockId::Boottime)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_times_and_now_are_on_one_line() {
        let clock = Clock::new();
        let before = clock.now();
        let told = clock.at(BootNanos(u64::try_from(nanos(ClockId::Boottime)).unwrap()));
        assert!(told >= before && clock.now() >= told);
    }
}
