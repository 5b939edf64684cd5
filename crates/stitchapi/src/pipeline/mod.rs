//! One call, stage by stage.
//!
//! `stitch/call.rs` passes the declaration of a stitch, an encoded input and the overrides of one call, and receives
//! the decoded response or the error. Stages that take time run before the call waits for its slot (the start time that
//! the throttle assigns), so that the request is sent as soon as the slot begins.
//!
//! The walk of a call without cache: the files in the order in which the call passes them. After the transport, the
//! response passes 13 to 16. After a redirect, a replaced credential or a pause for a retry, the walk continues at 7.
//!
//! 1. `stitch/call.rs`: holds input and overrides; awaiting starts it
//! 2. `pipeline/execute.rs`: begins and ends the call, bounds its time
//! 3. `pipeline/declaration.rs`: what the stitch declares
//! 4. `pipeline/call_run.rs`: state of the call between stages
//! 5. `endpoint/request.rs`: prepares the request that attempts send
//! 6. `pipeline/exchange.rs`: attempts until a response is final
//! 7. `pipeline/attempt.rs`: one attempt, its stages in order
//! 8. `pipeline/stages/circuit.rs`: circuit admission; reports the attempt's outcome
//! 9. `pipeline/stages/credential.rs`: prepares and applies the credential
//! 10. `pipeline/stages/throttle.rs`: waits for concurrency permits and slots
//! 11. `pipeline/stages/send.rs`: hands the request to the transport
//! 12. `transport/reqwest.rs`: sends it, returns the response
//! 13. `pipeline/stages/intake.rs`: applies cooldowns, reads the body, settles the cost
//! 14. `pipeline/stages/redirect.rs`: finds the request that a redirect asks for
//! 15. `pipeline/stages/reauthenticate.rs`: replaces a rejected credential, once
//! 16. `pipeline/stages/retry.rs`: waits before a retry, or ends the call
//!
//! With a cache, `pipeline/cached.rs` follows file 5: it looks the response up in `cache/`, and on a miss one exchange
//! is made for all calls that wait for the same response. The walk of a circuit begins in `circuit/breaker.rs`, the
//! walk of a credential in `auth/strategy.rs`, and the walk of a slot in `throttle/`.

mod attempt;
mod cached;
mod call_run;
mod declaration;
mod exchange;
mod execute;
mod overrides;
mod report;
mod stages;

pub(crate) use declaration::{CostOfRequest, CostOfResponse, Declaration};
pub(crate) use execute::execute;
pub(crate) use overrides::CallOverrides;
pub use report::Report;
