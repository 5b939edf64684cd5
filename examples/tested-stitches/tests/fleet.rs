//! Four simulated processes that use the stitches at once, on a virtual clock, with faults.

use std::time::Duration;

use example_tested_stitches::GitHub;
use stitchapi::pace::{Limit, LimitId};
use stitchapi::{Seam, Throttle};
use stitchapi_testing::{Allowance, Fault, FleetReport, Promise, SimFleet};

const SECOND: Duration = Duration::from_secs(1);

/// Runs four workers that call the API without pause for five seconds.
fn run(fleet: &SimFleet) -> FleetReport {
    fleet.run(5 * SECOND, |worker| async move {
        let api = worker.upstream().responding(|_, _| http::Response::new(r#"{"id":1}"#.into()));
        let seam = Seam::builder("https://api.github.com")
            .throttle(Throttle::rate("20/s").fleet_size(4))
            .runtime(worker.runtime())
            .store(worker.store())
            .transport(api);
        let github = seam.build().and_then(|seam| GitHub::on(&seam)).expect("the declarations are valid");
        loop {
            github.user.call("octocat").await.expect("the API responds");
        }
    })
}

#[test]
fn a_fleet_with_faults_starts_at_most_twenty_calls_per_second() {
    for seed in 0..10 {
        let fleet = SimFleet::new(seed)
            .fault(SECOND, Fault::Freeze { worker: 1, lasts: SECOND })
            .fault(2 * SECOND, Fault::Kill { worker: 2 })
            .fault(3 * SECOND, Fault::Down(SECOND));
        let report = run(&fleet);
        let limit = Limit { id: LimitId::calls(SECOND), permits: 20, burst: 1 };
        assert!(report.most_in(SECOND) <= 20, "{report}");
        assert!(report.utilisation(20, SECOND, Duration::ZERO..SECOND) > 0.9, "{report}");
        // While the store is down, each worker starts on its own clock: four calls may start at once, but no second holds
        // more than 20.
        let promise = Promise::of(&[limit]).allowing(Allowance::LocalPacing { workers: 4 });
        promise.validate(&report).unwrap_or_else(|found| panic!("{found}"));
    }
}
