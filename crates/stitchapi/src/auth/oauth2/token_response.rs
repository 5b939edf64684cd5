//! Responses of token endpoints, normalized to the form that RFC 6749 specifies.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::lifetime::parse_expires_in;
use crate::auth::error::AuthError;

/// A token response in the form of RFC 6749, section 5, reduced to the fields that are used.
#[derive(Debug)]
pub(super) struct TokenResponse {
    pub(super) status: StatusCode,
    /// JSON with the token and its type, or with the error code; empty for any other response.
    pub(super) body: Vec<u8>,
    /// Lifetime of the token, if the response states one.
    pub(super) lifetime: Option<Duration>,
}

impl TokenResponse {
    /// Normalizes a response.
    ///
    /// * `token_type` may be missing, and its case is ignored. A type other than `Bearer` is an error.
    /// * `expires_in` may have any type; a value that is not a number counts as missing.
    /// * An error code with the status 200 gets the status 400.
    /// * Every other field is removed, because it may contain a secret: for example, the description of an error may
    ///   quote the secret of the request. A refresh token is not part of this grant (section 4.4.3).
    ///
    /// # Errors
    ///
    /// [`AuthError`] for a token of another type.
    pub(super) fn normalize(status: StatusCode, body: &[u8]) -> Result<Self, AuthError> {
        let mut fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let (token, code) = (fields.remove("access_token"), fields.remove("error"));
        match (token, code) {
            (Some(token), _) if status == StatusCode::OK => {
                let is_bearer = match fields.get("token_type") {
                    None | Some(Value::Null) => true,
                    Some(Value::String(kind)) => kind.eq_ignore_ascii_case("bearer"),
                    Some(_) => false,
                };
                if !is_bearer {
                    return Err(AuthError::new("the token endpoint returned a token that is not a bearer token"));
                }
                let body = json!({ "access_token": token, "token_type": "bearer" }).to_string().into_bytes();
                Ok(Self { status, body, lifetime: fields.get("expires_in").and_then(parse_expires_in) })
            }
            (_, Some(code)) => {
                let status = if status == StatusCode::OK { StatusCode::BAD_REQUEST } else { status };
                Ok(Self { status, body: json!({ "error": code }).to_string().into_bytes(), lifetime: None })
            }
            _ => Ok(Self { status, body: Vec::new(), lifetime: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalize(status: u16, body: &str) -> Result<(u16, String, Option<u64>), AuthError> {
        let response = TokenResponse::normalize(StatusCode::from_u16(status).unwrap(), body.as_bytes())?;
        let body = String::from_utf8(response.body).unwrap();
        Ok((response.status.as_u16(), body, response.lifetime.map(|lifetime| lifetime.as_secs())))
    }

    #[test]
    fn a_token_keeps_its_type_and_lifetime_only() {
        let expected = || r#"{"access_token":"t","token_type":"bearer"}"#.to_owned();
        for kind in ["", r#""token_type":null,"#, r#""token_type":"BEARER","#, r#""token_type":"Bearer","#] {
            let body = format!(r#"{{{kind}"access_token":"t","expires_in":"60","scope":["a"],"refresh_token":7}}"#);
            assert_eq!(normalize(200, &body).unwrap(), (200, expected(), Some(60)), "{body}");
        }
        assert_eq!(normalize(200, r#"{"access_token":"t"}"#).unwrap(), (200, expected(), None));
    }

    #[test]
    fn a_token_of_another_type_is_an_error() {
        for kind in [r#""mac""#, r#""DPoP""#, r#""""#, "1", "[]"] {
            let error = normalize(200, &format!(r#"{{"access_token":"t","token_type":{kind}}}"#)).unwrap_err();
            assert!(!error.is_retryable() && error.to_string().contains("not a bearer token"), "{kind}: {error}");
        }
    }

    #[test]
    fn an_error_keeps_its_code_only() {
        let body = r#"{"error":"invalid_client","error_description":"hunter2","error_uri":"u"}"#;
        let expected = |status| (status, r#"{"error":"invalid_client"}"#.to_owned(), None);
        assert_eq!(normalize(401, body).unwrap(), expected(401));
        assert_eq!(normalize(200, body).unwrap(), expected(400));
    }

    #[test]
    fn any_other_response_loses_its_body() {
        for body in ["", "<html>", "[]", "7", r#"{"access":1}"#, "{\"access_token\":\"t\"", "{\"expires_in\":1e400}"] {
            assert_eq!(normalize(200, body).unwrap(), (200, String::new(), None), "{body}");
            assert_eq!(normalize(404, body).unwrap(), (404, String::new(), None), "{body}");
        }
        assert_eq!(normalize(302, r#"{"access_token":"t"}"#).unwrap(), (302, String::new(), None));
    }

    proptest! {
        #[test]
        fn normalizing_never_panics(body: Vec<u8>, status in 100_u16..600) {
            let _ = TokenResponse::normalize(StatusCode::from_u16(status).unwrap(), &body);
        }
    }
}
