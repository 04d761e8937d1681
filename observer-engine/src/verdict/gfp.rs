//! The allocation flags of an OOM, by name.
//!
//! Only the bits that mean the same on every kernel from 5.10 to 7.2 are named (include/linux/gfp_types.h); the rest of
//! the mask is kept as a number.

/// Composite flags, the most complete first, by the bits below.
const COMPOSITES: [(&str, u32); 6] = [
    ("GFP_HIGHUSER_MOVABLE", KERNEL | HIGHMEM | MOVABLE | HARDWALL),
    ("GFP_HIGHUSER", KERNEL | HIGHMEM | HARDWALL),
    ("GFP_USER", KERNEL | HARDWALL),
    ("GFP_KERNEL", KERNEL),
    ("GFP_NOFS", RECLAIM | IO),
    ("GFP_NOIO", RECLAIM),
];

const HIGHMEM: u32 = 0x02;
const MOVABLE: u32 = 0x08;
const IO: u32 = 0x40;
const FS: u32 = 0x80;
const RECLAIM: u32 = 0x400 | 0x800;
const KERNEL: u32 = RECLAIM | IO | FS;
const HARDWALL: u32 = 0x10_0000;

/// `GFP_KERNEL` or `0xcc0` where no name fits: a name is told only where all of its bits are set.
#[must_use]
pub fn gfp_name(mask: u32) -> String {
    COMPOSITES
        .iter()
        .find(|(_, bits)| mask & bits == *bits)
        .map_or_else(|| format!("{mask:#x}"), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_where_all_bits_are_set() {
        assert_eq!(gfp_name(0xcc0), "GFP_KERNEL");
        assert_eq!(gfp_name(0x10_0cca), "GFP_HIGHUSER_MOVABLE");
        assert_eq!(gfp_name(0x14_0cca), "GFP_HIGHUSER_MOVABLE");
        assert_eq!(gfp_name(0x20), "0x20");
        // GFP_KERNEL|__GFP_HIGHMEM|__GFP_NOWARN, of a machine out of memory on 6.1: no GFP_HIGHUSER, which has __GFP_HARDWALL.
        assert_eq!(gfp_name(0x2cc2), "GFP_KERNEL");
    }
}
