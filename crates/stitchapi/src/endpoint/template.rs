//! Texts with holes: `/repos/{owner}/{repo}`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Error, Result};

/// Everything but the unreserved characters of RFC 3986 is escaped in a parameter, `/` and `@` and line ends included.
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with named holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Reads `{name}` as a hole and `{{`, `}}` as braces; a name is a letter or `_`, then letters, digits and `_`. An error
    /// names `place` and not the text, which may be a secret.
    pub(crate) fn parse(text: &str, place: &str) -> Result<Self> {
        let wrong = |what: &str| Error::config(format!("{place}: {what}"));
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(wrong("a } without its {; a brace itself is written twice"));
            }
            let (name, after) =
                rest.split_once('}').ok_or_else(|| wrong("a { without its }; a brace itself is written twice"))?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name || name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
                return Err(wrong("a parameter is named by letters, digits and _"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Parameter(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Reads the path of an endpoint, below the seam's base URL.
    pub(crate) fn parse_path(text: &str) -> Result<Self> {
        let template = Self::parse(text, &format!("the path {text:?}"))?;
        let wrong = |what: &str| Error::config(format!("the path {text:?}: {what}"));
        if !text.is_empty() && !text.starts_with('/') {
            return Err(wrong("it starts with / and stands below the seam's base URL"));
        }
        let literals = template.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(literal) => Some(literal.as_str()),
            Piece::Parameter(_) => None,
        });
        for literal in literals {
            if literal.contains(['?', '#']) {
                return Err(wrong("a query goes into .query(name, template), a fragment nowhere"));
            }
            if !literal.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`|{}".contains(&byte)) {
                return Err(wrong("write it percent-encoded"));
            }
            if literal.split('%').skip(1).any(|escape| {
                !escape.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }) {
                return Err(wrong("a % stands before two hexadecimal digits"));
            }
        }
        if text.split('/').any(is_dot_segment) {
            return Err(wrong("a segment of . or .. leads elsewhere"));
        }
        Ok(template)
    }

    /// The names of its holes, in order, each once.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().enumerate().filter_map(|(index, piece)| match piece {
            Piece::Parameter(name) if !self.pieces[..index].contains(piece) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The only piece, if it is a hole.
    pub(crate) fn sole_parameter(&self) -> Option<&str> {
        match &*self.pieces {
            [Piece::Parameter(name)] => Some(name),
            _ => None,
        }
    }

    /// The text with every hole filled by what `value` gives for its name.
    pub(crate) fn fill<'v>(&self, mut value: impl FnMut(&str) -> Result<&'v str>) -> Result<String> {
        self.pieces.iter().try_fold(String::new(), |mut text, piece| {
            text.push_str(match piece {
                Piece::Literal(literal) => literal,
                Piece::Parameter(name) => value(name)?,
            });
            Ok(text)
        })
    }

    /// The path with every hole filled by an escaped value.
    ///
    /// A segment that comes out as `.` or `..` is refused, as text or percent-encoded: URLs read `%2e%2e` as `..`.
    pub(crate) fn fill_path<'v>(&self, mut value: impl FnMut(&str) -> Result<&'v str>) -> Result<String> {
        let mut path = String::new();
        let mut segment = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => {
                    path.push_str(literal);
                    let mut segments = literal.split('/');
                    segment.push_str(segments.next().unwrap_or_default());
                    for next in segments {
                        refuse_dots(&segment)?;
                        next.clone_into(&mut segment);
                    }
                }
                Piece::Parameter(name) => {
                    let value = value(name)?;
                    path.extend(utf8_percent_encode(value, PARAMETER));
                    segment.push_str(value);
                }
            }
        }
        refuse_dots(&segment)?;
        Ok(path)
    }
}

fn refuse_dots(segment: &str) -> Result<()> {
    if is_dot_segment(segment) {
        return Err(Error::input("a path segment of . or .. leads elsewhere"));
    }
    Ok(())
}

fn is_dot_segment(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    matches!(segment, "." | "..") || matches!(&*decoded, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn fill(template: &str, value: &str) -> Result<String> {
        Template::parse_path(template).unwrap().fill_path(|_| Ok(value))
    }

    #[test]
    fn a_parameter_cannot_leave_its_segment() {
        assert_eq!(fill("/a/{x}/b", "c/d").unwrap(), "/a/c%2Fd/b");
        assert_eq!(fill("/{x}", "@evil.example").unwrap(), "/%40evil.example");
        assert_eq!(fill("/{x}", "a\r\nb").unwrap(), "/a%0D%0Ab");
        assert_eq!(fill("/{x}", "http://evil.example").unwrap(), "/http%3A%2F%2Fevil.example");
        assert_eq!(fill("/{x}", "?#\\% é").unwrap(), "/%3F%23%5C%25%20%C3%A9");
    }

    #[test]
    fn a_segment_of_dots_is_refused_however_it_is_written() {
        for dots in [".", "..", "%2e", "%2E%2e", ".%2e", "%2e."] {
            for template in ["/{x}", "/a/{x}/b", "/{x}/b"] {
                assert_eq!(fill(template, dots).unwrap_err().kind(), ErrorKind::Input, "{dots} in {template}");
            }
        }
        assert!(fill("/.{x}", ".").is_err());
        assert!(fill("/{x}{x}", ".").is_err());
        assert!(fill("/{x}%2e", ".").is_err());
        assert_eq!(fill("/a{x}", "..").unwrap(), "/a..");
        assert_eq!(fill("/{x}", "...").unwrap(), "/...");
    }

    #[test]
    fn a_brace_itself_is_written_twice_and_an_error_does_not_show_the_text() {
        let filter = Template::parse("{{\"a\":{x}}}", "the query filter").unwrap();
        assert_eq!(filter.fill(|_| Ok("1")).unwrap(), "{\"a\":1}");
        let error = Template::parse("s3cr{t", "the header x-key").unwrap_err().to_string();
        assert!(error.starts_with("the header x-key: ") && !error.contains("s3cr"), "{error}");
    }

    #[test]
    fn bad_templates_do_not_build() {
        for bad in [
            "/{",
            "/}",
            "/{}",
            "/{a b}",
            "/{1}",
            "/{a",
            "/a}",
            "no/slash",
            "/?q=1",
            "/#top",
            "/a b",
            "/%zz",
            "/%2",
            "/..",
            "/a/./b",
            "/%2e%2E/a",
            "https://other.example/",
            "/é",
        ] {
            assert_eq!(Template::parse_path(bad).unwrap_err().kind(), ErrorKind::Config, "{bad}");
        }
        for good in ["", "/", "/users/{id}", "/a%20b/{x}.json", "/v1:batch", "//{x}"] {
            assert!(Template::parse_path(good).is_ok(), "{good}");
        }
    }
}
