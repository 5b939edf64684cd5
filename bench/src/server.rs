//! A server of one's own, on a port of its own, and what it says about its work.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// How often a server that starts is asked whether it is there, 20 ms apart.
const ATTEMPTS: u32 = 500;

/// It ends with this.
pub struct Server {
    child: Child,
    port: u16,
    connection: redis::Connection,
    _folder: TempDir,
}

/// What it has done since it was last [reset](Server::reset).
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Microseconds of processor.
    pub processor: f64,
    /// Scripts run.
    pub scripts: f64,
}

impl Server {
    /// Starts the program that a variable names.
    pub fn start(variable: &str) -> Result<Self, Box<dyn Error>> {
        let program = std::env::var_os(variable).ok_or_else(|| format!("{variable} names no server"))?;
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut child = Command::new(PathBuf::from(program))
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()?;
        let client = redis::Client::open(url(port))?;
        for _ in 0..ATTEMPTS {
            sleep(Duration::from_millis(20));
            if let Ok(connection) = client.get_connection() {
                return Ok(Self { child, port, connection, _folder: folder });
            }
        }
        child.kill()?;
        child.wait()?;
        Err("the server did not answer".into())
    }

    /// Where it is.
    pub fn url(&self) -> String {
        url(self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its version and name.
    pub fn version(&mut self) -> Result<String, Box<dyn Error>> {
        let info = self.info("server")?;
        let (name, version) = match field(&info, "valkey_version") {
            Some(version) => ("Valkey", version),
            None => ("Redis", field(&info, "redis_version").unwrap_or("?")),
        };
        Ok(format!("{name} {version}"))
    }

    /// Forgets all keys, and what it has done; whoever is connected stays so.
    pub fn forget(&mut self) -> Result<(), Box<dyn Error>> {
        redis::cmd("FLUSHALL").exec(&mut self.connection)?;
        Ok(())
    }

    /// Starts to count.
    pub fn reset(&mut self) -> Result<Work, Box<dyn Error>> {
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut self.connection)?;
        self.work()
    }

    /// What it has done since `before`, which is what [`reset`](Self::reset) gave.
    pub fn since(&mut self, before: Work) -> Result<Work, Box<dyn Error>> {
        let now = self.work()?;
        Ok(Work { processor: now.processor - before.processor, scripts: now.scripts - before.scripts })
    }

    fn work(&mut self) -> Result<Work, Box<dyn Error>> {
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
        Ok(Work { processor: (user? + system?) * 1e6, scripts })
    }

    /// How many bytes its data takes.
    pub fn bytes(&mut self) -> Result<f64, Box<dyn Error>> {
        let info = self.info("memory")?;
        Ok(field(&info, "used_memory").ok_or("it does not tell how much memory it uses")?.parse()?)
    }

    /// How many keys it has, and how many of these will expire.
    pub fn keys(&mut self) -> Result<(f64, f64), Box<dyn Error>> {
        let info = self.info("keyspace")?;
        let line = field(&info, "db0").unwrap_or("keys=0,expires=0");
        let part = |name: &str| line.split(',').find_map(|part| part.strip_prefix(name)).unwrap_or("0").parse::<f64>();
        Ok((part("keys=")?, part("expires=")?))
    }

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

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
