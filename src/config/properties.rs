//! Java's properties syntax, in which `server.properties` is written.
//!
//! A `\` at the end of a line joins the next one to it, less its leading blanks; `#` and `!` begin
//! a comment line; a key ends at the first `=`, `:` or blank that no `\` precedes; `\t \n \r \f`
//! and `\u` with four hexadecimal digits stand for characters and any other `\x` for `x`.

/// One `key=value` and the line its key is on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Key, escapes resolved.
    pub key: String,
    /// Value, escapes resolved.
    pub value: String,
    /// Line of the key, from 1.
    pub line: usize,
}

/// A `\u` that four hexadecimal digits do not follow, or half a surrogate pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u wants four hexadecimal digits that make up a character")]
pub struct BadEscape {
    /// Line that the key is on, from 1.
    pub line: usize,
}

/// Reads all properties in order; repeated keys are left to the caller.
pub fn parse(text: &str) -> Result<Vec<Property>, BadEscape> {
    let mut properties = Vec::new();
    let mut lines = natural_lines(text).enumerate();
    while let Some((at, first)) = lines.next() {
        let first = first.trim_start_matches(BLANKS);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = String::from(first);
        while ends_in_continuation(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(BLANKS)),
                None => break,
            }
        }
        let line = at + 1;
        if logical.is_empty() {
            continue;
        }
        let (key, value) = split(&logical);
        properties.push(Property { key: unescape(key, line)?, value: unescape(value, line)?, line });
    }
    Ok(properties)
}

const BLANKS: [char; 3] = [' ', '\t', '\x0c'];

/// Lines that end in `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn ends_in_continuation(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// Key and value of a logical line, escapes untouched.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let ends = !escaped && (BLANKS.contains(c) || matches!(c, '=' | ':'));
            escaped = !escaped && *c == '\\';
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANKS);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(BLANKS))
}

fn unescape(text: &str, line: usize) -> Result<String, BadEscape> {
    let mut out = String::with_capacity(text.len());
    // `\u` escapes are UTF-16 units: two of them may make up one character.
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text.chars();
    let flush = |units: &mut Vec<u16>, out: &mut String| -> Result<(), BadEscape> {
        out.push_str(&String::from_utf16(units).map_err(|_| BadEscape { line })?);
        units.clear();
        Ok(())
    };
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        if escaped == Some('u') {
            let mut unit = 0u16;
            for _ in 0..4 {
                let digit = chars.next().and_then(|c| c.to_digit(16)).ok_or(BadEscape { line })?;
                unit = unit << 4 | u16::try_from(digit).expect("a hexadecimal digit is below 16");
            }
            units.push(unit);
            continue;
        }
        flush(&mut units, &mut out)?;
        match (c, escaped) {
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some('f')) => out.push('\x0c'),
            ('\\', Some(other)) => out.push(other),
            ('\\', None) => {}
            (plain, _) => out.push(plain),
        }
    }
    flush(&mut units, &mut out)?;
    Ok(out)
}
