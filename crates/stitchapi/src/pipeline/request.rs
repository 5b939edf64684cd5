//! What an attempt sends, and where.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use stitchapi_core::Body;
use url::Url;

use super::Overrides;
use crate::endpoint::Encoded;
use crate::stitch::Declaration;
use crate::{Error, Result};

/// A request that can be sent any number of times, without its credential.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The same, as a request wants it.
    uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether a redirect has led to another origin than the seam's.
    pub(super) abroad: bool,
}

impl Target {
    /// What a call sends first.
    pub(super) fn of_call(declaration: &Declaration, encoded: &Encoded, overrides: &Overrides) -> Result<Self> {
        let mut url = declaration.seam.base().clone();
        if !encoded.path.is_empty() {
            let path = format!("{}{}", url.path().trim_end_matches('/'), encoded.path);
            url.set_path(&path);
        }
        if !encoded.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&encoded.query);
        }
        let mut headers = declaration.headers.clone();
        for (name, _) in &encoded.headers {
            headers.remove(name);
        }
        for (name, value) in &encoded.headers {
            headers.append(name, value.clone());
        }
        for (name, value) in &overrides.headers {
            headers.insert(name, value.clone());
        }
        let mut body = Bytes::new();
        if let Some(encoded) = &encoded.body {
            body = encoded.bytes.clone().into();
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(encoded.content_type));
        }
        Self::new(declaration.method.clone(), url, headers, body, false)
    }

    pub(super) fn new(method: Method, url: Url, headers: HeaderMap, body: Bytes, abroad: bool) -> Result<Self> {
        let uri = Uri::try_from(url.as_str())
            .map_err(|error| Error::input("the URL is too long, or none that can be sent").with_source(error))?;
        Ok(Self { method, url, uri, headers, body, abroad })
    }

    pub(super) fn is_abroad(&self) -> bool {
        self.abroad
    }

    /// The request of one attempt.
    pub(super) fn request(&self) -> http::Request<Body> {
        let mut request = http::Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
