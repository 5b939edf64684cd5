//! Servers that can be mistreated.

use std::ffi::{OsStr, OsString};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::comes_true;

/// A program that listens on a port of loopback. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    arguments: Vec<OsString>,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts it, and waits until it listens on that port.
    ///
    /// # Panics
    ///
    /// If it does not.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(program: &Path, arguments: &[A], port: u16) -> Self {
        let arguments: Vec<OsString> = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
        let child = spawn(program, &arguments);
        let server = Self { program: program.to_owned(), arguments, port, child };
        server.wait_for_it();
        server
    }

    /// Kills it: it forgets everything that is not on a disk.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`kill`](Self::kill), on the same port.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.wait_for_it();
    }

    /// Freezes it: connections stay, nothing is answered.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    fn wait_for_it(&self) {
        let listens = comes_true(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        assert!(listens, "{} does not listen on port {}", self.program.display(), self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(program: &Path, arguments: &[OsString]) -> Child {
    Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}
