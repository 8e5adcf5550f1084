//! Layers defaults < file < environment < flags, checks every value, and makes a [`StartConfig`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::settings::{
    BrokerSettings, Key, Layers, Origin, Overrides, SettingError, State, StaticValue, Statics, broker_key, nearest_key,
};

use super::environment::{Meaning, meaning};
use super::listeners::{Bind, Listener, ListenerKeys, bind_for_advertised, parse_bind};
use super::properties;
use super::report::{ConfigError, Warning, remedy};

/// A properties file, read.
#[derive(Clone, Debug)]
pub struct PropertiesFile {
    /// As given by the user.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listener`, each as `NAME://host:port`.
    pub listeners: Vec<String>,
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--admin`
    pub admin: Option<String>,
    /// `-o`, each as `key=value`.
    pub settings: Vec<String>,
}

/// What the broker starts with.
#[derive(Clone, Debug)]
pub struct StartConfig {
    /// The effective values of the static layers.
    pub settings: BrokerSettings,
    /// All static values with their places; the lowest layer under dynamic ones.
    pub statics: Statics,
    /// What to serve; at least one.
    pub listeners: Vec<Listener>,
    /// Where health checks and metrics are served.
    pub admin: Bind,
    /// The one data directory; it need not exist.
    pub data_dir: PathBuf,
    /// The cluster id asked for with `CLUSTER_ID`.
    pub cluster_id: Option<String>,
    /// What to tell the person, in order.
    pub warnings: Vec<Warning>,
}

impl StartConfig {
    /// The static values under these dynamic ones.
    pub fn layers<'a>(&'a self, cluster: &'a Overrides, broker: &'a Overrides) -> Layers<'a> {
        Layers { statics: &self.statics, cluster, broker }
    }
}

/// Keys whose effect is asked for at once, and their names.
const LISTENERS: &str = "listeners";
const ADVERTISED_LISTENERS: &str = "advertised.listeners";
const LOG_DIRS: &str = "log.dirs";
const LOG_DIR: &str = "log.dir";
const ADMIN_LISTENER: &str = "ottla.admin.listener";
const NODE_ID: &str = "node.id";
const BROKER_ID: &str = "broker.id";

/// Variable in which systemd names the directory it made for the service (`StateDirectory=`).
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
/// Variable in which the official image takes the cluster id.
const CLUSTER_ID: &str = "CLUSTER_ID";
/// Longest cluster id; Kafka's own have 22 characters.
const CLUSTER_ID_CHARS_MAX: usize = 64;

/// Starts of keys that earlier releases of Kafka had.
const REMOVED_KEYS: &[&str] = &[
    "zookeeper.",
    "inter.broker.protocol.version",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "auto.include.jmx.reporter",
    "password.encoder.",
    "delegation.token.master.key",
    "control.plane.listener.name",
    "broker.id.generation.enable",
    "reserved.broker.max.id",
];

/// Starts of keys that plug-ins of Kafka read and that are in no table.
const PLUGIN_KEYS: &[&str] = &[
    "super.users",
    "allow.everyone.if.no.acl.found",
    "config.providers.",
    "rsm.config.",
    "rlmm.config.",
    "ssl.keystore.filename",
    "ssl.keystore.credentials",
    "ssl.key.credentials",
    "ssl.truststore.filename",
    "ssl.truststore.credentials",
];

/// Puts everything together. `environment` yields all variables of the process, in any order.
pub fn assemble(
    file: Option<&PropertiesFile>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Flags,
) -> Result<StartConfig, ConfigError> {
    let mut statics = Statics::new();
    let mut warnings = Vec::new();
    if let Some(file) = file {
        read_file(file, &mut statics, &mut warnings)?;
    }
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    read_environment(&environment, &mut statics, &mut warnings);
    read_flags(flags, &mut statics)?;

    agree_on_id(&mut statics)?;
    derive_listeners(&mut statics);
    if !statics.contains_key(LOG_DIRS) && !statics.contains_key(LOG_DIR) {
        // systemd separates several directories by colons; the first is ours.
        let given = environment.get(STATE_DIRECTORY).and_then(|all| all.split(':').next());
        if let Some(directory) = given.filter(|directory| !directory.is_empty()) {
            let origin = Origin::Variable(STATE_DIRECTORY.to_owned());
            statics.insert(LOG_DIR.into(), StaticValue { text: directory.into(), origin });
        }
    }
    let cluster_id = environment.get(CLUSTER_ID).filter(|id| !id.is_empty()).cloned();
    if let Some(id) = cluster_id.as_ref().filter(|id| !is_cluster_id(id)) {
        return Err(ConfigError::ClusterId(id.clone()));
    }

    let mut controller = check_values(&statics, &mut warnings)?;
    let none = Overrides::new();
    let layers = Layers { statics: &statics, cluster: &none, broker: &none };
    let settings = BrokerSettings::resolve(&layers).map_err(|error| setting(&statics, error))?;
    let (listeners, unbound) = resolve_listeners(&layers, &statics)?;
    controller.extend(unbound.into_iter().map(|name| format!("listener {name}")));
    if !controller.is_empty() {
        warnings.push(Warning::Controller { names: controller });
    }
    let admin_text = text(&layers, ADMIN_LISTENER).unwrap_or_default();
    let admin = parse_bind(ADMIN_LISTENER, &admin_text)
        .map_err(|error| ConfigError::Listener { error, origin: origin(&statics, ADMIN_LISTENER) })?;
    let opened = listeners.iter().map(|l| (&l.bind, l.to_string()));
    for (bind, listener) in opened.chain([(&admin, format!("admin listener {admin}"))]) {
        if !bind.host.is_loopback() {
            warnings.push(Warning::Open { listener });
        }
    }
    let data_dir = data_dir(&layers, &statics)?;
    Ok(StartConfig { settings, listeners, admin, data_dir, cluster_id, warnings, statics })
}

fn read_file(file: &PropertiesFile, statics: &mut Statics, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    let parsed = properties::parse(&file.text)
        .map_err(|e| ConfigError::Syntax { path: file.path.clone(), what: e.to_string() })?;
    for property in parsed {
        let origin = Origin::File { path: file.path.clone(), line: property.line };
        let value = StaticValue { text: property.value, origin: origin.clone() };
        if let Some(earlier) = statics.insert(property.key.clone(), value)
            && let Origin::File { line: earlier_line, .. } = earlier.origin
        {
            warnings.push(Warning::Repeated { key: property.key, origin, earlier_line });
        }
    }
    Ok(())
}

fn read_environment(environment: &BTreeMap<String, String>, statics: &mut Statics, warnings: &mut Vec<Warning>) {
    let mut injected = Vec::new();
    let mut official = Vec::new();
    for (variable, text) in environment {
        let value = StaticValue { text: text.clone(), origin: Origin::Variable(variable.clone()) };
        match meaning(variable) {
            Meaning::Property(key) => official.push((key, value)),
            Meaning::ForeignProperty(key) => {
                statics.insert(key, value);
            }
            Meaning::Nothing => {}
            Meaning::Injected => injected.push(variable.clone()),
        }
    }
    statics.extend(official);
    if !injected.is_empty() {
        warnings.push(Warning::Injected { variables: injected });
    }
}

fn read_flags(flags: &Flags, statics: &mut Statics) -> Result<(), ConfigError> {
    let mut given: Statics = Statics::new();
    let mut add = |key: &str, text: String, flag: &str| {
        let value = StaticValue { text, origin: Origin::Flag(flag.to_owned()) };
        match given.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(earlier) => Err(ConfigError::FlagTwice {
                key: key.to_owned(),
                first: earlier.origin,
                second: Origin::Flag(flag.to_owned()),
            }),
        }
    };
    if !flags.listeners.is_empty() {
        add(LISTENERS, flags.listeners.join(","), "--listener")?;
    }
    if let Some(directory) = &flags.data_dir {
        add(LOG_DIRS, directory.clone(), "--data-dir")?;
    }
    if let Some(address) = &flags.admin {
        add(ADMIN_LISTENER, address.clone(), "--admin")?;
    }
    for setting in &flags.settings {
        match setting.split_once('=') {
            Some((key, text)) if !key.trim().is_empty() => {
                add(key.trim(), text.trim().to_owned(), "-o")?;
            }
            Some(_) | None => return Err(ConfigError::NoEquals(setting.clone())),
        }
    }
    statics.extend(given);
    Ok(())
}

/// `broker.id` is the older spelling of `node.id`: either sets both.
fn agree_on_id(statics: &mut Statics) -> Result<(), ConfigError> {
    let (from, to) = match (statics.get(NODE_ID), statics.get(BROKER_ID)) {
        (Some(node), Some(broker)) if node.text.trim() == broker.text.trim() => return Ok(()),
        (Some(node), Some(broker)) => {
            return Err(ConfigError::TwoIds {
                node: node.text.clone(),
                node_origin: Box::new(node.origin.clone()),
                broker: broker.text.clone(),
                broker_origin: Box::new(broker.origin.clone()),
            });
        }
        (Some(_), None) => (NODE_ID, BROKER_ID),
        (None, Some(_)) => (BROKER_ID, NODE_ID),
        (None, None) => return Ok(()),
    };
    let text = statics[from].text.clone();
    statics.insert(to.to_owned(), StaticValue { text, origin: Origin::Key(from) });
    Ok(())
}

/// As the official image does: who sets only the advertised addresses, and does so by variable,
/// gets the same ports bound on every interface.
fn derive_listeners(statics: &mut Statics) {
    if statics.contains_key(LISTENERS) {
        return;
    }
    let Some(advertised) = statics.get(ADVERTISED_LISTENERS) else {
        return;
    };
    if matches!(advertised.origin, Origin::Variable(_)) {
        let text = bind_for_advertised(&advertised.text);
        let value = StaticValue { text, origin: advertised.origin.clone() };
        statics.insert(LISTENERS.to_owned(), value);
    }
}

/// Checks each static value by itself. Returns the names of controllers' keys that were set.
fn check_values(statics: &Statics, warnings: &mut Vec<Warning>) -> Result<Vec<String>, ConfigError> {
    let mut controller = Vec::new();
    for (name, value) in statics {
        let origin = &value.origin;
        let Some(key) = broker_key(name) else {
            warnings.push(strange_key(name, origin));
            continue;
        };
        let parsed = key.parse(&value.text).map_err(|error| relabel(error, name, origin, key))?;
        key.refuse_unsupported(&parsed).map_err(|error| setting(statics, error))?;
        let is_default = Some(&parsed) == key.default_value().as_ref();
        match key.state {
            _ if name.starts_with("controller.") => controller.push(name.clone()),
            State::Accepted if !is_default && name != "process.roles" => {
                warnings.push(Warning::NoEffect { key: name.clone(), origin: origin.clone() });
            }
            State::Accepted | State::Effective | State::Refused(_) => {}
        }
    }
    if let Some(roles) = statics.get("process.roles")
        && !roles.text.split(',').any(|role| role.trim() == "broker")
    {
        return Err(ConfigError::NoBrokerRole { value: roles.text.clone(), origin: roles.origin.clone() });
    }
    Ok(controller)
}

fn strange_key(name: &str, origin: &Origin) -> Warning {
    let (key, origin) = (name.to_owned(), origin.clone());
    if REMOVED_KEYS.iter().any(|start| name.starts_with(start)) {
        Warning::Removed { key, origin }
    } else if PLUGIN_KEYS.iter().any(|start| name.starts_with(start)) {
        Warning::NoEffect { key, origin }
    } else {
        Warning::UnknownKey { nearest: nearest_key(name), key, origin }
    }
}

/// The error with the place that the value was written at.
fn setting(statics: &Statics, error: SettingError) -> ConfigError {
    let name = match &error {
        SettingError::Invalid { key, .. } | SettingError::Refused { key, .. } => key.as_str(),
        SettingError::UnknownTopicKey(key) | SettingError::UnknownGroupKey(key) => key.as_str(),
        SettingError::TooLong { key, .. } => key.as_str(),
        SettingError::Conflict { low: key, .. } | SettingError::Together { key, .. } => key,
        SettingError::OutOfRange { key, .. } | SettingError::NotGreater { key, .. } => key,
    };
    let origin = origin(statics, name);
    let remedy = broker_key(name).map_or_else(|| "change it".to_owned(), |key| remedy(key, &origin));
    ConfigError::Setting { error: Box::new(error), origin, remedy }
}

/// A listener's override is checked by the plain key; the error says the name that was written.
fn relabel(error: SettingError, name: &str, origin: &Origin, key: &Key) -> ConfigError {
    let error = match error {
        SettingError::Invalid { value, reason, .. } => SettingError::Invalid { key: name.to_owned(), value, reason },
        other => other,
    };
    ConfigError::Setting { error: Box::new(error), origin: origin.clone(), remedy: remedy(key, origin) }
}

fn resolve_listeners(layers: &Layers<'_>, statics: &Statics) -> Result<(Vec<Listener>, Vec<String>), ConfigError> {
    let [listeners, advertised, protocols, controllers] =
        [LISTENERS, ADVERTISED_LISTENERS, "listener.security.protocol.map", "controller.listener.names"]
            .map(|name| text(layers, name));
    let keys = ListenerKeys {
        listeners: listeners.as_deref().unwrap_or_default(),
        advertised: advertised.as_deref(),
        protocols: protocols.as_deref().unwrap_or_default(),
        controllers: controllers.as_deref(),
    };
    let found = keys.resolve().map_err(|error| {
        let origin = origin(statics, error.key);
        ConfigError::Listener { error, origin }
    })?;
    Ok((found.served, found.controllers))
}

fn text(layers: &Layers<'_>, name: &str) -> Option<String> {
    layers.broker_value(name).map(|value| value.to_string())
}

fn origin(statics: &Statics, name: &str) -> Origin {
    statics.get(name).map_or(Origin::Default, |value| value.origin.clone())
}

fn data_dir(layers: &Layers<'_>, statics: &Statics) -> Result<PathBuf, ConfigError> {
    let (key, value) = match text(layers, LOG_DIRS) {
        Some(value) => (LOG_DIRS, value),
        None => (LOG_DIR, text(layers, LOG_DIR).unwrap_or_default()),
    };
    let count = value.split(',').count();
    match statics.get(key) {
        Some(written) if count > 1 => {
            Err(ConfigError::SeveralLogDirs { key, value: written.text.clone(), origin: written.origin.clone(), count })
        }
        Some(_) | None => Ok(PathBuf::from(value)),
    }
}

fn is_cluster_id(id: &str) -> bool {
    id.len() <= CLUSTER_ID_CHARS_MAX && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='))
}
