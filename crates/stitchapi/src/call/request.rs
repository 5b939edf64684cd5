//! What an attempt sends, and where.

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use stitchapi_core::Body;
use url::Url;

use super::Overrides;
use crate::auth::Credential;
use crate::stitch::{Declaration, Encoded};
use crate::{Error, ErrorKind, Result};

/// A request that can be sent any number of times, without its credential.
pub(super) struct Target {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: bytes::Bytes,
    /// Whether a redirect has led to another origin than the seam's.
    pub(super) abroad: bool,
}

impl Target {
    pub(super) fn new(declaration: &Declaration, encoded: &Encoded, overrides: &Overrides) -> Result<Self> {
        let mut url = declaration.seam.base().clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), encoded.path);
        url.set_path(&path);
        if !encoded.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&encoded.query);
        }
        let mut headers = declaration.headers.clone();
        if let Some(body) = &encoded.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type));
        }
        for (name, value) in &encoded.headers {
            headers.append(name, value.clone());
        }
        for (name, value) in &overrides.headers {
            headers.insert(name, value.clone());
        }
        let body = encoded.body.as_ref().map(|body| body.bytes.clone().into()).unwrap_or_default();
        Ok(Self { method: declaration.method.clone(), url, headers, body, abroad: false })
    }

    pub(super) fn is_abroad(&self) -> bool {
        self.abroad
    }

    /// The request of one attempt, signed.
    pub(super) fn request(&self, credential: Option<&dyn Credential>) -> Result<http::Request<Body>> {
        let uri =
            Uri::try_from(self.url.as_str()).map_err(|error| Error::input("the URL is too long").with_source(error))?;
        let mut request = http::Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        if let Some(credential) = credential {
            credential.apply(&mut request).map_err(|error| {
                Error::new(ErrorKind::Auth, "the request cannot carry the credential").with_source(error)
            })?;
        }
        Ok(request)
    }
}
