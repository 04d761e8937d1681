//! What a reader may hold of an input: 64 MiB and the input's own size, however it is made (docs/decisions/bounded-in-sum.md).

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ROOM: usize = 64 << 20;

/// Reads an input, and fails where more was held at any time.
pub(crate) fn held(bytes: &[u8], read: impl FnOnce()) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    read();
    let most = HEAP.peak_usage().saturating_sub(before);
    assert!(most <= ROOM + bytes.len(), "{most} bytes are held of {}", bytes.len());
}
