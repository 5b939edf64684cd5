//! The output of a worker, which the test reads line by line.

use stitchapi_lab::message::Message;

/// Prints a message as one line.
pub(crate) fn print(message: &Message) {
    println!("{message}");
}
