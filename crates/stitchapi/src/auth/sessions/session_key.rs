//! The names of one session: [`SessionKey`] in the memory of a process, and [`SessionAddress`] in the store.

use std::sync::Arc;

use stitchapi_core::Key;

use crate::auth::context::AuthContext;
use crate::auth::login::Login;
use crate::principal::Principal;

/// Identity of a session within one strategy, in memory. It contains no digest, so that a call whose session is cached
/// computes none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    seam: Arc<str>,
    principal: Option<Principal>,
}

impl SessionKey {
    pub(super) fn new(login: &dyn Login, context: &AuthContext<'_>) -> Self {
        Self { seam: context.call().trace.seam.clone(), principal: session_principal(login, context).cloned() }
    }
}

/// Names of a session in the store: the key of its record, and the key parts of the flight that replaces it.
pub(super) struct SessionAddress {
    pub(super) record: Key,
    /// Name of the seam, digest of the account, digest of the principal or an empty string.
    parts: [String; 3],
}

impl SessionAddress {
    /// Derives the names. Account and principal are hashed, with the key of the vault if it has one.
    pub(super) fn new(login: &dyn Login, context: &AuthContext<'_>) -> Self {
        let (store, vault) = (&context.call().store, &context.call().vault);
        let account = vault.digest(&[b"account", login.account().as_bytes()]);
        let principal = session_principal(login, context)
            .map(|principal| vault.digest(&[b"principal", principal.as_str().as_bytes()]));
        let parts = [context.seam().to_owned(), account, principal.unwrap_or_default()];
        Self { record: store.fit_key(parts.iter().fold(Key::new("session"), Key::part)), parts }
    }

    pub(super) fn flight_key_parts(&self) -> [&str; 4] {
        let [seam, account, principal] = &self.parts;
        ["session", seam, account, principal]
    }
}

/// Returns the user whose session a call uses, if each user has a session of its own.
pub(super) fn session_principal<'c>(login: &dyn Login, context: &AuthContext<'c>) -> Option<&'c Principal> {
    context.principal().filter(|_| login.is_per_principal())
}
