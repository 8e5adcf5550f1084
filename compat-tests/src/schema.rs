//! A second description of every request that Ottla serves, written apart from the broker's own: hostile frames are made
//! from it. It builds valid frames with random values, and array bombs: one array claimed at its maximum and filled with
//! the smallest elements.
//!
//! Grammar, one row an API: `key name versions first-flexible: fields`, where `-` stands for never flexible. A field is
//! `name:type[@versions]`; types are `i8 i16 i32 i64 z` (bool) `u` (uuid) `s` (string) `b` (bytes), `[...]` (array of
//! structs, or of one bare type) and `{...}` (struct); a `?` before a type makes it nullable. Tagged fields are left to
//! the mutations.

use crate::rng::Rng;

/// All rows; the schemas of Apache Kafka 4.4.
const ROWS: &str = "
0 Produce 3-13 9: txn:?s acks:i16 wait:i32 topics:[name:s@3-12 id:u@13+ parts:[index:i32 records:?b]]
1 Fetch 4-18 12: replica:i32@4-14 wait:i32 min:i32 max:i32 isolation:i8 session:i32@7+ epoch:i32@7+ topics:[name:s@4-12 id:u@13+ parts:[index:i32 leader:i32@9+ offset:i64 last:i32@12+ start:i64@5+ max:i32]] forgotten:[name:s@7-12 id:u@13+ parts:[i32]]@7+ rack:s@11+
2 ListOffsets 1-10 6: replica:i32 isolation:i8@2+ topics:[name:s parts:[index:i32 leader:i32@4+ time:i64]] wait:i32@10+
3 Metadata 0-13 9: topics:[name:s]@0-0 topics:?[id:u@10+ name:s@1-9 name:?s@10+]@1+ create:z@4+ a:z@8-10 b:z@8+
8 OffsetCommit 2-10 8: group:s epoch:i32 member:s instance:?s@7+ retention:i64@2-4 topics:[name:s@2-9 id:u@10+ parts:[index:i32 offset:i64 leader:i32@6+ metadata:?s]]
9 OffsetFetch 1-10 6: group:s@1-7 topics:[name:s parts:[i32]]@1-1 topics:?[name:s parts:[i32]]@2-7 groups:[group:s member:?s@9+ epoch:i32@9+ topics:?[name:s@8-9 id:u@10+ parts:[i32]]]@8+ stable:z@7+
10 FindCoordinator 0-6 3: key:s@0-3 type:i8@1+ keys:[s]@4+
11 JoinGroup 0-9 6: group:s session:i32 rebalance:i32@1+ member:s instance:?s@5+ type:s protocols:[name:s metadata:b] reason:?s@8+
12 Heartbeat 0-4 4: group:s generation:i32 member:s instance:?s@3+
13 LeaveGroup 0-5 4: group:s member:s@0-2 members:[member:s instance:?s reason:?s@5+]@3+
14 SyncGroup 0-5 4: group:s generation:i32 member:s instance:?s@3+ type:?s@5+ protocol:?s@5+ assignments:[member:s assignment:b]
15 DescribeGroups 0-6 5: groups:[s] ops:z@3+
16 ListGroups 0-5 3: states:[s]@4+ types:[s]@5+
18 ApiVersions 0-5 3: software:s@3+ version:s@3+ cluster:?s@5+ node:i32@5+
19 CreateTopics 2-7 5: topics:[name:s count:i32 factor:i16 assign:[index:i32 brokers:[i32]] configs:[name:s value:?s]] wait:i32 validate:z
20 DeleteTopics 1-6 4: topics:[name:?s id:u]@6+ names:[s]@1-5 wait:i32
21 DeleteRecords 0-2 2: topics:[name:s parts:[index:i32 before:i64]] wait:i32
22 InitProducerId 0-5 2: txn:?s wait:i32 id:i64@3+ epoch:i16@3+
23 OffsetForLeaderEpoch 2-4 4: replica:i32@3+ topics:[name:s parts:[index:i32 current:i32 epoch:i32]]
29 DescribeAcls 1-3 2: type:i8 name:?s pattern:i8 principal:?s host:?s op:i8 perm:i8
30 CreateAcls 1-3 2: acls:[type:i8 name:s pattern:i8 principal:s host:s op:i8 perm:i8]
31 DeleteAcls 1-3 2: filters:[type:i8 name:?s pattern:i8 principal:?s host:?s op:i8 perm:i8]
32 DescribeConfigs 1-4 4: resources:[type:i8 name:s keys:?[s]] synonyms:z docs:z@3+
33 AlterConfigs 0-2 2: resources:[type:i8 name:s configs:[name:s value:?s]] validate:z
35 DescribeLogDirs 1-4 2: topics:?[name:s parts:[i32]]
37 CreatePartitions 0-3 2: topics:[name:s count:i32 assign:?[brokers:[i32]]] wait:i32 validate:z
42 DeleteGroups 0-2 2: groups:[s]
44 IncrementalAlterConfigs 0-1 1: resources:[type:i8 name:s configs:[name:s op:i8 value:?s]] validate:z
46 ListPartitionReassignments 0-0 0: wait:i32 topics:?[name:s parts:[i32]]
47 OffsetDelete 0-0 -: group:s topics:[name:s parts:[index:i32]]
48 DescribeClientQuotas 0-1 1: components:[type:s how:i8 what:?s] strict:z
55 DescribeQuorum 0-2 0: topics:[name:s parts:[index:i32]]
57 UpdateFeatures 0-2 0: wait:i32 features:[name:s level:i16 downgrade:z@0-0 type:i8@1+] validate:z@1+
60 DescribeCluster 0-2 0: ops:z type:i8@1+ fenced:z@2+
68 ConsumerGroupHeartbeat 0-1 0: group:s member:s epoch:i32 instance:?s rack:?s rebalance:i32 names:?[s] regex:?s@1+ assignor:?s owned:?[id:u parts:[i32]]
69 ConsumerGroupDescribe 0-1 0: groups:[s] ops:z
74 ListConfigResources 0-1 0: types:[i8]@1+
75 DescribeTopicPartitions 0-0 0: topics:[name:s] limit:i32 cursor:?{name:s index:i32}
";

/// Largest random array in a valid frame.
const ELEMENTS_MAX: usize = 4;

/// A request's shape.
pub struct Schema {
    /// API key.
    pub key: i16,
    /// API name.
    pub name: String,
    /// Versions served.
    pub versions: (i16, i16),
    flexible_from: i16,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: Kind,
    nullable: bool,
    versions: (i16, i16),
}

enum Kind {
    Fixed(usize),
    Bool,
    Text,
    Bytes,
    Array(Vec<Field>),
    Bare(Box<Field>),
    Struct(Vec<Field>),
}

/// Parses all rows.
pub fn all() -> Vec<Schema> {
    ROWS.lines().filter(|row| !row.is_empty()).map(schema).collect()
}

fn schema(row: &str) -> Schema {
    let (head, fields) = row.split_once(": ").expect("a row has a head and fields");
    let head: Vec<&str> = head.split(' ').collect();
    let mut rest = fields;
    Schema {
        key: head[0].parse().expect("key"),
        name: head[1].to_owned(),
        versions: versions(head[2]),
        flexible_from: if head[3] == "-" { i16::MAX } else { head[3].parse().expect("first flexible version") },
        fields: parse_fields(&mut rest),
    }
}

fn versions(text: &str) -> (i16, i16) {
    match text.strip_suffix('+') {
        Some(from) => (from.parse().expect("version"), i16::MAX),
        None => {
            let (from, to) = text.split_once('-').expect("a range");
            (from.parse().expect("version"), to.parse().expect("version"))
        }
    }
}

fn parse_fields(rest: &mut &str) -> Vec<Field> {
    let mut fields = Vec::new();
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with([']', '}']) {
            return fields;
        }
        let name = take_while(rest, |c| c.is_ascii_alphabetic());
        assert!(rest.starts_with(':'), "field {name} has no type at {rest}");
        *rest = &rest[1..];
        fields.push(parse_type(name, rest));
    }
}

fn parse_type(name: String, rest: &mut &str) -> Field {
    let nullable = rest.starts_with('?');
    *rest = rest.trim_start_matches('?');
    let kind = match rest.chars().next() {
        Some('[') => {
            *rest = &rest[1..];
            let bare = rest.find([':', ']']).is_none_or(|at| rest[at..].starts_with(']'));
            let kind = if bare {
                Kind::Bare(Box::new(parse_type(String::new(), rest)))
            } else {
                Kind::Array(parse_fields(rest))
            };
            *rest = &rest[1..];
            kind
        }
        Some('{') => {
            *rest = &rest[1..];
            let kind = Kind::Struct(parse_fields(rest));
            *rest = &rest[1..];
            kind
        }
        _ => match take_while(rest, |c| c.is_ascii_alphanumeric()).as_str() {
            "i8" => Kind::Fixed(1),
            "i16" => Kind::Fixed(2),
            "i32" => Kind::Fixed(4),
            "i64" => Kind::Fixed(8),
            "u" => Kind::Fixed(16),
            "z" => Kind::Bool,
            "s" => Kind::Text,
            "b" => Kind::Bytes,
            other => panic!("unknown type {other}"),
        },
    };
    let versions = if rest.starts_with('@') {
        *rest = &rest[1..];
        versions(&take_while(rest, |c| c.is_ascii_digit() || c == '-' || c == '+'))
    } else {
        (0, i16::MAX)
    };
    Field { name, kind, nullable, versions }
}

fn take_while(rest: &mut &str, keep: impl Fn(char) -> bool) -> String {
    let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken.to_owned()
}

impl Schema {
    /// A valid frame (without its length prefix) with random values.
    pub fn random_frame(&self, version: i16, rng: &mut Rng) -> Vec<u8> {
        let mut frame = Frame::new(self, version);
        frame.fields(&self.fields, &mut Fill::Random(rng));
        frame.bytes
    }

    /// Every array of this version by path, `topics.parts` for example.
    pub fn arrays(&self, version: i16) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.fields, version, "", &mut found);
        found
    }

    /// A frame of about `bytes` whose array at `path` is filled with the smallest elements.
    pub fn bomb(&self, version: i16, path: &str, bytes: usize) -> Vec<u8> {
        let mut frame = Frame::new(self, version);
        frame.fields(&self.fields, &mut Fill::Bomb { path, bytes, at: String::new() });
        frame.bytes
    }

    /// A short frame whose array at `path` claims 2^31 - 1 elements and holds none.
    pub fn claim(&self, version: i16, path: &str) -> Vec<u8> {
        let mut frame = Frame::new(self, version);
        frame.claimed_cut = true;
        frame.fields(&self.fields, &mut Fill::Bomb { path, bytes: 0, at: String::new() });
        frame.bytes
    }
}

fn collect(fields: &[Field], version: i16, prefix: &str, found: &mut Vec<String>) {
    for field in fields.iter().filter(|field| field.lives(version)) {
        let path = if prefix.is_empty() { field.name.clone() } else { format!("{prefix}.{}", field.name) };
        match &field.kind {
            Kind::Array(inner) => {
                found.push(path.clone());
                collect(inner, version, &path, found);
            }
            Kind::Bare(_) => found.push(path),
            Kind::Struct(inner) => collect(inner, version, &path, found),
            Kind::Fixed(_) | Kind::Bool | Kind::Text | Kind::Bytes => {}
        }
    }
}

impl Field {
    fn lives(&self, version: i16) -> bool {
        (self.versions.0..=self.versions.1).contains(&version)
    }
}

/// How values are chosen.
enum Fill<'a> {
    Random(&'a mut Rng),
    Bomb { path: &'a str, bytes: usize, at: String },
}

struct Frame {
    bytes: Vec<u8>,
    version: i16,
    flexible: bool,
    /// Stop right after the claimed count of a bomb.
    claimed_cut: bool,
    cut: bool,
}

impl Frame {
    fn new(schema: &Schema, version: i16) -> Self {
        let flexible = version >= schema.flexible_from;
        let mut bytes = Vec::new();
        bytes.extend(schema.key.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend(7i32.to_be_bytes());
        bytes.extend(6i16.to_be_bytes());
        bytes.extend(b"chaser");
        if flexible {
            bytes.push(0);
        }
        Frame { bytes, version, flexible, claimed_cut: false, cut: false }
    }

    fn fields(&mut self, fields: &[Field], fill: &mut Fill<'_>) {
        for field in fields {
            if field.lives(self.version) && !self.cut {
                self.field(field, fill);
            }
        }
        if self.flexible && !self.cut {
            self.bytes.push(0);
        }
    }

    fn field(&mut self, field: &Field, fill: &mut Fill<'_>) {
        let null = match fill {
            Fill::Random(rng) => field.nullable && rng.below(4) == 0,
            Fill::Bomb { .. } => false,
        };
        match &field.kind {
            Kind::Fixed(size) => self.fixed(*size, &field.name, fill),
            Kind::Bool => self.bytes.push(u8::from(field.name == "validate")),
            Kind::Text if null => self.length(None, 2),
            Kind::Bytes if null => self.length(None, 4),
            Kind::Text => {
                let text = text(fill);
                self.length(Some(text.len()), 2);
                self.bytes.extend(text.as_bytes());
            }
            Kind::Bytes => {
                let bytes = bytes(fill);
                self.length(Some(bytes.len()), 4);
                self.bytes.extend(bytes);
            }
            Kind::Array(_) | Kind::Bare(_) if null => self.length(None, 4),
            Kind::Array(inner) => self.array(field, inner, false, fill),
            Kind::Bare(inner) => self.array(field, std::slice::from_ref(inner), true, fill),
            Kind::Struct(_) if null || matches!(fill, Fill::Bomb { .. }) => self.bytes.push(0xff),
            Kind::Struct(inner) => {
                self.bytes.push(1);
                self.fields(inner, fill);
            }
        }
    }

    fn fixed(&mut self, size: usize, name: &str, fill: &mut Fill<'_>) {
        let value: i64 = match fill {
            Fill::Bomb { .. } => 0,
            // what could make the broker wait, or grow, stays small in valid frames: mutations make it large
            Fill::Random(rng) => match name {
                "wait" => 10,
                "count" => [-1, 1, 2][rng.below(3)],
                "session" => 0,
                _ => [-1, 0, 1, 2, 100, i64::from(i32::MAX)][rng.below(6)],
            },
        };
        let bytes = i128::from(value).to_be_bytes();
        self.bytes.extend(&bytes[16 - size..]);
    }

    fn length(&mut self, length: Option<usize>, width: usize) {
        if self.flexible {
            self.varint(length.map_or(0, |length| length as u64 + 1));
        } else {
            let value = length.map_or(-1, |length| i64::try_from(length).expect("small"));
            self.bytes.extend(&value.to_be_bytes()[8 - width..]);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn array(&mut self, field: &Field, inner: &[Field], bare: bool, fill: &mut Fill<'_>) {
        let count = match fill {
            Fill::Random(rng) => rng.below(ELEMENTS_MAX),
            Fill::Bomb { .. } => 1,
        };
        let before = match fill {
            Fill::Bomb { path, bytes, at } => {
                let before = at.clone();
                *at = if at.is_empty() { field.name.clone() } else { format!("{at}.{}", field.name) };
                if at == path {
                    let size = *bytes;
                    return self.bomb_here(inner, bare, size);
                }
                // an array that the path does not lead through stays empty
                if !path.starts_with(&format!("{at}.")) {
                    *at = before;
                    return self.length(Some(0), 4);
                }
                before
            }
            Fill::Random(_) => String::new(),
        };
        self.length(Some(count), 4);
        for _ in 0..count {
            self.element(inner, bare, fill);
        }
        if let Fill::Bomb { at, .. } = fill {
            *at = before;
        }
    }

    fn element(&mut self, inner: &[Field], bare: bool, fill: &mut Fill<'_>) {
        if bare { self.field(&inner[0], fill) } else { self.fields(inner, fill) }
    }

    fn bomb_here(&mut self, inner: &[Field], bare: bool, size: usize) {
        if self.claimed_cut {
            self.length(Some(i32::MAX as usize - 1), 4);
            self.cut = true;
            return;
        }
        let mut one = Frame { bytes: Vec::new(), ..*self };
        one.element(inner, bare, &mut Fill::Bomb { path: "", bytes: 0, at: String::new() });
        let count = size / one.bytes.len().max(1);
        self.length(Some(count), 4);
        for _ in 0..count {
            self.bytes.extend_from_slice(&one.bytes);
        }
    }
}

fn text(fill: &mut Fill<'_>) -> String {
    match fill {
        Fill::Bomb { .. } => String::new(),
        Fill::Random(rng) => {
            ["", "a", "hostile", "retention.ms", "0", "고양이", "a.b_c-d", "__consumer_offsets", "..", "x/y"]
                [rng.below(10)]
            .to_owned()
        }
    }
}

fn bytes(fill: &mut Fill<'_>) -> Vec<u8> {
    match fill {
        Fill::Bomb { .. } => Vec::new(),
        Fill::Random(rng) => {
            let length = rng.below(200);
            (0..length).map(|_| rng.bits() as u8).collect()
        }
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
