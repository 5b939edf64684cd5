//! One worker of a fleet of the laboratory: it calls as it is told until its time is over, and says what happened.

mod arguments;
mod calls;
mod declare;
mod transport;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Parser as _;
use stitchapi::runtime::TokioRuntime;
use stitchapi::{BoxError, Runtime as _};
use stitchapi_lab::said::Said;

use arguments::Arguments;

/// Events reach the sink by a task of their own; so long after the last call they have.
const LAST_EVENTS: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(work(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(arguments: &Arguments) -> Result<(), BoxError> {
    let clock = TokioRuntime::current().ok_or("no runtime is current")?;
    let wall = clock.wall().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    say(&Said::Clocks { boot: clock.now(), wall: u64::try_from(wall)? });
    let stitches = declare::stitches(arguments).await?;
    clock.sleep_until(arguments.begins()).await;
    calls::make(arguments, &stitches, &clock).await;
    clock.sleep_until(clock.now() + LAST_EVENTS).await;
    say(&Said::Done);
    Ok(())
}

/// Tells the test.
fn say(said: &Said) {
    println!("{said}");
}
