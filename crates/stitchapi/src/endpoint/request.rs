//! The request that an attempt sends.
//!
//! [`PreparedRequest::new`] takes the base URL and headers of a declaration, an encoded input, and the headers of one
//! call. Each attempt sends [`PreparedRequest::to_http`]. For a redirect, `pipeline/stages/redirect.rs` builds the next
//! `PreparedRequest`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use stitchapi_core::Body;
use url::Url;

use super::encoded_input::EncodedInput;
use crate::error::{Error, Result};

/// A request without a credential. It can be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct PreparedRequest {
    method: Method,
    url: Url,
    /// `url`, converted once into the type that [`http::Request`] needs.
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    is_cross_origin: bool,
}

impl PreparedRequest {
    /// Builds the first request of a call. Headers of the input replace `headers`, and `call_headers` replace both.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the URL is too long or not a valid URI.
    pub(crate) fn new(
        method: Method,
        base: &Url,
        headers: &HeaderMap,
        input: &EncodedInput,
        call_headers: &HeaderMap,
    ) -> Result<Self> {
        let mut url = base.clone();
        if !input.path.is_empty() {
            let path = format!("{}{}", url.path().trim_end_matches('/'), input.path);
            url.set_path(&path);
        }
        if !input.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&input.query);
        }
        let mut headers = headers.clone();
        for (name, _) in &input.headers {
            headers.remove(name);
        }
        for (name, value) in &input.headers {
            headers.append(name, value.clone());
        }
        for (name, value) in call_headers {
            headers.insert(name, value.clone());
        }
        let mut body = Bytes::new();
        if let Some(encoded) = &input.body {
            body = encoded.bytes.clone().into();
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(encoded.content_type));
        }
        Self::from_parts(method, url, headers, body, false)
    }

    /// Builds a request from its parts. `is_cross_origin` is `true` if a redirect has led to another origin than the
    /// base URL's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the URL is too long or not a valid URI.
    pub(crate) fn from_parts(
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
        is_cross_origin: bool,
    ) -> Result<Self> {
        let uri = Uri::try_from(url.as_str()).map_err(|error| {
            Error::input("request URL: too long or not a valid URI; shorten the input of the call").with_source(error)
        })?;
        Ok(Self { method, url, uri, headers, body, is_cross_origin })
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns `true` if a redirect has led to another origin than the base URL's. Such a request carries no
    /// credential. Its response is not counted by the circuit, requests no cooldown, and does not make the auth
    /// strategy replace the credential.
    pub(crate) fn is_cross_origin(&self) -> bool {
        self.is_cross_origin
    }

    /// Creates the HTTP request of one attempt.
    pub(crate) fn to_http(&self) -> http::Request<Body> {
        let mut request = http::Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
