//! Zigzag varints as record fields use them: at most 5 bytes for 32 bits, 10 for 64; bits past the width are an error.

/// Reads a zigzag varint of at most 32 bits from the front of `bytes`; `None` when it is cut off or does not fit.
pub fn read_i32(bytes: &mut &[u8]) -> Option<i32> {
    if let Some((&first, rest)) = bytes.split_first()
        && first < 0x80
    {
        *bytes = rest;
        let raw = i32::from(first);
        return Some((raw >> 1) ^ -(raw & 1));
    }
    let raw = u32::try_from(read_raw(bytes, 5)?).ok()?;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a zigzag varint of at most 64 bits from the front of `bytes`; `None` when it is cut off or does not fit.
pub fn read_i64(bytes: &mut &[u8]) -> Option<i64> {
    let raw = read_raw(bytes, 10)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
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
