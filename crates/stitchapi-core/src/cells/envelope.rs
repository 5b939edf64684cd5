//! The envelope of every stored value: a tag for the kind of the value, a format version, and the deadline.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::update::Change;
use crate::{StoreTime, micros_up};

/// Version of the envelope, its second byte.
const FORMAT: u8 = 1;
/// Length of the envelope in bytes: one for the tag, one for the format version, eight for the deadline (big-endian).
const ENVELOPE: usize = 10;
/// Deadline of a value without a ttl.
const NO_DEADLINE: u64 = u64::MAX;

/// Maximum number of bytes that are stored in addition to the caller's value: the 10 bytes of the envelope (a tag, a
/// format version and a deadline), and for a versioned value the 16 bytes of its [`Version`](crate::Version).
///
/// A driver whose backend bounds values subtracts this from the backend's bound to get its
/// [`max_value`](crate::StoreLimits::max_value).
///
/// ```
/// use stitchapi_core::{MAX_OVERHEAD, StoreLimits};
///
/// const BACKEND_TAKES: usize = 1 << 20;
/// let limits = StoreLimits::unlimited().with_sizes(512, BACKEND_TAKES - MAX_OVERHEAD);
/// # let _ = limits;
/// ```
pub const MAX_OVERHEAD: usize = ENVELOPE + 16;

/// Kind of a stored value, as its first byte: plain, or of one facet. A read fails on a value of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Plain = b's',
    Counter = b'c',
    Pacer = b'p',
    Leases = b'l',
    Versioned = b'v',
}

/// Stored value that has the expected tag and has not expired.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'a> {
    pub(super) body: &'a [u8],
    /// Time to live from now; `None` without a deadline.
    pub(super) left: Option<Duration>,
}

/// Failure to decode a value: it has another tag or another format version, or it is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign;

/// Encodes `body` as a value that lives for `ttl` from `now`, or until it is deleted.
pub(super) fn encode(tag: Tag, body: &[u8], now: StoreTime, ttl: Option<Duration>) -> Change {
    let deadline = ttl.map_or(NO_DEADLINE, |ttl| now.0.saturating_add(micros_up(ttl)));
    let mut value = BytesMut::with_capacity(ENVELOPE + body.len());
    value.put_slice(&[tag as u8, FORMAT]);
    value.put_u64(deadline);
    value.put_slice(body);
    Change::Put(value.freeze(), ttl)
}

/// Decodes a value. Returns `None` if there is no value, or if its deadline has passed and the backend has not removed
/// it.
pub(super) fn decode(tag: Tag, value: Option<&[u8]>, now: StoreTime) -> Result<Option<Decoded<'_>>, Foreign> {
    let Some(value) = value else { return Ok(None) };
    let (head, body) = value.split_first_chunk::<ENVELOPE>().ok_or(Foreign)?;
    let [first, format, deadline @ ..] = *head;
    if [first, format] != [tag as u8, FORMAT] {
        return Err(Foreign);
    }
    let left = match u64::from_be_bytes(deadline) {
        NO_DEADLINE => None,
        deadline if deadline <= now.0 => return Ok(None),
        deadline => Some(Duration::from_micros(deadline - now.0)),
    };
    Ok(Some(Decoded { body, left }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(tag: Tag, ttl: Option<Duration>) -> bytes::Bytes {
        match encode(tag, b"body", StoreTime(1_000), ttl) {
            Change::Put(value, _) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_expires_at_its_deadline_on_the_stores_time() {
        let value = encoded(Tag::Plain, Some(Duration::from_micros(500)));
        let left = Some(Duration::from_micros(1));
        assert_eq!(decode(Tag::Plain, Some(&value), StoreTime(1_499)), Ok(Some(Decoded { body: b"body", left })));
        assert_eq!(decode(Tag::Plain, Some(&value), StoreTime(1_500)), Ok(None));
    }

    #[test]
    fn another_tag_a_short_value_and_a_newer_envelope_are_foreign() {
        let value = encoded(Tag::Counter, None);
        assert_eq!(decode(Tag::Pacer, Some(&value), StoreTime(0)), Err(Foreign));
        assert_eq!(decode(Tag::Counter, Some(&value[..9]), StoreTime(0)), Err(Foreign));
        assert_eq!(decode(Tag::Counter, Some(b"c\x02________"), StoreTime(0)), Err(Foreign));
    }
}
