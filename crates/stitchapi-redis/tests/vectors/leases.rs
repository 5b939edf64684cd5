//! The cells of leases.

use std::time::Duration;

use stitchapi_core::lease::{self, Holder, LeaseCell, Waiter};
use stitchapi_core::{Key, Lease, Leases as _, Owner, Prefix, StoreTime};
use stitchapi_redis::RedisStore;

use crate::common::{Dice, Recorder, tokio};
use crate::server;
use crate::{LARGEST, OPERATIONS, Raw, SEQUENCES, known, time};

#[test]
fn the_scripts_of_a_lease_are_its_arithmetic_byte_for_byte() {
    let server = server!();
    let mut dice = Dice::new();
    tokio().block_on(async {
        let recorder = Recorder::connect(&server.url()).await;
        let store = RedisStore::new(recorder.clone());
        for sequence in 0..SEQUENCES / 2 {
            let key = Key::new("lease").part(sequence.to_string());
            let raw = Raw { recorder: recorder.clone(), key: key.render(&Prefix::default()) };
            let mut cell = None::<LeaseCell>;
            let owners: Vec<_> = (0..6).map(|n: u8| Owner::from_bytes([n.wrapping_mul(51); 16])).collect();
            for _ in 0..OPERATIONS {
                if dice.one_in(12) {
                    let another = another_lease(&mut dice, &owners);
                    raw.set(format!("l{}", another.to_text())).await;
                    cell = Some(another);
                }
                raw.persist().await;
                let owner = dice.pick(&owners);
                let (ttl, park) = (lease_duration(&mut dice).max(Duration::from_nanos(1)), lease_duration(&mut dice));
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
                        let lease: Lease = store.acquire(&key, limit, ttl, &owner, park).await.unwrap();
                        let transition = lease::transition::acquire(before.as_ref(), now(), limit, ttl, &owner, park);
                        assert_eq!(lease, transition.reply, "{limit} {ttl:?} {owner} {park:?} on {before:?}");
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

/// Any lease that can be, of these owners.
fn another_lease(dice: &mut Dice, owners: &[Owner]) -> LeaseCell {
    let now = StoreTime::from_system_clock();
    let mut cell = LeaseCell { fence: known(time(dice, now)).0.min(LARGEST - 1_000), ..LeaseCell::default() };
    for &owner in owners {
        let deadline = known(time(dice, now));
        match dice.below(4) {
            0 => cell.holders.push(Holder { owner, fence: dice.any_size(cell.fence), deadline }),
            1 => cell.waiters.push(Waiter { owner, deadline }),
            _ => {}
        }
    }
    cell
}

/// From nothing over a few milliseconds, which pass during the test, to the end of time.
fn lease_duration(dice: &mut Dice) -> Duration {
    let short = Duration::from_micros(dice.below(3_000));
    let any = Duration::from_nanos(dice.next());
    dice.pick(&[Duration::ZERO, short, short, short, Duration::from_secs(1), any, Duration::MAX])
}
