//! Reads what one source file declares, imports and names.
//!
//! Input: the tokens of a file. Output: a [`Body`] per module in the file, the inline modules as its children. Items under
//! `#[cfg(test)]` are left out. [`super::tree`] resolves the names.

use std::collections::BTreeSet;

use super::super::tokens::{Kind, Token, tokens};

/// Keywords that begin an item.
const ITEMS: &[&str] = &["use", "mod", "fn", "struct", "enum", "union", "trait", "impl", "type", "const", "static"];

/// Contents of one module.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Names of the items that the module defines.
    pub(super) items: BTreeSet<String>,
    /// Names of the modules that have files of their own: `mod name;`.
    pub(super) files: Vec<String>,
    /// Modules with a body in this file: `mod name { ... }`.
    pub(super) inline: Vec<(String, Body)>,
    /// One entry per imported name.
    pub(super) imports: Vec<Import>,
    /// Paths and single names in the code, outside of imports.
    pub(super) mentions: Vec<Mention>,
}

/// One imported name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// Segments of the path, without a trailing `self`.
    pub(super) path: Vec<String>,
    /// Name that the import binds, or `*`.
    pub(super) name: String,
    /// `true` for `pub use` of any visibility.
    pub(super) is_reexport: bool,
    /// Line number of the name.
    pub(super) line: usize,
}

/// A path in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// Segments of the path; one segment for a plain name.
    pub(super) path: Vec<String>,
    /// Line number of the first segment.
    pub(super) line: usize,
}

/// Parses a source file.
pub(super) fn parse(source: &str) -> Body {
    let tokens: Vec<Token<'_>> = tokens(source).into_iter().filter(|token| token.kind != Kind::Comment).collect();
    let mut parser = Parser { tokens: &tokens, at: 0 };
    if parser.begins_with_test_only() { Body::default() } else { parser.module() }
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self, ahead: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    fn is_symbol(&self, ahead: usize, text: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is_symbol(text))
    }

    fn is_any_word(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(|token| token.kind == Kind::Word)
    }

    fn is_preceded_by(&self, text: &str) -> bool {
        self.at.checked_sub(1).is_some_and(|before| self.tokens[before].is_symbol(text))
    }

    /// Returns `true` for a file under `#![cfg(test)]`.
    fn begins_with_test_only(&self) -> bool {
        let texts = self.tokens.iter().take(7).map(|token| token.text);
        texts.eq(["#", "!", "[", "cfg", "(", "test", ")"])
    }

    /// Reads to the `}` that closes the module, or to the end of the file.
    fn module(&mut self) -> Body {
        let mut body = Body::default();
        let mut depth = 0_usize;
        let mut is_public = false;
        while let Some(token) = self.peek(0) {
            let was_public = std::mem::take(&mut is_public);
            match (token.kind, token.text) {
                (Kind::Symbol, "#") => self.attribute(),
                (Kind::Symbol, "{") => {
                    depth += 1;
                    self.at += 1;
                }
                (Kind::Symbol, "}") if depth == 0 => {
                    self.at += 1;
                    break;
                }
                (Kind::Symbol, "}") => {
                    depth -= 1;
                    self.at += 1;
                }
                (Kind::Word, "pub") => {
                    is_public = true;
                    self.at += 1;
                    if self.is_symbol(0, "(") && ["crate", "super", "self", "in"].contains(&self.text(1)) {
                        self.skip_group();
                    }
                }
                (Kind::Word, "use") if self.is_any_word(1) || self.is_symbol(1, "::") || self.is_symbol(1, "{") => {
                    self.at += 1;
                    self.import_tree(&mut Vec::new(), was_public, &mut body.imports);
                }
                (Kind::Word, "mod") if self.is_any_word(1) && self.is_symbol(2, ";") => {
                    body.files.push(self.text(1).to_owned());
                    self.at += 3;
                }
                (Kind::Word, "mod") if self.is_any_word(1) && self.is_symbol(2, "{") => {
                    let name = self.text(1).to_owned();
                    self.at += 3;
                    let inline = self.module();
                    body.inline.push((name, inline));
                }
                (Kind::Word, _) => {
                    if depth == 0 {
                        body.items.extend(self.item());
                    }
                    self.mention(&mut body.mentions);
                }
                _ => self.at += 1,
            }
        }
        body
    }

    fn text(&self, ahead: usize) -> &'a str {
        self.peek(ahead).map_or("", |token| token.text)
    }

    /// Skips an attribute, and the item behind it if the item is compiled for tests only.
    fn attribute(&mut self) {
        self.at += 1;
        if self.is_symbol(0, "!") {
            self.at += 1;
        }
        if !self.is_symbol(0, "[") {
            return;
        }
        let inside = self.skip_group();
        let is_test_only = matches!(inside, [cfg, open, first, rest @ ..] if cfg.is_word("cfg") && open.is_symbol("(")
            && (first.is_word("test") || (first.is_word("all") && rest.get(1).is_some_and(|token| token.is_word("test")))));
        if is_test_only {
            while self.is_symbol(0, "#") {
                self.at += 1;
                self.skip_group();
            }
            self.skip_item();
        }
    }

    /// Skips an item, a statement, a field or a variant. Only the last two end at a comma.
    fn skip_item(&mut self) {
        let start = (0..8).map(|ahead| self.text(ahead)).take_while(|text| !["{", ":", ",", ";", "="].contains(text));
        let is_item = start.clone().any(|text| ITEMS.contains(&text));
        let is_import = start.clone().any(|text| text == "use");
        while let Some(token) = self.peek(0) {
            match token.text {
                "}" | ")" | "]" => return,
                ";" => {
                    self.at += 1;
                    return;
                }
                "," if !is_item => {
                    self.at += 1;
                    return;
                }
                "{" if !is_import => {
                    self.skip_group();
                    return;
                }
                "{" | "(" | "[" => drop(self.skip_group()),
                _ => self.at += 1,
            }
        }
    }

    /// Skips a bracketed group, and returns what is between its brackets.
    fn skip_group(&mut self) -> &'a [Token<'a>] {
        let start = self.at + 1;
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            self.at += 1;
            match (token.kind, token.text) {
                (Kind::Symbol, "(" | "[" | "{") => depth += 1,
                (Kind::Symbol, ")" | "]" | "}") => {
                    depth -= 1;
                    if depth == 0 {
                        return &self.tokens[start..self.at - 1];
                    }
                }
                _ => {}
            }
        }
        &self.tokens[start.min(self.at)..]
    }

    /// Returns the name of the item that begins at this keyword.
    fn item(&self) -> Option<String> {
        let name = match self.text(0) {
            "struct" | "enum" | "union" | "trait" | "type" | "fn" => 1,
            "const" | "static" if self.text(1) == "mut" => 2,
            "const" | "static" if self.text(1) != "fn" => 1,
            "macro_rules" if self.is_symbol(1, "!") => 2,
            _ => return None,
        };
        self.peek(name).filter(|token| token.kind == Kind::Word).map(|token| token.text.to_owned())
    }

    /// Reads a path or a name. Fields, methods and named parameters are left out.
    fn mention(&mut self, mentions: &mut Vec<Mention>) {
        let Some(first) = self.peek(0) else { return };
        let is_part = self.is_preceded_by("::") || self.is_preceded_by(".");
        let mut path = vec![first.text.to_owned()];
        self.at += 1;
        while self.is_symbol(0, "::") && self.is_any_word(1) {
            path.push(self.text(1).to_owned());
            self.at += 2;
        }
        let is_label = path.len() == 1 && self.is_symbol(0, ":");
        if !is_part && !is_label {
            mentions.push(Mention { path, line: first.line });
        }
    }

    /// Reads one tree of a `use` declaration below this prefix.
    fn import_tree(&mut self, prefix: &mut Vec<String>, is_reexport: bool, imports: &mut Vec<Import>) {
        let length = prefix.len();
        while let Some(token) = self.peek(0) {
            match (token.kind, token.text) {
                (Kind::Symbol, "::") => self.at += 1,
                (Kind::Symbol, "*") => {
                    imports.push(Import { path: prefix.clone(), name: "*".to_owned(), is_reexport, line: token.line });
                    self.at += 1;
                    break;
                }
                (Kind::Symbol, "{") => {
                    self.at += 1;
                    while self.peek(0).is_some_and(|token| !token.is_symbol("}") && !token.is_symbol(";")) {
                        let before = self.at;
                        self.import_tree(prefix, is_reexport, imports);
                        if self.is_symbol(0, ",") || self.at == before {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                (Kind::Word, "as") => {
                    self.at += 1;
                }
                (Kind::Word, text) if self.is_symbol(1, "::") => {
                    prefix.push(text.to_owned());
                    self.at += 2;
                }
                (Kind::Word, text) => {
                    let mut path = prefix.clone();
                    if text != "self" || path.is_empty() {
                        path.push(text.to_owned());
                    }
                    let has_alias = self.peek(1).is_some_and(|token| token.is_word("as"));
                    let last = path.last().cloned().unwrap_or_default();
                    let name = if has_alias { self.text(2).to_owned() } else { last };
                    imports.push(Import { path, name, is_reexport, line: token.line });
                    self.at += if has_alias { 3 } else { 1 };
                    break;
                }
                _ => break,
            }
        }
        prefix.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(source: &str) -> Vec<String> {
        let body = parse(source);
        let shown = body.imports.iter().map(|import| {
            let reexport = if import.is_reexport { "pub " } else { "" };
            format!("{reexport}{} as {}", import.path.join("::"), import.name)
        });
        shown.collect()
    }

    fn mentions(source: &str) -> Vec<String> {
        parse(source).mentions.iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn trees_of_imports_are_one_import_per_name() {
        let source = "pub(crate) use crate::a::{self, B as C, d::{E, F}}; use super::g::*; use std::fmt;";
        assert_eq!(
            imports(source),
            [
                "pub crate::a as a",
                "pub crate::a::B as C",
                "pub crate::a::d::E as E",
                "pub crate::a::d::F as F",
                "super::g as *",
                "std::fmt as fmt",
            ]
        );
    }

    #[test]
    fn items_for_tests_are_left_out() {
        let source = "#[cfg(test)] use crate::a::{B}; #[cfg(test)] #[allow(x)] mod tests { use crate::C; } \
                      #[cfg(all(test, unix))] fn f<A, B>() { crate::d::e() } #[cfg(unix)] use crate::g;";
        assert_eq!(imports(source), ["crate::g as g"]);
        assert_eq!(mentions(source), Vec::<String>::new());
        assert!(imports("#![cfg(test)] use crate::a::B;").is_empty());
    }

    #[test]
    fn a_field_for_tests_does_not_hide_the_next_field() {
        assert!(mentions("struct A { #[cfg(test)] a: X<B, C>, b: crate::d::E }").contains(&"crate::d::E".to_owned()));
    }

    #[test]
    fn items_are_those_of_the_module_and_not_of_its_blocks() {
        let body =
            parse("pub struct A; impl A { const B: u8 = 0; fn c() {} } const fn d() {} macro_rules! e { () => {} }");
        assert_eq!(body.items.iter().map(String::as_str).collect::<Vec<_>>(), ["A", "d", "e"]);
    }

    #[test]
    fn modules_are_files_or_inline() {
        let body = parse("mod a; pub mod b { pub mod c; struct D; }");
        assert_eq!(body.files, ["a"]);
        assert_eq!((body.inline[0].0.as_str(), &body.inline[0].1.files), ("b", &vec!["c".to_owned()]));
    }

    #[test]
    fn paths_in_bodies_and_macros_are_mentions_and_fields_are_not() {
        let found = mentions("fn f(x: u8) { y.z.w(); dbg!(crate::a::b::<u8>()); S { field: super::c::D } }");
        assert!(found.contains(&"crate::a::b".to_owned()) && found.contains(&"super::c::D".to_owned()), "{found:?}");
        assert!(!found.contains(&"field".to_owned()) && !found.contains(&"w".to_owned()), "{found:?}");
    }

    #[test]
    fn visibilities_are_no_mentions() {
        assert_eq!(
            mentions("pub(in crate::a) struct B; pub(super) type C = (u8, u8);"),
            ["struct", "B", "type", "C", "u8", "u8"]
        );
    }
}
