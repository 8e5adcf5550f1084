//! Properties from environment variables, by the rule of Apache Kafka's official image.
//!
//! A variable's name becomes a property's: `KAFKA_` goes, letters become small, each `_` becomes
//! `.`; then, from the left, each `...` becomes `-` and each `..` becomes `_`.

/// What a variable means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It sets this property.
    Property(String),
    /// It sets this property in the manner of another image (`KAFKA_CFG_`); a variable by the
    /// official rule outranks it.
    ForeignProperty(String),
    /// It is addressed to the scripts around Kafka, or not to Kafka at all.
    Nothing,
    /// Kubernetes put it there for a Service whose name starts with `kafka`.
    Injected,
}

const PREFIX: &str = "KAFKA_";
const FOREIGN_PREFIX: &str = "KAFKA_CFG_";

/// Variables that Kafka's start scripts read and that are no properties.
const SCRIPT_VARIABLES: &[&str] = &[
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_PORT",
];

/// What a variable means, by its name alone.
pub fn meaning(variable: &str) -> Meaning {
    let Some(rest) = variable.strip_prefix(PREFIX) else {
        return Meaning::Nothing;
    };
    if rest.is_empty() || SCRIPT_VARIABLES.contains(&variable) {
        return Meaning::Nothing;
    }
    if is_injected(variable) {
        return Meaning::Injected;
    }
    match variable.strip_prefix(FOREIGN_PREFIX) {
        Some("") => Meaning::Nothing,
        Some(rest) => Meaning::ForeignProperty(property(rest)),
        None => Meaning::Property(property(rest)),
    }
}

/// The property that a variable without its prefix stands for.
fn property(rest: &str) -> String {
    rest.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_")
}

/// The variable that sets a property.
pub fn variable(property: &str) -> String {
    let mut name = String::from(PREFIX);
    for c in property.chars() {
        match c {
            '.' => name.push('_'),
            '_' => name.push_str("__"),
            '-' => name.push_str("___"),
            other => name.extend(other.to_uppercase()),
        }
    }
    name
}

/// Whether the name is one that Kubernetes makes up for a Service: `X_SERVICE_HOST`,
/// `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT`, `X_PORT_9092_TCP` and `X_PORT_9092_TCP_ADDR`.
fn is_injected(variable: &str) -> bool {
    if ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].iter().any(|end| variable.ends_with(end))
        || variable.contains("_SERVICE_PORT_")
    {
        return true;
    }
    let Some((_, tail)) = variable.split_once("_PORT_") else {
        return false;
    };
    let mut parts = tail.split('_');
    let number = parts.next().is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let protocol = parts.next().is_some_and(|p| matches!(p, "TCP" | "UDP" | "SCTP"));
    let field = parts.next().is_none_or(|p| matches!(p, "PROTO" | "PORT" | "ADDR"));
    number && protocol && field && parts.next().is_none()
}
