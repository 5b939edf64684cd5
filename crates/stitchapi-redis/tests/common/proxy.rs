//! A TCP proxy that can lose a reply.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Proxy between clients and a server on loopback.
pub(crate) struct Proxy {
    port: u16,
    lose_next_reply: Arc<AtomicBool>,
}

impl Proxy {
    #[expect(clippy::disallowed_methods, reason = "stands for the network between two machines")]
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, lose_next_reply) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let this = Self { port, lose_next_reply: lose_next_reply.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || copy(from, to, None));
                let lose_next_reply = lose_next_reply.clone();
                thread::spawn(move || copy(server, client, Some(&lose_next_reply)));
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Loses the next reply, and breaks its connection.
    pub(crate) fn lose_next_reply(&self) {
        self.lose_next_reply.store(true, Ordering::SeqCst);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, lose_next: Option<&AtomicBool>) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let is_lost = lose_next.is_some_and(|lose| lose.swap(false, Ordering::SeqCst));
        if is_lost || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
