//! Answers of token endpoints as they are, made into such as RFC 6749 wants them.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::lifetime::said;
use crate::auth::AuthError;

/// An answer in the form of RFC 6749, section 5, with nothing in it that is not needed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// A token and its type, or an error's code, or nothing.
    pub(super) body: Vec<u8>,
    /// How long the token is good for, if that is said.
    pub(super) lifetime: Option<Duration>,
}

impl Answer {
    /// * A `token_type` may be missing, and in any case of letters. Another than `Bearer` is an error.
    /// * `expires_in` may be anything.
    /// * An error may come with the status 200.
    /// * Nothing else is looked at: no content type, no scope, and no description of an error, which may quote what was
    ///   sent. There is no refresh token with this grant (section 4.4.3).
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Result<Self, AuthError> {
        let mut fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let (token, code) = (fields.remove("access_token"), fields.remove("error"));
        match (token, code) {
            (Some(token), _) if status == StatusCode::OK => {
                let bearer = match fields.get("token_type") {
                    None | Some(Value::Null) => true,
                    Some(Value::String(kind)) => kind.eq_ignore_ascii_case("bearer"),
                    Some(_) => false,
                };
                if !bearer {
                    return Err(AuthError::new("the token endpoint gave a token that is no bearer token"));
                }
                let body = json!({ "access_token": token, "token_type": "bearer" }).to_string().into_bytes();
                Ok(Self { status, body, lifetime: fields.get("expires_in").and_then(said) })
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

    fn read(status: u16, body: &str) -> Result<(u16, String, Option<u64>), AuthError> {
        let answer = Answer::read(StatusCode::from_u16(status).unwrap(), body.as_bytes())?;
        let body = String::from_utf8(answer.body).unwrap();
        Ok((answer.status.as_u16(), body, answer.lifetime.map(|lifetime| lifetime.as_secs())))
    }

    #[test]
    fn a_token_is_left_with_its_type_only() {
        let expected = || r#"{"access_token":"t","token_type":"bearer"}"#.to_owned();
        for kind in ["", r#""token_type":null,"#, r#""token_type":"BEARER","#, r#""token_type":"Bearer","#] {
            let body = format!(r#"{{{kind}"access_token":"t","expires_in":"60","scope":["a"],"refresh_token":7}}"#);
            assert_eq!(read(200, &body).unwrap(), (200, expected(), Some(60)), "{body}");
        }
        assert_eq!(read(200, r#"{"access_token":"t"}"#).unwrap(), (200, expected(), None));
    }

    #[test]
    fn a_token_of_another_type_is_an_error() {
        for kind in [r#""mac""#, r#""DPoP""#, r#""""#, "1", "[]"] {
            let error = read(200, &format!(r#"{{"access_token":"t","token_type":{kind}}}"#)).unwrap_err();
            assert!(!error.is_retryable() && error.to_string().contains("no bearer token"), "{kind}: {error}");
        }
    }

    #[test]
    fn an_error_is_left_with_its_code_only() {
        let body = r#"{"error":"invalid_client","error_description":"hunter2","error_uri":"u"}"#;
        let expected = |status| (status, r#"{"error":"invalid_client"}"#.to_owned(), None);
        assert_eq!(read(401, body).unwrap(), expected(401));
        assert_eq!(read(200, body).unwrap(), expected(400));
    }

    #[test]
    fn of_anything_else_nothing_is_left() {
        for body in ["", "<html>", "[]", "7", r#"{"access":1}"#, "{\"access_token\":\"t\"", "{\"expires_in\":1e400}"] {
            assert_eq!(read(200, body).unwrap(), (200, String::new(), None), "{body}");
            assert_eq!(read(404, body).unwrap(), (404, String::new(), None), "{body}");
        }
        assert_eq!(read(302, r#"{"access_token":"t"}"#).unwrap(), (302, String::new(), None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>, status in 100_u16..600) {
            let _ = Answer::read(StatusCode::from_u16(status).unwrap(), &body);
        }
    }
}
