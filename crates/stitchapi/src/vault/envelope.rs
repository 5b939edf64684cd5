//! The layout of a value in the store: sealed (encrypted and authenticated), or in plaintext.
//!
//! | | format | head | | |
//! |---|---|---|---|---|
//! | sealed | `01` | length of the key's id, 1 byte; the id | nonce, 24 bytes | ciphertext and its tag of 16 bytes |
//! | plaintext | `02` | | | the value |
//!
//! The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). The nonce is random, from the operating system; the
//! probability of a collision of 192 random bits is negligible (section 3.1 of the draft). The associated data are the
//! format, the head, and the associated data of the caller, in this order. The head begins with the length of the id,
//! so that different heads and callers' data never result in the same bytes.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use super::key::SealingKey;

/// Format byte of a sealed value.
const SEALED: u8 = 1;
/// Format byte of a value in plaintext.
const PLAINTEXT: u8 = 2;
/// Length of the nonce, in bytes.
const NONCE: usize = 24;
/// Length of the authentication tag, in bytes.
const TAG: usize = 16;

/// Seals `plain` with `key` and the associated data `aad`.
///
/// # Errors
///
/// [`SealError`] if the operating system provides no random bytes, the id of the key has more than 255 bytes, or the
/// value is longer than the cipher allows (256 GiB).
pub(super) fn seal(key: &SealingKey, aad: &[u8], plain: &[u8]) -> Result<Bytes, SealError> {
    let id = key.id().as_bytes();
    let length =
        u8::try_from(id.len()).map_err(|_| SealError::new("the id of the sealing key has more than 255 bytes"))?;
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| SealError { what: "the operating system provides no random bytes", source: Some(error) })?;
    // The buffer is allocated at its full size, because growing it would leave a copy of the plaintext in freed memory.
    let mut envelope = Vec::with_capacity(2 + id.len() + NONCE + plain.len() + TAG);
    envelope.extend([SEALED, length]);
    envelope.extend(id);
    let aad = [&envelope, aad].concat();
    envelope.extend(nonce);
    let text_begins = envelope.len();
    envelope.extend(plain);
    let tag = encrypt(key.sealing_subkey(), &nonce, &aad, &mut envelope[text_begins..])?;
    envelope.extend(tag);
    Ok(envelope.into())
}

/// Opens what [`seal`] sealed with the same key and the same associated data.
///
/// # Errors
///
/// [`OpenError`] for any other bytes.
pub(super) fn open(key: &SealingKey, aad: &[u8], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let rest = strip_format(SEALED, stored)?;
    let (length, rest) = rest.split_first().ok_or(OpenError::Damaged)?;
    let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(OpenError::Damaged)?;
    if id != key.id().as_bytes() {
        return Err(OpenError::Key);
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Damaged)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(OpenError::Damaged)?;
    let aad = [&stored[..2 + id.len()], aad].concat();
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    XChaCha20Poly1305::new(key.sealing_subkey().into())
        .decrypt_inout_detached(nonce.into(), &aad, plain.as_mut_slice().into(), tag.into())
        .map_err(|_| OpenError::Damaged)?;
    Ok(plain)
}

/// Encodes `plain` without sealing it.
pub(super) fn encode_plaintext(plain: &[u8]) -> Bytes {
    [&[PLAINTEXT], plain].concat().into()
}

/// Decodes what [`encode_plaintext`] encoded.
///
/// # Errors
///
/// [`OpenError`] if the first byte differs.
pub(super) fn decode_plaintext(stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    strip_format(PLAINTEXT, stored).map(|plain| Zeroizing::new(plain.to_vec()))
}

/// Returns the bytes after the format byte, if the format byte is `format`.
fn strip_format(format: u8, stored: &[u8]) -> Result<&[u8], OpenError> {
    match stored.split_first() {
        Some((first, rest)) if *first == format => Ok(rest),
        Some(_) => Err(OpenError::Format),
        None => Err(OpenError::Damaged),
    }
}

/// Encrypts `text` in place and returns its tag.
fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG], SealError> {
    XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(nonce.into(), aad, text.into())
        .map(Into::into)
        .map_err(|_| SealError::new("the value is longer than the cipher allows"))
}

/// Why a stored value could not be opened. The reader treats such a value as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The format byte is not that of this vault: the value is sealed and the vault is a plaintext vault, or the
    /// reverse, or the format is unknown.
    Format,
    /// The value was sealed with a key of another id.
    Key,
    /// The value was truncated, changed, moved from another place, or sealed with another key of the same id.
    Damaged,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "the stored value does not have the format of this vault",
            Self::Key => "the stored value was sealed with a key of another id",
            Self::Damaged => "the stored value is damaged, or was sealed for another place or with another key",
        })
    }
}

impl Error for OpenError {}

/// Why a value could not be sealed. No part of it was stored.
#[derive(Debug)]
pub(crate) struct SealError {
    what: &'static str,
    source: Option<getrandom::Error>,
}

impl SealError {
    fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SealingKey {
        SealingKey::from_bytes("k1", [7; 32])
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// Test vector of draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_cipher_is_xchacha20_poly1305() {
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
        let tag = encrypt(&key, &nonce, &bytes("50515253c0c1c2c3c4c5c6c7"), &mut text).unwrap();
        let expected = "bd6d179d3e83d43b9576579493c0e939 572a1700252bfaccbed2902c21396cbb
            731c7f1b0b4aa6440bf3a82f4eda7e39 ae64c6708c54c216cb96b72e1213b452
            2f8c9ba40db5d945b11b69b982c1bb9e 3f3fac2bc369488f76b2383565d3fff9
            21f9664c97637da9768812f615c68b13 b52e";
        assert_eq!(text.as_slice(), bytes(expected));
        assert_eq!(tag.as_slice(), bytes("c0875924c1c7987947deafd8780acf49"));
    }

    #[test]
    fn the_layout_is_format_id_nonce_ciphertext_and_tag() {
        let sealed = seal(&key(), b"place", b"value").unwrap();
        assert_eq!(sealed[..4], *b"\x01\x02k1");
        assert_eq!(sealed.len(), 4 + 24 + 5 + 16);
        assert_eq!(encode_plaintext(b"value").as_ref(), b"\x02value");
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let nonce = || seal(&key(), b"", b"").unwrap()[4..28].to_vec();
        assert_ne!(nonce(), nonce());
    }

    #[test]
    fn a_value_with_a_flipped_bit_does_not_open() {
        let sealed = seal(&key(), b"place", b"value").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = open(&key(), b"place", &changed).unwrap_err();
            let expected = match bit / 8 {
                0 => &[OpenError::Format][..],
                1 => &[OpenError::Key, OpenError::Damaged],
                2..4 => &[OpenError::Key],
                _ => &[OpenError::Damaged],
            };
            assert!(expected.contains(&error), "bit {bit}: {error:?}");
        }
    }

    #[test]
    fn a_value_that_is_truncated_or_extended_does_not_open() {
        let sealed = seal(&key(), b"place", b"value").unwrap();
        for cut in 0..sealed.len() {
            assert_eq!(open(&key(), b"place", &sealed[..cut]).unwrap_err(), OpenError::Damaged, "{cut}");
            assert!(open(&key(), b"place", &sealed[cut + 1..]).is_err(), "{cut}");
        }
        assert_eq!(open(&key(), b"place", &[&sealed[..], &[0]].concat()).unwrap_err(), OpenError::Damaged);
    }

    #[test]
    fn another_key_does_not_open_a_value() {
        let sealed = seal(&key(), b"place", b"value").unwrap();
        let opened = |id: &str, bytes| open(&SealingKey::from_bytes(id, [bytes; 32]), b"place", &sealed).map(drop);
        assert_eq!(opened("k1", 7), Ok(()));
        assert_eq!(opened("k1", 8), Err(OpenError::Damaged));
        assert_eq!(opened("k2", 7), Err(OpenError::Key));
        // The id is authenticated, not only compared.
        let mut renamed = sealed.to_vec();
        renamed[3] = b'2';
        let k2 = SealingKey::from_bytes("k2", [7; 32]);
        assert_eq!(open(&k2, b"place", &renamed).unwrap_err(), OpenError::Damaged);
    }

    #[test]
    fn the_end_of_the_id_is_authenticated() {
        let sealed = seal(&SealingKey::from_bytes("k", [7; 32]), b"1place", b"value").unwrap();
        let mut moved = sealed.to_vec();
        moved[1] = 2;
        moved.insert(3, b'1');
        assert_eq!(open(&key(), b"place", &moved).unwrap_err(), OpenError::Damaged);
    }

    proptest! {
        #[test]
        fn a_sealed_value_opens_in_its_own_place_only(plain: Vec<u8>, place: Vec<u8>, other: Vec<u8>) {
            let sealed = seal(&key(), &place, &plain).unwrap();
            prop_assert_eq!(&*open(&key(), &place, &sealed).unwrap(), &plain);
            prop_assert_eq!(open(&key(), &other, &sealed).is_ok(), place == other);
            prop_assert_eq!(&*decode_plaintext(&encode_plaintext(&plain)).unwrap(), &plain);
        }

        #[test]
        fn opening_never_panics(stored: Vec<u8>, head in 0_u8..4, length in 0_u8..5) {
            let _ = open(&key(), b"place", &stored);
            let _ = decode_plaintext(&stored);
            let nearly = [&[head, length], &stored[..]].concat();
            prop_assert!(open(&key(), b"place", &nearly).is_err());
            prop_assert!(open(&key(), b"place", &[b"\x01\x02k1", &stored[..]].concat()).is_err());
        }
    }
}
