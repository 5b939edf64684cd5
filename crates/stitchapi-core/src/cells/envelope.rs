//! What stands around every value: a tag that says whose it is, and when it ends.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::Change;
use crate::{StoreTime, micros_up};

/// Version of the envelope itself, its second byte.
const FORMAT: u8 = 1;
/// Tag, format, and the deadline as eight bytes, big end first.
const HEAD: usize = 10;
/// A deadline that never comes.
const NEVER: u64 = u64::MAX;

/// Whose a value is: its first byte. One facet never takes another's value for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Plain = b's',
    Counter = b'c',
    Pacer = b'p',
    Leases = b'l',
    Versioned = b'v',
}

/// A live value of one's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened<'a> {
    pub(super) body: &'a [u8],
    /// How long it has left.
    pub(super) left: Option<Duration>,
}

/// The value is not ours, or damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign;

/// Wraps `body` to live for `ttl` from `now`, or until deleted.
pub(super) fn seal(tag: Tag, body: &[u8], now: StoreTime, ttl: Option<Duration>) -> Change {
    let deadline = ttl.map_or(NEVER, |ttl| now.0.saturating_add(micros_up(ttl)));
    let mut value = BytesMut::with_capacity(HEAD + body.len());
    value.put_slice(&[tag as u8, FORMAT]);
    value.put_u64(deadline);
    value.put_slice(body);
    Change::Put(value.freeze(), ttl)
}

/// Unwraps a value. One whose deadline has come is absent, even where the backend has not removed it yet.
pub(super) fn open(tag: Tag, value: Option<&[u8]>, now: StoreTime) -> Result<Option<Opened<'_>>, Foreign> {
    let Some(value) = value else { return Ok(None) };
    let (head, body) = value.split_first_chunk::<HEAD>().ok_or(Foreign)?;
    let [first, format, deadline @ ..] = *head;
    if [first, format] != [tag as u8, FORMAT] {
        return Err(Foreign);
    }
    let left = match u64::from_be_bytes(deadline) {
        NEVER => None,
        deadline if deadline <= now.0 => return Ok(None),
        deadline => Some(Duration::from_micros(deadline - now.0)),
    };
    Ok(Some(Opened { body, left }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(tag: Tag, ttl: Option<Duration>) -> bytes::Bytes {
        match seal(tag, b"body", StoreTime(1_000), ttl) {
            Change::Put(value, _) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_ends_at_its_deadline_on_the_stores_time() {
        let value = sealed(Tag::Plain, Some(Duration::from_micros(500)));
        let left = Some(Duration::from_micros(1));
        assert_eq!(open(Tag::Plain, Some(&value), StoreTime(1_499)), Ok(Some(Opened { body: b"body", left })));
        assert_eq!(open(Tag::Plain, Some(&value), StoreTime(1_500)), Ok(None));
    }

    #[test]
    fn another_tag_a_short_value_and_a_newer_envelope_are_foreign() {
        let value = sealed(Tag::Counter, None);
        assert_eq!(open(Tag::Pacer, Some(&value), StoreTime(0)), Err(Foreign));
        assert_eq!(open(Tag::Counter, Some(&value[..9]), StoreTime(0)), Err(Foreign));
        assert_eq!(open(Tag::Counter, Some(b"c\x02________"), StoreTime(0)), Err(Foreign));
    }
}
