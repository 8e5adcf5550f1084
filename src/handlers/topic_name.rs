//! Which names a topic may have, by Kafka's rules (AD-4).

use crate::base::limits::TOPIC_NAME_CHARS_MAX;

/// The topic that Kafka keeps its metadata in. No client may create it.
pub const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

/// Topics that belong to the broker: clients may read them, not write to them.
pub const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Why a name is no topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No character at all.
    #[error("A topic name needs at least one character.")]
    Empty,
    /// "." or "..", which mean something else to every file system.
    #[error("\"{0}\" can't be a topic name: file systems use it for directories.")]
    Dots(String),
    /// More characters than a partition's directory name has room for.
    #[error("The topic name has {0} characters; {TOPIC_NAME_CHARS_MAX} are the most.")]
    TooLong(usize),
    /// A character outside of letters, digits, dot, underscore and hyphen.
    #[error(
        "The topic name \"{name}\" has the character {character:?}; only ASCII letters, digits, '.', '_' and '-' are allowed."
    )]
    Character {
        /// The name.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
}

/// Checks a topic name.
pub fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name == "." || name == ".." {
        return Err(NameError::Dots(name.to_string()));
    }
    let characters = name.chars().count();
    if characters > TOPIC_NAME_CHARS_MAX {
        return Err(NameError::TooLong(characters));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|&c| !allowed(c)) {
        Some(character) => Err(NameError::Character { name: name.to_string(), character }),
        None => Ok(()),
    }
}

/// Whether a topic belongs to the broker.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

#[cfg(test)]
#[path = "topic_name_tests.rs"]
mod tests;
