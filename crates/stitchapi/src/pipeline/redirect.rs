//! Where a redirect leads (RFC 9110, 15.4).

use http::response::Parts;
use http::{HeaderName, Method, StatusCode, header};

use super::request::Target;

/// What may cross an origin. Any other header may be a credential, whatever it is called.
const HARMLESS: [HeaderName; 4] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// The next target; `None` where the answer leads nowhere that a call may go: no usable `Location`, another scheme than
/// `http` or `https`, `https` to `http`, a URL too long, or a body
/// that would have to be sent again by a status that does not say so.
pub(super) fn follow(from: &Target, answer: &Parts) -> Option<Target> {
    let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    let mut url = from.url.join(location).ok()?;
    url.set_fragment(None);
    let downgrade = from.url.scheme() == "https" && url.scheme() != "https";
    if downgrade || !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
    {
        return None;
    }

    let (mut method, mut body, mut headers) = (from.method.clone(), from.body.clone(), from.headers.clone());
    match answer.status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {}
        StatusCode::SEE_OTHER => {
            if method != Method::HEAD {
                method = Method::GET;
            }
            body.clear();
        }
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if body.is_empty() && method.is_safe() => {}
        // Browsers turn a POST into a GET here, clients of APIs repeat it: neither is what the caller asked for.
        _ => return None,
    }
    if body.is_empty() {
        headers.remove(header::CONTENT_TYPE);
    }
    let abroad = from.abroad || url.origin() != from.url.origin();
    if abroad {
        headers = HARMLESS.into_iter().filter_map(|name| Some((name.clone(), headers.remove(name)?))).collect();
    }
    Target::new(method, url, headers, body, abroad).ok()
}
