//! One record of the common contract (clients/README.md): a JSON line, and its canonical form under SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// A record as the client programs exchange it: key, value and header values in base64.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Key, base64; null is a null key.
    pub k: Option<String>,
    /// Value, base64; null is a tombstone.
    pub v: Option<String>,
    /// Headers in order; names may repeat.
    #[serde(default)]
    pub h: Vec<(String, Option<String>)>,
    /// Timestamp, milliseconds.
    pub t: i64,
    /// Partition to produce to.
    #[serde(default)]
    pub p: i32,
    /// Offset, when consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

/// Bytes to base64.
pub fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Base64 to bytes.
pub fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text).expect("rows are written by the harness or by clients that were checked")
}

impl Row {
    /// A record for `partition`.
    pub fn new(partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, t: i64) -> Self {
        Row { k: key.map(encode), v: value.map(encode), h: Vec::new(), t, p: partition, offset: None }
    }
}

/// Reads a JSONL file of rows.
pub fn read_rows(path: &Path) -> Result<Vec<Row>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{line:.80}: {error}"))).collect()
}

/// Writes a JSONL file of rows.
pub fn write_rows(path: &Path, rows: &[Row]) -> Result<(), String> {
    let mut text = String::new();
    for row in rows {
        text.push_str(&serde_json::to_string(row).map_err(|error| error.to_string())?);
        text.push('\n');
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// SHA-256 over the canonical form of records in order: whole, and by column (key, value, headers, timestamp), so that a
/// client that cannot carry one column can still be compared in the others.
#[derive(Default)]
pub struct Checksum {
    whole: Sha256,
    columns: [Sha256; 4],
}

impl Checksum {
    /// Adds a record.
    pub fn add(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(String, Option<Vec<u8>>)], t: i64) {
        self.framed(0, key);
        self.framed(1, value);
        self.update(2, &u32::try_from(headers.len()).expect("few").to_be_bytes());
        for (name, value) in headers {
            self.framed(2, Some(name.as_bytes()));
            self.framed(2, value.as_deref());
        }
        self.update(3, &t.to_be_bytes());
    }

    /// Adds a row.
    pub fn add_row(&mut self, row: &Row) {
        let headers: Vec<_> = row.h.iter().map(|(name, value)| (name.clone(), value.as_deref().map(decode))).collect();
        self.add(row.k.as_deref().map(decode).as_deref(), row.v.as_deref().map(decode).as_deref(), &headers, row.t);
    }

    fn framed(&mut self, column: usize, bytes: Option<&[u8]>) {
        let length = bytes.map_or(u32::MAX, |bytes| u32::try_from(bytes.len()).expect("below 4 GiB"));
        self.update(column, &length.to_be_bytes());
        self.update(column, bytes.unwrap_or_default());
    }

    fn update(&mut self, column: usize, bytes: &[u8]) {
        self.whole.update(bytes);
        self.columns[column].update(bytes);
    }

    /// The sums in hex: whole, then by column name.
    pub fn finish(self) -> (String, BTreeMap<String, String>) {
        let names = ["k", "v", "h", "t"].map(str::to_owned);
        let columns = names.into_iter().zip(self.columns.map(|column| hex(&column.finalize()))).collect();
        (hex(&self.whole.finalize()), columns)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
