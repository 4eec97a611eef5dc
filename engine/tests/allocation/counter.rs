//! An allocator that counts, each thread for itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// How often `run` asked for memory.
pub(crate) fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

/// The bytes that `run` took and has not given back, and its result.
pub(crate) fn bytes_taken<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE_BYTES.get();
    let result = run();
    (result, (LIVE_BYTES.get() - before).cast_unsigned())
}

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread has taken and not given back.
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(taken: usize, given_back: usize) {
    let change = taken.cast_signed() - given_back.cast_signed();
    // A thread that ends gives back after its counters are gone.
    let _ = LIVE_BYTES.try_with(|live| live.set(live.get() + change));
    if taken > 0 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
}

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; this one only counts")]
// SAFETY: every call is passed on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
