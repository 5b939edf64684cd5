//! The pause that an API asks for: what an answer says of it, in every dialect that is known, and how long it is.
//!
//! `docs/cooldown.md` has the table. A dialect is a file here; each reads one [`Budget`] and knows nothing of the others.

mod asked;
mod back_off;
mod budget;
mod cached;
mod discord;
mod drafts;
mod github;
mod hold;
mod ietf;
mod shopify;
mod x_rate_limit;

pub(crate) use asked::asked;
pub(super) use back_off::BackOff;
