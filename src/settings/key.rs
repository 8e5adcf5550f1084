//! What a configuration key is: its type, default, limits, scope and standing, and how a table of
//! keys is written down.

use std::fmt;

/// Kafka's `ConfigDef` types. Numbers are those of `DescribeConfigs` (KIP-226, `ConfigType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Any text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// A finite floating-point number.
    Double,
    /// Items between commas.
    List,
    /// A Java class name; to us a text.
    Class,
    /// A text that is never shown again.
    Password,
}

impl Kind {
    /// Number of this type in a `DescribeConfigs` answer.
    pub const fn wire(self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::String => 2,
            Kind::Int => 3,
            Kind::Short => 4,
            Kind::Long => 5,
            Kind::Double => 6,
            Kind::List => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }
}

/// Number of the type that `DescribeConfigs` gives to a key nobody knows.
pub const WIRE_KIND_UNKNOWN: i8 = 0;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Boolean => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        })
    }
}

/// Which values a key takes, beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// Whatever the type allows.
    Any,
    /// A whole number within bounds, both included.
    Range {
        /// Least value.
        min: i64,
        /// Greatest value, if there is one below the type's own.
        max: Option<i64>,
    },
    /// A floating-point number within bounds, both included.
    Float {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfIgnoreCase(&'static [&'static str]),
    /// A list without empty items.
    List {
        /// Whether at least one item is needed.
        filled: bool,
        /// The items there may be; any when empty.
        allowed: &'static [&'static str],
    },
    /// -1 or 1 to 9.
    GzipLevel,
    /// At least one character.
    Filled,
    /// `*`, or a list of `partition:broker`.
    Replicas,
}

impl fmt::Display for Check {
    /// The notation of Kafka's own documentation, so that both can be compared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Any => Ok(()),
            Check::Range { min, max: None } => write!(f, "[{min},...]"),
            Check::Range { min, max: Some(max) } => write!(f, "[{min},...,{max}]"),
            Check::Float { min, max } => write!(f, "[{min},...,{max}]"),
            Check::OneOf(values) => write!(f, "[{}]", values.join(", ")),
            Check::OneOfIgnoreCase(values) => {
                write!(f, "(case insensitive) [{}]", values.join(", "))
            }
            Check::List { filled, allowed } => {
                f.write_str(if *filled { "non-empty list" } else { "list" })?;
                if allowed.is_empty() { Ok(()) } else { write!(f, " of [{}]", allowed.join(", ")) }
            }
            Check::GzipLevel => f.write_str("[1,...,9] or -1"),
            Check::Filled => f.write_str("non-empty string"),
            Check::Replicas => f.write_str("[partitionId]:[brokerId],[partitionId]:[brokerId],..."),
        }
    }
}

/// Where a key can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Of a broker, at start only.
    ReadOnly,
    /// Of a broker, also while it runs, for that broker alone.
    PerBroker,
    /// Of a broker, also while it runs, for one broker or for all.
    ClusterWide,
    /// Of a topic, at any time.
    Topic,
    /// Of a group, at any time.
    Group,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::ReadOnly => "read-only",
            Scope::PerBroker => "per-broker",
            Scope::ClusterWide => "cluster-wide",
            Scope::Topic => "topic",
            Scope::Group => "group",
        })
    }
}

/// What setting a key does in this version of Ottla.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does what it says.
    Effective,
    /// It is kept and described, and does nothing; setting it in a file draws a warning.
    Accepted,
    /// A value other than the default is refused, for this reason.
    Refused(&'static str),
}

/// One configuration key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Kafka's name, or one that starts with `ottla.`.
    pub name: &'static str,
    /// Type of the value.
    pub kind: Kind,
    /// Value when nobody sets one, written as `DescribeConfigs` does; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// Which values are taken.
    pub check: Check,
    /// Where it can be set.
    pub scope: Scope,
    /// What setting it does.
    pub state: State,
    /// Taken, but described only where it was set.
    pub internal: bool,
    /// One sentence.
    pub doc: &'static str,
}

impl Key {
    /// Whether the value must never be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, Kind::Password)
    }

    /// Whether the key can't be altered while the broker runs.
    pub const fn is_read_only(&self) -> bool {
        matches!(self.scope, Scope::ReadOnly)
    }
}

/// Writes a table of keys. A row is
/// `"name" Kind "default"|unset [values] Scope State "One sentence.";` where the values are
///
/// | written | meaning |
/// | --- | --- |
/// | `[]` | any |
/// | `[1 ..]`, `[1 ..= 9]` | whole number within bounds |
/// | `[float 0.0 1.0]` | floating-point number within bounds |
/// | `[one "a" "b"]`, `[nocase "a"]` | one of these texts |
/// | `[list]`, `[list 1]` | list; list with at least one item |
/// | `[list 0 "a" "b"]`, `[list 1 "a"]` | the same, of these items |
/// | `[gzip]`, `[filled]`, `[replicas]` | the checks of these names |
macro_rules! keys {
    (internal: $internal:literal;
     $($name:literal $kind:ident $default:tt [$($check:tt)*] $scope:ident $state:tt $doc:literal;)*) => {
        &[$($crate::settings::key::Key {
            name: $name,
            kind: $crate::settings::key::Kind::$kind,
            default: $crate::settings::key::keys!(@default $default),
            check: $crate::settings::key::keys!(@check $($check)*),
            scope: $crate::settings::key::Scope::$scope,
            state: $crate::settings::key::keys!(@state $state),
            internal: $internal,
            doc: $doc,
        }),*]
    };
    (@default unset) => { None };
    (@default $text:literal) => { Some($text) };
    (@check) => { $crate::settings::key::Check::Any };
    (@check gzip) => { $crate::settings::key::Check::GzipLevel };
    (@check filled) => { $crate::settings::key::Check::Filled };
    (@check replicas) => { $crate::settings::key::Check::Replicas };
    (@check one $($v:literal)+) => { $crate::settings::key::Check::OneOf(&[$($v),+]) };
    (@check nocase $($v:literal)+) => { $crate::settings::key::Check::OneOfIgnoreCase(&[$($v),+]) };
    (@check list) => { $crate::settings::key::Check::List { filled: false, allowed: &[] } };
    (@check list 0 $($v:literal)*) => {
        $crate::settings::key::Check::List { filled: false, allowed: &[$($v),*] }
    };
    (@check list 1 $($v:literal)*) => {
        $crate::settings::key::Check::List { filled: true, allowed: &[$($v),*] }
    };
    (@check float $min:literal $max:literal) => {
        $crate::settings::key::Check::Float { min: $min, max: $max }
    };
    (@check $min:literal ..) => { $crate::settings::key::Check::Range { min: $min, max: None } };
    (@check $min:literal ..= $max:literal) => {
        $crate::settings::key::Check::Range { min: $min, max: Some($max) }
    };
    (@state (refused $why:literal)) => { $crate::settings::key::State::Refused($why) };
    (@state $state:ident) => { $crate::settings::key::State::$state };
}
pub(crate) use keys;
