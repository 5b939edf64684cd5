//! Stores that are wrong about keys, and about who shares them.

use stitchapi_core::{Key, Prefix, StoreLimits, async_trait};

use crate::fault::Fault;
use crate::good::Id;

/// A key of this text.
fn renamed(text: impl AsRef<[u8]>) -> Key {
    Key::new("renamed").part(text)
}

#[derive(Debug, Default)]
pub(crate) struct CutsKeys;
#[async_trait]
impl Fault for CutsKeys {
    const BREAKS: &'static [&'static str] = &["key/longest"];
    fn key(&self, _: Id, key: &Key) -> Key {
        let text = format!("{key:?}");
        renamed(&text[..text.len().min(64)])
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(250, usize::MAX)
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresCase;
#[async_trait]
impl Fault for IgnoresCase {
    const BREAKS: &'static [&'static str] = &["key/case"];
    fn key(&self, _: Id, key: &Key) -> Key {
        renamed(format!("{key:?}").to_lowercase())
    }
}

#[derive(Debug, Default)]
pub(crate) struct JoinsParts;
#[async_trait]
impl Fault for JoinsParts {
    const BREAKS: &'static [&'static str] = &["key/parts"];
    fn key(&self, _: Id, key: &Key) -> Key {
        // Without the empty part's mark, too.
        renamed(format!("{key:?}").replace("%:", ":").replace("%}", "}").replace(':', ""))
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheKind;
#[async_trait]
impl Fault for IgnoresTheKind {
    const BREAKS: &'static [&'static str] = &["key/kinds"];
    fn key(&self, _: Id, key: &Key) -> Key {
        renamed(format!("{key:?}").split_once(':').map_or("", |(_, parts)| parts))
    }
}

/// As one does that writes a key as text.
#[derive(Debug, Default)]
pub(crate) struct WritesKeysInAscii;
#[async_trait]
impl Fault for WritesKeysInAscii {
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
impl Fault for IgnoresThePrefix {
    const BREAKS: &'static [&'static str] = &["key/prefixes"];
    fn prefix(_: Prefix) -> Prefix {
        Prefix::default()
    }
}

/// Every client has a content of its own.
#[derive(Debug, Default)]
pub(crate) struct SharesNothing;
#[async_trait]
impl Fault for SharesNothing {
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
        "pacer/first-back",
        "pacer/stays-alone",
        "pacer/joins-back",
        "pacer/joins-late",
        "pacer/refund-changed",
        "pacer/debt",
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
        "leases/given-back",
        "leases/stranger",
        "leases/repeated",
        "leases/busy",
        "leases/dropped",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/renew",
        "leases/fence-grows",
        "leases/queue-order",
        "leases/queue-again",
        "leases/queue-passer-by",
        "leases/queue-spare",
        "leases/queue-park",
        "leases/queue-zero",
        "leases/queue-release",
        "leases/queue-renew",
        "leases/queue-answer",
        "leases/queue-served",
        "leases/plain-access",
        "versioned/create",
        "versioned/replace",
        "versioned/another-version",
        "versioned/not-absent",
        "versioned/own-write",
        "versioned/concurrent",
        "versioned/processes",
        "versioned/for-life",
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
        "pacer/counts-once",
    ];
    fn key(&self, id: Id, key: &Key) -> Key {
        if id.client == 0 { key.clone() } else { renamed(format!("{}{key:?}", id.client)) }
    }
}
