//! The pure half of an endpoint: path template, input encoding, response decoding. No I/O, no clock.

pub mod decode;
mod fields;
mod input;
mod template;
mod text;

pub(crate) use input::{Encoded, Plan, Rest};
pub(crate) use template::Template;
