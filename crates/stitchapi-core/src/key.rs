//! Keys of the values in a store, and the prefix that a driver puts before them.

use std::fmt::{self, Write as _};

/// Key of one value in a store: a kind and any number of parts.
///
/// The key is rendered as `prefix{kind:part:part}`. Bytes of a part outside `A-Za-z0-9._~-` are written as `%XX`, and
/// an empty part as `%`. Therefore two different lists of parts never render alike: `a:b` + `c` and `a` + `b:c` differ.
/// The braces mark the hash tag of Redis Cluster: a key that a driver derives by adding text before or after the braces
/// is stored on the same node.
///
/// ```
/// use stitchapi_core::{Key, Prefix};
///
/// let key = Key::new("pace").part("api.github.com").part("a:b");
/// assert_eq!(key.render(&Prefix::new("myapp:")), "myapp:{pace:api.github.com:a%3Ab}");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    kind: &'static str,
    parts: String,
}

impl Key {
    /// Creates a key of `kind` without parts.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self { kind, parts: String::new() }
    }

    /// Adds a part, which may be any bytes.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        self.parts.push(':');
        escape(part.as_ref(), b"", &mut self.parts);
        self
    }

    /// Returns the kind, such as `pace` or `session`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns the text under which a store keeps the value.
    #[must_use]
    pub fn render(&self, prefix: &Prefix) -> String {
        format!("{}{self:?}", prefix.0)
    }

    /// Returns the length of [`Key::render`] without a prefix, in bytes.
    /// [`StoreLimits::max_key`](crate::StoreLimits::max_key) bounds it.
    #[must_use]
    pub fn rendered_len(&self) -> usize {
        self.kind.len() + self.parts.len() + 2
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}{}}}", self.kind, self.parts)
    }
}

/// Prefix that a driver writes before every key, so that several applications can share one backend.
///
/// The prefix may be any text. Bytes outside `A-Za-z0-9._~:/-` are written as `%XX`, so two different prefixes never
/// render alike, and no prefix contains the brace that begins a key.
///
/// ```
/// use stitchapi_core::{Key, MemoryStore, Prefix, StitchStore};
///
/// let prefix = Prefix::new("my app:");
/// assert_eq!(prefix.as_str(), "my%20app:");
/// assert_eq!(Key::new("session").render(&prefix), "my%20app:{session}");
///
/// let store = MemoryStore::new();
/// let mine = store.with_prefix(prefix);
/// # futures_executor::block_on(async {
/// mine.set(&Key::new("greeting"), "hello".into(), None).await?;
/// assert_eq!(store.get(&Key::new("greeting")).await?, None);
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Creates a prefix of this text. The empty prefix is the default.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        let mut escaped = String::new();
        if !text.as_ref().is_empty() {
            escape(text.as_ref().as_bytes(), b":/", &mut escaped);
        }
        Self(escaped)
    }

    /// Returns the text as it is written before every key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends `bytes` to `out`. The unreserved characters of RFC 3986 and the characters in `also_plain` are written as
/// they are, all other bytes as `%XX`. An empty slice is written as `%`.
pub(crate) fn escape(bytes: &[u8], also_plain: &[u8], out: &mut String) {
    if bytes.is_empty() {
        out.push('%');
    }
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"._~-".contains(&byte) || also_plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Reverses [`escape`] with an empty `also_plain`. Returns `None` for any text that `escape` does not write.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = if text == "%" { &[] } else { text.as_bytes() };
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(first);
        }
    }
    let mut escaped = String::with_capacity(text.len());
    escape(&bytes, b"", &mut escaped);
    (escaped == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_part_differs_from_a_missing_part() {
        let render = |key: Key| key.render(&Prefix::default());
        assert_eq!(render(Key::new("k")), "{k}");
        assert_eq!(render(Key::new("k").part("")), "{k:%}");
        assert_eq!(render(Key::new("k").part("").part("")), "{k:%:%}");
        assert_eq!(render(Key::new("k").part("%")), "{k:%25}");
    }

    #[test]
    fn a_prefix_never_contains_the_brace_that_begins_a_key() {
        assert_eq!(Prefix::new("a{k:").as_str(), "a%7Bk:");
        assert_eq!(Prefix::new("").as_str(), "");
    }

    #[test]
    fn text_that_escape_does_not_write_is_refused() {
        for text in ["", "%2", "%zz", "%+1", "%41", "%ab", "a b", "a:b", "%%", "a%"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn different_parts_never_render_alike(
            a in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
            b in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let key = |parts: &[Vec<u8>]| parts.iter().fold(Key::new("k"), Key::part).render(&Prefix::default());
            prop_assert_eq!(a == b, key(&a) == key(&b));
            prop_assert_eq!(key(&a).len(), parts_len(&a));
        }

        #[test]
        fn unescape_reverses_escape(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut text = String::new();
            escape(&bytes, b"", &mut text);
            prop_assert_eq!(unescape(&text), Some(bytes));
        }
    }

    fn parts_len(parts: &[Vec<u8>]) -> usize {
        parts.iter().fold(Key::new("k"), Key::part).rendered_len()
    }
}
