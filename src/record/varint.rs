//! Zigzag varints as record fields use them: at most 5 bytes for 32 bits, 10 for 64; bits past the width are an error.

/// Reads a zigzag varint of at most 32 bits from the front of `bytes`; `None` when it is cut off or does not fit.
pub fn read_i32(bytes: &mut &[u8]) -> Option<i32> {
    let raw = match read_short(bytes) {
        Some(raw) => raw,
        None => u32::try_from(read_raw(bytes, 5)?).ok()?,
    };
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a zigzag varint of at most 64 bits from the front of `bytes`; `None` when it is cut off or does not fit.
pub fn read_i64(bytes: &mut &[u8]) -> Option<i64> {
    let raw = match read_short(bytes) {
        Some(raw) => u64::from(raw),
        None => read_raw(bytes, 10)?,
    };
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// One of one or two bytes, as nearly all are: lengths of records and the differences between them.
#[inline]
fn read_short(bytes: &mut &[u8]) -> Option<u32> {
    match **bytes {
        [first, ..] if first < 0x80 => {
            *bytes = &bytes[1..];
            Some(u32::from(first))
        }
        [first, second, ..] if second < 0x80 => {
            *bytes = &bytes[2..];
            Some(u32::from(first & 0x7f) | u32::from(second) << 7)
        }
        _ => None,
    }
}

fn read_raw(bytes: &mut &[u8], bytes_max: usize) -> Option<u64> {
    let mut raw = 0u64;
    for (index, &byte) in bytes.iter().take(bytes_max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index;
        if shift == 63 && bits > 1 {
            return None;
        }
        raw |= bits << shift;
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(raw);
        }
    }
    None
}

/// Appends `value` as a zigzag varint.
pub fn write_i32(out: &mut Vec<u8>, value: i32) {
    write_raw(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends `value` as a zigzag varint.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    write_raw(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn write_raw(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}
