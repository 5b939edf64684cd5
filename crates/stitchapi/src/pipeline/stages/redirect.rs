//! Builds the request that a redirect asks for (RFC 9110, 15.4).

use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::endpoint::PreparedRequest;

/// Headers that are also sent to another origin. Any other header may be a credential, whatever its name.
const CROSS_ORIGIN_HEADERS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// Returns the request that a redirect asks for, or `None` if the redirect cannot be followed:
///
/// * Its `Location` is missing or invalid, is too long, contains credentials, has a scheme other than `http` and
///   `https`, or leads from `https` to another scheme.
/// * Its status is 301 or 302, and the request has a body or a method that is not safe.
/// * Its status is none of 301, 302, 303, 307 and 308.
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
        // After a 301 or 302, browsers turn a POST into a GET, and API clients repeat the POST. The caller has asked
        // for neither.
        _ => return None,
    }
    if body.is_empty() {
        headers.remove(header::CONTENT_TYPE);
    }
    let is_cross_origin = from.is_cross_origin() || url.origin() != from.url().origin();
    if is_cross_origin {
        headers = cross_origin_headers(headers);
    }
    PreparedRequest::from_parts(method, url, headers, body, is_cross_origin).ok()
}

/// Keeps the headers that may be sent to another origin.
fn cross_origin_headers(mut headers: HeaderMap) -> HeaderMap {
    CROSS_ORIGIN_HEADERS.into_iter().filter_map(|name| Some((name.clone(), headers.remove(name)?))).collect()
}
