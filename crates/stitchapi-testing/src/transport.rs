//! An API inside the test.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use stitchapi_core::{Body, Runtime, Transport, TransportError, TransportErrorKind, async_trait};

/// A [`Transport`] that answers by itself and remembers what it was sent.
///
/// * [`on`](Self::on) gives a route its answer; said again for the same route it is the answer to the next request
///   there, and the last one repeats.
/// * What no route matches goes to the function of [`new`](Self::new), or is answered with 404 and a body that says so.
/// * Clones share routes and record. Its `Debug` counts and shows nothing of a request.
///
/// ```
/// use http::Method;
/// use stitchapi_testing::MockTransport;
///
/// let api = MockTransport::routes()
///     .on(Method::GET, "/users/7", 200, r#"{"name":"Ada"}"#)
///     .on(Method::GET, "/search?q=a%20b", 503, "busy")
///     .on(Method::GET, "/search?q=a%20b", 200, "[]");
/// assert!(api.requests().is_empty());
/// ```
#[derive(Clone)]
pub struct MockTransport(Arc<Mutex<Api>>);

type Answer = Arc<dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync>;

struct Api {
    routes: Vec<Route>,
    otherwise: Answer,
    failures: (usize, TransportErrorKind),
    taking: Option<(Duration, Arc<dyn Runtime>)>,
    requests: Vec<Request<Bytes>>,
}

struct Route {
    method: Method,
    path_and_query: String,
    answers: VecDeque<(StatusCode, Bytes)>,
}

impl MockTransport {
    /// Answers with what `answer` gives.
    #[must_use]
    pub fn new(answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Mutex::new(Api {
            routes: Vec::new(),
            otherwise: Arc::new(answer),
            failures: (0, TransportErrorKind::Other),
            taking: None,
            requests: Vec::new(),
        })))
    }

    /// Answers routes only; there is none yet.
    #[must_use]
    pub fn routes() -> Self {
        Self::new(|request| {
            let missing = format!("no route for {} {}", request.method(), path_and_query(request));
            respond(StatusCode::NOT_FOUND, missing.into())
        })
    }

    /// Answers requests with this method, path and query.
    ///
    /// # Panics
    ///
    /// If `status` is none: below 100 or above 999.
    #[must_use]
    pub fn on(self, method: Method, path_and_query: &str, status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a status is a number from 100 to 999");
        let mut api = self.lock();
        let answer = (status, body.into());
        let same = |route: &&mut Route| route.method == method && route.path_and_query == path_and_query;
        if let Some(route) = api.routes.iter_mut().find(same) {
            route.answers.push_back(answer);
        } else {
            api.routes.push(Route { method, path_and_query: path_and_query.into(), answers: [answer].into() });
        }
        drop(api);
        self
    }

    /// The next `sends` requests get no answer but an error of this kind. They are remembered, too.
    #[must_use]
    pub fn failing(self, sends: usize, kind: TransportErrorKind) -> Self {
        self.lock().failures = (sends, kind);
        self
    }

    /// Every answer, and every failure, takes this long on the clock of `runtime`.
    #[must_use]
    pub fn taking(self, duration: Duration, runtime: Arc<dyn Runtime>) -> Self {
        self.lock().taking = Some((duration, runtime));
        self
    }

    /// Everything that was sent, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Api> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides what to answer, before any time passes.
    fn decide(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportErrorKind> {
        let mut api = self.lock();
        api.requests.push(request.clone());
        let (failures, kind) = api.failures;
        if failures > 0 {
            api.failures.0 -= 1;
            return Err(kind);
        }
        let asked = path_and_query(request);
        let found =
            api.routes.iter_mut().find(|route| route.method == request.method() && route.path_and_query == asked);
        if let Some(Route { answers, .. }) = found {
            let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            if let Some((status, body)) = next {
                return Ok(respond(status, body));
            }
        }
        let otherwise = api.otherwise.clone();
        // Outside the lock: the function may ask for the requests.
        drop(api);
        Ok(otherwise(request))
    }
}

fn path_and_query(request: &Request<Bytes>) -> &str {
    request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

fn respond(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[async_trait]
impl Transport for MockTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let (head, body) = request.into_parts();
        let body = body.collect(usize::MAX).await?.bytes;
        let decided = self.decide(&Request::from_parts(head, body));
        let taking = self.lock().taking.clone();
        if let Some((duration, runtime)) = taking {
            runtime.sleep_until(runtime.now() + duration).await;
        }
        let answer = decided.map_err(|kind| TransportError::new(kind, "the mock transport was told to fail"))?;
        Ok(answer.map(Body::from))
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
    use crate::SimRuntime;

    fn get(path: &str) -> Request<Body> {
        Request::get(format!("https://api.example{path}")).header("x-key", "secret").body("body".into()).unwrap()
    }

    fn send(api: &MockTransport, path: &str) -> (u16, Bytes) {
        let answer = block_on(api.send(get(path))).unwrap();
        (answer.status().as_u16(), answer.into_body().as_bytes().unwrap().clone())
    }

    #[test]
    fn a_route_gives_its_answers_in_order_and_repeats_the_last() {
        let api = MockTransport::routes().on(Method::GET, "/a?b=c", 503, "busy").on(Method::GET, "/a?b=c", 200, "done");
        let statuses = [(); 3].map(|()| send(&api, "/a?b=c").0);
        assert_eq!(statuses, [503, 200, 200]);
    }

    #[test]
    fn an_unknown_route_says_so() {
        let api = MockTransport::routes().on(Method::GET, "/a", 200, "");
        assert_eq!(send(&api, "/a?b"), (404, "no route for GET /a?b".into()));
    }

    #[test]
    fn a_function_sees_the_request_and_clones_share_the_record() {
        let api = MockTransport::new(|request| Response::new(request.body().clone()));
        assert_eq!(send(&api.clone(), "/a"), (200, "body".into()));
        let requests = api.requests();
        assert_eq!(requests[0].uri(), "https://api.example/a");
        assert_eq!(requests[0].headers()["x-key"], "secret");
    }

    #[test]
    fn the_first_sends_fail_as_they_were_told_to() {
        let api = MockTransport::routes().on(Method::GET, "/a", 200, "").failing(1, TransportErrorKind::Connect);
        assert_eq!(block_on(api.send(get("/a"))).unwrap_err().kind(), TransportErrorKind::Connect);
        assert_eq!(send(&api, "/a").0, 200);
        assert_eq!(api.requests().len(), 2);
    }

    #[test]
    fn an_answer_takes_as_long_as_it_was_told_to() {
        let sim = SimRuntime::new(1);
        let api = MockTransport::routes().taking(Duration::from_secs(3), Arc::new(sim.clone()));
        let before = sim.now();
        sim.block_on(api.send(get("/a"))).unwrap();
        assert_eq!(sim.now().since(before), Duration::from_secs(3));
    }

    #[test]
    fn its_debug_shows_nothing_of_a_request() {
        let api = MockTransport::routes();
        send(&api, "/a");
        assert_eq!(format!("{api:?}"), "MockTransport { routes: 0, requests: 1, .. }");
    }
}
