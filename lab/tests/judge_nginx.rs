//! A judge that knows nothing of us: nginx, which limits at exactly the rate that the fleet is given.

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::nginx::Nginx;
use stitchapi_lab::redis::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Sets another burst of nginx, to find the smallest one by hand.
const BURST: &str = "STITCHAPI_LAB_NGINX_BURST";

#[test]
fn a_fleet_at_exactly_the_limit_of_nginx_is_never_told_429() {
    let Some(server) = RedisServer::start() else { return };
    let burst = std::env::var(BURST).map_or(5, |burst| burst.parse().unwrap());
    let Some(nginx) = Nginx::start("100r/s", burst) else { return };
    println!("nginx, 100r/s and a burst of {burst} without delay; the fleet on Redis, 100/s");
    let record = Fleet::new(WORKER, &server.url(), &["100/s"]).seconds(60.0).with(&["--target", &nginx.url()]).run();
    record.assert_exact();
    let used = record.used_after_the_first_second();
    let (fine, refused) = nginx.answered();
    println!("    nginx answered {fine} times 200, {refused} times something else");
    assert_eq!(refused, 0);
    assert!(fine >= record.starts.len() - 4, "what was started arrived: {fine}");
    assert!(used.utilisation >= 0.98, "{}", used.utilisation);
}
