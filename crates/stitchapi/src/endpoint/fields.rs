//! Splits an input into values by position or by name.
//!
//! [`split_fields`] takes a caller's input and a function that returns `true` for the fields to serialize as JSON. It
//! returns [`Fields`]. Called by `input_plan`, which assigns the values to the parts of a request.

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeStruct};

use super::text::{Text, TextError, TextSerializer, sequence_traits};

/// The serialized values of an input.
#[derive(Debug)]
pub(super) enum Fields {
    /// The values of a scalar, a tuple or a sequence.
    Positional(Vec<Text>),
    /// The fields of a struct or a map.
    Named(Vec<(String, FieldValue)>),
}

/// The value of a field, serialized for the part of the request to which it belongs.
#[derive(Debug)]
pub(super) enum FieldValue {
    /// Text, for a path, a query, a header or a form.
    Text(Text),
    /// JSON, for a member of a JSON body.
    Json(Vec<u8>),
}

/// Splits `input` into its values. A named field for which `is_json` returns `true` is serialized as JSON, any other
/// value as text.
///
/// # Errors
///
/// [`TextError`] if a value cannot be serialized. It names the field, if the value has a name.
pub(super) fn split_fields<I: Serialize + ?Sized>(
    input: &I,
    is_json: &dyn Fn(&str) -> bool,
) -> Result<Fields, TextError> {
    input.serialize(FieldSerializer { is_json })
}

#[derive(Clone, Copy)]
struct FieldSerializer<'p> {
    is_json: &'p dyn Fn(&str) -> bool,
}

impl FieldSerializer<'_> {
    /// Serializes one named field.
    fn field<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Result<FieldValue, TextError> {
        let in_field = |error: &dyn std::fmt::Display| TextError::new(format!("field `{name}`: {error}"));
        if (self.is_json)(name) {
            return serde_json::to_vec(value).map(FieldValue::Json).map_err(|error| in_field(&error));
        }
        value.serialize(TextSerializer).map(FieldValue::Text).map_err(|error| in_field(&error))
    }

    fn scalar<T: Serialize>(value: T) -> Result<Fields, TextError> {
        Ok(Fields::Positional(vec![value.serialize(TextSerializer)?]))
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Fields, TextError> {
            Self::scalar(value)
        })*
    };
}

const ENUM_WITH_DATA: &str = "an enum with data can only be sent as a JSON body";

impl<'p> ser::Serializer for FieldSerializer<'p> {
    type Ok = Fields;
    type Error = TextError;
    type SerializeSeq = PositionalValues;
    type SerializeTuple = PositionalValues;
    type SerializeTupleStruct = PositionalValues;
    type SerializeTupleVariant = Impossible<Fields, TextError>;
    type SerializeMap = NamedValues<'p>;
    type SerializeStruct = NamedValues<'p>;
    type SerializeStructVariant = Impossible<Fields, TextError>;

    scalars! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Fields, TextError> {
        ser::Serializer::serialize_bytes(TextSerializer, bytes).map(|text| Fields::Positional(vec![text]))
    }
    fn serialize_none(self) -> Result<Fields, TextError> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Fields, TextError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Fields, TextError> {
        Ok(Fields::Positional(Vec::new()))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Fields, TextError> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Fields, TextError> {
        Self::scalar(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Fields, TextError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Fields, TextError> {
        Err(TextError::new(ENUM_WITH_DATA))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<PositionalValues, TextError> {
        Ok(PositionalValues(Vec::new()))
    }
    fn serialize_tuple(self, _: usize) -> Result<PositionalValues, TextError> {
        Ok(PositionalValues(Vec::new()))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<PositionalValues, TextError> {
        Ok(PositionalValues(Vec::new()))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, TextError> {
        Err(TextError::new(ENUM_WITH_DATA))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<NamedValues<'p>, TextError> {
        Ok(NamedValues { serializer: self, fields: Vec::new(), key: None })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<NamedValues<'p>, TextError> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, TextError> {
        Err(TextError::new(ENUM_WITH_DATA))
    }
}

/// Collects the values of a tuple or a sequence.
struct PositionalValues(Vec<Text>);

impl PositionalValues {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TextError> {
        self.0.push(value.serialize(TextSerializer)?);
        Ok(())
    }

    fn finish(self) -> Fields {
        Fields::Positional(self.0)
    }
}

sequence_traits!(PositionalValues, Fields);

/// Collects the fields of a struct or a map.
struct NamedValues<'p> {
    serializer: FieldSerializer<'p>,
    fields: Vec<(String, FieldValue)>,
    /// The key of the current map entry, until the value of the entry is serialized.
    key: Option<String>,
}

impl SerializeStruct for NamedValues<'_> {
    type Ok = Fields;
    type Error = TextError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), TextError> {
        let value = self.serializer.field(name, value)?;
        self.fields.push((name.to_owned(), value));
        Ok(())
    }
    fn skip_field(&mut self, name: &'static str) -> Result<(), TextError> {
        self.fields.push((name.to_owned(), FieldValue::Text(Text::Absent)));
        Ok(())
    }
    fn end(self) -> Result<Fields, TextError> {
        Ok(Fields::Named(self.fields))
    }
}

impl SerializeMap for NamedValues<'_> {
    type Ok = Fields;
    type Error = TextError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TextError> {
        match key.serialize(TextSerializer)? {
            Text::One(key) => self.key = Some(key),
            _ => return Err(TextError::new("a map's key is not a single text value")),
        }
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TextError> {
        let name = self.key.take().unwrap_or_default();
        let value = self.serializer.field(&name, value)?;
        self.fields.push((name, value));
        Ok(())
    }
    fn end(self) -> Result<Fields, TextError> {
        Ok(Fields::Named(self.fields))
    }
}
