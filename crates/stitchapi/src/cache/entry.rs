//! A cached response, and its format in the store.

use bytes::{BufMut, Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

/// Format version, the first byte of an entry. Version 1 is the only one.
const FORMAT: u8 = 1;
/// Length of the prefix, in bytes: one for the format, and four for the length of the head, big-endian.
const PREFIX: usize = 5;

/// A complete response without its cookies.
#[derive(Debug, Clone)]
pub(super) struct CacheEntry {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Status and headers, stored as JSON. A header value may have bytes that are not UTF-8, so each byte is stored as the
/// Unicode character of the same number.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl CacheEntry {
    /// Creates an entry from a response, without `Set-Cookie`.
    pub(super) fn new(mut parts: Parts, body: Bytes) -> Self {
        parts.headers.remove(header::SET_COOKIE);
        Self { parts, body }
    }

    /// Returns `true` for a success other than 206, whose body is only a part of the response.
    pub(super) fn may_be_stored(&self) -> bool {
        self.parts.status.is_success() && self.parts.status != StatusCode::PARTIAL_CONTENT
    }

    /// Encodes the entry as prefix, head and body.
    pub(super) fn to_bytes(&self) -> Bytes {
        let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
        let headers = self.parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let head = Head { status: self.parts.status.as_u16(), headers: headers.collect() };
        // Numbers and text always have a JSON form.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(PREFIX + head.len() + self.body.len());
        bytes.put_u8(FORMAT);
        bytes.put_u32(u32::try_from(head.len()).unwrap_or(u32::MAX));
        bytes.put_slice(&head);
        bytes.put_slice(&self.body);
        bytes.freeze()
    }

    /// Decodes an entry. Returns `None` for bytes that [`to_bytes`](Self::to_bytes) does not write.
    pub(super) fn from_bytes(mut bytes: Bytes) -> Option<Self> {
        let (&[format, length @ ..], rest) = bytes.split_first_chunk::<PREFIX>()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let head: Head = serde_json::from_slice(rest.get(..length).filter(|_| format == FORMAT)?).ok()?;
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in head.headers {
            let value: Vec<u8> = value.chars().map(u8::try_from).collect::<Result<_, _>>().ok()?;
            headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(head.status).ok()?;
        parts.headers = headers;
        Some(Self { parts, body: bytes.split_off(PREFIX + length) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> CacheEntry {
        let response = Response::builder()
            .status(203)
            .header("etag", "\"a\"")
            .header("x-many", "one")
            .header("x-many", HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("set-cookie", "secret=1")
            .body(())
            .unwrap();
        CacheEntry::new(response.into_parts().0, Bytes::from_static(b"\x00body\xff"))
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_without_its_cookies() {
        let (written, read) = (entry(), CacheEntry::from_bytes(entry().to_bytes()).unwrap());
        assert_eq!((read.parts.status, &read.parts.headers), (written.parts.status, &written.parts.headers));
        assert_eq!(read.body, written.body);
        assert_eq!(read.parts.headers.get_all("x-many").iter().count(), 2);
        assert!(!read.parts.headers.contains_key("set-cookie"));
    }

    #[test]
    fn a_truncated_head_and_another_format_are_not_read() {
        let bytes = entry().to_bytes();
        let head = bytes.len() - entry().body.len();
        for end in 0..head {
            assert!(CacheEntry::from_bytes(bytes.slice(..end)).is_none(), "{end}");
        }
        let newer = [&[2], &bytes[1..]].concat();
        assert!(CacheEntry::from_bytes(newer.into()).is_none());
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = CacheEntry::from_bytes(bytes.into());
        }
    }
}
