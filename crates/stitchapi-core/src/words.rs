//! Parsing of the text of a cell: words that are separated by one space.

use std::str::Split;

use crate::time::MAX_SAFE_INTEGER;
use crate::{Owner, StoreTime};

/// Iterator over the words of a text, with parsers for the next word. A parser returns `None` for a missing or malformed
/// word.
pub(crate) struct Words<'a>(Split<'a, char>);

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text.split(' '))
    }

    /// Parses a number within the range of a cell.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let number = self.next()?.parse().ok()?;
        (number <= MAX_SAFE_INTEGER).then_some(number)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(crate) fn time(&mut self) -> Option<StoreTime> {
        self.number().map(StoreTime)
    }

    /// Parses an epoch: 16 hexadecimal digits.
    pub(crate) fn epoch(&mut self) -> Option<u64> {
        let word = self.next().filter(|word| word.len() == 16)?;
        u64::from_str_radix(word, 16).ok()
    }

    /// Parses an owner: 32 hexadecimal digits.
    pub(crate) fn owner(&mut self) -> Option<Owner> {
        let word = self.next().filter(|word| word.len() == 32)?;
        let number = u128::from_str_radix(word, 16).ok()?;
        Some(Owner::from_bytes(number.to_be_bytes()))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }
}
