//! The allocator of the server and of what is measured beside it.
//!
//! Not here: why this one (`docs/dependencies.md`), and giving memory back (`memory`). The crate
//! `mimalloc` asks for an alignment with every allocation, which the allocator serves on a slow path
//! wherever the size is no power of two; nearly all of ours need no more than it gives anyway.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait around C functions")]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as mi;

/// What every block of at least this size is aligned to.
const ALIGN_GIVEN: usize = 16;

/// See the file's header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocator;

/// Whether a block of this size has this alignment without being asked for it.
fn is_aligned_anyway(size: usize, align: usize) -> bool {
    align <= ALIGN_GIVEN && align <= size
}

// SAFETY: blocks are of the size and alignment that was asked for: of at least 16 bytes they begin at
// multiples of 16, smaller ones at multiples of their size rounded up to 8, and others are asked for
// with their alignment. All of the functions take blocks of each other.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the caller's size is not 0, and an alignment is a power of two.
        unsafe {
            if is_aligned_anyway(size, align) {
                mi::mi_malloc(size)
            } else {
                mi::mi_malloc_aligned(size, align)
            }
        }
        .cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as for `alloc`.
        unsafe {
            if is_aligned_anyway(size, align) {
                mi::mi_zalloc(size)
            } else {
                mi::mi_zalloc_aligned(size, align)
            }
        }
        .cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller's block is one of ours and still allocated.
        unsafe { mi::mi_free(block.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (block, align) = (block.cast(), layout.align());
        // SAFETY: as for `dealloc` and `alloc`.
        unsafe {
            if is_aligned_anyway(size, align) {
                mi::mi_realloc(block, size)
            } else {
                mi::mi_realloc_aligned(block, size, align)
            }
        }
        .cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_as_asked_and_keep_what_they_hold() {
        for align in [1, 2, 4, 8, 16, 32, 128] {
            for size in (1..200).chain([1_000, 1_025, 3_000, 70_000]) {
                let layout = Layout::from_size_align(size, align).expect("a layout");
                // SAFETY: the size is not 0, and blocks are used within their size and freed once.
                unsafe {
                    let block = Allocator.alloc(layout);
                    assert!(block.addr().is_multiple_of(align), "{size} bytes at multiples of {align}");
                    block.write_bytes(7, size);
                    let grown = Allocator.realloc(block, layout, size * 2);
                    assert!(
                        grown.addr().is_multiple_of(align),
                        "{size} bytes grown, at multiples of {align}"
                    );
                    assert!(std::slice::from_raw_parts(grown, size).iter().all(|byte| *byte == 7));
                    let layout = Layout::from_size_align(size * 2, align).expect("a layout");
                    Allocator.dealloc(grown, layout);
                    let zeroed = Allocator.alloc_zeroed(layout);
                    assert!(std::slice::from_raw_parts(zeroed, size * 2).iter().all(|byte| *byte == 0));
                    Allocator.dealloc(zeroed, layout);
                }
            }
        }
    }
}
