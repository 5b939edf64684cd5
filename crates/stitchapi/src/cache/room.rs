//! What the cached calls of a seam share.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use stitchapi_core::{Key, micros_up};

use super::entry::Entry;
use super::fill::{Filled, Flop};
use super::{Audience, Policy};
use crate::single_flight::InProcessFlights;
use crate::store::Client;
use crate::trace::{EventKind, Trace, Unreadable};
use crate::vault::Vault;
use crate::{Error, ErrorKind, Principal, Seam};

/// The entries of one seam in its store, and the fetches under way in this process.
#[derive(Debug)]
pub(crate) struct CacheRoom {
    pub(crate) store: Arc<Client>,
    pub(crate) flights: InProcessFlights<Filled>,
    vault: Vault,
}

/// The names of one entry: in the store, and for the flight that fills it.
#[derive(Debug, Clone)]
pub(crate) struct EntryKey {
    pub(crate) key: Key,
    parts: [String; 3],
}

/// What was found under a key.
pub(crate) enum Found {
    Entry(Entry),
    Nothing,
    /// The store failed.
    Outage,
}

fn panicked() -> Filled {
    Err(Arc::new(Flop::of_all(Error::new(ErrorKind::Transport, "the fetch panicked"))))
}

impl CacheRoom {
    pub(crate) fn new(store: Arc<Client>, vault: Vault) -> Self {
        Self { store, flights: InProcessFlights::new(panicked), vault }
    }

    /// The entry of a request. A principal, and whatever makes one answer differ from another, is hashed: with the vault's
    /// key, if it has one.
    pub(crate) fn key(&self, seam: &Seam, policy: Policy, method: &Method, url: &str, headers: &HeaderMap) -> EntryKey {
        let whose = match (policy.audience, seam.principal().map(Principal::as_str)) {
            (Audience::Everybody, _) => "shared".to_owned(),
            (Audience::Principal, None) => "nobody".to_owned(),
            (Audience::Principal, Some(principal)) => self.vault.digest(&[b"principal", principal.as_bytes()]),
        };
        let mut headers: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        // Values of one name keep their order: it has a meaning.
        headers.sort_by_key(|(name, _)| *name);
        // Two stitches that keep an answer for different times have each their own.
        let ttl = micros_up(policy.ttl).to_be_bytes();
        let mut request: Vec<&[u8]> = vec![b"request", &ttl, method.as_str().as_bytes(), url.as_bytes()];
        request.extend(headers.into_iter().flat_map(|(name, value)| [name, value]));
        let parts = [seam.name().to_owned(), whose, self.vault.digest(&request)];
        EntryKey { key: self.store.fit_key(parts.iter().fold(Key::new("cache"), Key::part)), parts }
    }

    /// Looks an entry up. One that cannot be read is none.
    pub(crate) async fn look(&self, key: &EntryKey, trace: &Trace) -> Found {
        let Ok(kept) = self.store.get(&key.key, trace).await else { return Found::Outage };
        let Some(bytes) = kept else { return Found::Nothing };
        match Entry::from_bytes(bytes) {
            Some(entry) => Found::Entry(entry),
            None => {
                trace.emit(EventKind::Unreadable { what: Unreadable::CachedResponse });
                Found::Nothing
            }
        }
    }

    /// Keeps an entry; whether it is kept. A failure has been told as an event.
    pub(crate) async fn keep(&self, key: &EntryKey, entry: &Entry, ttl: Duration, trace: &Trace) -> bool {
        let bytes = entry.to_bytes();
        self.store.fits(bytes.len()) && self.store.set(&key.key, bytes, ttl, trace).await.is_ok()
    }
}

impl EntryKey {
    /// What tells this entry's flight from others.
    pub(crate) fn flight_parts(&self) -> [&str; 4] {
        let [seam, whose, request] = &self.parts;
        ["cache", seam, whose, request]
    }
}
