//! Templates: texts with named parameters, such as `/repos/{owner}/{repo}`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{Error, Result};

/// Characters that are percent-encoded in a path parameter: all but the unreserved characters of RFC 3986. `/`, `@` and
/// line ends are therefore encoded, too.
const ESCAPED_IN_PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with named parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Parses `{name}` as a parameter, and `{{` and `}}` as literal braces. A name is a letter or `_`, followed by
    /// letters, digits and `_`. `place` is the place of the declaration for error messages, such as "query `q`".
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) for unpaired braces and an invalid name. It names `place`
    /// and does not show the text, because that may be a secret.
    pub(crate) fn parse(text: &str, place: &str) -> Result<Self> {
        let invalid = |what: &str| Error::config(format!("{place}: {what}"));
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
                return Err(invalid("`}` without `{`; write a literal brace twice"));
            }
            let (name, after) =
                rest.split_once('}').ok_or_else(|| invalid("`{` without `}`; write a literal brace twice"))?;
            if !is_parameter_name(name) {
                return Err(invalid(
                    "invalid parameter name; it consists of letters, digits and `_`, and does not start with a digit",
                ));
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

    /// Parses the path of an endpoint, relative to the seam's base URL. An empty path stands for the base URL itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) for an invalid template, and for a path that does not
    /// start with `/`, has a query, a fragment or a `.` or `..` segment, or contains a character that is not allowed in
    /// a URL.
    pub(crate) fn parse_path(text: &str) -> Result<Self> {
        let place = format!("path `{text}`");
        let template = Self::parse(text, &place)?;
        let invalid = |what: &str| Error::config(format!("{place}: {what}"));
        if !text.is_empty() && !text.starts_with('/') {
            return Err(invalid("does not start with `/`; paths are relative to the seam's base URL"));
        }
        let literals = template.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(literal) => Some(literal.as_str()),
            Piece::Parameter(_) => None,
        });
        for literal in literals {
            if literal.contains(['?', '#']) {
                return Err(invalid(
                    "contains `?` or `#`; declare a query with .query(name, template), and remove a fragment",
                ));
            }
            if !literal.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`|{}".contains(&byte)) {
                return Err(invalid("contains a character that is not allowed in a URL; percent-encode it"));
            }
            if literal.split('%').skip(1).any(|escape| {
                !escape.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }) {
                return Err(invalid("`%` is not followed by two hexadecimal digits; write a literal `%` as `%25`"));
            }
        }
        if text.split('/').any(is_dot_segment) {
            return Err(invalid("has a `.` or `..` segment, which would lead to another path; remove it"));
        }
        Ok(template)
    }

    /// Returns the names of the parameters in order of first occurrence, without repetition.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().enumerate().filter_map(|(index, piece)| match piece {
            Piece::Parameter(name) if !self.pieces[..index].contains(piece) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns the name of the parameter, if the template is a single parameter without other text.
    pub(crate) fn as_single_parameter(&self) -> Option<&str> {
        match &*self.pieces {
            [Piece::Parameter(name)] => Some(name),
            _ => None,
        }
    }

    /// Returns the text, with each parameter replaced by the result of `value` for its name.
    pub(crate) fn render<'v>(&self, mut value: impl FnMut(&str) -> Result<&'v str>) -> Result<String> {
        self.pieces.iter().try_fold(String::new(), |mut text, piece| {
            text.push_str(match piece {
                Piece::Literal(literal) => literal,
                Piece::Parameter(name) => value(name)?,
            });
            Ok(text)
        })
    }

    /// Returns the path, with each parameter replaced by the percent-encoded result of `value` for its name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if a segment becomes `.` or `..`, as text or
    /// percent-encoded. URL parsers read `%2e%2e` as `..`.
    pub(crate) fn render_path<'v>(&self, mut value: impl FnMut(&str) -> Result<&'v str>) -> Result<String> {
        let mut path = String::new();
        let mut segment = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => {
                    path.push_str(literal);
                    let mut segments = literal.split('/');
                    segment.push_str(segments.next().unwrap_or_default());
                    for next in segments {
                        reject_dot_segment(&segment)?;
                        next.clone_into(&mut segment);
                    }
                }
                Piece::Parameter(name) => {
                    let value = value(name)?;
                    path.extend(utf8_percent_encode(value, ESCAPED_IN_PARAMETER));
                    segment.push_str(value);
                }
            }
        }
        reject_dot_segment(&segment)?;
        Ok(path)
    }
}

/// Returns `true` for a letter or `_`, followed by letters, digits and `_`.
fn is_parameter_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn reject_dot_segment(segment: &str) -> Result<()> {
    if is_dot_segment(segment) {
        return Err(Error::input("path: a parameter makes a segment `.` or `..`, which would lead to another path"));
    }
    Ok(())
}

/// Returns `true` if the segment is `.` or `..`, as text or percent-encoded.
fn is_dot_segment(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    matches!(segment, "." | "..") || matches!(&*decoded, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn render(template: &str, value: &str) -> Result<String> {
        Template::parse_path(template).unwrap().render_path(|_| Ok(value))
    }

    #[test]
    fn a_parameter_cannot_leave_its_segment() {
        assert_eq!(render("/a/{x}/b", "c/d").unwrap(), "/a/c%2Fd/b");
        assert_eq!(render("/{x}", "@evil.example").unwrap(), "/%40evil.example");
        assert_eq!(render("/{x}", "a\r\nb").unwrap(), "/a%0D%0Ab");
        assert_eq!(render("/{x}", "http://evil.example").unwrap(), "/http%3A%2F%2Fevil.example");
        assert_eq!(render("/{x}", "?#\\% é").unwrap(), "/%3F%23%5C%25%20%C3%A9");
    }

    #[test]
    fn a_dot_segment_is_rejected_as_text_and_percent_encoded() {
        for dots in [".", "..", "%2e", "%2E%2e", ".%2e", "%2e."] {
            for template in ["/{x}", "/a/{x}/b", "/{x}/b"] {
                assert_eq!(render(template, dots).unwrap_err().kind(), ErrorKind::Input, "{dots} in {template}");
            }
        }
        assert!(render("/.{x}", ".").is_err());
        assert!(render("/{x}{x}", ".").is_err());
        assert!(render("/{x}%2e", ".").is_err());
        assert_eq!(render("/a{x}", "..").unwrap(), "/a..");
        assert_eq!(render("/{x}", "...").unwrap(), "/...");
    }

    #[test]
    fn a_literal_brace_is_written_twice_and_an_error_does_not_show_the_text() {
        let filter = Template::parse("{{\"a\":{x}}}", "query `filter`").unwrap();
        assert_eq!(filter.render(|_| Ok("1")).unwrap(), "{\"a\":1}");
        let error = Template::parse("s3cr{t", "header `x-key`").unwrap_err().to_string();
        assert!(error.starts_with("header `x-key`: ") && !error.contains("s3cr"), "{error}");
    }

    #[test]
    fn invalid_paths_are_configuration_errors() {
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
