//! Failures of Rust code, made into reports.

use alloc::{format, string::String, string::ToString};
use core::any::Any;
use core::error::Error;
use core::fmt::Write as _;
use core::panic::Location;

use crate::event::Report;

/// Errors of a `source` chain that are reported. A chain may be a ring.
const MAX_SOURCES: usize = 32;

impl Report {
    /// The failure of a task with an error: its bare type name, what it says, and as traceback the chain of
    /// its sources.
    ///
    /// ```
    /// use scipp_proto::Report;
    ///
    /// let error = "x".parse::<u8>().unwrap_err();
    /// let report = Report::of(&error);
    /// assert_eq!(report.type_name, "ParseIntError");
    /// assert_eq!(report.message.as_deref(), Some("invalid digit found in string"));
    /// ```
    pub fn of<E: Error + ?Sized>(error: &E) -> Self {
        let message = error.to_string();
        let mut chain = message.clone();
        let mut source = error.source();
        for _ in 0..MAX_SOURCES {
            let Some(error) = source else { break };
            // Writing to memory cannot fail.
            let _ = write!(chain, "\n  caused by: {error}");
            source = error.source();
        }
        Self {
            type_name: bare(core::any::type_name::<E>()).into(),
            message: Some(message),
            tb_str: chain,
            ..Self::default()
        }
    }

    /// The same, with the line of the caller's own code.
    #[track_caller]
    pub fn of_here<E: Error + ?Sized>(error: &E) -> Self {
        let mut report = Self::of(error);
        let _ = write!(report.tb_str, "\n  at {}", Location::caller());
        report
    }

    /// A panic, from what `catch_unwind` gives or a hook is told.
    pub fn panicked(payload: &(dyn Any + Send), location: Option<&Location<'_>>) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        let message = format!("the task panicked: {text}");
        let tb_str = match location {
            Some(location) => format!("{message}\n  at {location}"),
            None => message.clone(),
        };
        Self { type_name: "RuntimeError".into(), message: Some(message), tb_str, ..Self::default() }
    }
}

/// The last name of a path of modules, generic arguments left out.
fn bare(name: &str) -> &str {
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;

    #[derive(Debug, thiserror::Error)]
    #[error("no quote for {symbol}")]
    struct NoQuote<T: core::fmt::Debug + 'static> {
        symbol: T,
        source: core::num::ParseIntError,
    }

    #[test]
    fn an_error_is_reported_with_its_sources() {
        let error = NoQuote { symbol: "btc", source: "x".parse::<u8>().unwrap_err() };
        let report = Report::of(&error);
        assert_eq!(
            (report.type_name.as_str(), report.message.as_deref()),
            ("NoQuote", Some("no quote for btc"))
        );
        assert_eq!(report.tb_str, "no quote for btc\n  caused by: invalid digit found in string");
        let line = line!() + 1;
        let here = Report::of_here(&error).tb_str;
        assert!(here.contains(&format!("origin.rs:{line}:")), "{here}");
        let boxed: Box<dyn Error> = Box::new(error);
        assert_eq!(Report::of(&*boxed).type_name, "Error");
    }

    #[test]
    fn a_ring_of_sources_comes_to_an_end() {
        #[derive(Debug)]
        struct Own;
        impl core::fmt::Display for Own {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("own")
            }
        }
        impl Error for Own {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Self)
            }
        }
        assert_eq!(Report::of(&Own).tb_str.lines().count(), MAX_SOURCES + 1);
    }

    #[test]
    fn a_panic_is_reported_with_its_place() {
        let location = Location::caller();
        let report = Report::panicked(&String::from("boom"), Some(location));
        assert_eq!(report.message.as_deref(), Some("the task panicked: boom"));
        assert_eq!(report.tb_str, format!("the task panicked: boom\n  at {location}"));
        assert_eq!(Report::panicked(&7, None).tb_str, "the task panicked: no text");
    }
}
