//! Stores that confuse keys or prefixes, or do not share values between clients.

use stitchapi_core::{Key, Prefix, StoreLimits, async_trait};

use crate::harness::{Defect, Id, MAX_VALUE};

/// Returns a key with this text.
fn renamed(text: impl AsRef<[u8]>) -> Key {
    Key::new("renamed").part(text)
}

#[derive(Debug, Default)]
pub(crate) struct TruncatesKeys;
#[async_trait]
impl Defect for TruncatesKeys {
    const BREAKS: &'static [&'static str] = &["key/longest"];
    fn key(&self, _: Id, key: &Key) -> Key {
        let text = format!("{key:?}");
        renamed(&text[..text.len().min(64)])
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(250, MAX_VALUE)
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresCase;
#[async_trait]
impl Defect for IgnoresCase {
    const BREAKS: &'static [&'static str] = &["key/case"];
    fn key(&self, _: Id, key: &Key) -> Key {
        renamed(format!("{key:?}").to_lowercase())
    }
}

#[derive(Debug, Default)]
pub(crate) struct JoinsParts;
#[async_trait]
impl Defect for JoinsParts {
    const BREAKS: &'static [&'static str] = &["key/parts"];
    fn key(&self, _: Id, key: &Key) -> Key {
        // Removes the mark of an empty part as well.
        renamed(format!("{key:?}").replace("%:", ":").replace("%}", "}").replace(':', ""))
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheKind;
#[async_trait]
impl Defect for IgnoresTheKind {
    const BREAKS: &'static [&'static str] = &["key/kinds"];
    fn key(&self, _: Id, key: &Key) -> Key {
        renamed(format!("{key:?}").split_once(':').map_or("", |(_, parts)| parts))
    }
}

/// Replaces every byte of a key that is not ASCII by a question mark.
#[derive(Debug, Default)]
pub(crate) struct ConvertsKeysToAscii;
#[async_trait]
impl Defect for ConvertsKeysToAscii {
    const BREAKS: &'static [&'static str] = &["key/hostile"];
    fn key(&self, _: Id, key: &Key) -> Key {
        let text = format!("{key:?}");
        let mut pieces = text.split('%');
        let mut ascii = pieces.next().unwrap_or_default().to_string();
        for piece in pieces {
            let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match byte {
                Some(128..) => ascii.extend(["?", &piece[2..]]),
                _ => ascii.extend(["%", piece]),
            }
        }
        renamed(ascii)
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresThePrefix;
#[async_trait]
impl Defect for IgnoresThePrefix {
    const BREAKS: &'static [&'static str] = &["key/prefixes"];
    fn prefix(_: Prefix) -> Prefix {
        Prefix::default()
    }
}

/// Every client has content of its own.
#[derive(Debug, Default)]
pub(crate) struct SharesNothingBetweenClients;
#[async_trait]
impl Defect for SharesNothingBetweenClients {
    const BREAKS: &'static [&'static str] = &[
        "plain/get-after-set",
        "plain/overwrite",
        "plain/ttl-not-early",
        "key/longest",
        "key/hostile",
        "key/case",
        "key/parts",
        "key/kinds",
        "counter/two-clients",
        "counter/processes",
        "pacer/in-order",
        "pacer/never-overlaps",
        "pacer/processes",
        "pacer/rejoin-first",
        "pacer/rejoin-second",
        "pacer/rejoin-in-use",
        "pacer/rejoin-last",
        "pacer/refund-changed",
        "pacer/settle-debt",
        "pacer/settle-one-limit",
        "pacer/settle-now",
        "pacer/hold",
        "pacer/hold-absolute",
        "pacer/hold-later",
        "pacer/hold-cap",
        "leases/limit",
        "leases/concurrent",
        "leases/processes",
        "leases/keys-apart",
        "leases/same-owner",
        "leases/release",
        "leases/renew-released",
        "leases/non-holder",
        "leases/repeated",
        "leases/retry-after",
        "leases/dropped",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/renew",
        "leases/fence-grows",
        "leases/queue-order",
        "leases/queue-keeps-turn",
        "leases/queue-no-overtaking",
        "leases/queue-free-leases",
        "leases/queue-ttl",
        "leases/queue-ttl-zero",
        "leases/queue-release",
        "leases/queue-holds-nothing",
        "leases/queue-reply",
        "leases/queue-granted",
        "leases/plain-access",
        "versioned/create",
        "versioned/replace",
        "versioned/stale-version",
        "versioned/create-over-value",
        "versioned/repeated-write",
        "versioned/concurrent",
        "versioned/processes",
        "versioned/unique-versions",
        "versioned/keys-apart",
        "versioned/empty-value",
        "versioned/delete",
        "versioned/dropped",
        "versioned/ttl-not-early",
        "versioned/write-resets-ttl",
        "versioned/ttl-kept",
        "versioned/ttl-zero",
        "versioned/plain-access",
        "versioned/other-facet",
        "pacer/process-count",
        "leases/clock-back",
        "pacer/clock-back",
        "plain/clock-back",
        "plain/largest-value",
        "versioned/clock-back",
        "versioned/largest-value",
    ];
    fn key(&self, id: Id, key: &Key) -> Key {
        if id.client == 0 { key.clone() } else { renamed(format!("{}{key:?}", id.client)) }
    }
}
