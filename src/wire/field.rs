//! What a value may be on the wire.

use super::reader::{At, Problem, Read, Reader};
use crate::base::{LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId};
use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// A value that can be read. `cap` bounds the elements of an array and means nothing to other values.
pub trait Field: Sized {
    /// Reads one; null is an error unless the type can hold it.
    fn read(reader: &mut Reader, cap: u32) -> Read<Self>;

    /// The fewest bytes that one takes.
    fn least(at: At) -> usize;

    /// Whether this is null.
    fn is_null(&self) -> bool {
        false
    }
}

/// A value for which the wire has a null of its own.
pub trait Nullable: Field {
    /// Reads one, or null.
    fn read_nullable(reader: &mut Reader, cap: u32) -> Read<Option<Self>>;

    /// The fewest bytes, null included.
    fn least_nullable(at: At) -> usize;
}

impl<T: Nullable> Field for Option<T> {
    fn read(reader: &mut Reader, cap: u32) -> Read<Self> {
        T::read_nullable(reader, cap)
    }

    fn least(at: At) -> usize {
        T::least_nullable(at)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

macro_rules! number {
    ($($number:ident),*) => {
        $(impl Field for $number {
            fn read(reader: &mut Reader, _cap: u32) -> Read<Self> {
                reader.fixed().map($number::from_be_bytes)
            }

            fn least(_at: At) -> usize {
                size_of::<$number>()
            }
        })*
    };
}
number!(i8, i16, i32, i64);

macro_rules! newtype {
    ($($name:ident($inner:ty)),*) => {
        $(impl Field for $name {
            fn read(reader: &mut Reader, cap: u32) -> Read<Self> {
                <$inner>::read(reader, cap).map($name)
            }

            fn least(at: At) -> usize {
                <$inner>::least(at)
            }
        })*
    };
}
newtype!(
    NodeId(i32),
    PartitionIndex(i32),
    LeaderEpoch(i32),
    Offset(i64),
    Timestamp(i64),
    ProducerId(i64),
    ProducerEpoch(i16),
    TopicId(Uuid)
);

impl Field for bool {
    /// Anything but 0 is true, as for Kafka.
    fn read(reader: &mut Reader, _cap: u32) -> Read<Self> {
        reader.fixed::<1>().map(|[byte]| byte != 0)
    }

    fn least(_at: At) -> usize {
        1
    }
}

impl Field for Uuid {
    fn read(reader: &mut Reader, _cap: u32) -> Read<Self> {
        reader.fixed().map(Uuid::from_bytes)
    }

    fn least(_at: At) -> usize {
        16
    }
}

/// Reads a value that this field may not leave out.
fn required<T: Nullable>(reader: &mut Reader, cap: u32) -> Read<T> {
    T::read_nullable(reader, cap)?.ok_or_else(|| reader.error(Problem::Null))
}

macro_rules! required {
    ([$($generic:ident)?] $name:ty) => {
        impl$(<$generic: Field>)? Field for $name {
            fn read(reader: &mut Reader, cap: u32) -> Read<Self> {
                required(reader, cap)
            }

            fn least(at: At) -> usize {
                Self::least_nullable(at)
            }
        }
    };
}
required!([] StrBytes);
required!([] Bytes);
required!([T] super::Array<T>);

impl Nullable for StrBytes {
    fn read_nullable(reader: &mut Reader, _cap: u32) -> Read<Option<Self>> {
        reader.string()
    }

    fn least_nullable(at: At) -> usize {
        if at.flexible { 1 } else { 2 }
    }
}

impl Nullable for Bytes {
    fn read_nullable(reader: &mut Reader, _cap: u32) -> Read<Option<Self>> {
        reader.bytes()
    }

    fn least_nullable(at: At) -> usize {
        if at.flexible { 1 } else { 4 }
    }
}
