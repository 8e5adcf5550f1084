//! Hand-written text in a generated page: what stands between a pair of markers is kept.

/// The pair of markers of a slot with what `page` has between them, or an empty pair.
///
/// A page whose markers don't match is refused: rather no new page than lost notes.
pub fn kept(page: &str, slot: &str) -> Result<String, String> {
    let (begin, end) = markers(slot);
    let parts: Vec<&str> = page.split(&begin).collect();
    match parts[..] {
        [before] if !before.contains(&end) => Ok(format!("{begin}\n{end}\n\n")),
        [before, after] if !before.contains(&end) => match after.split(&end).collect::<Vec<_>>()[..] {
            [text, _] => Ok(format!("{begin}{text}{end}\n\n")),
            _ => Err(format!("not one {end} behind {begin}")),
        },
        _ => Err(format!("not one {begin} before one {end}")),
    }
}

fn markers(slot: &str) -> (String, String) {
    if slot.is_empty() {
        return ("<!-- notes:begin -->".to_owned(), "<!-- notes:end -->".to_owned());
    }
    (format!("<!-- notes:{slot}:begin -->"), format!("<!-- notes:{slot}:end -->"))
}
