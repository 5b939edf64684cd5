//! One caller whom nobody hinders, near the server and far from it: what a permit takes beyond the round trip.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stitchapi::{Rate, Seam, Throttle};
use stitchapi_redis::{RedisClient as _, RedisStore, Reply};

use crate::client::Watched;
use crate::delay::proxy;
use crate::fleet::{Fleet, Worker, run};
use measure::figures::{Goal, against, median, quantile, shown, table};
use measure::server::Server;
use measure::transport::Instantly;

const MILLION: u32 = 1_000_000;
const ONE_WAY: Duration = Duration::from_millis(5);
const SATURATED: Fleet = Fleet { processes: 4, tasks: 50, budget: 200, seconds: 6.0 };

/// The least a script can do that counts.
const COUNT: &str = "local c = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], 3600000) return c";
/// The least a script can do that paces on the server's clock: the time, a value read, one written.
const PACE: &str = "local t = redis.call('TIME') local v = redis.call('GET', KEYS[1]) \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', 3600000) return {t[1] * 1000000 + t[2], v}";

/// What the four cost, in microseconds, in turn.
#[derive(Default)]
struct Trips {
    permit: Vec<f64>,
    own: Vec<f64>,
    pace: Vec<f64>,
    count: Vec<f64>,
}

/// On the same machine.
pub async fn near(server: &mut Server) -> Result<(), Box<dyn Error>> {
    server.forget()?;
    let before = server.reset()?;
    let (trips, commands) = trips(&server.url(), 60, 100).await?;
    server.since(before)?;
    let row = |what: &str, bare: &[f64], goal: Option<f64>| {
        let ratio = median(trips.permit.iter().copied()) / median(bare.iter().copied());
        let goal = goal.map_or(String::new(), |goal| against(ratio, Goal::AtMost(goal)));
        let quantiles = [0.5, 0.99].map(|share| shown(quantile(bare.iter().copied(), share)));
        let [p50, p99] = quantiles;
        vec![what.to_owned(), p50, p99, shown(ratio), goal]
    };
    let rows = [
        row(&format!("a permit of ours, {} commands each", shown(commands)), &trips.permit, None),
        row("a bare `EVALSHA` of our own script, same words", &trips.own, Some(1.15)),
        row("a bare `EVALSHA` that reads the time and a value and writes it", &trips.pace, None),
        row("a bare `EVALSHA` that counts (`INCR`, `PEXPIRE`)", &trips.count, None),
    ];
    let head = ["one caller, same client", "p50, us", "p99, us", "a permit : it", "goal"];
    table("An idle caller", &head, &rows);
    Ok(())
}

/// Behind 5 ms each way.
pub async fn far(server: &mut Server) -> Result<(), Box<dyn Error>> {
    server.forget()?;
    let url = format!("redis://127.0.0.1:{}/", proxy(server.port(), ONE_WAY)?);
    let (trips, commands) = trips(&url, 10, 10).await?;
    let (permit, bare) = (median(trips.permit), median(trips.count));
    let saturated = tokio::task::block_in_place(|| run(Worker::Rust("ours"), server, &url, SATURATED))?;
    let utilisation = saturated.utilisation(SATURATED.budget);
    let scripts = saturated.server.scripts / saturated.permits;
    let row = |what: &str, figure: String, goal: String| vec![what.to_owned(), figure, goal];
    table(
        "10 ms of round trip added",
        &["", "", "goal"],
        &[
            row("a bare `EVALSHA` that counts, p50", format!("{} us", shown(bare)), String::new()),
            row("a permit, one idle caller, p50", format!("{} us", shown(permit)), String::new()),
            row("a permit : a bare `EVALSHA`", shown(permit / bare), against(permit / bare, Goal::AtMost(1.1))),
            row("commands a permit, one idle caller", shown(commands), against(commands, Goal::AtMost(1.01))),
            row("utilisation at 200/s, 4 x 50", shown(utilisation), against(utilisation, Goal::AtLeast(0.99))),
            row("scripts a permit at 200/s, 4 x 50", shown(scripts), against(scripts, Goal::AtMost(0.3))),
        ],
    );
    Ok(())
}

/// `turns` times so many of each; and the commands a permit.
async fn trips(url: &str, turns: usize, each: usize) -> Result<(Trips, f64), Box<dyn Error>> {
    let client = Arc::new(Watched::connect(url).await?);
    let seam = Seam::builder("https://api.example.com")
        .store(RedisStore::new(client.clone()))
        .throttle(Throttle::rate(Rate::per_second(MILLION)))
        .transport(Instantly)
        .build()?;
    // The first one of a bucket waits, and its script may be new to the server. What else is new comes now, too.
    for _ in 0..100 {
        drop(seam.permit(1).await?);
    }
    let value = vec![b'1'; 90];
    let count = named(&client, COUNT, &[b"count"]).await?;
    let pace = named(&client, PACE, &[b"pace", &value]).await?;
    let own = own(&client, &seam).await?;

    let run = tokio::spawn(async move {
        let (mut trips, mut sent) = (Trips::default(), 0);
        for _ in 0..turns {
            let before = client.commands();
            for _ in 0..each {
                let begun = Instant::now();
                drop(seam.permit(1).await.expect("a permit"));
                trips.permit.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            sent += client.commands() - before;
            for (words, times) in [(&own, &mut trips.own), (&pace, &mut trips.pace), (&count, &mut trips.count)] {
                for _ in 0..each {
                    let begun = Instant::now();
                    client.bare(words).await.expect("an answer");
                    times.push(begun.elapsed().as_secs_f64() * 1e6);
                }
            }
        }
        (trips, sent as f64 / (turns * each) as f64)
    });
    Ok(run.await?)
}

/// What our store sends for a permit, to be sent again. The cell that it speaks of is another one's by then, and so it
/// costs what a permit of a second process does.
async fn own(client: &Watched, seam: &Seam) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    client.keep();
    drop(seam.permit(1).await?);
    let mut words = client.kept();
    let key = words.get_mut(3).ok_or("a permit sent no script")?;
    key.extend_from_slice(b"again");
    client.bare(&words).await?;
    Ok(words)
}

/// The command that runs this script on a key by its name, which the server knows then.
async fn named(client: &Watched, script: &str, words: &[&[u8]]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let load: [&[u8]; 3] = [b"SCRIPT", b"LOAD", script.as_bytes()];
    let Reply::Bytes(name) = client.command(&load).await? else { return Err("a script has no name".into()) };
    let command: [&[u8]; 3] = [b"EVALSHA", &name, b"1"];
    Ok(command.iter().chain(words).map(|word| word.to_vec()).collect())
}
