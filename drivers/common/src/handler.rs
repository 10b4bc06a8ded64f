//! What an actor does for its peers.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use scipp_proto::{Connection, Kind, Kwargs, Report, RuntimeEndpoint, Target, Terms, ToPayload};

use crate::convert;
use crate::end::End;
use crate::endpoint::Endpoint;
use crate::error::TaskError;
use crate::guard::{Conclusion, guarded};

type Make<H, T> = dyn Fn(H, &Kwargs) -> Result<T, Box<Report>> + Send + Sync;

/// One function, generator or context with its types erased: makes a task `T` of a handle `H` on its
/// dialog and of the arguments.
pub struct Handler<H, T> {
    pub(crate) kind: Kind,
    make: Box<Make<H, T>>,
}

impl<H, T> Handler<H, T> {
    /// A handler with arguments of type `A`.
    pub fn new<A: DeserializeOwned>(kind: Kind, make: impl Fn(H, A) -> T + Send + Sync + 'static) -> Self {
        Self { kind, make: Box::new(move |handle, kwargs| Ok(make(handle, arguments(kwargs)?))) }
    }

    /// The task, not yet run.
    ///
    /// # Errors
    ///
    /// The arguments are of another type: why the request has to be refused.
    pub(crate) fn task(&self, handle: H, kwargs: &Kwargs) -> Result<T, Box<Report>> {
        guarded(|| (self.make)(handle, kwargs)).unwrap_or_else(|panic| Err(report("RuntimeError", panic)))
    }
}

/// Arguments as the endpoint wants them. (D-34)
fn arguments<A: DeserializeOwned>(kwargs: &Kwargs) -> Result<A, Box<Report>> {
    convert::arguments(kwargs).map_err(|error| report("TypeError", format!("arguments: {error}")))
}

fn report(type_name: &str, text: String) -> Box<Report> {
    Box::new(Report::new(type_name, text))
}

/// What a task's dialog ends with when its body gave `result`.
///
/// # Errors
///
/// Of the body, or the value cannot be sent: a type error, as for a value that its spec forbids. (D-27)
pub fn conclusion<R: ToPayload, E: Into<TaskError>>(result: Result<R, E>) -> Conclusion {
    let value = result.map_err(Into::into)?;
    value.to_payload().map_err(|error| Report::from(&error).into())
}

/// A handler with the terms of its endpoint, and the line that registered it.
#[derive(Debug)]
pub(crate) struct Served<H, T> {
    pub(crate) handler: Handler<H, T>,
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) caller: &'static Location<'static>,
}

impl<H, T> Served<H, T> {
    /// Lets the task run, unless it was cancelled already. Its arguments conform to the terms.
    pub(crate) fn accept(&self, end: End, conn: &mut Connection) -> bool {
        let is_limited = self.terms.as_ref().is_none_or(|terms| conn.limit(end.id, terms).is_ok());
        let is_accepted = is_limited && end.accept(conn, self.handler.kind);
        conn.set_caller(end.id, self.caller);
        is_accepted
    }
}

/// Everything an actor does for its peers.
pub struct Endpoints<H, T> {
    modules: HashMap<String, HashMap<String, Served<H, T>>>,
    runtime: HashMap<RuntimeEndpoint, Served<H, T>>,
}

impl<H, T> Endpoints<H, T> {
    /// Serves an endpoint, for the caller. A later one replaces an earlier one.
    #[track_caller]
    pub fn add(&mut self, endpoint: impl Into<Endpoint>, handler: Handler<H, T>) {
        let Endpoint { target, terms } = endpoint.into();
        let served = Served { handler, terms, caller: Location::caller() };
        match target {
            Target::Function { ns, func } => self.modules.entry(ns).or_default().insert(func, served),
            Target::Runtime(endpoint) => self.runtime.insert(endpoint, served),
        };
    }

    /// What serves `target`. (D-34, R-13)
    pub(crate) fn find(&self, target: &Target) -> Result<&Served<H, T>, Box<Report>> {
        match target {
            Target::Function { ns, func } => {
                let hidden = || format!("module {ns:?} is not exposed by this actor");
                let module = self.modules.get(ns).ok_or_else(|| report("ModuleNotExposed", hidden()))?;
                let missing = || format!("module {ns:?} has no function {func:?}");
                module.get(func).ok_or_else(|| report("AttributeError", missing()))
            }
            Target::Runtime(endpoint) => {
                let mute = || format!("this actor does not answer the runtime request {:?}", endpoint.name());
                self.runtime.get(endpoint).ok_or_else(|| report("RuntimeError", mute()))
            }
        }
    }
}

impl<H, T> Default for Endpoints<H, T> {
    fn default() -> Self {
        Self { modules: HashMap::new(), runtime: HashMap::new() }
    }
}

impl<H, T> fmt::Debug for Handler<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<H, T> fmt::Debug for Endpoints<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.modules.iter().map(|(ns, module)| (ns, module.keys()))).finish()
    }
}
