//! The two stitches of a worker: the rate-limited endpoint and the cached resource, both on one store.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use stitchapi::auth::Secret;
use stitchapi::auth::oauth2::ClientCredentials;
use stitchapi::trace::{Event, EventKind, TraceSink, sink_fn};
use stitchapi::{Cache, Retry, SealingKey, Seam, SeamBuilder, Stitch, StitchStore, Throttle, Vault, decode};
use url::Url;

use crate::error::CliError;
use crate::fleet::protocol::{Assignment, FleetIdentity, SharedRequest, WorkerMessage};
use crate::fleet::rate::DeclaredRate;
use crate::fleet::secrets::CLIENT_ID;

/// Time that a response of the resource stays in the cache.
const RESOURCE_TTL: Duration = Duration::from_secs(3);
/// Name of the resource's stitch, which distinguishes its events from those of the limited endpoint.
const RESOURCE: &str = "resource";

/// Stitches that a worker calls.
pub(super) struct Stitches {
    /// The endpoint behind the rate limit.
    pub(super) limited: Stitch<(), ()>,
    /// The cached resource; `None` for an external API.
    pub(super) resource: Option<Stitch<(), Resource>>,
}

/// Body of the cached resource.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Resource {
    #[serde(rename = "serial")]
    _serial: u64,
}

impl Stitches {
    /// Opens the assigned store and declares the stitches on it.
    pub(super) async fn declare(assignment: &Assignment) -> Result<Self, CliError> {
        let rate = DeclaredRate::parse(&assignment.rate).map_err(CliError::input)?;
        let url =
            Url::parse(&assignment.url).map_err(|error| CliError::input_because("the URL is not valid", &error))?;
        let store = assignment.store.open().await?;
        // Cooldowns from 429 responses are disabled: workers that obeyed them would hide the missing common budget in
        // the phase without a store.
        let throttle = Throttle::rate(rate.rate).burst(assignment.burst).max_hold(Duration::ZERO);
        let Some(identity) = &assignment.identity else {
            let seam = seam_builder(&url, store).throttle(throttle);
            return Ok(Self { limited: limited_stitch(&build_seam(seam)?, &url)?, resource: None });
        };
        let limited = build_seam(login_seam_builder(&url, store.clone(), identity).throttle(throttle))?;
        let resource = build_seam(login_seam_builder(&url, store, identity))?;
        let resource = resource.get("/resource").name(RESOURCE).cache(Cache::ttl(RESOURCE_TTL).shared());
        Ok(Self { limited: limited_stitch(&limited, &url)?, resource: Some(check_stitch(resource.build())?) })
    }
}

/// Returns a seam without login and retries that reports events to the parent.
fn seam_builder(url: &Url, store: Arc<dyn StitchStore>) -> SeamBuilder {
    Seam::builder(base_url(url)).retry(Retry::none()).sink(parent_sink()).store(store)
}

/// Returns a seam that logs in with the fleet's client secret and seals the session in the store.
fn login_seam_builder(url: &Url, store: Arc<dyn StitchStore>, identity: &FleetIdentity) -> SeamBuilder {
    let FleetIdentity { seam, secrets } = identity;
    let mut token_url = base_url(url);
    token_url.set_path("/token");
    let secret = Secret::value(secrets.client_secret.as_str());
    let login = ClientCredentials::new(token_url, CLIENT_ID, secret);
    seam_builder(url, store)
        .name(seam)
        .vault(Vault::sealed(SealingKey::from_bytes("run", secrets.sealing_key)))
        .auth(login)
}

fn build_seam(builder: SeamBuilder) -> Result<Seam, CliError> {
    builder.build().map_err(|error| CliError::input_because("the seam cannot be built", &error))
}

/// Returns the URL without query and fragment, which a base URL cannot have.
fn base_url(url: &Url) -> Url {
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    base
}

/// Declares the stitch that calls `url` itself, with its query.
fn limited_stitch(seam: &Seam, url: &Url) -> Result<Stitch<(), ()>, CliError> {
    // A brace in the URL is literal; the template would read it as a parameter.
    let escape_braces = |value: &str| value.replace('{', "{{").replace('}', "}}");
    let stitch =
        url.query_pairs().fold(seam.get(""), |stitch, (name, value)| stitch.query(&name, &escape_braces(&value)));
    check_stitch(stitch.build_with(decode::empty))
}

fn check_stitch<I: ?Sized, O>(stitch: stitchapi::Result<Stitch<I, O>>) -> Result<Stitch<I, O>, CliError> {
    stitch.map_err(|error| CliError::input_because("the URL cannot be called", &error))
}

/// Returns a sink that reports events to the parent process.
fn parent_sink() -> impl TraceSink {
    sink_fn(|event| {
        if let Some(message) = message_of(event) {
            println!("{message}");
        }
    })
}

/// Returns the message for an event, or `None` if the parent does not record such events.
fn message_of(event: &Event) -> Option<WorkerMessage> {
    let is_fetch = &*event.stitch == RESOURCE;
    Some(match event.kind {
        EventKind::Request { .. } if is_fetch => WorkerMessage::SharedRequestBegan(SharedRequest::Fetch, event.at),
        EventKind::Response { .. } if is_fetch => WorkerMessage::SharedRequestEnded(SharedRequest::Fetch, event.at),
        EventKind::Request { .. } => WorkerMessage::CallStarted(event.at),
        EventKind::LoginStarted => WorkerMessage::SharedRequestBegan(SharedRequest::Login, event.at),
        EventKind::LoginSucceeded { .. } | EventKind::LoginFailed => {
            WorkerMessage::SharedRequestEnded(SharedRequest::Login, event.at)
        }
        EventKind::EventsLost { events } => {
            WorkerMessage::CallFailed(format!("{events} events were lost, so starts are missing from the stamps"))
        }
        _ => return None,
    })
}
