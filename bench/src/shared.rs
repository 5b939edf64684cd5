//! A limiter that a fleet shares, beside others, on one server.

use std::error::Error;

use crate::fleet::{Fleet, Outcome, Worker, run};
use measure::figures::{Goal, against, median, most_in, shown, table};
use measure::server::Server;

const OURS: Worker = Worker::Rust("ours");
/// How often each one is measured at a huge budget, ours right before it each time.
const ROUNDS: usize = 3;
const HUGE: Fleet = Fleet { processes: 4, tasks: 50, budget: 1_000_000, seconds: 1.5 };
const SATURATED: Fleet = Fleet { processes: 4, tasks: 50, budget: 200, seconds: 4.0 };

/// What ours is compared with.
struct Other {
    name: &'static str,
    worker: Worker,
    /// Whether it needs more than the Redis that is there.
    on_valkey: bool,
    /// How many times as many permits ours is to give.
    goal: f64,
}

const fn other(name: &'static str, worker: Worker, goal: f64) -> Other {
    Other { name, worker, on_valkey: false, goal }
}

const OTHERS: &[Other] = &[
    other("one `INCR` a permit, redis-rs", Worker::Rust("incr"), 2.0),
    other("`rate-limiter-flexible` 11.4, queue", Worker::Node("rate-limiter-flexible"), 6.0),
    other("`@upstash/ratelimit` 2.2 on ioredis", Worker::Node("upstash"), 6.0),
    other("`limitador` 0.14, Redis storage", Worker::Rust("limitador"), 6.0),
    Other { on_valkey: true, ..other("`trypema` 2.2, Redis provider (on Valkey)", Worker::Rust("trypema"), 6.0) },
    other("`bottleneck` 2.19, cluster", Worker::Node("bottleneck"), 200.0),
];

/// The servers, for as long as they are needed.
pub struct Servers {
    pub redis: Server,
    valkey: Result<Server, Box<dyn Error>>,
}

impl Servers {
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let mut servers =
            Self { redis: Server::start("STITCHAPI_REDIS_SERVER")?, valkey: Server::start("STITCHAPI_VALKEY_SERVER") };
        println!("\nServers: {}", servers.redis.version()?);
        if let Ok(valkey) = &mut servers.valkey {
            println!("and {}", valkey.version()?);
        }
        Ok(servers)
    }

    fn run(&mut self, other: &Other, fleet: Fleet) -> Result<Outcome, Box<dyn Error>> {
        let server = match &mut self.valkey {
            Ok(valkey) if other.on_valkey => valkey,
            Err(error) if other.on_valkey => return Err(error.to_string().into()),
            _ => &mut self.redis,
        };
        let url = server.url();
        run(other.worker, server, &url, fleet)
    }

    fn run_ours(&mut self, fleet: Fleet) -> Result<Outcome, Box<dyn Error>> {
        let url = self.redis.url();
        run(OURS, &mut self.redis, &url, fleet)
    }
}

/// At a budget that nobody reaches: what the limiter itself takes.
pub fn huge(servers: &mut Servers, wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut ours = Vec::new();
    let mut theirs: Vec<Vec<(Outcome, f64)>> = OTHERS.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (other, outcomes) in OTHERS.iter().zip(&mut theirs) {
            let mine = servers.run_ours(HUGE)?;
            match servers.run(other, HUGE) {
                Ok(outcome) => {
                    let ratio = mine.per_second() / outcome.per_second();
                    outcomes.push((outcome, ratio));
                }
                Err(error) => wrong.push(format!("{}: {error}", other.name)),
            }
            ours.push(mine);
        }
    }
    let costs = |outcomes: &[&Outcome]| {
        let each = |figure: fn(&Outcome) -> f64| median(outcomes.iter().map(|outcome| figure(outcome)));
        [
            each(Outcome::per_second),
            each(|outcome| outcome.server.processor / outcome.permits),
            each(|outcome| outcome.server.scripts / outcome.permits),
            each(|outcome| outcome.processor / outcome.permits),
        ]
    };
    let [per_second, server, scripts, client] = costs(&ours.iter().collect::<Vec<_>>());
    let with_goal = |figure, goal| format!("{} ({})", shown(figure), against(figure, Goal::AtMost(goal)));
    let mut rows = vec![vec![
        "ours, `Seam::permit`".to_owned(),
        shown(per_second),
        "1".to_owned(),
        String::new(),
        with_goal(server, 1.0),
        with_goal(scripts, 0.05),
        shown(client),
    ]];
    for (other, outcomes) in OTHERS.iter().zip(&theirs) {
        let [per_second, server, scripts, client] =
            costs(&outcomes.iter().map(|(outcome, _)| outcome).collect::<Vec<_>>());
        let ratio = median(outcomes.iter().map(|(_, ratio)| *ratio));
        rows.push(vec![
            other.name.to_owned(),
            shown(per_second),
            shown(ratio),
            against(ratio, Goal::AtLeast(other.goal)),
            shown(server),
            shown(scripts),
            shown(client),
        ]);
    }
    table(
        "A budget of a million a second, 4 processes of 50 callers",
        &["limiter", "permits/s", "ours : it", "goal", "server, us/permit", "scripts/permit", "workers, us/permit"],
        &rows,
    );
    Ok(())
}

/// At a budget that everybody waits for: what it gives, and whether it keeps to it.
pub fn saturated(servers: &mut Servers, wrong: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let row = |name: &str, outcome: &Outcome, goals: bool| {
        let (utilisation, scripts) = (outcome.utilisation(200), outcome.server.scripts / outcome.permits);
        let goal = |figure, goal| if goals { format!(" ({})", against(figure, goal)) } else { String::new() };
        vec![
            name.to_owned(),
            format!("{}{}", shown(utilisation), goal(utilisation, Goal::AtLeast(0.99))),
            most_in(1_000_000_000, &outcome.stamps.concat()).to_string(),
            shown(outcome.fairness()),
            format!("{}{}", shown(scripts), goal(scripts, Goal::AtMost(0.3))),
            shown(outcome.server.processor / outcome.permits),
        ]
    };
    let mut rows = Vec::new();
    for _ in 0..2 {
        rows.push(row("ours, `Seam::permit`", &servers.run_ours(SATURATED)?, true));
    }
    for other in OTHERS {
        match servers.run(other, SATURATED) {
            Ok(outcome) => rows.push(row(other.name, &outcome, false)),
            Err(error) => wrong.push(format!("{}: {error}", other.name)),
        }
    }
    table(
        "A budget of 200 a second, 4 processes of 50 callers",
        &["limiter", "utilisation", "most in any 1 s, of 200", "fairness", "scripts/permit", "server, us/permit"],
        &rows,
    );
    Ok(())
}
