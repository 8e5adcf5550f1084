//! What decoding costs, counted by the allocator: every array of every request version, filled to the frame with the
//! smallest elements there are, filled to the cap, and merely claimed. Layouts are Kafka's own, not this crate's.
//!
//! Measured on another broker: a 20 MB Metadata request of 10 million empty names took 932 MB. Here a request costs its
//! frame: decoding must not allocate with it.

#![allow(unsafe_code)] // an allocator that counts

mod layouts;

use super::requests::caps::TOPICS_MAX;
use super::{Api, DecodeError, Problem, Request, RequestHeader};
use bytes::Bytes;
use layouts::{Count, RequestLayout, layouts};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has taken and not given back, and the most of them since the mark was set. What another
    /// thread gave back makes it less than nothing.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The allocator of all unit tests: the system's, and each thread's count of what it holds.
struct Counting;

fn count(bytes: usize, sign: isize) {
    HELD.set(HELD.get() + sign * bytes.cast_signed());
    PEAK.set(PEAK.get().max(HELD.get()));
}

// SAFETY: hands everything on to the system's allocator; the counters neither allocate nor have a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc_zeroed(layout) }
    }

    // Both are there while one is copied into the other.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, 1);
        count(layout.size(), -1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The body of a hostile frame, bytes.
const BODY_BYTES: usize = 2 << 20;

/// What decoding may allocate on top of the frame, bytes, whatever the frame.
const DECODING_BYTES_MAX: usize = 4 << 10;

/// Decodes and says what it took beside the frame, bytes.
fn measure(frame: Bytes) -> (Result<Request, DecodeError>, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let (header, body) = RequestHeader::decode(frame).expect("a header");
    let request = Request::decode(header.api, header.version, body);
    (request, (PEAK.get() - before).cast_unsigned())
}

#[test]
fn a_request_costs_its_frame() {
    let (mut targets, mut accepted, mut filled) = (0, 0, 0);
    let served = |layout: &RequestLayout| Api::from_key(layout.key).is_some_and(|api| api.serves(layout.version));
    for layout in layouts().iter().filter(|layout| served(layout)) {
        for target in 0..layout.arrays() {
            targets += 1;
            let cap = Count::Exactly(TOPICS_MAX as usize);
            for count in [Count::Fill(BODY_BYTES), Count::Exactly(1_000), cap, Count::Claim] {
                let (request, cost) = measure(layout.frame(target, count).into());
                let place = format!("{} {}, array {target}", layout.name, layout.version);
                assert!(cost <= DECODING_BYTES_MAX, "{place}: {cost} bytes");
                match (count, request) {
                    (Count::Exactly(1_000), request) => {
                        request.unwrap_or_else(|error| panic!("{place}: {error}"));
                    }
                    (Count::Exactly(_), request) => accepted += usize::from(request.is_ok()),
                    (Count::Fill(_), Ok(_)) => filled += 1,
                    (Count::Fill(_), Err(error)) => {
                        assert!(matches!(error.problem, Problem::TooMany { .. }), "{place}: {error}");
                    }
                    (Count::Claim, request) => {
                        let error = request.expect_err("a lie");
                        assert!(matches!(error.problem, Problem::TooManyToFit { .. }), "{place}: {error}");
                    }
                }
            }
        }
    }
    // The layouts were understood and bodies of full size were really decoded, or the bound above says nothing.
    assert!(targets > 150 && accepted > 80 && filled > 10, "{targets} arrays, {accepted} at the cap, {filled} filled");
}
