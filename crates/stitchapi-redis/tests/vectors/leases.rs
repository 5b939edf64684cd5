//! Lease cells.

use std::time::Duration;

use stitchapi_core::lease::{self, Holder, LeaseCell, Waiter};
use stitchapi_core::{Key, Lease, Leases as _, Owner, Prefix, StoreTime};
use stitchapi_redis::RedisStore;

use crate::common::{Dice, Recorder, tokio};
use crate::server;
use crate::{MAX_SAFE_INTEGER, OPERATIONS, RawKey, SEQUENCES, storable, time};

#[test]
fn the_scripts_of_leases_match_the_transitions_byte_for_byte() {
    let server = server!();
    let mut dice = Dice::new();
    tokio().block_on(async {
        let recorder = Recorder::connect(&server.url()).await;
        let store = RedisStore::new(recorder.clone());
        for sequence in 0..SEQUENCES / 2 {
            let key = Key::new("lease").part(sequence.to_string());
            let raw = RawKey { recorder: recorder.clone(), key: key.render(&Prefix::default()) };
            let mut cell = None::<LeaseCell>;
            let owners: Vec<_> = (0..6).map(|n: u8| Owner::from_bytes([n.wrapping_mul(51); 16])).collect();
            for _ in 0..OPERATIONS {
                if dice.one_in(12) {
                    let random = random_cell(&mut dice, &owners);
                    raw.set(format!("l{}", random.to_text())).await;
                    cell = Some(random);
                }
                raw.persist().await;
                let owner = dice.pick(&owners);
                let (ttl, queue_ttl) =
                    (random_duration(&mut dice).max(Duration::from_nanos(1)), random_duration(&mut dice));
                let limit = dice.pick(&[1, 2, 3, u32::MAX]);
                let (before, now) = (cell.clone(), || recorder.now());
                let write = match dice.below(8) {
                    0 => {
                        let renewed = store.renew(&key, ttl, &owner).await.unwrap();
                        let transition = lease::transition::renew(before.as_ref(), now(), ttl, &owner);
                        assert_eq!(renewed, transition.reply, "{ttl:?} {owner} on {before:?}");
                        transition.write
                    }
                    1 | 2 => {
                        store.release(&key, &owner).await.unwrap();
                        lease::transition::release(before.as_ref(), now(), &owner).write
                    }
                    _ => {
                        let lease: Lease = store.acquire(&key, limit, ttl, &owner, queue_ttl).await.unwrap();
                        let transition =
                            lease::transition::acquire(before.as_ref(), now(), limit, ttl, &owner, queue_ttl);
                        assert_eq!(lease, transition.reply, "{limit} {ttl:?} {owner} {queue_ttl:?} on {before:?}");
                        transition.write
                    }
                };
                let ttl = write.as_ref().map(|cell| cell.ttl(now()));
                raw.assert_written(ttl, &format!("{owner} on {before:?}")).await;
                cell = write.or(cell);
                let expected = cell.as_ref().map(|cell| format!("l{}", cell.to_text()));
                assert_eq!(raw.get().await, expected, "on {before:?}");
            }
        }
    });
}

/// Returns a random lease cell with these owners.
fn random_cell(dice: &mut Dice, owners: &[Owner]) -> LeaseCell {
    let now = StoreTime::from_system_clock();
    let mut cell =
        LeaseCell { fence: storable(time(dice, now)).0.min(MAX_SAFE_INTEGER - 1_000), ..LeaseCell::default() };
    for &owner in owners {
        let deadline = storable(time(dice, now));
        match dice.below(4) {
            0 => cell.holders.push(Holder { owner, fence: dice.any_size(cell.fence), deadline }),
            1 => cell.waiters.push(Waiter { owner, deadline }),
            _ => {}
        }
    }
    cell
}

/// Returns a random duration: zero, a few milliseconds (which pass during the test), a second, or up to the largest one.
fn random_duration(dice: &mut Dice) -> Duration {
    let short = Duration::from_micros(dice.below(3_000));
    let any = Duration::from_nanos(dice.next());
    dice.pick(&[Duration::ZERO, short, short, short, Duration::from_secs(1), any, Duration::MAX])
}
