//! The request that a redirect asks for (RFC 9110, 15.4).

use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::endpoint::PreparedRequest;

/// The headers that are sent to another origin. Any other header may be a credential, whatever its name.
const CROSS_ORIGIN_HEADERS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// Returns the request that a redirect asks for, or `None` if it cannot be followed: no usable `Location`, a scheme other
/// than `http` and `https`, `https` to `http`, credentials in the URL, a URL that is too long, or a body that would be sent
/// again by a status that does not ask for it.
pub(in crate::pipeline) fn redirected_request(from: &PreparedRequest, response: &Parts) -> Option<PreparedRequest> {
    let location = response.headers.get(header::LOCATION)?.to_str().ok()?;
    let mut url = from.url().join(location).ok()?;
    url.set_fragment(None);
    let is_downgrade = from.url().scheme() == "https" && url.scheme() != "https";
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if is_downgrade || has_credentials || !matches!(url.scheme(), "http" | "https") {
        return None;
    }

    let (mut method, mut body, mut headers) = (from.method().clone(), from.body().clone(), from.headers().clone());
    match response.status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {}
        StatusCode::SEE_OTHER => {
            if method != Method::HEAD {
                method = Method::GET;
            }
            body.clear();
        }
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if body.is_empty() && method.is_safe() => {}
        // Browsers turn a POST into a GET here, and API clients repeat the POST: the caller has asked for neither.
        _ => return None,
    }
    if body.is_empty() {
        headers.remove(header::CONTENT_TYPE);
    }
    let is_cross_origin = from.is_cross_origin() || url.origin() != from.url().origin();
    if is_cross_origin {
        headers = harmless_headers(headers);
    }
    PreparedRequest::from_parts(method, url, headers, body, is_cross_origin).ok()
}

/// Keeps the headers that may be sent to another origin.
fn harmless_headers(mut headers: HeaderMap) -> HeaderMap {
    CROSS_ORIGIN_HEADERS.into_iter().filter_map(|name| Some((name.clone(), headers.remove(name)?))).collect()
}
