//! A fleet that runs while the test sends signals to its workers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::Duration;

use rustix::process::Pid;
use serde_json::Value;
use stitchapi::Runtime as _;
use stitchapi::runtime::TokioRuntime;

use crate::harness::TestFolder;

/// Running fleet of four workers that calls an API inside the test. The API accepts every call. It is external to the
/// fleet, so only the phase with the store runs.
pub(crate) struct RunningFleet {
    runtime: tokio::runtime::Runtime,
    fleet: Child,
    /// Process ids of the workers.
    pub(crate) workers: Vec<Pid>,
}

impl RunningFleet {
    /// Starts the API and the fleet, and waits until all four workers exist.
    pub(crate) fn start(folder: &TestFolder, arguments: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/work?kind=test", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(async || "done");
        runtime.spawn(async move { axum::serve(listener, app).await });
        let mut fleet = folder.command(arguments).args(["--url", &url]).spawn().unwrap();
        let mut first_line = String::new();
        BufReader::new(fleet.stderr.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        assert!(first_line.starts_with("calling http://127.0.0.1:"), "{first_line}");
        let workers = loop {
            let workers = children_of(fleet.id());
            if workers.len() == 4 {
                break workers;
            }
        };
        Self { runtime, fleet, workers }
    }

    /// Sleeps while the fleet runs. Returns the time afterwards, in microseconds on the boot clock.
    pub(crate) fn sleep(&self, seconds: f64) -> u64 {
        self.runtime.block_on(async {
            let clock = TokioRuntime::current().unwrap();
            clock.sleep_until(clock.now() + Duration::from_secs_f64(seconds)).await;
            clock.now().0
        })
    }

    /// Waits until the fleet ends and returns its JSON object.
    pub(crate) fn wait(mut self) -> Value {
        let mut json = String::new();
        self.fleet.stdout.take().unwrap().read_to_string(&mut json).unwrap();
        assert!(self.fleet.wait().unwrap().success());
        let figures: Value = serde_json::from_str(&json).unwrap();
        println!("{figures:#}");
        assert_eq!(figures["without_store"], Value::Null);
        figures
    }
}

/// Returns the process ids of all children of a process.
fn children_of(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name stands in parentheses and may contain any character; the state and the parent's id follow it.
        let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    processes.filter(is_child).filter_map(Pid::from_raw).collect()
}
