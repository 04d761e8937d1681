//! Which pages are followed: those at every N-th place of the memory.

use bytemuck::{Pod, Zeroable};

/// Which pages are followed, by the address of their `struct page`. Written by user space before the load.
///
/// It is kept as bits of such an address, so that each page that is handed out or taken back costs few instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SamplingState {
    /// The bits that decide.
    pub mask: u64,
    /// How these are in a page that is followed.
    pub place: u64,
    /// The distance between the addresses of two pages, a power of two; 0 = no page is followed.
    pub unit: u64,
}

impl SamplingState {
    /// No page is followed.
    pub const NONE: Self = Self {
        mask: 0,
        place: 0,
        unit: 0,
    };

    /// One page in `one_in`, a power of two, where a `struct page` has `size` bytes.
    #[must_use]
    pub const fn of(one_in: u32, size: u32) -> Self {
        // A size that is no power of two only makes the choice of pages a little less even.
        let shift = match size.checked_ilog2() {
            Some(shift) => shift,
            None => 0,
        };
        let mask = one_in.saturating_sub(1);
        // In the middle, where no folio begins.
        let place = ((one_in / 2) | (one_in / 3)) & mask;
        Self {
            mask: (mask as u64) << shift,
            place: (place as u64) << shift,
            unit: 1 << shift,
        }
    }

    /// Whether a folio of `1 << order` pages is followed, as it is taken: it is as many times more likely to be as it has pages.
    #[inline(always)]
    #[must_use]
    pub const fn is_followed(&self, page: u64, order: u32) -> bool {
        ((page & self.mask) ^ self.place).wrapping_shr(order) < self.unit
    }

    /// Whether a folio that is given back may be a followed one; of most others it is certain that they are not.
    ///
    /// A larger one that was taken may have been split since, but its first page lies as the whole did.
    #[inline(always)]
    #[must_use]
    pub const fn may_be_followed(&self, page: u64, order: u32) -> bool {
        let deciding = page & self.mask;
        // A folio that begins with this page has no more pages than the lowest bit that is set says; with none set it may have any number.
        let largest = (deciding & deciding.wrapping_neg()).wrapping_sub(1);
        let this = self.unit.wrapping_shl(order).wrapping_sub(1);
        deciding ^ self.place <= largest | this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where x86-64 keeps its `struct page`s.
    const FIRST: u64 = 0xffff_ea00_0000_0000;
    const PAGES: u64 = 1 << 16;
    /// Of the largest folios that the kernel hands out as a rule.
    const LARGEST: u32 = 10;

    fn each(sampling: SamplingState, size: u64, order: u32) -> impl Iterator<Item = u64> {
        let pages = (0..PAGES).step_by(1 << order).map(move |number| FIRST + number * size);
        pages.filter(move |&page| sampling.is_followed(page, order))
    }

    #[test]
    fn each_page_is_followed_as_often_as_it_stands_for_others() {
        for one_in in (0..15).map(|bits| 1 << bits) {
            let sampling = SamplingState::of(one_in, 64);
            for order in 0..=LARGEST {
                let folios = PAGES >> order;
                let expected = (PAGES / u64::from(one_in)).min(folios);
                assert_eq!(
                    each(sampling, 64, order).count() as u64,
                    expected,
                    "1 in {one_in}, order {order}"
                );
            }
        }
    }

    #[test]
    fn what_is_followed_is_recognised_when_it_is_given_back_whole_or_split() {
        for one_in in (0..15).map(|bits| 1 << bits) {
            let sampling = SamplingState::of(one_in, 64);
            for order in 0..=LARGEST {
                for page in each(sampling, 64, order) {
                    assert!(
                        (0..=order).all(|now| sampling.may_be_followed(page, now)),
                        "1 in {one_in}, order {order}, {page:x}"
                    );
                }
            }
            // Where alignment says nothing, whole ones are.
            let sampling = SamplingState::of(one_in, 72);
            for order in 0..=LARGEST {
                assert!(
                    each(sampling, 72, order).all(|page| sampling.may_be_followed(page, order)),
                    "1 in {one_in}, order {order}"
                );
            }
        }
    }

    #[test]
    fn most_of_what_is_given_back_needs_no_look_up() {
        let sampling = SamplingState::of(256, 64);
        let looked_up = (0..PAGES)
            .filter(|number| sampling.may_be_followed(FIRST + number * 64, 0))
            .count();
        // Each place where a folio with a followed page in it may begin.
        assert_eq!(looked_up as u64, 6 * PAGES / 256);
    }

    #[test]
    fn without_a_choice_no_page_is_followed() {
        assert!(!(0..=LARGEST).any(|order| SamplingState::NONE.is_followed(FIRST, order)));
    }
}
