//! A Redis server for one benchmark, and the load that it reports.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// Maximum number of attempts to connect to a starting server, 20 ms apart.
const CONNECT_ATTEMPTS: u32 = 500;

/// Running Redis or Valkey server on a free local port, without persistence. It is killed on drop.
pub struct Server {
    child: Child,
    port: u16,
    connection: redis::Connection,
    _folder: TempDir,
}

/// Load of a server since its last [reset](Server::reset).
#[derive(Debug, Clone, Copy)]
pub struct ServerLoad {
    /// Processor time, in microseconds.
    pub processor: f64,
    /// Number of scripts that were run.
    pub scripts: f64,
}

impl Server {
    /// Starts the program whose path is in this environment variable.
    pub fn start(variable: &str) -> Result<Self, Box<dyn Error>> {
        let program =
            std::env::var_os(variable).ok_or_else(|| format!("{variable} is not set to the path of a server"))?;
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut child = Command::new(PathBuf::from(program))
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()?;
        let client = redis::Client::open(url(port))?;
        for _ in 0..CONNECT_ATTEMPTS {
            sleep(Duration::from_millis(20));
            if let Ok(connection) = client.get_connection() {
                return Ok(Self { child, port, connection, _folder: folder });
            }
        }
        child.kill()?;
        child.wait()?;
        Err("the server did not accept a connection within 10 s".into())
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Returns the port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name and the version of the server.
    pub fn version(&mut self) -> Result<String, Box<dyn Error>> {
        let info = self.info("server")?;
        let (name, version) = match field(&info, "valkey_version") {
            Some(version) => ("Valkey", version),
            None => ("Redis", field(&info, "redis_version").unwrap_or("?")),
        };
        Ok(format!("{name} {version}"))
    }

    /// Deletes all keys. Connections stay open.
    pub fn flush(&mut self) -> Result<(), Box<dyn Error>> {
        redis::cmd("FLUSHALL").exec(&mut self.connection)?;
        Ok(())
    }

    /// Resets the command statistics and returns the load so far, for [`since`](Self::since).
    pub fn reset(&mut self) -> Result<ServerLoad, Box<dyn Error>> {
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut self.connection)?;
        self.load()
    }

    /// Returns the load since `before`, which [`reset`](Self::reset) has returned.
    pub fn since(&mut self, before: ServerLoad) -> Result<ServerLoad, Box<dyn Error>> {
        let now = self.load()?;
        Ok(ServerLoad { processor: now.processor - before.processor, scripts: now.scripts - before.scripts })
    }

    fn load(&mut self) -> Result<ServerLoad, Box<dyn Error>> {
        let cpu = self.info("cpu")?;
        let seconds = ["used_cpu_user", "used_cpu_sys"].map(|name| field(&cpu, name).unwrap_or("0").parse::<f64>());
        let [user, system] = seconds;
        let commands = self.info("commandstats")?;
        let calls = ["cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall"].map(|name| {
            let calls = field(&commands, name).and_then(|stats| stats.strip_prefix("calls=")?.split(',').next());
            calls.map_or(Ok(0.0), str::parse::<f64>)
        });
        let mut scripts = 0.0;
        for calls in calls {
            scripts += calls?;
        }
        Ok(ServerLoad { processor: (user? + system?) * 1e6, scripts })
    }

    /// Returns the used memory, in bytes.
    pub fn bytes(&mut self) -> Result<f64, Box<dyn Error>> {
        let info = self.info("memory")?;
        Ok(field(&info, "used_memory").ok_or("INFO memory has no used_memory")?.parse()?)
    }

    /// Returns the number of keys, and the number of keys with a ttl.
    pub fn keys(&mut self) -> Result<(f64, f64), Box<dyn Error>> {
        let info = self.info("keyspace")?;
        let line = field(&info, "db0").unwrap_or("keys=0,expires=0");
        let part = |name: &str| line.split(',').find_map(|part| part.strip_prefix(name)).unwrap_or("0").parse::<f64>();
        Ok((part("keys=")?, part("expires=")?))
    }

    /// Returns a section of `INFO`.
    fn info(&mut self, section: &str) -> Result<String, Box<dyn Error>> {
        Ok(redis::cmd("INFO").arg(section).query(&mut self.connection)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}

/// Returns a field of an `INFO` section.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
