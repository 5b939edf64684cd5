//! Defects of plain values, keys and prefixes.

pub(crate) mod keys;
pub(crate) mod values;
