//! Takes an input apart into values by position or by name.

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeStruct};

use super::input::{Plan, Rest};
use super::text::{NoText, Text, TextSerializer, sequence_traits};

/// An input taken apart.
#[derive(Debug)]
pub(crate) enum Fields {
    Positional(Vec<Text>),
    Named(Vec<(String, Value)>),
}

/// A field, in the form that its place wants.
#[derive(Debug)]
pub(crate) enum Value {
    Text(Text),
    Json(Vec<u8>),
}

/// Takes `input` apart, each field as its place in `plan` wants it.
pub(crate) fn fields<I: Serialize + ?Sized>(plan: &Plan, input: &I) -> Result<Fields, NoText> {
    input.serialize(FieldSerializer { plan })
}

#[derive(Clone, Copy)]
struct FieldSerializer<'p> {
    plan: &'p Plan,
}

impl FieldSerializer<'_> {
    /// One field, as its place wants it.
    fn value<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Result<Value, NoText> {
        let within = |error: &dyn std::fmt::Display| NoText::new(format!("the field {name}: {error}"));
        if self.plan.rest == Rest::Json && !self.plan.has_parameter(name) {
            return serde_json::to_vec(value).map(Value::Json).map_err(|error| within(&error));
        }
        value.serialize(TextSerializer).map(Value::Text).map_err(|error| within(&error))
    }

    fn scalar<T: Serialize>(value: T) -> Result<Fields, NoText> {
        Ok(Fields::Positional(vec![value.serialize(TextSerializer)?]))
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Fields, NoText> {
            Self::scalar(value)
        })*
    };
}

const ENUM: &str = "an enum with data can only be a JSON body";

impl<'p> ser::Serializer for FieldSerializer<'p> {
    type Ok = Fields;
    type Error = NoText;
    type SerializeSeq = Positions;
    type SerializeTuple = Positions;
    type SerializeTupleStruct = Positions;
    type SerializeTupleVariant = Impossible<Fields, NoText>;
    type SerializeMap = Names<'p>;
    type SerializeStruct = Names<'p>;
    type SerializeStructVariant = Impossible<Fields, NoText>;

    scalars! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Fields, NoText> {
        Err(NoText::new("a value of bytes has no text of its own"))
    }
    fn serialize_none(self) -> Result<Fields, NoText> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Fields, NoText> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Fields, NoText> {
        Ok(Fields::Positional(Vec::new()))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Fields, NoText> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Fields, NoText> {
        Self::scalar(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Fields, NoText> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Fields, NoText> {
        Err(NoText::new(ENUM))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Positions, NoText> {
        Ok(Positions(Vec::new()))
    }
    fn serialize_tuple(self, _: usize) -> Result<Positions, NoText> {
        Ok(Positions(Vec::new()))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Positions, NoText> {
        Ok(Positions(Vec::new()))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoText> {
        Err(NoText::new(ENUM))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Names<'p>, NoText> {
        Ok(Names { serializer: self, fields: Vec::new(), key: None })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Names<'p>, NoText> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoText> {
        Err(NoText::new(ENUM))
    }
}

/// The values of a tuple or a sequence.
struct Positions(Vec<Text>);

impl Positions {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoText> {
        self.0.push(value.serialize(TextSerializer)?);
        Ok(())
    }

    fn finish(self) -> Fields {
        Fields::Positional(self.0)
    }
}

sequence_traits!(Positions, Fields);

/// The fields of a struct or a map.
struct Names<'p> {
    serializer: FieldSerializer<'p>,
    fields: Vec<(String, Value)>,
    key: Option<String>,
}

impl SerializeStruct for Names<'_> {
    type Ok = Fields;
    type Error = NoText;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NoText> {
        let value = self.serializer.value(name, value)?;
        self.fields.push((name.to_owned(), value));
        Ok(())
    }
    fn skip_field(&mut self, name: &'static str) -> Result<(), NoText> {
        self.fields.push((name.to_owned(), Value::Text(Text::Absent)));
        Ok(())
    }
    fn end(self) -> Result<Fields, NoText> {
        Ok(Fields::Named(self.fields))
    }
}

impl SerializeMap for Names<'_> {
    type Ok = Fields;
    type Error = NoText;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoText> {
        match key.serialize(TextSerializer)? {
            Text::One(key) => self.key = Some(key),
            _ => return Err(NoText::new("a map's key is no text")),
        }
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoText> {
        let name = self.key.take().unwrap_or_default();
        let value = self.serializer.value(&name, value)?;
        self.fields.push((name, value));
        Ok(())
    }
    fn end(self) -> Result<Fields, NoText> {
        Ok(Fields::Named(self.fields))
    }
}
