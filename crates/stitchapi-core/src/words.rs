//! Parsing of the text of a cell: words that are separated by one space.

use std::str::Split;

use crate::time::MAX_SAFE_INTEGER;
use crate::{Owner, StoreTime};

/// Iterator over the words of a text, with parsers for the next word. A parser returns `None` for a missing or
/// malformed word.
pub(crate) struct Words<'a>(Split<'a, char>);

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text.split(' '))
    }

    /// Parses a number within the range of a cell: decimal digits without a sign and without leading zeros.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let word = self.next()?;
        let is_canonical = !word.starts_with('+') && (word == "0" || !word.starts_with('0'));
        let number = word.parse().ok()?;
        (is_canonical && number <= MAX_SAFE_INTEGER).then_some(number)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(crate) fn time(&mut self) -> Option<StoreTime> {
        self.number().map(StoreTime)
    }

    /// Parses an epoch: 16 hexadecimal digits in lower case.
    pub(crate) fn epoch(&mut self) -> Option<u64> {
        let number = self.hexadecimal(16)?;
        u64::try_from(number).ok()
    }

    /// Parses an owner: 32 hexadecimal digits in lower case.
    pub(crate) fn owner(&mut self) -> Option<Owner> {
        let number = self.hexadecimal(32)?;
        Some(Owner::from_bytes(number.to_be_bytes()))
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u128> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let word = self.next().filter(|word| word.len() == digits && word.bytes().all(is_digit))?;
        u128::from_str_radix(word, 16).ok()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_text() {
        assert_eq!(["0", "7", "10"].map(|text| Words::new(text).number()), [Some(0), Some(7), Some(10)]);
        for text in ["", "+7", "-7", "07", "00", "7.0", "9007199254740992"] {
            assert!(Words::new(text).number().is_none(), "{text}");
        }
    }

    #[test]
    fn an_epoch_and_an_owner_have_one_text() {
        assert_eq!(Words::new("000000000000feed").epoch(), Some(0xfeed));
        for text in ["feed", "000000000000FEED", "+00000000000feed", "00000000000000000"] {
            assert!(Words::new(text).epoch().is_none(), "{text}");
        }
        let owner = "ab".repeat(16);
        assert_eq!(Words::new(&owner).owner(), Some(Owner::from_bytes([0xab; 16])));
        assert!(Words::new(&owner.to_uppercase()).owner().is_none());
    }
}
