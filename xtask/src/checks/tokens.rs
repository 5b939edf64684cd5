//! Splits Rust source into tokens. Comments and string literals are tokens too.
//!
//! The checks of layers and of language read source through this lexer. It accepts any text and never fails: source that
//! does not compile gives tokens of no meaning.

/// One token of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// Class of the token.
    pub(crate) kind: Kind,
    /// Source text of the token, delimiters included.
    pub(crate) text: &'a str,
    /// Number of the line on which the token begins, from 1.
    pub(crate) line: usize,
}

/// Class of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Line or block comment, doc comments included.
    Comment,
    /// String literal of any form.
    Text,
    /// Identifier or keyword, without `r#`.
    Word,
    /// Number, character, byte or lifetime.
    Other,
    /// `::`, or one character of punctuation.
    Symbol,
}

impl Token<'_> {
    /// Returns `true` for this punctuation.
    pub(crate) fn is_symbol(&self, text: &str) -> bool {
        self.kind == Kind::Symbol && self.text == text
    }

    /// Returns `true` for this identifier or keyword.
    pub(crate) fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }
}

/// Returns the tokens of the source in order, white space left out.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, line: 1 };
    std::iter::from_fn(|| lexer.next()).collect()
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let space = self.rest().len() - self.rest().trim_start().len();
        self.take(space);
        let rest = self.rest();
        let first = rest.chars().next()?;
        let line = self.line;
        let (kind, length) = if rest.starts_with("//") {
            (Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (Kind::Comment, block_comment(rest))
        } else if let Some(length) = string(rest) {
            (Kind::Text, length)
        } else if rest.starts_with("b'") {
            (Kind::Other, 1 + quoted(&rest[1..], '\''))
        } else if first == '\'' {
            (Kind::Other, character_or_lifetime(rest))
        } else if first.is_ascii_digit() {
            (Kind::Other, number(rest))
        } else if is_word_start(first) {
            let prefix = if rest.starts_with("r#") { 2 } else { 0 };
            self.take(prefix);
            (Kind::Word, word(self.rest()))
        } else if rest.starts_with("::") {
            (Kind::Symbol, 2)
        } else {
            (Kind::Symbol, first.len_utf8())
        };
        Some(Token { kind, text: self.take(length), line })
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.line += taken.matches('\n').count();
        self.at += length;
        taken
    }
}

fn is_word_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn word(rest: &str) -> usize {
    rest.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(rest.len())
}

/// Length of a number. A range such as `0..10` ends the number at its first dot.
fn number(rest: &str) -> usize {
    let whole = word(rest);
    let fraction = rest[whole..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    whole + fraction.map_or(0, |fraction| 1 + word(fraction))
}

/// Length of a block comment, nested ones included.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of a string literal with its prefix, or `None` where none begins.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .into_iter()
        .find(|prefix| rest.strip_prefix(prefix).is_some_and(|after| after.trim_start_matches('#').starts_with('"')))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if prefix.ends_with('r') {
        let end = format!("\"{}", &after[..hashes]);
        let body = &after[hashes + 1..];
        let length = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(prefix.len() + hashes + 1 + length);
    }
    (hashes == 0).then(|| prefix.len() + quoted(after, '"'))
}

/// Length of what begins with a quote, to the next quote that is not escaped.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
        } else if character == quote {
            return at + character.len_utf8();
        }
    }
    rest.len()
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut characters = rest.chars().skip(1);
    let is_character = match characters.next() {
        Some('\\') => true,
        Some(_) => characters.next() == Some('\''),
        None => false,
    };
    if is_character { quoted(rest, '\'') } else { 1 + word(&rest[1..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_are_one_token_each() {
        let source = "a /* b /* c */ d */ // e \"f\"\n\"g // \\\" h\" r#\"i \" j\"# b\"k\" l";
        let kinds: Vec<_> = tokens(source).iter().map(|token| token.kind).collect();
        use Kind::{Comment, Text, Word};
        assert_eq!(kinds, [Word, Comment, Comment, Text, Text, Text, Word]);
    }

    #[test]
    fn paths_have_one_symbol_between_their_segments() {
        assert_eq!(texts("crate::a::B<'static>"), ["crate", "::", "a", "::", "B", "<", "'static", ">"]);
    }

    #[test]
    fn characters_differ_from_lifetimes() {
        assert_eq!(texts(r"'a' 'a '\'' '\\' b'x' '_"), ["'a'", "'a", r"'\''", r"'\\'", "b'x'", "'_"]);
    }

    #[test]
    fn a_range_is_two_numbers() {
        assert_eq!(texts("0..10 1.5e3 x.0"), ["0", ".", ".", "10", "1.5e3", "x", ".", "0"]);
    }

    #[test]
    fn raw_identifiers_are_words_and_lines_are_counted() {
        let tokens = tokens("\"a\nb\"\nr#type");
        assert_eq!((tokens[1].text, tokens[1].line), ("type", 3));
    }
}
