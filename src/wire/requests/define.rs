//! `request!`: a message as a declaration of its fields.

use std::ops::RangeBounds;

/// Whether a field exists in a version.
pub(in crate::wire) fn within(versions: impl RangeBounds<i16>, version: i16) -> bool {
    versions.contains(&version)
}

/// Declares the structs of a request, outermost first or last as one likes. A field is
///
/// ```text
/// name: type [in VERSIONS] [null VERSIONS] [tag N] [max CAP] = DEFAULT;
/// ```
///
/// in the order of the wire, where every bracket and the default may be left out:
/// - `in`: the versions that have the field; elsewhere it holds its default.
/// - `null`: the versions in which an `Option` may be null; without it, all of them.
/// - `tag`: a tagged field with this number; it holds its default when it was not sent.
/// - `max`: the most elements of an array; arrays have one always.
/// - the default, where it is not the type's own.
///
/// Names are those of Kafka's schemas in snake case. Each struct gets `Default` and [`crate::wire::field::Field`].
macro_rules! request {
    ($($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty $([in $in:expr])? $([null $null:expr])? $([tag $tag:literal])?
            $([max $max:expr])? $(= $default:expr)?;)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl Default for $name {
                fn default() -> Self {
                    $name { $($field: request!(@default $($default)?),)* }
                }
            }

            impl $crate::wire::field::Field for $name {
                #[allow(unused_mut, unused_variables)] // not every struct has tagged fields
                fn read(
                    reader: &mut $crate::wire::reader::Reader,
                    _cap: u32,
                ) -> $crate::wire::reader::Read<Self> {
                    let at = reader.at();
                    $(
                        let mut $field: $type = request!(@default $($default)?);
                        request!(@plain [$($tag)?] if request!(@in at, $($in)?) {
                            reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                            $field = $crate::wire::field::Field::read(reader, request!(@max $($max)?))?;
                            request!(@null at, reader, $field, $($null)?);
                        });
                    )*
                    if at.flexible {
                        reader.enter(concat!(stringify!($name), " tags"));
                        reader.tags(|tag, reader| {
                            $(request!(@tagged [$($tag)?] tag, request!(@in at, $($in)?), {
                                reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                                $field = $crate::wire::field::Field::read(reader, request!(@max $($max)?))?;
                                return Ok(true);
                            });)*
                            Ok(false)
                        })?;
                    }
                    Ok($name { $($field,)* })
                }

                fn least(at: $crate::wire::reader::At) -> usize {
                    let mut bytes = usize::from(at.flexible);
                    $(request!(@plain [$($tag)?] if request!(@in at, $($in)?) {
                        bytes += <$type as $crate::wire::field::Field>::least(at);
                    });)*
                    bytes
                }
            }

            #[cfg(test)]
            impl $crate::wire::requests::sample::Sample for $name {
                fn sample(random: &mut $crate::wire::requests::sample::Random, at: $crate::wire::reader::At) -> Self {
                    let mut sample = $name::default();
                    $(if request!(@in at, $($in)?) {
                        sample.$field = $crate::wire::requests::sample::Sample::sample(random, at);
                        request!(@fill at, random, sample.$field, $($null)?);
                    })*
                    sample
                }

                fn json(&self, at: $crate::wire::reader::At) -> serde_json::Value {
                    let mut fields = serde_json::Map::new();
                    $(if request!(@in at, $($in)?) {
                        fields.insert(
                            $crate::wire::requests::sample::camel(stringify!($field)),
                            $crate::wire::requests::sample::Sample::json(&self.$field, at),
                        );
                    })*
                    serde_json::Value::Object(fields)
                }
            }
        )*
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@in $at:ident,) => { true };
    (@in $at:ident, $in:expr) => { $crate::wire::requests::define::within($in, $at.version) };
    (@max) => { 0 };
    (@max $max:expr) => { $max };
    (@plain [] $($body:tt)*) => { $($body)* };
    (@plain [$tag:literal] $($body:tt)*) => {};
    (@tagged [] $($body:tt)*) => {};
    (@tagged [$tag:literal] $number:ident, $in:expr, $body:block) => { if $number == $tag && $in $body };
    (@null $at:ident, $reader:ident, $field:ident,) => {};
    (@null $at:ident, $reader:ident, $field:ident, $null:expr) => {
        if $crate::wire::field::Field::is_null(&$field) && !$crate::wire::requests::define::within($null, $at.version) {
            return Err($reader.error($crate::wire::reader::Problem::Null));
        }
    };
    (@fill $at:ident, $random:ident, $place:expr,) => {};
    (@fill $at:ident, $random:ident, $place:expr, $null:expr) => {
        while $crate::wire::field::Field::is_null(&$place) && !$crate::wire::requests::define::within($null, $at.version) {
            $place = $crate::wire::requests::sample::Sample::sample($random, $at);
        }
    };
}
pub(in crate::wire) use request;
