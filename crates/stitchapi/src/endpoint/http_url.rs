//! Parser of the URLs that users write: the base URL of a seam, and the token URL of a login.

use std::error::Error;
use std::fmt;

use url::Url;

/// Parses an absolute `http` or `https` URL that has no user name, password or fragment.
///
/// # Errors
///
/// [`UrlError`]. It does not show the text, because that may contain a password.
pub(crate) fn parse_http_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(UrlError::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    Ok(url)
}

/// The reason why a text is not an accepted URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// The text is not a URL.
    Syntax(url::ParseError),
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// The URL holds a user name or a password.
    Credentials,
    /// The URL has a fragment.
    Fragment,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "not a valid URL: {error}"),
            Self::Scheme => f.write_str("scheme is not http or https"),
            Self::Credentials => f.write_str("contains a user name or a password; configure credentials separately"),
            Self::Fragment => f.write_str("has a fragment, which is never sent; remove it"),
        }
    }
}

impl Error for UrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            Self::Scheme | Self::Credentials | Self::Fragment => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_https_urls_are_accepted_with_path_and_query() {
        for text in ["https://a.example", "https://a.example/v1/?q=1", "http://127.0.0.1:8080/token"] {
            assert!(parse_http_url(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected_without_showing_a_password() {
        for text in ["", "/token", "ftp://a.example/", "https://a:hunter2@a.example/", "https://a.example/#b"] {
            let error = parse_http_url(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(parse_http_url("https://me@a.example/"), Err(UrlError::Credentials));
        assert_eq!(parse_http_url("https://a.example/#top"), Err(UrlError::Fragment));
    }
}
