//! Addresses: what to bind, and what to tell clients.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindHost {
    /// Every interface, IPv4 and IPv6 (an empty host).
    Any,
    /// This address; it may be the wildcard of one family.
    Address(IpAddr),
    /// What this name resolves to.
    Name(String),
}

impl BindHost {
    fn parse(host: &str) -> BindHost {
        match host.parse() {
            _ if host.is_empty() => BindHost::Any,
            Ok(address) => BindHost::Address(address),
            Err(_) => BindHost::Name(host.to_owned()),
        }
    }

    /// Whether only this machine can reach it, as far as can be told without resolving names.
    pub fn is_loopback(&self) -> bool {
        match self {
            BindHost::Any => false,
            BindHost::Address(address) => address.is_loopback(),
            BindHost::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }

    fn is_wildcard(&self) -> bool {
        match self {
            BindHost::Any => true,
            BindHost::Address(address) => *address == Ipv4Addr::UNSPECIFIED || *address == Ipv6Addr::UNSPECIFIED,
            BindHost::Name(_) => false,
        }
    }
}

/// A host and a port to bind; port 0 is a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Host.
    pub host: BindHost,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            BindHost::Any => write!(f, ":{}", self.port),
            BindHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            BindHost::Address(address) => write!(f, "{address}:{}", self.port),
            BindHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// The address that clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// The local address of each client's own connection.
    AsReached,
    /// This one; never a wildcard.
    At {
        /// Name or address, IPv6 without brackets.
        host: String,
        /// Port, never 0.
        port: u16,
    },
}

/// One listener. All are PLAINTEXT for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Name in capitals, as Kafka normalises it.
    pub name: String,
    /// What to bind.
    pub bind: Bind,
    /// What to tell clients.
    pub advertised: Advertised,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.bind)
    }
}

/// Texts of the four keys that make up the listeners.
#[derive(Clone, Copy, Debug)]
pub struct ListenerKeys<'a> {
    /// `listeners`
    pub listeners: &'a str,
    /// `advertised.listeners`, if set
    pub advertised: Option<&'a str>,
    /// `listener.security.protocol.map`
    pub protocols: &'a str,
    /// `controller.listener.names`, if set
    pub controllers: Option<&'a str>,
}

/// What is wrong with the listeners.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct ListenerError {
    /// The key to look at.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

/// The listeners to serve, and the names of those left out as controllers' own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// At least one.
    pub served: Vec<Listener>,
    /// Names in `controller.listener.names` that had an address.
    pub controllers: Vec<String>,
}

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PROTOCOLS: &str = "listener.security.protocol.map";
const FORM: &str = "write it as NAME://host:port";

impl ListenerKeys<'_> {
    /// Puts the keys together.
    pub fn resolve(&self) -> Result<Listeners, ListenerError> {
        let controllers: Vec<String> = items(self.controllers.unwrap_or("")).map(str::to_uppercase).collect();
        let mut advertised = Vec::new();
        for item in items(self.advertised.unwrap_or("")) {
            let (name, bind) = parse_endpoint(ADVERTISED, item)?;
            if !controllers.contains(&name) {
                advertised.push((name, bind, item));
            }
        }
        let mut found = Listeners { served: Vec::new(), controllers: Vec::new() };
        for item in items(self.listeners) {
            let (name, bind) = parse_endpoint(LISTENERS, item)?;
            if controllers.contains(&name) {
                found.controllers.push(name);
                continue;
            }
            self.require_plaintext(&name)?;
            if found.served.iter().any(|other| other.name == name) {
                return error(LISTENERS, format!("two listeners are called {name}"), "rename one");
            }
            let told = advertised.iter().position(|(other, _, _)| *other == name);
            let advertised = match told.map(|at| advertised.swap_remove(at)) {
                Some((_, address, item)) => advertise(&bind, address, item)?,
                None => Advertised::AsReached,
            };
            found.served.push(Listener { name, bind, advertised });
        }
        if let Some((name, _, _)) = advertised.first() {
            return error(
                ADVERTISED,
                format!("{name} is advertised but is no listener"),
                "add it to listeners or take it out",
            );
        }
        if found.served.is_empty() {
            return error(LISTENERS, "no listener for clients is left".into(), "name one");
        }
        Ok(found)
    }

    fn require_plaintext(&self, name: &str) -> Result<(), ListenerError> {
        let mut protocol = None;
        for item in items(self.protocols) {
            let Some((listener, its_protocol)) = item.split_once(':') else {
                return error(PROTOCOLS, format!("{item:?} has no colon"), "write NAME:PROTOCOL");
            };
            if listener.trim().eq_ignore_ascii_case(name) {
                protocol = Some(its_protocol.trim().to_uppercase());
            }
        }
        match protocol.as_deref() {
            Some("PLAINTEXT") => Ok(()),
            Some(other @ ("SSL" | "SASL_PLAINTEXT" | "SASL_SSL")) => error(
                LISTENERS,
                format!("listener {name} wants {other}, which is not served yet"),
                "use PLAINTEXT on a trusted network",
            ),
            Some(other) => {
                error(PROTOCOLS, format!("{other} is no security protocol"), "use PLAINTEXT on a trusted network")
            }
            None => error(
                PROTOCOLS,
                format!("listener {name} has no security protocol"),
                "add NAME:PLAINTEXT to listener.security.protocol.map",
            ),
        }
    }
}

/// A host and port without a name, as the admin listener has it.
pub fn parse_bind(key: &'static str, text: &str) -> Result<Bind, ListenerError> {
    let remedy = "write it as host:port, IPv6 in brackets";
    let problem = || format!("{text:?} is no address");
    let Some((host, port)) = text.trim().rsplit_once(':') else {
        return error(key, problem(), remedy);
    };
    let bare = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inner)) if inner.parse::<Ipv6Addr>().is_ok() => inner,
        Some(_) => return error(key, problem(), remedy),
        None if host.bytes().all(is_host_byte) => host,
        None => return error(key, problem(), remedy),
    };
    match port.parse() {
        Ok(port) if !port_has_sign(text) => Ok(Bind { host: BindHost::parse(bare), port }),
        _ => error(key, problem(), "give a port from 0 to 65535; 0 picks a free one"),
    }
}

fn port_has_sign(text: &str) -> bool {
    text.rsplit(':').next().is_some_and(|port| port.starts_with('+'))
}

fn is_host_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn error<T>(key: &'static str, problem: String, remedy: &'static str) -> Result<T, ListenerError> {
    Err(ListenerError { key, problem, remedy })
}

fn parse_endpoint(key: &'static str, item: &str) -> Result<(String, Bind), ListenerError> {
    let Some((name, address)) = item.split_once("://") else {
        return error(key, format!("{item:?} has no ://"), FORM);
    };
    if name.is_empty() || !name.bytes().all(is_host_byte) {
        return error(key, format!("{item:?} has no name"), FORM);
    }
    Ok((name.to_uppercase(), parse_bind(key, address)?))
}

fn advertise(bound: &Bind, told: Bind, item: &str) -> Result<Advertised, ListenerError> {
    let host = match &told.host {
        // Without a host the reached address serves, if the port is the bound one anyhow.
        BindHost::Any if told.port == bound.port => return Ok(Advertised::AsReached),
        host if host.is_wildcard() => {
            return error(
                ADVERTISED,
                format!("{item:?} is no address that a client could connect to"),
                "name the host that clients use, or leave the key out",
            );
        }
        BindHost::Address(address) => address.to_string(),
        BindHost::Name(name) => name.clone(),
        BindHost::Any => unreachable!("an empty host is a wildcard"),
    };
    if told.port == 0 {
        return error(ADVERTISED, format!("{item:?} has port 0"), "name the port that clients use");
    }
    Ok(Advertised::At { host, port: told.port })
}

/// The addresses to bind that the official image derives from advertised ones: the same names and
/// ports on every IPv4 interface.
pub fn bind_for_advertised(advertised: &str) -> String {
    let derived = items(advertised).map(|item| match parse_endpoint(ADVERTISED, item) {
        Ok((name, bind)) => format!("{name}://0.0.0.0:{}", bind.port),
        // Kept as it is, so that the error names it.
        Err(_) => item.to_owned(),
    });
    derived.collect::<Vec<_>>().join(",")
}
