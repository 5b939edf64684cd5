//! Authentication strategies: a credential is prepared before the slot, and the request is sent as soon as the slot begins.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{recording_sink, seam, starts};
use futures_util::future::join_all;
use http::HeaderValue;
use http::response::Parts;
use stitchapi::auth::{AuthContext, AuthError, AuthStrategy, Credential, Verdict};
use stitchapi::{Body, Result, Seam, Stitch, Throttle, async_trait, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

/// A strategy whose credentials are numbers: it prepares the next number for each attempt.
#[derive(Debug, Default)]
struct Numbers {
    prepared: Arc<AtomicU32>,
    /// Time that preparing a number takes.
    takes: Duration,
    /// Time after which a number expires.
    lifetime: Option<Duration>,
    /// Whether a number has expired when it is prepared.
    is_expired: bool,
}

#[derive(Debug)]
struct Number(u32, Option<SystemTime>);

impl Credential for Number {
    fn apply(&self, request: &mut http::Request<Body>) -> std::result::Result<(), AuthError> {
        request.headers_mut().insert("x-number", HeaderValue::from(self.0));
        Ok(())
    }
    fn expires_at(&self) -> Option<SystemTime> {
        self.1
    }
}

#[async_trait]
impl AuthStrategy for Numbers {
    async fn prepare(&self, context: &AuthContext<'_>) -> std::result::Result<Arc<dyn Credential>, AuthError> {
        let runtime = context.runtime();
        runtime.sleep_until(runtime.now() + self.takes).await;
        let number = self.prepared.fetch_add(1, Ordering::Relaxed) + 1;
        let expires = match (self.is_expired, self.lifetime) {
            (true, _) => Some(runtime.wall() - Duration::from_secs(60)),
            (false, lifetime) => lifetime.map(|lifetime| runtime.wall() + lifetime),
        };
        Ok(Arc::new(Number(number, expires)))
    }
    async fn rejected(
        &self,
        _: &AuthContext<'_>,
        _: &dyn Credential,
        _: &Parts,
    ) -> std::result::Result<Verdict, AuthError> {
        Ok(Verdict::TryAgain)
    }
}

fn numbers(api: &MockTransport) -> Vec<u32> {
    api.requests().iter().map(|request| request.headers()["x-number"].to_str().unwrap().parse().unwrap()).collect()
}

fn ok() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

#[test]
fn calls_that_waited_for_a_login_start_at_the_rate_of_the_throttle() -> Result<()> {
    let (sim, (sink, recorded), api) = (SimRuntime::new(1), recording_sink(), ok());
    let slow = Numbers { takes: Duration::from_secs(3), ..Numbers::default() };
    let stitch = get(&seam(&sim, &api).auth(slow).throttle(Throttle::rate("10/s")).sink(sink).build()?);
    sim.block_on(join_all((0..10).map(|_| async { stitch.call(()).await }))).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    let at = starts(&recorded);
    assert_eq!(at.len(), 10);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] == 100_500), "{at:?}");
    Ok(())
}

#[test]
fn a_credential_that_expires_while_its_call_waits_for_a_slot_is_prepared_again() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), ok());
    let brief = Numbers { lifetime: Some(Duration::from_millis(150)), ..Numbers::default() };
    let stitch = get(&seam(&sim, &api).auth(brief).throttle(Throttle::rate("10/s")).build()?);
    sim.block_on(async {
        let _ = join_all((0..3).map(|_| async { stitch.call(()).await })).await;
    });
    let numbers = numbers(&api);
    assert_eq!(numbers.len(), 3);
    assert!(numbers.iter().any(|number| *number > 3), "one credential was prepared again: {numbers:?}");
    Ok(())
}

#[test]
fn a_credential_that_is_expired_when_it_is_prepared_is_sent() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), ok());
    let wrong_clock = Numbers { is_expired: true, ..Numbers::default() };
    let stitch = get(&seam(&sim, &api).auth(wrong_clock).throttle(Throttle::rate("10/s")).build()?);
    sim.block_on(stitch.call(()).send())?;
    assert_eq!(numbers(&api), [1]);
    Ok(())
}

#[test]
fn a_rejected_credential_is_replaced_once_and_its_request_takes_another_slot() -> Result<()> {
    let api = MockTransport::new(|_| {
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        response
    });
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let throttle = Throttle::rate("10/s");
    let stitch = get(&seam(&sim, &api).auth(Numbers::default()).throttle(throttle).sink(sink).build()?);
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (401, 2));
    assert_eq!(numbers(&api), [1, 2]);
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    let at = starts(&recorded);
    assert_eq!(at[1] - at[0], 100_500);
    Ok(())
}
