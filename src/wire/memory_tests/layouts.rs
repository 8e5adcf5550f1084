//! Hostile requests made from Kafka's own layouts, not from this crate's: every array of every request version, filled to
//! a size, with a count of smallest elements, or merely claimed.

/// Kafka's own layout of every request version: name, key, version, first flexible version, layout.
const SCHEMAS: &str = include_str!("../fixtures/kafka-clients-4.4.0-schemas.txt");

/// One request version of Kafka 4.4.
pub struct RequestLayout {
    /// Kafka's name for the API.
    pub name: &'static str,
    /// Its number.
    pub key: i16,
    /// The version.
    pub version: i16,
    flexible: bool,
    kind: Kind,
}

/// Every version of every API that Ottla serves some version of.
pub fn layouts() -> Vec<RequestLayout> {
    let layout = |line: &'static str| {
        let fields: Vec<_> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse::<i16>().expect("a number");
        let kind = parse(&mut { fields[4] });
        let flexible = number(3) >= 0 && number(2) >= number(3);
        RequestLayout { name: fields[0], key: number(1), version: number(2), flexible, kind }
    };
    SCHEMAS.lines().map(layout).collect()
}

impl RequestLayout {
    /// How many arrays it has, nested ones counted.
    pub fn arrays(&self) -> usize {
        arrays(&self.kind)
    }

    /// A frame, without its length, in which array number `target` has `count` elements, and all else is as small as can
    /// be.
    pub fn frame(&self, target: usize, count: Count) -> Vec<u8> {
        let mut frame = [self.key.to_be_bytes(), self.version.to_be_bytes()].concat();
        frame.extend([0, 0, 0, 7, 0, 1, b'h']); // correlation id, client id
        if self.flexible {
            frame.push(0);
        }
        Maker { flexible: self.flexible, count, target, seen: 0 }.put(&self.kind, &mut frame);
        frame
    }
}

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
                "BYTES" | "RECORDS" => Kind::Bytes,
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
pub enum Count {
    /// As many as fill this many bytes.
    Fill(usize),
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
            Count::Fill(bytes) => bytes / one.len(),
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
