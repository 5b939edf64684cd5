//! nginx with a rate limit: a judge that knows nothing of us.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::server::{Server, free_port};

/// Names its program.
pub const PROGRAM: &str = "STITCHAPI_NGINX";

/// An nginx on a port of loopback that answers a small file, or 429.
#[derive(Debug)]
pub struct Nginx {
    _server: Server,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// One with `limit_req` at this rate (`100r/s`) and burst, all callers together and without delay.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(program: &Path, rate: &str, burst: u32) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        fs::create_dir(folder.path().join("html")).unwrap();
        fs::write(folder.path().join("html/index.html"), "done").unwrap();
        fs::write(folder.path().join("nginx.conf"), configuration(rate, burst, port)).unwrap();
        // What is built in are folders of the system, which are not there, or not ours.
        let prefix = folder.path().as_os_str();
        let arguments =
            ["-p".as_ref(), prefix, "-c".as_ref(), "nginx.conf".as_ref(), "-e".as_ref(), "error.log".as_ref()];
        let server = Server::start::<&OsStr>(program, &arguments, port);
        Self { _server: server, port, folder }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it answered, by its own log: how many times 200, how many times something else.
    #[must_use]
    pub fn answered(&self) -> (usize, usize) {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let fine = log.lines().filter(|line| *line == "200").count();
        (fine, log.lines().count() - fine)
    }
}

/// One process, with all its paths under the prefix.
fn configuration(rate: &str, burst: u32, port: u16) -> String {
    // It does not take a burst of none.
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
