//! The settings that a seam and a stitch have in common, and their validation.

use std::time::Duration;

use http::HeaderName;

use crate::cache::{Cache, CachePolicy};
use crate::circuit::Circuit;
use crate::endpoint::parse_header_name;
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Retry;
use crate::throttle::Throttle;

/// The settings that a seam and a stitch have in common, as the two builders collect them. `None` means not declared: a
/// seam then uses the default, and a stitch the setting of its seam.
#[derive(Default)]
pub(crate) struct CommonSettings {
    pub(crate) name: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) retry: Option<Retry>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) cache: Option<Cache>,
    pub(crate) circuit: Option<Circuit>,
}

/// Common settings that have been validated, except the throttle: its bucket registry validates it.
pub(crate) struct ValidSettings {
    pub(crate) name: Option<String>,
    /// Names and values. The value of a header of a stitch is a template, not yet parsed.
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) retry: Option<Retry>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) throttle: Option<Throttle>,
    /// `None` if it is not declared, `Some(None)` if it is declared as [`Cache::none`], which stores no response.
    pub(crate) cache: Option<Option<CachePolicy>>,
    pub(crate) circuit: Option<Circuit>,
}

impl CommonSettings {
    /// Validates the settings of a seam or a stitch. `has_credentials` is `true` if the seam has an auth strategy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for the first invalid setting.
    pub(crate) fn validate(self, has_credentials: bool) -> Result<ValidSettings> {
        let Self { name, headers, retry, deadline, throttle, cache, circuit } = self;
        if name.as_ref().is_some_and(String::is_empty) {
            return Err(Error::config("name: must not be empty"));
        }
        require_positive("deadline", deadline)?;
        if let Some(circuit) = &circuit {
            circuit.validate()?;
        }
        if let Some(retry) = &retry {
            retry.validate()?;
        }
        let cache = cache.map(|cache| cache.validate(has_credentials)).transpose()?;
        let headers = parse_header_names(headers)?;
        Ok(ValidSettings { name, headers, retry, deadline, throttle, cache, circuit })
    }
}

/// Checks that a duration, if declared, is greater than zero.
///
/// # Errors
///
/// [`ErrorKind::Config`].
pub(super) fn require_positive(name: &str, duration: Option<Duration>) -> Result<()> {
    match duration {
        Some(Duration::ZERO) => Err(Error::config(format!("{name}: must be greater than zero"))),
        _ => Ok(()),
    }
}

/// Parses the names of headers, each of which may be declared once.
fn parse_header_names(declared: Vec<(String, String)>) -> Result<Vec<(HeaderName, String)>> {
    let mut headers: Vec<(HeaderName, String)> = Vec::with_capacity(declared.len());
    for (name, value) in declared {
        let name = parse_header_name(&name, ErrorKind::Config)?;
        if headers.iter().any(|(other, _)| *other == name) {
            return Err(Error::config(format!("header `{name}`: declared twice; declare it once")));
        }
        headers.push((name, value));
    }
    Ok(headers)
}
