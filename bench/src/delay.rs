//! A way to a server that takes longer: a proxy that keeps each byte for a while, in order.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Listens on a port of its own, which is returned, for as long as the process lives.
pub fn proxy(target: u16, one_way: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            // A connection that cannot be made is closed, as a server would that is away.
            let _ = connect(near, target, one_way);
        }
    });
    Ok(port)
}

fn connect(near: TcpStream, target: u16, one_way: Duration) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    for (from, to) in [(&near, &far), (&far, &near)] {
        to.set_nodelay(true)?;
        let (from, to, (sender, receiver)) = (from.try_clone()?, to.try_clone()?, channel());
        thread::spawn(move || take(from, &sender));
        thread::spawn(move || give(to, &receiver, one_way));
    }
    Ok(())
}

/// What came, and when.
type Piece = (Instant, Vec<u8>);

/// Takes what comes, until nothing does any more.
fn take(mut from: TcpStream, pieces: &Sender<Piece>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if pieces.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Gives each piece on when its time has come.
fn give(mut to: TcpStream, pieces: &Receiver<Piece>, one_way: Duration) {
    for (came, piece) in pieces {
        thread::sleep((came + one_way).saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
