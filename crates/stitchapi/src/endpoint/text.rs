//! Serializes a value as text, for a path, a query, a header or a form.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Impossible};

/// The text form of a serialized value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// No text: the value is `None`, `()` or a unit struct.
    Absent,
    /// The text of a scalar.
    One(String),
    /// The texts of the elements of a sequence. An absent element is left out.
    Many(Vec<String>),
}

/// The reason why a value cannot be written as text. It must not contain the value; only the message of a user's
/// `Serialize` implementation is kept as it is.
#[derive(Debug)]
pub(super) struct TextError(String);

impl TextError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TextError {}

impl ser::Error for TextError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Serializer that writes a bool, number, char, string or unit variant (by name) as [`Text::One`], and a sequence of
/// these as [`Text::Many`]. `None`, `()` and unit structs are [`Text::Absent`], and are left out of a sequence. `Some` and
/// newtype structs are written as the value inside. Any other value is an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextSerializer;

fn one(text: &(impl ToString + ?Sized)) -> Result<Text, TextError> {
    Ok(Text::One(text.to_string()))
}

fn unsupported_error(what: &str) -> TextError {
    TextError(format!("{what} cannot be written as text"))
}

/// Writes a floating-point number as JSON does: the shortest text that parses to the same number. NaN and infinity are
/// errors.
fn float(value: impl Serialize) -> Result<Text, TextError> {
    match serde_json::to_string(&value) {
        Ok(text) if text != "null" => Ok(Text::One(text)),
        _ => Err(unsupported_error("a number that is not finite")),
    }
}

macro_rules! displayed {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Text, TextError> {
            one(&value)
        })*
    };
}

impl ser::Serializer for TextSerializer {
    type Ok = Text;
    type Error = TextError;
    type SerializeSeq = TextSequence;
    type SerializeTuple = TextSequence;
    type SerializeTupleStruct = TextSequence;
    type SerializeTupleVariant = Impossible<Text, TextError>;
    type SerializeMap = Impossible<Text, TextError>;
    type SerializeStruct = Impossible<Text, TextError>;
    type SerializeStructVariant = Impossible<Text, TextError>;

    displayed! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str
    }

    fn serialize_f32(self, value: f32) -> Result<Text, TextError> {
        float(value)
    }
    fn serialize_f64(self, value: f64) -> Result<Text, TextError> {
        float(value)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Text, TextError> {
        Err(unsupported_error("a byte string"))
    }
    fn serialize_none(self) -> Result<Text, TextError> {
        Ok(Text::Absent)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Text, TextError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Text, TextError> {
        Ok(Text::Absent)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Text, TextError> {
        Ok(Text::Absent)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Text, TextError> {
        one(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Text, TextError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Text, TextError> {
        Err(unsupported_error("an enum with data"))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<TextSequence, TextError> {
        Ok(TextSequence(Vec::with_capacity(len.unwrap_or(0).min(64))))
    }
    fn serialize_tuple(self, len: usize) -> Result<TextSequence, TextError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<TextSequence, TextError> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TextError> {
        Err(unsupported_error("an enum with data"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, TextError> {
        Err(unsupported_error("a map"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, TextError> {
        Err(unsupported_error("a nested struct"))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TextError> {
        Err(unsupported_error("an enum with data"))
    }
}

/// Collects the elements of a sequence as text.
#[derive(Debug)]
pub(super) struct TextSequence(Vec<String>);

impl TextSequence {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TextError> {
        match value.serialize(TextSerializer)? {
            Text::One(text) => self.0.push(text),
            Text::Absent => {}
            Text::Many(_) => return Err(unsupported_error("a sequence inside a sequence")),
        }
        Ok(())
    }

    fn finish(self) -> Text {
        Text::Many(self.0)
    }
}

/// Implements serde's three sequence traits for a collector that has the methods `push` and `finish`.
macro_rules! sequence_traits {
    ($collector:ty, $output:ty) => {
        sequence_traits!($collector, $output, SerializeSeq, serialize_element);
        sequence_traits!($collector, $output, SerializeTuple, serialize_element);
        sequence_traits!($collector, $output, SerializeTupleStruct, serialize_field);
    };
    ($collector:ty, $output:ty, $trait:ident, $push:ident) => {
        impl ::serde::ser::$trait for $collector {
            type Ok = $output;
            type Error = TextError;
            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TextError> {
                self.push(value)
            }
            fn end(self) -> Result<$output, TextError> {
                Ok(self.finish())
            }
        }
    };
}
pub(super) use sequence_traits;

sequence_traits!(TextSequence, Text);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(value: impl Serialize) -> Option<Text> {
        value.serialize(TextSerializer).ok()
    }

    #[test]
    fn scalars_and_sequences_of_scalars_have_a_text() {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        enum Sort {
            NewestFirst,
        }
        #[derive(Serialize)]
        struct Id(u64);
        for (value, expected) in [
            (text(true), "true"),
            (text(-7), "-7"),
            (text(u128::MAX), "340282366920938463463374607431768211455"),
            (text(0.1_f32), "0.1"),
            (text(1.0_f64), "1.0"),
            (text('é'), "é"),
            (text(Some("x")), "x"),
            (text(Sort::NewestFirst), "newest-first"),
            (text(Id(7)), "7"),
        ] {
            assert_eq!(value, Some(Text::One(expected.to_owned())));
        }
        assert_eq!(text(None::<u8>), Some(Text::Absent));
        assert_eq!(text(["a", "b"]), Some(Text::Many(vec!["a".into(), "b".into()])));
        assert_eq!(text(vec![Some(1), None]), Some(Text::Many(vec!["1".into()])));
    }

    #[test]
    fn maps_nested_values_and_non_finite_numbers_are_rejected() {
        #[derive(Serialize)]
        enum Data {
            One(u8),
            Two(u8, u8),
            Three { x: u8 },
        }
        assert_eq!(text(BTreeMap::from([("a", 1)])), None);
        assert_eq!(text(Data::One(1)), None);
        assert_eq!(text(Data::Two(1, 2)), None);
        assert_eq!(text(Data::Three { x: 1 }), None);
        assert_eq!(text([[1]]), None);
        assert_eq!(text(f64::NAN), None);
        assert!(ser::Serializer::serialize_bytes(TextSerializer, b"x").is_err());
    }
}
