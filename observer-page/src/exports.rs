//! What the page calls. It asks for room, writes a log there block by block, and reads JSON back: numbers are all that goes
//! either way, so nothing has to be generated to bind the two.

use std::cell::RefCell;

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static TOLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A new log begins, of about so many bytes.
#[unsafe(no_mangle)]
pub extern "C" fn begin(expected: usize) {
    TOLD.with_borrow_mut(Vec::clear);
    LOG.with_borrow_mut(|log| {
        log.clear();
        log.reserve_exact(expected);
    });
}

/// Where the next `length` bytes of it are to be written. Places given before are no longer valid.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    LOG.with_borrow_mut(|log| {
        let end = log.len();
        log.resize(end.saturating_add(length), 0);
        log.as_mut_ptr().wrapping_add(end)
    })
}

/// Reads the log; how many bytes of JSON there are at [`told`].
#[unsafe(no_mangle)]
pub extern "C" fn explain() -> usize {
    let log = LOG.take();
    let json = serde_json::to_vec(&crate::explain(&log)).unwrap_or_default();
    TOLD.with_borrow_mut(|told| {
        *told = json;
        told.len()
    })
}

/// Where the JSON begins.
#[unsafe(no_mangle)]
pub extern "C" fn told() -> *const u8 {
    TOLD.with_borrow(|told| told.as_ptr())
}
