//! The holders and waiters of the leases under one key, and their text in a store.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use crate::words::Words;
use crate::{Owner, StoreTime};

/// Format version, the first word of the text. It is the only version so far.
const FORMAT: &str = "1";
/// Time for which a store keeps a cell after the last deadline in it. While the cell is kept, the next fencing token is
/// larger than the last one even if the store's clock has gone back.
const TTL_MARGIN: Duration = Duration::from_secs(1);

/// Holders and waiters of the leases under one key.
///
/// The text is one line of words: `1 last_fence`, then ` h owner fence deadline` for each holder and
/// ` w owner deadline` for each waiter, in the order of the fields. An owner is 32 hexadecimal digits, a deadline is in
/// microseconds. Every implementation writes the same bytes for the same cell.
///
/// ```
/// use stitchapi_core::lease::LeaseCell;
///
/// let text = format!("1 9 h {} 9 70", "ab".repeat(16));
/// let cell: LeaseCell = text.parse()?;
/// assert_eq!((cell.fence, cell.holders.len()), (9, 1));
/// assert_eq!(cell.to_text(), text);
/// # Ok::<(), stitchapi_core::lease::LeaseCellError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseCell {
    /// Fencing token that was issued last.
    pub fence: u64,
    /// Holders, in the order of their acquisition.
    pub holders: Vec<Holder>,
    /// Waiters, the longest waiting first.
    pub waiters: Vec<Waiter>,
}

/// Holder of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Owner of the lease.
    pub owner: Owner,
    /// Fencing token of the lease.
    pub fence: u64,
    /// Time at which the lease ends unless it is renewed.
    pub deadline: StoreTime,
}

/// Waiter for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Owner that waits for a lease.
    pub owner: Owner,
    /// Time at which the waiter loses its position unless it asks again earlier.
    pub deadline: StoreTime,
}

impl LeaseCell {
    /// Returns the time for which a store keeps the cell, from `now`.
    #[must_use]
    pub fn ttl(&self, now: StoreTime) -> Duration {
        let holders = self.holders.iter().map(|holder| holder.deadline);
        let last = holders.chain(self.waiters.iter().map(|waiter| waiter.deadline)).max().unwrap_or_default();
        last.since(now).saturating_add(TTL_MARGIN)
    }

    /// Returns the text that a store keeps.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FORMAT} {}", self.fence);
        for Holder { owner, fence, deadline } in &self.holders {
            let _ = write!(text, " h {owner} {fence} {}", deadline.0);
        }
        for Waiter { owner, deadline } in &self.waiters {
            let _ = write!(text, " w {owner} {}", deadline.0);
        }
        text
    }
}

/// Parses a text that [`LeaseCell::to_text`] has written, and refuses any other.
impl FromStr for LeaseCell {
    type Err = LeaseCellError;

    fn from_str(text: &str) -> Result<Self, LeaseCellError> {
        parse(Words::new(text)).ok_or(LeaseCellError(()))
    }
}

fn parse(mut words: Words<'_>) -> Option<LeaseCell> {
    words.next().filter(|format| *format == FORMAT)?;
    let mut cell = LeaseCell { fence: words.number()?, ..LeaseCell::default() };
    while let Some(word) = words.next() {
        match word {
            "h" if cell.waiters.is_empty() => {
                let (owner, fence) = (words.owner()?, words.number()?);
                cell.holders.push(Holder { owner, fence, deadline: words.time()? });
            }
            "w" => {
                let owner = words.owner()?;
                cell.waiters.push(Waiter { owner, deadline: words.time()? });
            }
            _ => return None,
        }
    }
    Some(cell)
}

/// Failure to parse a [`LeaseCell`]: the text is damaged, or its format version is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseCellError(());

impl fmt::Display for LeaseCellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not a lease cell of format 1")
    }
}

impl Error for LeaseCellError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_has_the_documented_form_and_parses_back() {
        let (holder, waiter) = (Owner::from_bytes([0xab; 16]), Owner::from_bytes([1; 16]));
        let cell = LeaseCell {
            fence: 9,
            holders: vec![Holder { owner: holder, fence: 9, deadline: StoreTime(70) }],
            waiters: vec![Waiter { owner: waiter, deadline: StoreTime(80) }],
        };
        let text = format!("1 9 h {} 9 70 w {} 80", "ab".repeat(16), "01".repeat(16));
        assert_eq!(cell.to_text(), text);
        assert_eq!(text.parse(), Ok(cell));
    }

    #[test]
    fn any_other_text_is_an_error() {
        let owner = "ab".repeat(16);
        let waiter_first = format!("1 9 w {owner} 8 h {owner} 9 7");
        let truncated = format!("1 9 h {owner} 9");
        for text in ["", "1", "2 9", "1 x", "1 9 x", "1 9 h ab 9 7", &waiter_first, &truncated, "1 9007199254740992"] {
            assert!(text.parse::<LeaseCell>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_any_text_never_panics(text in "[0-9a-f hw]{0,80}") {
            let _ = text.parse::<LeaseCell>();
        }
    }
}
