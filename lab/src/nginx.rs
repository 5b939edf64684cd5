//! Runs nginx with a rate limit, as an independent check of the starts of a fleet.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::server::{Server, free_port};

/// Variable with the path of nginx.
pub const PROGRAM: &str = "STITCHAPI_NGINX";

/// An nginx on a port of loopback that serves a small file or responds with 429.
#[derive(Debug)]
pub struct Nginx {
    _server: Server,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// Starts nginx with `limit_req` at this rate (`100r/s`) and burst, for all callers together and without delay.
    ///
    /// # Panics
    ///
    /// If nginx does not start.
    #[must_use]
    pub fn start(program: &Path, rate: &str, burst: u32) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        fs::create_dir(folder.path().join("html")).unwrap();
        fs::write(folder.path().join("html/index.html"), "ok").unwrap();
        fs::write(folder.path().join("nginx.conf"), configuration(rate, burst, port)).unwrap();
        // The default paths are system folders, which may not exist or not be writable.
        let prefix = folder.path().as_os_str();
        let arguments =
            ["-p".as_ref(), prefix, "-c".as_ref(), "nginx.conf".as_ref(), "-e".as_ref(), "error.log".as_ref()];
        let server = Server::start::<&OsStr>(program, &arguments, port);
        Self { _server: server, port, folder }
    }

    /// Returns the base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the number of responses with status 200 and with another status, from the log of nginx.
    #[must_use]
    pub fn responses(&self) -> (usize, usize) {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let successes = log.lines().filter(|line| *line == "200").count();
        (successes, log.lines().count() - successes)
    }
}

/// Returns a configuration for one process with all its paths below the prefix.
fn configuration(rate: &str, burst: u32, port: u16) -> String {
    // nginx refuses `burst=0`.
    let burst = if burst == 0 { String::new() } else { format!("burst={burst} nodelay") };
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
        location / {{ limit_req zone=fleet {burst}; }}
    }}
}}
"
    )
}
