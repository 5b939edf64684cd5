//! StitchAPI and peer limiters, each shared by a fleet of four processes on one Redis server.

use std::error::Error;

use crate::fleet::{Fleet, FleetResult, Worker, run};
use measure::figures::{Goal, format_figure, format_goal, max_in_window, median, table};
use measure::server::Server;

const STITCHAPI: Worker = Worker::Rust("stitchapi");
/// Number of measurements of each peer at the unreached budget. StitchAPI runs directly before each of them.
const ROUNDS: usize = 3;
/// Fleet with a budget that it does not reach.
const UNREACHED: Fleet = Fleet { processes: 4, tasks: 50, budget: 1_000_000, seconds: 1.5 };
/// Fleet whose callers all wait for the budget.
const SATURATED: Fleet = Fleet { processes: 4, tasks: 50, budget: 200, seconds: 4.0 };

/// Limiter that StitchAPI is compared with.
struct Peer {
    name: &'static str,
    worker: Worker,
    /// `true` if the limiter needs a newer server than Debian's Redis.
    needs_valkey: bool,
    /// Lower bound of the ratio of permits per second, StitchAPI to peer.
    goal: f64,
}

const fn peer(name: &'static str, worker: Worker, goal: f64) -> Peer {
    Peer { name, worker, needs_valkey: false, goal }
}

const PEERS: &[Peer] = &[
    peer("one `INCR` per permit, redis-rs", Worker::Rust("incr"), 2.0),
    peer("`rate-limiter-flexible` 11.4, queue", Worker::Node("rate-limiter-flexible"), 6.0),
    peer("`@upstash/ratelimit` 2.2 on ioredis", Worker::Node("upstash"), 6.0),
    peer("`limitador` 0.14, Redis storage", Worker::Rust("limitador"), 6.0),
    Peer { needs_valkey: true, ..peer("`trypema` 2.2, Redis provider (on Valkey)", Worker::Rust("trypema"), 6.0) },
    peer("`bottleneck` 2.19, cluster", Worker::Node("bottleneck"), 200.0),
];

/// Running servers.
pub struct Servers {
    pub redis: Server,
    /// Valkey, or the reason for which it did not start.
    valkey: Result<Server, Box<dyn Error>>,
}

impl Servers {
    /// Starts both servers and prints their versions. A missing Valkey is no error.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let mut servers =
            Self { redis: Server::start("STITCHAPI_REDIS_SERVER")?, valkey: Server::start("STITCHAPI_VALKEY_SERVER") };
        println!("\nServers: {}", servers.redis.version()?);
        if let Ok(valkey) = &mut servers.valkey {
            println!("and {}", valkey.version()?);
        }
        Ok(servers)
    }

    /// Runs a fleet with a peer.
    fn run(&mut self, peer: &Peer, fleet: Fleet) -> Result<FleetResult, Box<dyn Error>> {
        let server = match &mut self.valkey {
            Ok(valkey) if peer.needs_valkey => valkey,
            Err(error) if peer.needs_valkey => return Err(error.to_string().into()),
            _ => &mut self.redis,
        };
        let url = server.url();
        run(peer.worker, server, &url, fleet)
    }

    /// Runs a fleet with StitchAPI.
    fn run_stitchapi(&mut self, fleet: Fleet) -> Result<FleetResult, Box<dyn Error>> {
        let url = self.redis.url();
        run(STITCHAPI, &mut self.redis, &url, fleet)
    }
}

/// Measures the cost of the limiter itself, at a budget that the fleet does not reach: permits per second, and per permit
/// the processor time in microseconds of server and workers, and the scripts.
pub fn unreached_budget(servers: &mut Servers, failures: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut stitchapi = Vec::new();
    let mut peers: Vec<Vec<(FleetResult, f64)>> = PEERS.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (peer, results) in PEERS.iter().zip(&mut peers) {
            let own = servers.run_stitchapi(UNREACHED)?;
            match servers.run(peer, UNREACHED) {
                Ok(result) => {
                    let ratio = own.per_second() / result.per_second();
                    results.push((result, ratio));
                }
                Err(error) => failures.push(format!("{}: {error}", peer.name)),
            }
            stitchapi.push(own);
        }
    }
    let costs = |results: &[&FleetResult]| {
        let each = |figure: fn(&FleetResult) -> f64| median(results.iter().map(|result| figure(result)));
        [
            each(FleetResult::per_second),
            each(|result| result.server.processor / result.permits),
            each(|result| result.server.scripts / result.permits),
            each(|result| result.processor / result.permits),
        ]
    };
    let [per_second, server, scripts, client] = costs(&stitchapi.iter().collect::<Vec<_>>());
    let with_goal = |figure, goal| format!("{} ({})", format_figure(figure), format_goal(figure, Goal::AtMost(goal)));
    let mut rows = vec![vec![
        "StitchAPI, `Seam::permit`".to_owned(),
        format_figure(per_second),
        "1".to_owned(),
        String::new(),
        with_goal(server, 1.0),
        with_goal(scripts, 0.05),
        format_figure(client),
    ]];
    for (peer, results) in PEERS.iter().zip(&peers) {
        let [per_second, server, scripts, client] =
            costs(&results.iter().map(|(result, _)| result).collect::<Vec<_>>());
        let ratio = median(results.iter().map(|(_, ratio)| *ratio));
        rows.push(vec![
            peer.name.to_owned(),
            format_figure(per_second),
            format_figure(ratio),
            format_goal(ratio, Goal::AtLeast(peer.goal)),
            format_figure(server),
            format_figure(scripts),
            format_figure(client),
        ]);
    }
    table(
        "A budget of 1,000,000 per second, 4 processes of 50 callers",
        &[
            "limiter",
            "permits/s",
            "StitchAPI : peer",
            "goal",
            "server, us/permit",
            "scripts/permit",
            "workers, us/permit",
        ],
        &rows,
    );
    Ok(())
}

/// Measures a saturated budget: its utilisation, the maximum in any second, the fairness between processes, and per permit
/// the scripts and the server's processor time in microseconds.
pub fn saturated_budget(servers: &mut Servers, failures: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let row = |name: &str, result: &FleetResult, has_goals: bool| {
        let (utilisation, scripts) = (result.utilisation(200), result.server.scripts / result.permits);
        let goal = |figure, goal| if has_goals { format!(" ({})", format_goal(figure, goal)) } else { String::new() };
        vec![
            name.to_owned(),
            format!("{}{}", format_figure(utilisation), goal(utilisation, Goal::AtLeast(0.99))),
            max_in_window(1_000_000_000, &result.stamps.concat()).to_string(),
            format_figure(result.fairness()),
            format!("{}{}", format_figure(scripts), goal(scripts, Goal::AtMost(0.3))),
            format_figure(result.server.processor / result.permits),
        ]
    };
    let mut rows = Vec::new();
    for _ in 0..2 {
        rows.push(row("StitchAPI, `Seam::permit`", &servers.run_stitchapi(SATURATED)?, true));
    }
    for peer in PEERS {
        match servers.run(peer, SATURATED) {
            Ok(result) => rows.push(row(peer.name, &result, false)),
            Err(error) => failures.push(format!("{}: {error}", peer.name)),
        }
    }
    table(
        "A budget of 200 per second, 4 processes of 50 callers",
        &["limiter", "utilisation", "maximum in any 1 s, of 200", "fairness", "scripts/permit", "server, us/permit"],
        &rows,
    );
    Ok(())
}
