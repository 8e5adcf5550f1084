//! The known key that a misspelt one was probably meant to be.

use super::keys::{broker_keys, topic_keys};
use super::synonyms::topic_synonyms;

/// Names longer than this get no suggestion: the search costs length times length per key.
const NAME_CHARS_MAX: usize = 128;

/// The broker key whose spelling is closest to `name`, if any is close: at most a third of the
/// letters differ. A topic key's name (`retention.ms`) suggests the broker key behind it.
pub fn nearest_key(name: &str) -> Option<&'static str> {
    let wanted: Vec<char> = name.to_lowercase().replace(['_', '-'], ".").chars().collect();
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let spelt: String = wanted.iter().collect();
    if let Some(key) = topic_keys().iter().find(|key| key.name == spelt)
        && let Some(&broker) = topic_synonyms(key.name).first()
    {
        return Some(broker);
    }
    let limit = (wanted.len() / 3).max(1);
    broker_keys()
        .iter()
        .filter(|key| !key.internal && key.name.len().abs_diff(wanted.len()) <= limit)
        .map(|key| (distance(&wanted, key.name), key.name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance: insertions, removals and replacements between two texts.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
