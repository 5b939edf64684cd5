//! A permit of a single caller on Redis, in microseconds, beside a bare `EVALSHA` on the same connection: with a local
//! server, and with a distant one.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stitchapi::{Rate, Seam, Throttle};
use stitchapi_redis::{RedisClient as _, RedisStore, Reply};

use crate::delay_proxy;
use crate::fleet::{Fleet, Worker, run};
use crate::recording_client::RecordingClient;
use measure::figures::{Goal, format_figure, format_goal, median, quantile, table};
use measure::server::Server;
use measure::transport::InstantTransport;

/// Calls per second of a budget that delays no caller.
const MILLION: u32 = 1_000_000;
/// Added latency of one direction.
const ONE_WAY: Duration = Duration::from_millis(5);
/// Fleet that measures the utilisation on a distant server.
const SATURATED: Fleet = Fleet { processes: 4, tasks: 50, budget: 200, seconds: 6.0 };

/// Cheapest script that counts.
const COUNT_SCRIPT: &str = "local c = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], 3600000) return c";
/// Cheapest script that could pace on the server's clock: it reads the time and a value, and writes a value.
const PACE_SCRIPT: &str = "local t = redis.call('TIME') local v = redis.call('GET', KEYS[1]) \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', 3600000) return {t[1] * 1000000 + t[2], v}";

/// Durations of the four operations, measured in turn, in microseconds.
#[derive(Default)]
struct Durations {
    /// `Seam::permit`.
    permit: Vec<f64>,
    /// Bare `EVALSHA` of StitchAPI's script with the same arguments.
    same_script: Vec<f64>,
    /// Bare `EVALSHA` of [`PACE_SCRIPT`].
    pace: Vec<f64>,
    /// Bare `EVALSHA` of [`COUNT_SCRIPT`].
    count: Vec<f64>,
}

/// Measures with a server on the same machine.
pub async fn local(server: &mut Server) -> Result<(), Box<dyn Error>> {
    server.flush()?;
    let before = server.reset()?;
    let (durations, commands) = measure(&server.url(), 60, 100).await?;
    server.since(before)?;
    let row = |name: &str, bare: &[f64], goal: Option<f64>| {
        let ratio = median(durations.permit.iter().copied()) / median(bare.iter().copied());
        let goal = goal.map_or(String::new(), |goal| format_goal(ratio, Goal::AtMost(goal)));
        let quantiles = [0.5, 0.99].map(|share| format_figure(quantile(bare.iter().copied(), share)));
        let [p50, p99] = quantiles;
        vec![name.to_owned(), p50, p99, format_figure(ratio), goal]
    };
    let rows = [
        row(&format!("`Seam::permit`, {} commands each", format_figure(commands)), &durations.permit, None),
        row("a bare `EVALSHA` of the same script and arguments", &durations.same_script, Some(1.15)),
        row("a bare `EVALSHA` that reads the time and a value and writes it", &durations.pace, None),
        row("a bare `EVALSHA` that counts (`INCR`, `PEXPIRE`)", &durations.count, None),
    ];
    let head = ["one caller, same client", "p50, us", "p99, us", "permit : it", "goal"];
    table("A permit of a single caller", &head, &rows);
    Ok(())
}

/// Measures with a server behind 5 ms of latency in each direction.
pub async fn distant(server: &mut Server) -> Result<(), Box<dyn Error>> {
    server.flush()?;
    let url = format!("redis://127.0.0.1:{}/", delay_proxy::start(server.port(), ONE_WAY)?);
    let (durations, commands) = measure(&url, 10, 10).await?;
    let (permit, bare) = (median(durations.permit), median(durations.count));
    let saturated = tokio::task::block_in_place(|| run(Worker::Rust("stitchapi"), server, &url, SATURATED))?;
    let utilisation = saturated.utilisation(SATURATED.budget);
    let scripts = saturated.server.scripts / saturated.permits;
    let row = |name: &str, figure: String, goal: String| vec![name.to_owned(), figure, goal];
    table(
        "10 ms of round trip added",
        &["figure", "measured", "goal"],
        &[
            row("a bare `EVALSHA` that counts, p50", format!("{} us", format_figure(bare)), String::new()),
            row("a permit, one idle caller, p50", format!("{} us", format_figure(permit)), String::new()),
            row(
                "a permit : a bare `EVALSHA`",
                format_figure(permit / bare),
                format_goal(permit / bare, Goal::AtMost(1.1)),
            ),
            row(
                "commands per permit, one idle caller",
                format_figure(commands),
                format_goal(commands, Goal::AtMost(1.01)),
            ),
            row(
                "utilisation at 200/s, 4 x 50",
                format_figure(utilisation),
                format_goal(utilisation, Goal::AtLeast(0.99)),
            ),
            row("scripts per permit at 200/s, 4 x 50", format_figure(scripts), format_goal(scripts, Goal::AtMost(0.3))),
        ],
    );
    Ok(())
}

/// Measures each operation `each` times in a row, in `turns` turns. Returns the durations and the commands per permit.
async fn measure(url: &str, turns: usize, each: usize) -> Result<(Durations, f64), Box<dyn Error>> {
    let client = Arc::new(RecordingClient::connect(url).await?);
    let seam = Seam::builder("https://api.example.com")
        .store(RedisStore::new(client.clone()))
        .throttle(Throttle::rate(Rate::per_second(MILLION)))
        .transport(InstantTransport)
        .build()?;
    // Warm-up: the first permit of a bucket waits, and the server may have to load the script.
    for _ in 0..100 {
        drop(seam.permit(1).await?);
    }
    let value = vec![b'1'; 90];
    let count = loaded_script(&client, COUNT_SCRIPT, &[b"count"]).await?;
    let pace = loaded_script(&client, PACE_SCRIPT, &[b"pace", &value]).await?;
    let same_script = recorded_permit(&client, &seam).await?;

    let run = tokio::spawn(async move {
        let (mut durations, mut sent) = (Durations::default(), 0);
        for _ in 0..turns {
            let before = client.commands();
            for _ in 0..each {
                let begun = Instant::now();
                drop(seam.permit(1).await.expect("the permit is given"));
                durations.permit.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            sent += client.commands() - before;
            for (words, times) in [
                (&same_script, &mut durations.same_script),
                (&pace, &mut durations.pace),
                (&count, &mut durations.count),
            ] {
                for _ in 0..each {
                    let begun = Instant::now();
                    client.send_uncounted(words).await.expect("the server replies");
                    times.push(begun.elapsed().as_secs_f64() * 1e6);
                }
            }
        }
        (durations, sent as f64 / (turns * each) as f64)
    });
    Ok(run.await?)
}

/// Records the command that the store sends for a permit, with another key, and sends it once.
///
/// The key is changed, so that sending the command again does not disturb the cell of the measured permits. The command
/// then costs as much as a permit of a second process.
async fn recorded_permit(client: &RecordingClient, seam: &Seam) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    client.record_next();
    drop(seam.permit(1).await?);
    let mut words = client.recorded();
    let key = words.get_mut(3).ok_or("the store sent no script for a permit")?;
    key.extend_from_slice(b"again");
    client.send_uncounted(&words).await?;
    Ok(words)
}

/// Loads a script and returns the `EVALSHA` command that runs it on one key.
async fn loaded_script(
    client: &RecordingClient,
    script: &str,
    arguments: &[&[u8]],
) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let load: [&[u8]; 3] = [b"SCRIPT", b"LOAD", script.as_bytes()];
    let Reply::Bytes(hash) = client.command(&load).await? else { return Err("SCRIPT LOAD returned no hash".into()) };
    let command: [&[u8]; 3] = [b"EVALSHA", &hash, b"1"];
    Ok(command.iter().chain(arguments).map(|word| word.to_vec()).collect())
}
