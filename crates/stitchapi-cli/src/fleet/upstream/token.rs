//! The client credentials of a token request (RFC 6749, sections 2.3.1 and 4.4).

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::form_urlencoded;

/// Who may log in.
#[derive(Debug)]
pub(super) struct Client<'c> {
    pub(super) id: &'c str,
    pub(super) secret: &'c str,
}

/// Why there is no token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    InvalidClient,
    UnsupportedGrant,
}

impl NoToken {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::UnsupportedGrant => StatusCode::BAD_REQUEST,
        }
    }

    /// The word of section 5.2.
    pub(super) fn error(&self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrant => "unsupported_grant_type",
        }
    }
}

/// Judges a request: its credentials are in the header or in the form.
pub(super) fn judge(client: &Client<'_>, headers: &HeaderMap, form: &[u8]) -> Result<(), NoToken> {
    let of_form =
        |name: &str| form_urlencoded::parse(form).find(|(field, _)| field == name).map(|(_, value)| value.into_owned());
    let shown = in_header(headers).or_else(|| of_form("client_id").zip(of_form("client_secret")));
    if shown.is_none_or(|(id, secret)| id != client.id || secret != client.secret) {
        return Err(NoToken::InvalidClient);
    }
    if of_form("grant_type").as_deref() != Some("client_credentials") {
        return Err(NoToken::UnsupportedGrant);
    }
    Ok(())
}

/// Id and secret of basic authentication; both are form-encoded before.
fn in_header(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = value.split_once(' ')?;
    let pair = BASE64_STANDARD.decode(value).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

/// What a field of a form says.
fn decoded(text: &str) -> String {
    let mut fields = form_urlencoded::parse(text.as_bytes());
    fields.next().map_or_else(String::new, |(field, _)| field.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Client<'_> = Client { id: "fleet", secret: "a b/1" };

    fn basic(pair: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn credentials_are_taken_from_the_header_or_the_form() {
        let grant = b"grant_type=client_credentials";
        let form = b"grant_type=client_credentials&client_id=fleet&client_secret=a+b%2F1";
        assert_eq!(judge(&CLIENT, &basic("fleet:a+b%2F1"), grant), Ok(()));
        assert_eq!(judge(&CLIENT, &HeaderMap::new(), form), Ok(()));
    }

    #[test]
    fn who_shows_no_or_other_credentials_gets_no_token() {
        let grant = b"grant_type=client_credentials";
        for headers in [HeaderMap::new(), basic("fleet:other"), basic("other:a+b%2F1"), basic("fleet")] {
            let refused = judge(&CLIENT, &headers, grant).unwrap_err();
            assert_eq!((refused.status().as_u16(), refused.error()), (401, "invalid_client"));
        }
        let refused = judge(&CLIENT, &basic("fleet:a+b%2F1"), b"grant_type=password").unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.error()), (400, "unsupported_grant_type"));
    }
}
