//! Starts a server program that a test can kill, restart and freeze.

use std::ffi::{OsStr, OsString};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::wait_for;

/// A program that listens on a port of loopback. Dropping this value kills it.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    arguments: Vec<OsString>,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts the program and waits until it listens on the port.
    ///
    /// # Panics
    ///
    /// If the program does not listen within ten seconds.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(program: &Path, arguments: &[A], port: u16) -> Self {
        let arguments: Vec<OsString> = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
        let child = spawn(program, &arguments);
        let server = Self { program: program.to_owned(), arguments, port, child };
        server.wait_for_port();
        server
    }

    /// Kills the program. It loses everything that is not on disk.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the program again after [`kill`](Self::kill), on the same port.
    pub fn restart(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.wait_for_port();
    }

    /// Freezes the program: its connections stay open, and it does not reply.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets a frozen program continue.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    fn wait_for_port(&self) {
        let listens = wait_for(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        assert!(listens, "{} does not listen on port {}", self.program.display(), self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port of loopback that is free at the time of the call.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(program: &Path, arguments: &[OsString]) -> Child {
    Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}
