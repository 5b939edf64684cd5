//! The two stitches of a worker, on one store.

use std::time::Duration;

use serde::Deserialize;
use stitchapi::auth::Secret;
use stitchapi::auth::oauth2::ClientCredentials;
use stitchapi::trace::{Event, EventKind, TraceSink, sink_fn};
use stitchapi::{Cache, Retry, SealingKey, Seam, Stitch, Throttle, Vault, decode};
use url::Url;

use crate::failure::Failure;
use crate::fleet::assignment::{Assignment, Membership};
use crate::fleet::options::rate;
use crate::fleet::said::{Errand, Said};
use crate::fleet::secrets::CLIENT_ID;

/// How long an answer of the resource is kept.
pub(crate) const RESOURCE_LIVES: Duration = Duration::from_secs(3);
/// The name of the resource's stitch, by which its events are told from those of the API.
const RESOURCE: &str = "resource";

/// What a worker calls.
pub(super) struct Stitches {
    /// The one endpoint behind the rate limit.
    pub(super) api: Stitch<(), ()>,
    /// The cached one, which somebody else's server does not have.
    pub(super) resource: Option<Stitch<(), Resource>>,
}

/// What the upstream has that may be cached.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Resource {
    #[serde(rename = "serial")]
    _serial: u64,
}

pub(super) async fn declare(assignment: &Assignment) -> Result<Stitches, Failure> {
    let no_seam = |error: stitchapi::Error| Failure::wrong_because("no seam", &error);
    let rate = rate(&assignment.rate).map_err(Failure::wrong)?;
    let url = Url::parse(&assignment.url).map_err(|error| Failure::wrong_because("no URL", &error))?;
    let store = assignment.store.open().await?;
    // What is shown is the pace alone: workers that heed the API's refusals would hide what it does without a store.
    let throttle = Throttle::rate(rate.rate).burst(assignment.burst).max_hold(Duration::ZERO);
    let Some(membership) = &assignment.membership else {
        let seam = Seam::builder(base(&url)).retry(Retry::none()).sink(sink()).store(store).throttle(throttle);
        return Ok(Stitches { api: api(&seam.build().map_err(no_seam)?, &url)?, resource: None });
    };
    let mut token_url = base(&url);
    token_url.set_path("/token");
    let seam = || {
        let Membership { seam, secrets } = membership;
        let secret = Secret::value(secrets.client_secret.as_str());
        let login = ClientCredentials::new(token_url.clone(), CLIENT_ID, secret);
        Seam::builder(base(&url))
            .name(seam)
            .retry(Retry::none())
            .sink(sink())
            .store(store.clone())
            .vault(Vault::sealed(SealingKey::from_bytes("run", secrets.sealing_key)))
            .auth(login)
    };
    let limited = seam().throttle(throttle).build().map_err(no_seam)?;
    let resource = seam().build().map_err(no_seam)?.get("/resource").name(RESOURCE);
    Ok(Stitches {
        api: api(&limited, &url)?,
        resource: Some(built(resource.cache(Cache::ttl(RESOURCE_LIVES).shared()).build())?),
    })
}

/// The URL without what a base URL cannot have.
fn base(url: &Url) -> Url {
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    base
}

/// The one endpoint: the URL itself.
fn api(seam: &Seam, url: &Url) -> Result<Stitch<(), ()>, Failure> {
    // A brace in a URL is a brace.
    let plain = |value: &str| value.replace('{', "{{").replace('}', "}}");
    let call = url.query_pairs().fold(seam.get(""), |call, (name, value)| call.query(&name, &plain(&value)));
    built(call.build_with(decode::empty))
}

fn built<I: ?Sized, O>(stitch: stitchapi::Result<Stitch<I, O>>) -> Result<Stitch<I, O>, Failure> {
    stitch.map_err(|error| Failure::wrong_because("the URL cannot be called", &error))
}

/// Tells the parent.
fn sink() -> impl TraceSink {
    sink_fn(|event| {
        if let Some(said) = said_of(event) {
            println!("{said}");
        }
    })
}

fn said_of(event: &Event) -> Option<Said> {
    let is_fetch = &*event.stitch == RESOURCE;
    Some(match event.kind {
        EventKind::Request { .. } if is_fetch => Said::Began(Errand::Fetch, event.at),
        EventKind::Response { .. } if is_fetch => Said::Ended(Errand::Fetch, event.at),
        EventKind::Request { .. } => Said::Start(event.at),
        EventKind::LoginStarted => Said::Began(Errand::Login, event.at),
        EventKind::LoginSucceeded { .. } | EventKind::LoginFailed => Said::Ended(Errand::Login, event.at),
        EventKind::EventsLost { events } => {
            Said::Failed(format!("to tell of {events} events: there are more starts than stamps"))
        }
        _ => return None,
    })
}
