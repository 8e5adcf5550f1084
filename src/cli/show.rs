//! `ottla config show`: effective values and where each comes from.

use std::io::{self, Write};

use crate::config::{Advertised, StartConfig};
use crate::settings::{HIDDEN, Layers, Overrides, Source, State, broker_key};

/// Writes what is set and what has an effect; with `all`, every key.
pub(super) fn write(config: &StartConfig, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let none = Overrides::new();
    let layers = Layers { statics: &config.statics, cluster: &none, broker: &none };
    let mut rows = Vec::new();
    for entry in layers.describe_broker() {
        let written = config.statics.get(&entry.name);
        let has_effect = broker_key(&entry.name).is_some_and(|key| matches!(key.state, State::Effective));
        if written.is_none() && !has_effect && !all {
            continue;
        }
        let value = match entry.value {
            Some(value) => value,
            None if entry.sensitive && written.is_some() => HIDDEN.to_owned(),
            None => String::new(),
        };
        let source = match (written, entry.source) {
            (Some(written), _) => written.origin.to_string(),
            (None, Source::DefaultConfig) => "default".to_owned(),
            (None, _) => {
                let other = entry.synonyms.first().map(|s| s.name.clone());
                format!("key {}", other.unwrap_or_default())
            }
        };
        rows.push((entry.name, value, source));
    }
    let names = rows.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value, _)| value.len().min(WIDTH_MAX)).max().unwrap_or(0);
    for (name, value, source) in rows {
        writeln!(out, "{name:names$}  {value:values$}  {source}")?;
    }
    writeln!(out)?;
    for listener in &config.listeners {
        match &listener.advertised {
            Advertised::AsReached => writeln!(out, "listener {listener}, advertised as reached")?,
            Advertised::At { host, port } => {
                writeln!(out, "listener {listener}, advertised as {host}:{port}")?;
            }
        }
    }
    writeln!(out, "admin and metrics on {}", config.admin)?;
    writeln!(out, "data in {}", config.data_dir.display())
}

/// Longer values push the source aside rather than widen every row.
const WIDTH_MAX: usize = 40;
