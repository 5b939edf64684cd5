//! A mock API inside the test.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use stitchapi_core::{Body, Runtime, Transport, TransportError, TransportErrorKind, async_trait};

/// [`Transport`] that returns prepared responses and records the requests.
///
/// * [`on`](Self::on) gives a route a response. Further responses of the same route are returned to the next requests, in
///   order; the last one repeats.
/// * A request that matches no route goes to the function of [`new`](Self::new). With [`routes`](Self::routes) it receives
///   status 404 and a body that names the missing route.
/// * Clones share routes and record. [`Debug`](fmt::Debug) prints counts and nothing of a request.
///
/// ```
/// use http::Method;
/// use stitchapi_testing::MockTransport;
///
/// let api = MockTransport::routes()
///     .on(Method::GET, "/users/7", 200, r#"{"name":"Ada"}"#)
///     .on(Method::GET, "/search?q=a%20b", 503, "busy")
///     .on(Method::GET, "/search?q=a%20b", 200, "[]");
/// // Hand `api.clone()` to the code under test, then look at `api.requests()`.
/// assert!(api.requests().is_empty());
/// ```
#[derive(Clone)]
pub struct MockTransport(Arc<Mutex<Api>>);

type Respond = Arc<dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync>;

struct Api {
    routes: Vec<Route>,
    /// Responds to requests that match no route.
    fallback: Respond,
    /// Number of requests that still fail, and how.
    failures: (usize, TransportErrorKind),
    latency: Option<(Duration, Arc<dyn Runtime>)>,
    requests: Vec<Request<Bytes>>,
}

struct Route {
    method: Method,
    path_and_query: String,
    responses: VecDeque<(StatusCode, Bytes)>,
}

impl MockTransport {
    /// Creates a transport whose responses come from a function.
    #[must_use]
    pub fn new(respond: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Mutex::new(Api {
            routes: Vec::new(),
            fallback: Arc::new(respond),
            failures: (0, TransportErrorKind::Other),
            latency: None,
            requests: Vec::new(),
        })))
    }

    /// Creates a transport without routes: every request receives 404.
    #[must_use]
    pub fn routes() -> Self {
        Self::new(|request| {
            let missing = format!("no route for {} {}", request.method(), path_and_query(request));
            response(StatusCode::NOT_FOUND, missing.into())
        })
    }

    /// Adds a response to requests with this method, path and query.
    ///
    /// # Panics
    ///
    /// If `status` is not an HTTP status: below 100 or above 999.
    #[must_use]
    pub fn on(self, method: Method, path_and_query: &str, status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a status is a number from 100 to 999");
        let mut api = self.lock();
        let response = (status, body.into());
        let is_same = |route: &&mut Route| route.method == method && route.path_and_query == path_and_query;
        if let Some(route) = api.routes.iter_mut().find(is_same) {
            route.responses.push_back(response);
        } else {
            api.routes.push(Route { method, path_and_query: path_and_query.into(), responses: [response].into() });
        }
        drop(api);
        self
    }

    /// Makes the next `requests` requests fail with an error of this kind. They are recorded, too.
    #[must_use]
    pub fn failing(self, requests: usize, kind: TransportErrorKind) -> Self {
        self.lock().failures = (requests, kind);
        self
    }

    /// Delays every response and every failure by this, on the clock of `runtime`.
    #[must_use]
    pub fn latency(self, duration: Duration, runtime: Arc<dyn Runtime>) -> Self {
        self.lock().latency = Some((duration, runtime));
        self
    }

    /// Returns all requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Api> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and selects its response, before the latency.
    fn select(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportErrorKind> {
        let mut api = self.lock();
        api.requests.push(request.clone());
        let (failures, kind) = api.failures;
        if failures > 0 {
            api.failures.0 -= 1;
            return Err(kind);
        }
        let path = path_and_query(request);
        let route =
            api.routes.iter_mut().find(|route| route.method == request.method() && route.path_and_query == path);
        if let Some(Route { responses, .. }) = route {
            let next = if responses.len() > 1 { responses.pop_front() } else { responses.front().cloned() };
            if let Some((status, body)) = next {
                return Ok(response(status, body));
            }
        }
        let fallback = api.fallback.clone();
        // The function runs outside the lock: it may call `requests`.
        drop(api);
        Ok(fallback(request))
    }
}

fn path_and_query(request: &Request<Bytes>) -> &str {
    request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn response(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[async_trait]
impl Transport for MockTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let (head, body) = request.into_parts();
        let body = body.collect(usize::MAX).await?.bytes;
        let selected = self.select(&Request::from_parts(head, body));
        let latency = self.lock().latency.clone();
        if let Some((duration, runtime)) = latency {
            runtime.sleep_until(runtime.now() + duration).await;
        }
        let response = selected.map_err(|kind| TransportError::new(kind, "failure set by `MockTransport::failing`"))?;
        Ok(response.map(Body::from))
    }
}

impl fmt::Debug for MockTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api = self.lock();
        f.debug_struct("MockTransport")
            .field("routes", &api.routes.len())
            .field("requests", &api.requests.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::runtime::SimRuntime;

    fn get(path: &str) -> Request<Body> {
        Request::get(format!("https://api.example{path}")).header("x-key", "secret").body("body".into()).unwrap()
    }

    fn send(api: &MockTransport, path: &str) -> (u16, Bytes) {
        let response = block_on(api.send(get(path))).unwrap();
        (response.status().as_u16(), response.into_body().as_bytes().unwrap().clone())
    }

    #[test]
    fn a_route_returns_its_responses_in_order_and_repeats_the_last() {
        let api = MockTransport::routes().on(Method::GET, "/a?b=c", 503, "busy").on(Method::GET, "/a?b=c", 200, "done");
        let statuses = [(); 3].map(|()| send(&api, "/a?b=c").0);
        assert_eq!(statuses, [503, 200, 200]);
    }

    #[test]
    fn a_request_without_a_route_receives_404_with_the_missing_route() {
        let api = MockTransport::routes().on(Method::GET, "/a", 200, "");
        assert_eq!(send(&api, "/a?b"), (404, "no route for GET /a?b".into()));
    }

    #[test]
    fn the_function_receives_the_request_and_clones_share_the_record() {
        let api = MockTransport::new(|request| Response::new(request.body().clone()));
        assert_eq!(send(&api.clone(), "/a"), (200, "body".into()));
        let requests = api.requests();
        assert_eq!(requests[0].uri(), "https://api.example/a");
        assert_eq!(requests[0].headers()["x-key"], "secret");
    }

    #[test]
    fn the_next_requests_fail_as_set() {
        let api = MockTransport::routes().on(Method::GET, "/a", 200, "").failing(1, TransportErrorKind::Connect);
        assert_eq!(block_on(api.send(get("/a"))).unwrap_err().kind(), TransportErrorKind::Connect);
        assert_eq!(send(&api, "/a").0, 200);
        assert_eq!(api.requests().len(), 2);
    }

    #[test]
    fn a_response_is_delayed_by_the_latency() {
        let sim = SimRuntime::new(1);
        let api = MockTransport::routes().latency(Duration::from_secs(3), Arc::new(sim.clone()));
        let before = sim.now();
        sim.block_on(api.send(get("/a"))).unwrap();
        assert_eq!(sim.now().since(before), Duration::from_secs(3));
    }

    #[test]
    fn debug_prints_nothing_of_a_request() {
        let api = MockTransport::routes();
        send(&api, "/a");
        assert_eq!(format!("{api:?}"), "MockTransport { routes: 0, requests: 1, .. }");
    }
}
