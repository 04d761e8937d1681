//! How fast a replay goes, which the person at the screen may change.

use std::sync::atomic::{AtomicU64, Ordering};

/// As slow and as fast as it may be made.
const SLOWEST: f64 = 1.0 / 16.0;
const FASTEST: f64 = 65_536.0;

/// How many times as fast as it was recorded a replay is shown: what plays reads it, the screen changes it.
#[derive(Debug)]
pub struct Pace(AtomicU64);

impl Pace {
    /// As fast as that; `None` as fast as it goes, which stays so.
    #[must_use]
    pub fn new(speed: Option<f64>) -> Self {
        Self(AtomicU64::new(speed.unwrap_or(f64::INFINITY).to_bits()))
    }

    /// How many times as fast; infinite if as fast as it goes.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// So many times what it was.
    pub(super) fn change(&self, times: f64) {
        let speed = self.get();
        if speed.is_finite() {
            let changed = (speed * times).clamp(SLOWEST.min(speed), FASTEST.max(speed));
            self.0.store(changed.to_bits(), Ordering::Relaxed);
        }
    }

    /// `×30`; nothing where it is as fast as it goes.
    pub(super) fn shown(&self, unicode: bool) -> Option<String> {
        let speed = self.get();
        let times = if unicode { '×' } else { 'x' };
        speed.is_finite().then(|| format!("{times}{speed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_halved_and_doubled_within_bounds_that_the_person_may_have_passed() {
        let pace = Pace::new(Some(30.0));
        pace.change(2.0);
        assert_eq!(pace.shown(true).as_deref(), Some("×60"));
        (0..40).for_each(|_| pace.change(0.5));
        assert_eq!(pace.shown(false).as_deref(), Some("x0.0625"));
        let fast = Pace::new(Some(1e9));
        fast.change(2.0);
        assert_eq!(fast.get().to_bits(), 1e9_f64.to_bits());
        let unlimited = Pace::new(None);
        unlimited.change(0.5);
        assert_eq!(unlimited.shown(true), None);
    }
}
