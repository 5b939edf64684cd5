//! Validates the client credentials of a token request (RFC 6749, sections 2.3.1 and 4.4).

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::form_urlencoded;

/// OAuth2 client to which the upstream issues tokens.
#[derive(Debug)]
pub(super) struct RegisteredClient<'c> {
    pub(super) id: &'c str,
    pub(super) secret: &'c str,
}

/// Reason for which no token is issued.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// The credentials are absent or wrong.
    InvalidClient,
    /// The grant type is not `client_credentials`.
    UnsupportedGrant,
}

impl TokenError {
    /// Returns the status of the response.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::UnsupportedGrant => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns the error code of section 5.2.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrant => "unsupported_grant_type",
        }
    }
}

/// Validates a request. Its credentials are in the `Authorization` header or in the form.
pub(super) fn validate(client: &RegisteredClient<'_>, headers: &HeaderMap, form: &[u8]) -> Result<(), TokenError> {
    let form_field =
        |name: &str| form_urlencoded::parse(form).find(|(field, _)| field == name).map(|(_, value)| value.into_owned());
    let credentials = basic_credentials(headers).or_else(|| form_field("client_id").zip(form_field("client_secret")));
    if credentials.is_none_or(|(id, secret)| id != client.id || secret != client.secret) {
        return Err(TokenError::InvalidClient);
    }
    if form_field("grant_type").as_deref() != Some("client_credentials") {
        return Err(TokenError::UnsupportedGrant);
    }
    Ok(())
}

/// Returns the id and the secret of Basic authentication, both form-decoded.
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = value.split_once(' ')?;
    let pair = BASE64_STANDARD.decode(value).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

/// Decodes one form-encoded value.
fn form_decode(text: &str) -> String {
    let mut fields = form_urlencoded::parse(text.as_bytes());
    fields.next().map_or_else(String::new, |(field, _)| field.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: RegisteredClient<'_> = RegisteredClient { id: "fleet", secret: "a b/1" };

    fn basic(pair: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn credentials_are_accepted_in_the_header_or_in_the_form() {
        let grant = b"grant_type=client_credentials";
        let form = b"grant_type=client_credentials&client_id=fleet&client_secret=a+b%2F1";
        assert_eq!(validate(&CLIENT, &basic("fleet:a+b%2F1"), grant), Ok(()));
        assert_eq!(validate(&CLIENT, &HeaderMap::new(), form), Ok(()));
    }

    #[test]
    fn absent_or_wrong_credentials_and_other_grants_get_no_token() {
        let grant = b"grant_type=client_credentials";
        for headers in [HeaderMap::new(), basic("fleet:other"), basic("other:a+b%2F1"), basic("fleet")] {
            let error = validate(&CLIENT, &headers, grant).unwrap_err();
            assert_eq!((error.status().as_u16(), error.code()), (401, "invalid_client"));
        }
        let error = validate(&CLIENT, &basic("fleet:a+b%2F1"), b"grant_type=password").unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (400, "unsupported_grant_type"));
    }
}
