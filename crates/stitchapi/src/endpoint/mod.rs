//! The pure part of an endpoint: it computes the request that a call sends, and decodes the response. No I/O, no clock.
//!
//! `template` parses path, query and header templates. With them, `input_plan` encodes a caller's input into an
//! `encoded_input`; `fields` and `text` are its serializers. `request` makes the request that every attempt sends.
//! `http_url` and `header` validate text that users write. `decode` turns a response body into the caller's type.
//!
//! Used by `stitch` (declaration and encoding), `pipeline` and `cache` (requests), and `seam` and `auth` (validation).

pub mod decode;
mod encoded_input;
mod fields;
mod header;
mod http_url;
mod input_plan;
mod request;
mod template;
mod text;

pub(crate) use encoded_input::EncodedInput;
pub(crate) use header::{parse_header_name, parse_header_value};
pub(crate) use http_url::{UrlError, parse_http_url};
pub(crate) use input_plan::{ExtraFields, InputPlan};
pub(crate) use request::PreparedRequest;
pub(crate) use template::Template;
