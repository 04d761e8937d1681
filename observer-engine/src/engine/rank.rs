//! Which value of some has a rank: most of the work of a line is that.

/// A number as one that is compared as whole numbers are, in the order of [`f64::total_cmp`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordered(i64);

impl Ordered {
    pub(super) fn new(value: f64) -> Self {
        let bits = value.to_bits().cast_signed();
        Self(Self::flip(bits))
    }

    pub(super) fn value(self) -> f64 {
        f64::from_bits(Self::flip(self.0).cast_unsigned())
    }

    /// All bits but the sign's of a negative number.
    fn flip(bits: i64) -> i64 {
        bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
    }
}

/// So few are sorted by insertion.
const FEW: usize = 12;

/// After so many rounds what is left is sorted: no values, whoever chose them, take longer than that.
const ROUNDS: usize = 32;

/// Puts the value of a rank, from 0, into its place: those before it are no greater, those behind it no less. Beyond the last rank
/// nothing is done.
///
/// Hoare's selection ("Algorithm 65: Find", Communications of the ACM 4, 1961) without branches on what is compared. It is here because
/// core's, in a standard library that is built for size as what is handed out has it, takes a replay a quarter of its time.
pub(super) fn select(values: &mut [Ordered], rank: usize) -> Option<(&mut [Ordered], Ordered, &mut [Ordered])> {
    let mut left = values.get_mut(..).filter(|values| rank < values.len())?;
    let mut place = rank;
    for _ in 0..ROUNDS {
        let Some(middle) = middle(left) else {
            insert(left);
            left = &mut [];
            break;
        };
        let below = part(left, |value| value < middle);
        if place < below {
            left = left.split_at_mut(below).0;
            continue;
        }
        (left, place) = (left.split_at_mut(below).1, place - below);
        // Those that are the same as the middle: at least it.
        let same = part(left, |value| value == middle);
        if place < same {
            left = &mut [];
            break;
        }
        (left, place) = (left.split_at_mut(same).1, place - same);
    }
    left.sort_unstable();
    let (below, above) = values.split_at_mut(rank);
    let (middle, above) = above.split_first_mut()?;
    Some((below, *middle, above))
}

/// The middle one of the first, the last and the one in their midst; `None` of few.
fn middle(values: &[Ordered]) -> Option<Ordered> {
    let [first, .., last] = values else { return None };
    let mid = values.get(values.len() / 2).filter(|_| values.len() > FEW)?;
    Some((*first).min(*last).max((*first).max(*last).min(*mid)))
}

/// Sorts few, each into its place among those before it.
fn insert(values: &mut [Ordered]) {
    for end in 1..=values.len() {
        let sorted = values.get_mut(..end).unwrap_or_default();
        for at in (1..end).rev() {
            match sorted.get_mut(at - 1..=at) {
                Some([before, value]) if *value < *before => std::mem::swap(before, value),
                _ => break,
            }
        }
    }
}

/// Brings those that are meant to the front, and counts them.
fn part(values: &mut [Ordered], is_meant: impl Fn(Ordered) -> bool) -> usize {
    let mut count = 0;
    for at in 0..values.len() {
        let is_meant = values.get(at).is_some_and(|value| is_meant(*value));
        values.swap(at, count);
        count += usize::from(is_meant);
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_selected(mut values: Vec<i64>, rank: usize) {
        let mut found: Vec<Ordered> = values.iter().copied().map(Ordered).collect();
        values.sort_unstable();
        match select(&mut found, rank) {
            None => assert!(rank >= values.len()),
            Some((below, middle, above)) => {
                assert_eq!((below.len(), middle.0), (rank, values[rank]));
                assert!(below.iter().all(|value| *value <= middle) && above.iter().all(|value| *value >= middle));
                let mut all: Vec<i64> = below.iter().chain(above.iter()).map(|value| value.0).collect();
                all.push(middle.0);
                all.sort_unstable();
                assert_eq!(all, values, "none is lost");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_what_sorting_finds(values in prop::collection::vec(-50..50_i64, 0..300), rank in 0..300_usize) {
            is_selected(values, rank);
        }

        #[test]
        fn the_order_is_that_of_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(Ordered::new(a).cmp(&Ordered::new(b)), a.total_cmp(&b));
        }
    }

    #[test]
    fn neither_one_value_nor_an_order_makes_it_fail() {
        for values in [
            vec![7; 500],
            (0..500).collect(),
            (0..500).rev().collect(),
            (0..500).map(|at| at % 7).collect(),
        ] {
            for rank in [0, 1, 249, 498, 499, 500] {
                is_selected(values.clone(), rank);
            }
        }
    }
}
