//! One worker process: calls through the library's public API and tells the parent, line by line, what happened.

mod calls;
mod declare;
mod work;

pub(crate) use work::work;
