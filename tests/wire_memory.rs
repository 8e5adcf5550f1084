//! What decoding costs, counted by the allocator: every array of every request version, filled to the frame with the
//! smallest elements there are, filled to the cap, and merely claimed. Layouts are Kafka's own, not this crate's.
//!
//! Measured on another broker: a 20 MB Metadata request of 10 million empty names took 932 MB. Here a request costs its
//! frame: decoding must not allocate with it.

#![allow(unsafe_code)] // an allocator that counts

use bytes::Bytes;
use ottla::wire::requests::caps::TOPICS_MAX;
use ottla::wire::{API_TABLE, DecodeError, Problem, Request};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held, and the most that were held since the mark was set.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Kafka's own layout of every request version: name, key, version, first flexible version, layout.
const SCHEMAS: &str = include_str!("../src/wire/fixtures/kafka-clients-4.4.0-schemas.txt");

/// The body of a hostile frame, bytes.
const BODY_BYTES: usize = 2 << 20;

/// What decoding may allocate on top of the frame, bytes, whatever the frame.
const DECODING_BYTES_MAX: usize = 4 << 10;

/// How a value is laid out.
enum Kind {
    Fixed(usize),
    Text,
    Bytes,
    Tags,
    Struct(Vec<Kind>),
    NullableStruct,
    Array(Box<Kind>),
}

/// Reads a layout: `{INT32,[{STRING,TAGS,}]?,TAGS,}`.
fn parse(text: &mut &str) -> Kind {
    let kind = match text.as_bytes()[0] {
        b'~' => {
            *text = &text[1..];
            parse(text);
            Kind::NullableStruct
        }
        b'{' => {
            *text = &text[1..];
            let mut fields = Vec::new();
            while !text.starts_with('}') {
                fields.push(parse(text));
                *text = text.strip_prefix(',').expect("a comma after each field");
            }
            *text = &text[1..];
            Kind::Struct(fields)
        }
        b'[' => {
            *text = &text[1..];
            let element = parse(text);
            *text = text.strip_prefix(']').expect("the array's end");
            Kind::Array(Box::new(element))
        }
        _ => {
            let end = text.find([',', ']', '}', '?']).unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            *text = rest;
            match word {
                "BOOLEAN" | "INT8" => Kind::Fixed(1),
                "INT16" => Kind::Fixed(2),
                "INT32" => Kind::Fixed(4),
                "INT64" => Kind::Fixed(8),
                "UUID" => Kind::Fixed(16),
                "STRING" => Kind::Text,
                "RECORDS" => Kind::Bytes,
                "TAGS" => Kind::Tags,
                _ => panic!("unknown kind {word}"),
            }
        }
    };
    *text = text.strip_prefix('?').unwrap_or(text);
    kind
}

/// How many elements the array under test gets.
#[derive(Clone, Copy)]
enum Count {
    /// As many as fill the body.
    Fill,
    /// This many.
    Exactly(usize),
    /// None, though it claims the most that can be claimed.
    Claim,
}

struct Maker {
    flexible: bool,
    count: Count,
    /// Which array, counted in the order of the layout, is under test; the arrays around it get one element.
    target: usize,
    seen: usize,
}

impl Maker {
    fn length(&self, length: u32, out: &mut Vec<u8>) {
        if !self.flexible {
            return out.extend(length.to_be_bytes());
        }
        let mut rest = u64::from(length) + 1;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    /// Whether the array under test lies in this kind, whose arrays start at `self.seen`.
    fn holds_target(&self, kind: &Kind) -> bool {
        (self.seen..self.seen + arrays(kind)).contains(&self.target)
    }

    /// The smallest value of a kind, the array under test apart.
    fn put(&mut self, kind: &Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Fixed(bytes) => out.extend(std::iter::repeat_n(0, *bytes)),
            Kind::Text if self.flexible => out.push(1),
            Kind::Text => out.extend([0, 0]),
            Kind::Bytes => self.length(0, out),
            Kind::Tags => out.push(0),
            Kind::NullableStruct => out.push(0xff),
            Kind::Struct(fields) => fields.iter().for_each(|field| self.put(field, out)),
            Kind::Array(element) => {
                let number = self.seen;
                self.seen += 1;
                if number == self.target {
                    self.put_target(element, out);
                    self.seen += arrays(element);
                } else if self.holds_target(element) {
                    self.length(1, out);
                    self.put(element, out);
                } else {
                    self.length(0, out);
                    self.seen += arrays(element);
                }
            }
        }
    }

    fn put_target(&mut self, element: &Kind, out: &mut Vec<u8>) {
        let mut one = Vec::new();
        Maker { target: usize::MAX, seen: 0, ..*self }.put(element, &mut one);
        let count = match self.count {
            Count::Fill => BODY_BYTES / one.len(),
            Count::Exactly(count) => count,
            Count::Claim => return self.length(if self.flexible { u32::MAX - 1 } else { i32::MAX as u32 }, out),
        };
        self.length(count as u32, out);
        for _ in 0..count {
            out.extend_from_slice(&one);
        }
    }
}

/// Arrays in a kind, itself included.
fn arrays(kind: &Kind) -> usize {
    match kind {
        Kind::Array(element) => 1 + arrays(element),
        Kind::Struct(fields) => fields.iter().map(arrays).sum(),
        Kind::Fixed(_) | Kind::Text | Kind::Bytes | Kind::Tags | Kind::NullableStruct => 0,
    }
}

/// Decodes and says what it took beside the frame, bytes.
fn measure(api: ottla::wire::Api, version: i16, body: Bytes) -> (Result<Request, DecodeError>, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let request = Request::decode(api, version, body);
    (request, PEAK.load(Ordering::Relaxed) - before)
}

/// One test, because the count is of the whole process.
#[test]
fn a_request_costs_its_frame() {
    let (mut targets, mut accepted, mut filled) = (0, 0, 0);
    for line in SCHEMAS.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let row = API_TABLE.iter().find(|row| row.name == fields[0]).expect("an API of the table");
        let version: i16 = fields[2].parse().expect("a version");
        let flexible = version >= fields[3].parse().expect("a version");
        if !row.api.serves(version) {
            continue;
        }
        let kind = parse(&mut { fields[4] });
        for target in 0..arrays(&kind) {
            targets += 1;
            for count in [Count::Fill, Count::Exactly(1_000), Count::Exactly(TOPICS_MAX as usize), Count::Claim] {
                let mut body = Vec::new();
                Maker { flexible, count, target, seen: 0 }.put(&kind, &mut body);
                let (request, cost) = measure(row.api, version, body.into());
                let place = format!("{} {version}, array {target}", row.name);
                assert!(cost <= DECODING_BYTES_MAX, "{place}: {cost} bytes");
                match (count, request) {
                    (Count::Exactly(1_000), request) => {
                        request.unwrap_or_else(|error| panic!("{place}: {error}"));
                    }
                    (Count::Exactly(_), request) => accepted += usize::from(request.is_ok()),
                    (Count::Fill, Ok(_)) => filled += 1,
                    (Count::Fill, Err(error)) => {
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
