//! A judge that knows nothing of us: nginx, which limits at exactly the rate that the fleet is given.

use std::path::PathBuf;

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::lab;
use stitchapi_lab::nginx::{self, Nginx};
use stitchapi_lab::record::Record;
use stitchapi_lab::redis::{self, Redis};
use stitchapi_lab::run::exact;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");

#[test]
fn a_fleet_at_exactly_the_limit_of_nginx_is_never_told_429() {
    let Some(judged) = Judged::find() else { return };
    let (record, (fine, refused)) = exact(|| judged.run(5, 60.0));
    let used = record.used_after_the_first_second();
    assert_eq!(refused, 0);
    assert!(fine + 4 >= record.starts.len(), "what was started arrived: {fine}");
    assert!(used.utilisation >= 0.98, "{}", used.utilisation);
}

/// What it finds is told and not asserted: how evenly requests arrive is also the machine's and the network's.
#[test]
fn the_smallest_burst_of_nginx_that_refuses_nothing_is_found() {
    let Some(judged) = Judged::find() else { return };
    let smallest = (0..5).find(|&burst| {
        let (record, (_, refused)) = judged.run(burst, 15.0);
        record.assert_exact();
        refused == 0
    });
    let smallest = smallest.map_or("at least 5".to_owned(), |burst| burst.to_string());
    println!("    the smallest burst of nginx that still gives no 429: {smallest}");
}

/// The programs of a fleet that nginx judges.
struct Judged {
    redis: PathBuf,
    nginx: PathBuf,
}

impl Judged {
    fn find() -> Option<Self> {
        Some(Self { redis: lab::tool(redis::PROGRAM)?, nginx: lab::tool(nginx::PROGRAM)? })
    }

    /// What the fleet did, and how often nginx answered 200, and something else.
    fn run(&self, burst: u32, seconds: f64) -> (Record, (usize, usize)) {
        let (redis, nginx) = (Redis::start(&self.redis), Nginx::start(&self.nginx, "100r/s", burst));
        println!("nginx, 100r/s and a burst of {burst} without delay; the fleet on Redis, 100/s, {seconds} s");
        let fleet = Fleet::new(WORKER, &redis.url(), &["100/s"]).with(&["--target", &nginx.url()]);
        let record = fleet.seconds(seconds).run();
        let (fine, refused) = nginx.answered();
        println!("    nginx answered {fine} times 200, {refused} times something else");
        (record, (fine, refused))
    }
}
