//! Keys and prefixes.

pub(crate) mod names;
pub(crate) mod prefixes;
pub(crate) mod sizes;
