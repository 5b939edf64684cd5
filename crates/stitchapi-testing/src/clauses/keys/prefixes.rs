//! Clients with different prefixes on one backend.

use std::time::Duration;

use stitchapi_core::{Prefix, Version};

use crate::clauses::leases::lease_key;
use crate::clauses::pacer::requests;
use crate::harness::{ClauseResult, Client, Fixture, ensure};

pub(crate) async fn isolated(fixture: Fixture) -> ClauseResult {
    let open = fixture.options.get_prefixed()?;
    let mut clients = vec![("without a prefix".to_string(), fixture.first.clone())];
    for tail in ["", ":", "x", "{kit"] {
        let prefix = Prefix::new(format!("{}{tail}", fixture.namespace));
        clients.push((prefix.as_str().into(), Client::new(open(prefix).await)));
    }
    for (prefix, client) in &clients {
        expect_unused(&fixture, prefix, client).await?;
    }
    let value = fixture.key("value");
    clients[1].1.store.delete(&value).await?;
    for (number, (prefix, client)) in clients.iter().enumerate() {
        let found = client.store.get(&value).await?;
        let expected = Some(prefix.as_bytes()).filter(|_| number != 1);
        ensure!(
            found.as_deref() == expected,
            "get under the prefix {prefix} returned {found:?}, expected its own value"
        );
    }
    Ok(())
}

/// Writes with every facet under the same keys, and checks that nothing of another prefix was there.
async fn expect_unused(fixture: &Fixture, prefix: &str, client: &Client) -> ClauseResult {
    client.store.set(&fixture.key("value"), prefix.to_owned().into(), Some(Fixture::HOUR)).await?;
    if let Ok(counter) = client.counter() {
        let first = counter.incr(&fixture.key("count"), Fixture::HOUR).await?;
        ensure!(first == 1, "the first incr under the prefix {prefix} returned {first}");
    }
    if let Ok(pacer) = client.pacer() {
        let request = requests::slow(fixture).with_calls(1);
        let reply = pacer.reserve(&fixture.key("cell"), &request).await?;
        ensure!(
            reply.cell.epoch == request.epoch_if_new,
            "the first reserve under the prefix {prefix} found a cell of another prefix"
        );
    }
    if let Ok(leases) = client.leases() {
        let [owner] = lease_key::owners(fixture);
        let lease = leases.acquire(&fixture.key("lease"), 1, Fixture::HOUR, &owner, Duration::ZERO).await?;
        ensure!(
            lease_key::fence(lease).is_some(),
            "the first acquire under the prefix {prefix} found a lease of another prefix"
        );
    }
    if let Ok(versioned) = client.versioned() {
        let (key, new) = (fixture.key("state"), Version::random(fixture.runtime()));
        let is_written = versioned.write_if(&key, None, &new, prefix.to_owned().into(), Some(Fixture::HOUR)).await?;
        ensure!(is_written, "the first write_if under the prefix {prefix} found a value of another prefix");
    }
    Ok(())
}
