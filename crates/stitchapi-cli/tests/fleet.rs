//! Real fleets: what `stitch fleet` shows, and what is left of it when a worker dies or stands still.
//!
//! The promise is checked from the stamps alone: of a rate `N / W` with a burst `b` and a guard `J`, a window of length
//! `T` holds at most `N T / W + b` starts, plus `N J / W` if it is shorter than the period, and one of the period itself
//! at most `N + b - 1`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stitchapi::Runtime as _;
use stitchapi::runtime::TokioRuntime;

/// Two fleets at once would share two processors.
static ALONE: Mutex<()> = Mutex::new(());

const STITCH: &str = env!("CARGO_BIN_EXE_stitch");
const SECOND: u64 = 1_000_000;
/// The guard of a rate per second.
const GUARD: f64 = 0.005;

/// One start of the run with the store.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    worker: usize,
    at: u64,
}

fn read_stamps(path: &Path) -> Vec<Stamp> {
    let text = fs::read_to_string(path).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    assert_eq!(head, "worker,start_us");
    let stamp = |row: &str| {
        let (worker, at) = row.split_once(',').unwrap();
        Stamp { worker: worker.parse().unwrap(), at: at.parse().unwrap() }
    };
    rows.lines().map(stamp).collect()
}

/// The most starts in any half-open window of this length; it is reached at some start.
fn most_within(stamps: &[Stamp], length: u64) -> usize {
    let within = |from: u64| stamps.iter().filter(|stamp| (from..from + length).contains(&stamp.at)).count();
    stamps.iter().map(|stamp| within(stamp.at)).max().unwrap_or(0)
}

fn assert_promise(stamps: &[Stamp], rate: f64, burst: f64) {
    for window in [0.1, 0.5, 1.0, 5.0] {
        let slack = if window < 1.0 { rate * GUARD } else { 0.0 };
        let bound = if window == 1.0 { rate + burst - 1.0 } else { rate * window + burst + slack };
        let most = most_within(stamps, (window * SECOND as f64) as u64);
        println!("most in {window} s: {most} of {bound}");
        assert!(most as f64 <= bound, "{most} starts in a window of {window} s, at most {bound} are promised");
    }
}

fn starts_between(stamps: &[Stamp], from: u64, to: u64) -> usize {
    stamps.iter().filter(|stamp| (from..to).contains(&stamp.at)).count()
}

/// A folder for one test.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn stamps(&self) -> PathBuf {
        self.folder.path().join("stamps.csv")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STITCH);
        command.arg("fleet").args(arguments).arg("--json").arg("--stamps").arg(self.stamps());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn without_a_store_four_workers_start_four_times_the_budget_and_with_one_the_budget() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let figures = json(&scene.command(&[]).output().unwrap());
    println!("{figures:#}");
    let (without, with) = (&figures["without_store"], &figures["with_store"]);
    for half in [without, with] {
        let names: Vec<&str> = half.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = vec![
            "workers",
            "tasks",
            "rate",
            "burst",
            "duration_s",
            "starts",
            "max_in_any_period",
            "utilisation",
            "rejected_429",
            "min_gap_ms",
            "gap_cv",
            "fairness",
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!((&half["workers"], &half["tasks"], &half["rate"]), (&4.into(), &25.into(), &"50/s".into()));
    }
    let share = |half: &Value| half["utilisation"].as_f64().unwrap();
    assert!((3.6..=4.1).contains(&share(without)), "{}", share(without));
    assert!(without["rejected_429"].as_u64().unwrap() > 1_000);
    assert!((0.95..=1.0).contains(&share(with)), "{}", share(with));
    assert_eq!(with["rejected_429"], 0);
    assert!(with["fairness"].as_f64().unwrap() > 0.8);

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    assert_eq!(with["starts"], stamps.len());
    assert_eq!(with["max_in_any_period"], most_within(&stamps, SECOND));
    let workers: std::collections::BTreeSet<usize> = stamps.iter().map(|stamp| stamp.worker).collect();
    assert_eq!(workers.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

/// An API that answers everything, and a fleet that calls it: so there is one half only.
struct Running {
    runtime: tokio::runtime::Runtime,
    fleet: Child,
    workers: Vec<Pid>,
}

impl Running {
    fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/work?kind=test", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(async || "done");
        runtime.spawn(async move { axum::serve(listener, app).await });
        let mut fleet = scene.command(arguments).args(["--url", &url]).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(fleet.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("calling http://127.0.0.1:"), "{said}");
        let workers = loop {
            let workers = children_of(fleet.id());
            if workers.len() == 4 {
                break workers;
            }
        };
        Self { runtime, fleet, workers }
    }

    fn sleep(&self, seconds: f64) -> u64 {
        self.runtime.block_on(async {
            let clock = TokioRuntime::current().unwrap();
            clock.sleep_until(clock.now() + Duration::from_secs_f64(seconds)).await;
            clock.now().0
        })
    }

    fn end(mut self) -> Value {
        let mut said = String::new();
        self.fleet.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.fleet.wait().unwrap().success());
        let figures: Value = serde_json::from_str(&said).unwrap();
        println!("{figures:#}");
        assert_eq!(figures["without_store"], Value::Null);
        figures
    }
}

fn children_of(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name, which stands in parentheses and may hold anything: state and parent.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    processes.filter(is_child).filter_map(Pid::from_raw).collect()
}

#[test]
fn the_others_take_over_the_share_of_a_killed_worker_within_two_seconds() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "12s"]);
    let killed_at = running.sleep(4.0);
    kill_process(running.workers[2], Signal::KILL).unwrap();
    running.end();

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    let end = stamps.last().unwrap().at;
    let (from, to) = (killed_at + 2 * SECOND, end);
    let used = starts_between(&stamps, from, to) as f64 / ((to - from) as f64 / SECOND as f64 * 50.0);
    println!("used from two seconds after the kill on: {used:.3}");
    assert!(used >= 0.95, "{used}");
    let gone: Vec<usize> =
        (0..4).filter(|worker| !stamps.iter().any(|stamp| stamp.worker == *worker && stamp.at > from)).collect();
    assert_eq!(gone.len(), 1, "one worker is gone: {gone:?}");
}

#[test]
fn a_worker_that_stood_still_for_two_seconds_starts_nothing_late() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "10s"]);
    running.sleep(3.0);
    kill_process(running.workers[1], Signal::STOP).unwrap();
    let stopped = running.sleep(0.05);
    let resumed = running.sleep(2.0);
    kill_process(running.workers[1], Signal::CONT).unwrap();
    running.end();

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    // Every start is less than the guard after its slot, and slots are a spacing apart.
    let spacing = (SECOND as f64 * (1.0 + GUARD) / 50.0) as u64;
    let smallest = stamps.windows(2).map(|pair| pair[1].at - pair[0].at).min().unwrap();
    println!("smallest gap: {smallest} us");
    assert!(smallest > spacing - (GUARD * SECOND as f64) as u64, "{smallest}");
    let of = |worker| stamps.iter().filter(move |stamp| stamp.worker == worker);
    let still: Vec<usize> =
        (0..4).filter(|worker| !of(*worker).any(|stamp| (stopped..resumed).contains(&stamp.at))).collect();
    assert_eq!(still.len(), 1, "one worker stood still: {still:?}");
    assert!(of(still[0]).any(|stamp| stamp.at > resumed), "and went on afterwards");
}

#[test]
fn a_burst_is_a_burst_of_the_fleet() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "4s", "--rate", "100/s", "--burst", "5", "--tasks", "30"]);
    let figures = running.end();
    assert_promise(&read_stamps(&scene.stamps()), 100.0, 5.0);
    assert!(figures["with_store"]["utilisation"].as_f64().unwrap() >= 0.95);
}

#[test]
fn memory_is_each_workers_own_and_the_table_says_so() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let arguments = ["fleet", "--workers", "2", "--tasks", "3", "--duration", "1s", "--store", "memory:"];
    let output = Command::new(STITCH).args(arguments).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("memory, each its own"), "{table}");
}

#[test]
fn what_is_wrong_is_one_clear_line_and_exit_status_2() {
    let scene = Scene::new();
    let nowhere = scene.folder.path().join("missing/fleet.db").display().to_string();
    let not_a_database = scene.folder.path().join("text");
    fs::write(&not_a_database, "this is no database, however long it may be, and never was one before").unwrap();
    let text = not_a_database.display().to_string();
    for (arguments, says) in [
        (&["--rate", "10"][..], "10/s"),
        (&["--rate", "0/s"], "rate"),
        (&["--rate", "10/0s"], "rate"),
        (&["--rate", "-1/s"], "whole number"),
        (&["--rate", "18446744073709551616/s"], "too large"),
        (&["--rate", "10/99ms"], "100 ms"),
        (&["--workers", "0"], "--workers"),
        (&["--tasks", "many"], "--tasks"),
        (&["--burst", "0"], "--burst"),
        (&["--duration", "soon"], "--duration"),
        (&["--store", "postgres:x"], "sqlite:PATH"),
        (&["--store", &format!("sqlite:{nowhere}")], "cannot be opened"),
        (&["--store", &format!("sqlite:{text}")], "cannot be opened"),
        (&["--url", "ftp://example.com"], "http"),
        (&["--url", "http://127.0.0.1:9/"], "cannot be reached"),
        (&["--stamps", "/missing/stamps.csv"], "cannot be written"),
        (&["--frobnicate"], "--frobnicate"),
    ] {
        let output = Command::new(STITCH).arg("fleet").args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(says), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
