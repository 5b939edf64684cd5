//! What is lent under one key, and its text.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::str::{FromStr, Split};
use std::time::Duration;

use crate::time::LARGEST;
use crate::{Owner, StoreTime};

/// The text's first word: the only format so far.
const FORMAT: &str = "1";
/// A cell outlives its last holder by this: within it the next fence is found in the cell, and later on the clock.
const LONGEVITY: Duration = Duration::from_secs(1);

/// Who holds and who waits.
///
/// Its text is one line of words, the same bytes whoever writes it: `1 last_fence`, then ` h owner fence ends` for each
/// holder and ` w owner until` for each that waits, in their order; owners as 32 hexadecimal digits, times in
/// microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseCell {
    /// The last fence that was given.
    pub fence: u64,
    /// Who holds a place.
    pub holders: Vec<Holder>,
    /// Who waits for one, longest first.
    pub waiters: Vec<Waiter>,
}

/// Somebody who holds a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub owner: Owner,
    /// The number the place was given with.
    pub fence: u64,
    /// When the place is free again by itself.
    pub ends: StoreTime,
}

/// Somebody who waits for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub owner: Owner,
    /// Until when it must have asked again.
    pub until: StoreTime,
}

impl LeaseCell {
    /// How long a store keeps the cell from `now`.
    #[must_use]
    pub fn ttl(&self, now: StoreTime) -> Duration {
        let ends = self.holders.iter().map(|holder| holder.ends);
        let last = ends.chain(self.waiters.iter().map(|waiter| waiter.until)).max().unwrap_or_default();
        last.since(now).saturating_add(LONGEVITY)
    }

    /// The text that a store keeps.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FORMAT} {}", self.fence);
        for Holder { owner, fence, ends } in &self.holders {
            let _ = write!(text, " h {owner} {fence} {}", ends.0);
        }
        for Waiter { owner, until } in &self.waiters {
            let _ = write!(text, " w {owner} {}", until.0);
        }
        text
    }
}

/// Reads what [`LeaseCell::to_text`] writes, and nothing else.
impl FromStr for LeaseCell {
    type Err = LeaseCellError;

    fn from_str(text: &str) -> Result<Self, LeaseCellError> {
        let mut words = Words(text.split(' '));
        if words.0.next() != Some(FORMAT) {
            return Err(LeaseCellError(()));
        }
        let mut cell = Self { fence: words.number()?, ..Self::default() };
        while let Some(word) = words.0.next() {
            match word {
                "h" if cell.waiters.is_empty() => {
                    let (owner, fence) = (words.owner()?, words.number()?);
                    cell.holders.push(Holder { owner, fence, ends: StoreTime(words.number()?) });
                }
                "w" => {
                    let owner = words.owner()?;
                    cell.waiters.push(Waiter { owner, until: StoreTime(words.number()?) });
                }
                _ => return Err(LeaseCellError(())),
            }
        }
        Ok(cell)
    }
}

struct Words<'a>(Split<'a, char>);

impl Words<'_> {
    fn number(&mut self) -> Result<u64, LeaseCellError> {
        let number = self.0.next().and_then(|word| word.parse().ok());
        number.filter(|number| *number <= LARGEST).ok_or(LeaseCellError(()))
    }

    fn owner(&mut self) -> Result<Owner, LeaseCellError> {
        let word = self.0.next().filter(|word| word.len() == 32).ok_or(LeaseCellError(()))?;
        let number = u128::from_str_radix(word, 16).map_err(|_| LeaseCellError(()))?;
        Ok(Owner::from_bytes(number.to_be_bytes()))
    }
}

/// A text that is no lease, or one of a newer format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseCellError(());

impl fmt::Display for LeaseCellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a lease")
    }
}

impl Error for LeaseCellError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_words_that_a_person_can_read() {
        let (holder, waiter) = (Owner::from_bytes([0xab; 16]), Owner::from_bytes([1; 16]));
        let cell = LeaseCell {
            fence: 9,
            holders: vec![Holder { owner: holder, fence: 9, ends: StoreTime(70) }],
            waiters: vec![Waiter { owner: waiter, until: StoreTime(80) }],
        };
        let text = format!("1 9 h {} 9 70 w {} 80", "ab".repeat(16), "01".repeat(16));
        assert_eq!(cell.to_text(), text);
        assert_eq!(text.parse(), Ok(cell));
    }

    #[test]
    fn another_text_is_no_lease() {
        let owner = "ab".repeat(16);
        let waiter_first = format!("1 9 w {owner} 8 h {owner} 9 7");
        let cut = format!("1 9 h {owner} 9");
        for text in ["", "1", "2 9", "1 x", "1 9 x", "1 9 h ab 9 7", &waiter_first, &cut, "1 9007199254740992"] {
            assert!(text.parse::<LeaseCell>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in "[0-9a-f hw]{0,80}") {
            let _ = text.parse::<LeaseCell>();
        }
    }
}
