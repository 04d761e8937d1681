//! The pages of the running kernel, in which its counters and some of its files count.

use crate::measure::PageSize;

/// How large they are: `AT_PAGESZ` of getauxval(3).
pub(crate) fn size() -> PageSize {
    let bytes = u64::try_from(rustix::param::page_size()).ok();
    // The kernel always says it, and a power of two.
    bytes.and_then(PageSize::new).unwrap_or(PageSize::SMALL)
}
