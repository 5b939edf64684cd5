//! Values as text, for paths, queries and headers.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Impossible};

/// One value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// `None` or nothing.
    Absent,
    One(String),
    /// A sequence.
    Many(Vec<String>),
}

/// Why a value has no such text. It never shows the value.
#[derive(Debug)]
pub(crate) struct NoText(String);

impl NoText {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Display for NoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoText {}

impl ser::Error for NoText {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Bools and numbers in Serde's text, unit variants by name, sequences of those; nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextSerializer;

fn one(text: &(impl ToString + ?Sized)) -> Result<Text, NoText> {
    Ok(Text::One(text.to_string()))
}

fn no(what: &str) -> NoText {
    NoText(format!("{what} has no text of its own"))
}

/// A number as JSON writes it, which is the shortest text that reads back as the same.
fn float(value: impl Serialize) -> Result<Text, NoText> {
    match serde_json::to_string(&value) {
        Ok(text) if text != "null" => Ok(Text::One(text)),
        _ => Err(no("a number that is not finite")),
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Text, NoText> {
            one(&value)
        })*
    };
}

impl ser::Serializer for TextSerializer {
    type Ok = Text;
    type Error = NoText;
    type SerializeSeq = Sequence;
    type SerializeTuple = Sequence;
    type SerializeTupleStruct = Sequence;
    type SerializeTupleVariant = Impossible<Text, NoText>;
    type SerializeMap = Impossible<Text, NoText>;
    type SerializeStruct = Impossible<Text, NoText>;
    type SerializeStructVariant = Impossible<Text, NoText>;

    plain! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str
    }

    fn serialize_f32(self, value: f32) -> Result<Text, NoText> {
        float(value)
    }
    fn serialize_f64(self, value: f64) -> Result<Text, NoText> {
        float(value)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Text, NoText> {
        Err(no("a value of bytes"))
    }
    fn serialize_none(self) -> Result<Text, NoText> {
        Ok(Text::Absent)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Text, NoText> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Text, NoText> {
        Ok(Text::Absent)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Text, NoText> {
        Ok(Text::Absent)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Text, NoText> {
        one(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Text, NoText> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Text, NoText> {
        Err(no("an enum with data"))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Sequence, NoText> {
        Ok(Sequence(Vec::with_capacity(len.unwrap_or(0).min(64))))
    }
    fn serialize_tuple(self, len: usize) -> Result<Sequence, NoText> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Sequence, NoText> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoText> {
        Err(no("an enum with data"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NoText> {
        Err(no("a map"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, NoText> {
        Err(no("a nested struct"))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoText> {
        Err(no("an enum with data"))
    }
}

/// The texts of a sequence's elements.
#[derive(Debug)]
pub(crate) struct Sequence(Vec<String>);

impl Sequence {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoText> {
        match value.serialize(TextSerializer)? {
            Text::One(text) => self.0.push(text),
            Text::Absent => {}
            Text::Many(_) => return Err(no("a sequence in a sequence")),
        }
        Ok(())
    }

    fn finish(self) -> Text {
        Text::Many(self.0)
    }
}

/// The three traits of a sequence, for a type with `push` and `finish`.
macro_rules! sequence_traits {
    ($collector:ty, $output:ty) => {
        sequence_traits!($collector, $output, SerializeSeq, serialize_element);
        sequence_traits!($collector, $output, SerializeTuple, serialize_element);
        sequence_traits!($collector, $output, SerializeTupleStruct, serialize_field);
    };
    ($collector:ty, $output:ty, $trait:ident, $push:ident) => {
        impl ::serde::ser::$trait for $collector {
            type Ok = $output;
            type Error = NoText;
            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoText> {
                self.push(value)
            }
            fn end(self) -> Result<$output, NoText> {
                Ok(self.finish())
            }
        }
    };
}
pub(crate) use sequence_traits;

sequence_traits!(Sequence, Text);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(value: impl Serialize) -> Option<Text> {
        value.serialize(TextSerializer).ok()
    }

    #[test]
    fn scalars_are_written_as_serde_writes_them() {
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
    fn what_has_no_text_is_refused() {
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
