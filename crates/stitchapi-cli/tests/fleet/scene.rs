//! Fleets to look at.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use serde_json::Value;
use stitchapi::Runtime as _;
use stitchapi::runtime::TokioRuntime;

pub(crate) const STITCH: &str = env!("CARGO_BIN_EXE_stitch");

/// Two fleets at once would share two processors.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder for one test.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn stamps(&self) -> PathBuf {
        self.folder.path().join("stamps.csv")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STITCH);
        command.arg("fleet").args(arguments).arg("--json").arg("--stamps").arg(self.stamps());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An API that answers everything, and a fleet that calls it: so there is one half only.
pub(crate) struct Running {
    runtime: tokio::runtime::Runtime,
    fleet: Child,
    pub(crate) workers: Vec<Pid>,
}

impl Running {
    pub(crate) fn start(scene: &Scene, arguments: &[&str]) -> Self {
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

    pub(crate) fn sleep(&self, seconds: f64) -> u64 {
        self.runtime.block_on(async {
            let clock = TokioRuntime::current().unwrap();
            clock.sleep_until(clock.now() + Duration::from_secs_f64(seconds)).await;
            clock.now().0
        })
    }

    pub(crate) fn end(mut self) -> Value {
        let mut said = String::new();
        self.fleet.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.fleet.wait().unwrap().success());
        let figures: Value = serde_json::from_str(&said).unwrap();
        println!("{figures:#}");
        assert_eq!(figures["without_store"], Value::Null);
        figures
    }
}

pub(crate) fn children_of(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name, which stands in parentheses and may hold anything: state and parent.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    processes.filter(is_child).filter_map(Pid::from_raw).collect()
}
