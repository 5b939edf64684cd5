//! One worker of a fleet in the lab: it makes calls until its time is over, and prints every start, call and event.

mod arguments;
mod calls;
mod output;
mod stitches;
mod transport;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Parser as _;
use stitchapi::runtime::TokioRuntime;
use stitchapi::{BoxError, Runtime as _};
use stitchapi_lab::message::Message;

use arguments::Arguments;

/// Time after the last call in which the last events reach the sink, which has a task of its own.
const LAST_EVENTS: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(work(&arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(arguments: &Arguments) -> Result<(), BoxError> {
    let clock = TokioRuntime::current().ok_or("no tokio runtime is current")?;
    let wall = clock.wall().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    output::print(&Message::Clocks { boot: clock.now(), wall: u64::try_from(wall)? });
    let stitches = stitches::build(arguments).await?;
    clock.sleep_until(arguments.begins()).await;
    calls::make(arguments, &stitches, &clock).await;
    clock.sleep_until(clock.now() + LAST_EVENTS).await;
    output::print(&Message::Done);
    Ok(())
}
