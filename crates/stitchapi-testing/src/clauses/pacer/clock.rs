//! The store's clock, as the replies to `reserve` state it.

use std::time::Duration;

use super::requests;
use crate::harness::{ClauseResult, Fixture, ensure};

pub(crate) async fn one_clock(fixture: Fixture) -> ClauseResult {
    let (clients, key) = ([fixture.first.pacer()?, fixture.second.pacer()?], fixture.key("cell"));
    let (tolerance, touch) = (fixture.options.scaled(Duration::from_millis(20)), requests::slow(&fixture));
    let begun = fixture.runtime().now();
    let first = clients[0].reserve(&key, &touch).await?.now;
    let mut latest = first;
    for read in 1..=6_u32 {
        fixture.sleep(Duration::from_millis(25)).await;
        let sent = fixture.runtime().now();
        let now = clients[read as usize % 2].reserve(&key, &touch).await?.now;
        ensure!(now >= latest, "the store's clock went back from {latest} to {now} between two operations");
        latest = now;
        let passed = now.since(first);
        let least = fixture.options.scaled(Duration::from_millis(25) * read);
        let most = fixture.runtime().now().since(begun) + tolerance;
        ensure!(
            passed + tolerance >= least && passed <= most,
            "the store's clock advanced by {passed:?} while the runtime's clock advanced by {:?}",
            sent.since(begun)
        );
    }
    Ok(())
}
