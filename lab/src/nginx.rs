//! nginx with a rate limit: a judge that knows nothing of us.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::lab::{comes_true, free_port, tool};

/// Names its program.
pub const PROGRAM: &str = "STITCHAPI_NGINX";

/// An nginx on a port of loopback that answers a small file, or 429. It is killed when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// One with `limit_req` at this rate (`100r/s`) and burst, all callers together and without delay. `None`, and a line
    /// that says so, where there is none.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(rate: &str, burst: u32) -> Option<Self> {
        let program = tool(PROGRAM)?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        fs::create_dir(folder.path().join("html")).unwrap();
        fs::write(folder.path().join("html/index.html"), "done").unwrap();
        fs::write(folder.path().join("nginx.conf"), configuration(rate, burst, port)).unwrap();
        let mut command = Command::new(&program);
        // What is built in are folders of the system, which are not there, or not ours.
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let server = Self { child, folder, port };
        let is_there = comes_true(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(is_there, "{} does not listen on port {port}", program.display());
        Some(server)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it answered with each status, by its own log: how many times 200, how many times another one.
    #[must_use]
    pub fn answered(&self) -> (usize, usize) {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let fine = log.lines().filter(|line| *line == "200").count();
        (fine, log.lines().count() - fine)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One process, with all its paths under the prefix.
fn configuration(rate: &str, burst: u32, port: u16) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path temp_body;
    proxy_temp_path temp_proxy;
    fastcgi_temp_path temp_fastcgi;
    uwsgi_temp_path temp_uwsgi;
    scgi_temp_path temp_scgi;
    log_format status '$status';
    access_log access.log status;
    keepalive_requests 1000000;
    keepalive_timeout 1h;
    limit_req_zone $server_name zone=fleet:1m rate={rate};
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port};
        server_name fleet;
        root html;
        location / {{ limit_req zone=fleet burst={burst} nodelay; }}
    }}
}}
"
    )
}
