//! How a process that paces alone finds out whether its store is back, and whether others use it.
//!
//! What it remembers of the cell is older than the outage: another process may have booked between that and the moment the
//! store went away. So it looks twice. Only a cell that moves while all who are away are still looking is used by somebody.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::StoreError;
use stitchapi_core::pace::{Pace, Reservation};

use super::bucket::Bucket;
use super::cell::Request;

/// So long after the first look is the second one. Who is not away and has callers that wait books at least this often.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Bucket {
    /// Looks at the cell, waits a little, and asks: the request is then one that knows the cell of a moment ago.
    pub(super) async fn probe(&self, request: &mut Request) -> Result<Reservation, Arc<StoreError>> {
        let look = Pace { calls: Vec::new(), back: None, ..request.pace.clone() };
        let seen = self.ask(&look).await?;
        if request.is_expired(&seen) {
            return Ok(seen);
        }
        // Else somebody was back before it, and has said until when everybody stays alone.
        if seen.cell.local_end <= seen.now {
            self.runtime().sleep_until(self.runtime().now() + LOOK_AGAIN).await;
        }
        request.pace.seen = Some(seen.mark(&look));
        let before = std::mem::replace(&mut request.sent, self.runtime().now());
        request.pace.expires = request.pace.expires.map(|expires| expires + request.sent.since(before));
        self.ask(&request.pace).await
    }
}

impl Request {
    /// Whether nobody was to wait any more when the store did this: then it has booked nothing and written nothing.
    pub(super) fn is_expired(&self, reply: &Reservation) -> bool {
        self.pace.expires.is_some_and(|expires| reply.now > expires)
    }
}
