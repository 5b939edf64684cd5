//! `cargo xtask check language`: words that the comments, docs and messages of this project do not use.
//!
//! Input: the Rust and Markdown files that git tracks or would track. Output: one line per banned word or phrase with its
//! place and what to write instead. Comments are read in every Rust file, string literals in the sources of the crates.

use std::fs;
use std::path::Path;

use super::tokens::{Kind, tokens};
use crate::run::Runner;
use crate::verdict::{Stop, Verdict};

/// Banned words and phrases in lower case, each with what to write instead.
const BANNED: &[(&str, &str)] = &[
    ("nobody", NAME_IT),
    ("somebody", NAME_IT),
    ("anybody", NAME_IT),
    ("everybody", NAME_IT),
    ("whoever", NAME_IT),
    ("those who", NAME_IT),
    ("one who", NAME_IT),
    ("he who", NAME_IT),
    ("so many", "state the number, or what it counts"),
    ("so long", "state the duration, or what ends it"),
    ("so often", "state the number, or what it counts"),
    ("so fast", "state the rate"),
    ("what there is to", "name the thing"),
];

const NAME_IT: &str = "name the caller, waiter, worker, process, store or user";

/// Searches every file.
///
/// # Errors
///
/// [`Stop::Failed`] with the number of places, which are printed; [`Stop::Skipped`] without git.
pub(crate) fn check(runner: &mut Runner) -> Verdict {
    let mut command = runner.command("git");
    command.args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs", "*.md"]);
    let output = command.output().map_err(|error| Stop::Skipped(format!("no git: {error}")))?;
    if !output.status.success() {
        return Err(Stop::Skipped(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let mut count = 0;
    for file in String::from_utf8_lossy(&output.stdout).lines() {
        // A file that is tracked may have been removed.
        let Ok(source) = fs::read_to_string(runner.root().join(file)) else { continue };
        let words =
            if file.ends_with(".md") { words(&source, 1).collect() } else { prose(&source, has_messages(file)) };
        for (line, phrase, instead) in find(&words) {
            println!("{file}:{line}: `{phrase}`: {instead}");
            count += 1;
        }
    }
    if count == 0 { Ok(()) } else { Err(Stop::Failed(format!("{count} banned words or phrases"))) }
}

/// Returns `true` for a file whose string literals are read by users: the sources of the crates.
fn has_messages(file: &str) -> bool {
    let mut parts = Path::new(file).iter();
    parts.next().is_some_and(|part| part == "crates") && parts.nth(1).is_some_and(|part| part == "src")
}

/// A word in lower case with its line number. An empty word ends a sentence.
type Word = (String, usize);

/// Returns the words of the comments, and of the string literals where `has_messages`.
fn prose(source: &str, has_messages: bool) -> Vec<Word> {
    let mut found = Vec::new();
    let mut next_line = 0;
    for token in tokens(source) {
        if token.kind != Kind::Comment && !(has_messages && token.kind == Kind::Text) {
            continue;
        }
        // Comments on consecutive lines are one text.
        if token.kind == Kind::Text || token.line != next_line {
            found.push((String::new(), token.line));
        }
        found.extend(words(token.text, token.line));
        next_line = if token.kind == Kind::Text { 0 } else { token.line + token.text.matches('\n').count() + 1 };
    }
    found
}

/// Returns the words of a text whose first line has this number.
fn words(text: &str, first_line: usize) -> impl Iterator<Item = Word> {
    text.lines().zip(first_line..).flat_map(|(line, number)| {
        let separator = |character: char| !(character.is_alphanumeric() || "_'.;:!?".contains(character));
        line.split(separator).flat_map(move |part| {
            let word = part.trim_end_matches(['.', ';', ':', '!', '?']);
            let end = (word.len() < part.len()).then(|| (String::new(), number));
            let word = word.trim_matches('\'');
            let word = word.strip_suffix("'s").unwrap_or(word);
            let word = (!word.is_empty()).then(|| (word.to_lowercase(), number));
            word.into_iter().chain(end)
        })
    })
}

/// Returns each banned phrase with its line number and what to write instead.
fn find(words: &[Word]) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (at, (_, line)) in words.iter().enumerate() {
        for (phrase, instead) in BANNED {
            let here = words[at..].iter().map(|(word, _)| word.as_str());
            if phrase.split(' ').eq(here.take(phrase.split(' ').count())) {
                found.push((*line, *phrase, *instead));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, has_messages: bool) -> Vec<(usize, &'static str)> {
        find(&prose(source, has_messages)).into_iter().map(|(line, phrase, _)| (line, phrase)).collect()
    }

    #[test]
    fn comments_are_searched_and_code_is_not() {
        let source = "//! Nobody waits.\nfn nobody() {} // those\n// who wait\n/* so\n * MANY */";
        assert_eq!(found(source, false), [(1, "nobody"), (2, "those who"), (4, "so many")]);
        assert_eq!(found("// Everybody's, 'nobody'.", false), [(1, "everybody"), (1, "nobody")]);
    }

    #[test]
    fn messages_are_searched_where_users_read_them() {
        let source = "const A: &str = \"for so long\";";
        assert_eq!(found(source, true), [(1, "so long")]);
        assert!(found(source, false).is_empty());
    }

    #[test]
    fn a_phrase_does_not_span_sentences_or_comments_apart() {
        assert!(found("// That is so. Many wait.\n\n// those\nfn a() {}\n// who", false).is_empty());
    }

    #[test]
    fn parts_of_words_are_no_words() {
        assert!(found("// `so_many`, no one whose turn it is", false).is_empty());
    }

    #[test]
    fn messages_are_those_of_the_crates() {
        assert!(has_messages("crates/a/src/b/c.rs"));
        assert!(!has_messages("crates/a/tests/src.rs") && !has_messages("xtask/src/language.rs"));
    }
}
