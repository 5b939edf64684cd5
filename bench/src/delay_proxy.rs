//! A TCP proxy that delays every byte by the same time, in order, to simulate a distant server.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Starts a proxy to a local port, and returns its own port. It runs until the process ends.
pub fn start(target: u16, one_way: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // If the target refuses the connection, dropping it closes the client's connection, too.
            let _ = connect(client, target, one_way);
        }
    });
    Ok(port)
}

/// Connects to the target and forwards both directions.
fn connect(client: TcpStream, target: u16, one_way: Duration) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        to.set_nodelay(true)?;
        let (from, to, (sender, receiver)) = (from.try_clone()?, to.try_clone()?, channel());
        thread::spawn(move || receive(from, &sender));
        thread::spawn(move || forward(to, &receiver, one_way));
    }
    Ok(())
}

/// Received bytes with their time of arrival.
type Chunk = (Instant, Vec<u8>);

/// Reads chunks until the connection is closed.
fn receive(mut from: TcpStream, chunks: &Sender<Chunk>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if chunks.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Writes each chunk `one_way` after its arrival.
fn forward(mut to: TcpStream, chunks: &Receiver<Chunk>, one_way: Duration) {
    for (arrived, chunk) in chunks {
        thread::sleep((arrived + one_way).saturating_duration_since(Instant::now()));
        if to.write_all(&chunk).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
