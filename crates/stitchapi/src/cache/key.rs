//! The key of a cached response.

use stitchapi_core::{Key, micros_up};

use super::policy::{Audience, CachePolicy};
use crate::context::CallContext;
use crate::endpoint::PreparedRequest;
use crate::principal::Principal;

/// The key of one entry in the store, and the name of the single flight that fills it.
#[derive(Debug, Clone)]
pub(super) struct CacheKey {
    key: Key,
    parts: [String; 3],
}

impl CacheKey {
    /// Returns the key for the response to a request.
    ///
    /// Method, URL, headers and lifetime are hashed, and so is the principal if responses are kept per principal. The
    /// hash uses the key of the vault, if it has one. The lifetime is a part of the key, so that two stitches which
    /// keep the same response for different times have separate entries.
    pub(super) fn new(context: &CallContext, policy: CachePolicy, request: &PreparedRequest) -> Self {
        let audience = match (policy.audience, context.principal.as_ref().map(Principal::as_str)) {
            (Audience::Shared, _) => "shared".to_owned(),
            (Audience::PerPrincipal, None) => "anonymous".to_owned(),
            (Audience::PerPrincipal, Some(principal)) => context.vault.digest(&[b"principal", principal.as_bytes()]),
        };
        let mut headers: Vec<(&[u8], &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        // The sort is stable, because the order of the values of one header has a meaning.
        headers.sort_by_key(|(name, _)| *name);
        let ttl = micros_up(policy.ttl).to_be_bytes();
        let (method, url) = (request.method().as_str().as_bytes(), request.url().as_str().as_bytes());
        let mut hashed: Vec<&[u8]> = vec![b"request", &ttl, method, url];
        hashed.extend(headers.into_iter().flat_map(|(name, value)| [name, value]));
        let parts = [context.trace.seam.to_string(), audience, context.vault.digest(&hashed)];
        Self { key: context.store.fit_key(parts.iter().fold(Key::new("cache"), Key::part)), parts }
    }

    /// Returns the key in the store, which also names the flight inside this process.
    pub(super) fn as_key(&self) -> &Key {
        &self.key
    }

    /// Returns the parts that name the flight in the store.
    pub(super) fn flight_parts(&self) -> [&str; 4] {
        let [seam, audience, request] = &self.parts;
        ["cache", seam, audience, request]
    }
}
