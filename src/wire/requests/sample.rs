//! Random requests, and their values as JSON under Kafka's own field names, for the codec tests.

use crate::base::{LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId};
use crate::wire::field::Field;
use crate::wire::{Array, At, Str};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// A small seeded generator (splitmix64): the same seed gives the same run.
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Small numbers, special ones and any at all, in equal parts.
    pub fn number(&mut self) -> i64 {
        match self.below(3) {
            0 => self.below(100) as i64,
            1 => [-1, -2, 0, 1, i64::MAX, i64::MIN][self.below(6)],
            _ => self.next() as i64,
        }
    }
}

/// A value of which random ones can be made, and that can be shown.
pub trait Sample: Sized {
    /// A random one that this version can carry.
    fn sample(random: &mut Random, at: At) -> Self;

    /// The value as Kafka's own JSON converters show it.
    fn json(&self, at: At) -> Value;
}

/// `snake_case` as `snakeCase`, without a trailing underscore.
pub fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_string();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_uppercase());
        camel.push_str(rest);
    }
    camel
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Sample for $number {
            fn sample(random: &mut Random, _at: At) -> Self {
                random.number() as $number
            }

            fn json(&self, _at: At) -> Value {
                json!(*self)
            }
        })*
    };
}
numbers!(i8, i16, i32, i64);

macro_rules! newtypes {
    ($($name:ident($inner:ty)),*) => {
        $(impl Sample for $name {
            fn sample(random: &mut Random, at: At) -> Self {
                $name(<$inner>::sample(random, at))
            }

            fn json(&self, at: At) -> Value {
                self.0.json(at)
            }
        })*
    };
}
newtypes!(
    NodeId(i32),
    PartitionIndex(i32),
    LeaderEpoch(i32),
    Offset(i64),
    Timestamp(i64),
    ProducerId(i64),
    ProducerEpoch(i16),
    TopicId(Uuid)
);

impl Sample for bool {
    fn sample(random: &mut Random, _at: At) -> Self {
        random.below(2) == 1
    }

    fn json(&self, _at: At) -> Value {
        json!(*self)
    }
}

impl Sample for Uuid {
    fn sample(random: &mut Random, _at: At) -> Self {
        Uuid::from_u64_pair(random.next(), random.next())
    }

    /// In base64 with the URL alphabet, without padding.
    fn json(&self, _at: At) -> Value {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = self.as_u128();
        // 22 digits of 6 bits hold 132: the last digit is filled up with four zeros.
        let digit = |at: u32| match at {
            21 => (bits << 4) & 63,
            _ => (bits >> (122 - 6 * at)) & 63,
        };
        json!((0..22).map(|at| char::from(alphabet[digit(at) as usize])).collect::<String>())
    }
}

impl Sample for Str {
    fn sample(random: &mut Random, _at: At) -> Self {
        let alphabet = ['a', 'Z', '0', '.', '-', '_', ' ', '\0', 'é', '한', '日', '🦦'];
        let length = [0, 1, 5, 20, 200][random.below(5)];
        (0..length).map(|_| alphabet[random.below(alphabet.len())]).collect::<String>().into()
    }

    fn json(&self, _at: At) -> Value {
        json!(self.as_str())
    }
}

impl Sample for Bytes {
    fn sample(random: &mut Random, _at: At) -> Self {
        let length = random.below(100);
        (0..length).map(|_| random.next() as u8).collect()
    }

    /// As a list of its bytes.
    fn json(&self, _at: At) -> Value {
        json!(self.to_vec())
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random, at: At) -> Self {
        (random.below(4) > 0).then(|| T::sample(random, at))
    }

    fn json(&self, at: At) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.json(at))
    }
}

impl<T: Sample + Field + Clone> Sample for Array<T> {
    fn sample(random: &mut Random, at: At) -> Self {
        let length = random.below(4);
        (0..length).map(|_| T::sample(random, at)).collect()
    }

    fn json(&self, at: At) -> Value {
        self.iter().map(|element| element.json(at)).collect()
    }
}
