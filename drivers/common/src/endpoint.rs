//! What an actor does for its peers.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use scipp_proto::{Kind, Kwargs, Payload, Report, RuntimeEndpoint, Target};

use crate::convert;
use crate::error::TaskError;
use crate::guard::{Conclusion, guarded};

/// Where a function lives: module path and bare name.
pub type Path<'a> = (&'a str, &'a str);

type Make<H, T> = dyn Fn(H, &Kwargs) -> Result<T, Box<Report>> + Send + Sync;

/// One function, generator or context with its types erased: makes a task `T` of a handle `H` on its
/// dialog and of the arguments.
pub struct Endpoint<H, T> {
    pub(crate) kind: Kind,
    make: Box<Make<H, T>>,
}

impl<H, T> Endpoint<H, T> {
    /// An endpoint with arguments of type `A`.
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
pub fn conclusion<R: Serialize, E: Into<TaskError>>(result: Result<R, E>) -> Conclusion {
    let value = result.map_err(Into::into)?;
    Payload::encode(&value).map_err(|error| Report::from(&error).into())
}

/// Everything an actor does for its peers.
pub struct Endpoints<H, T> {
    modules: HashMap<String, HashMap<String, Endpoint<H, T>>>,
    runtime: HashMap<RuntimeEndpoint, Endpoint<H, T>>,
}

impl<H, T> Endpoints<H, T> {
    /// Serves a function of the application. A later one replaces an earlier one.
    pub fn add(&mut self, (ns, func): Path<'_>, endpoint: Endpoint<H, T>) {
        self.modules.entry(ns.to_owned()).or_default().insert(func.to_owned(), endpoint);
    }

    /// Answers a request to the runtime.
    pub fn answer(&mut self, request: RuntimeEndpoint, endpoint: Endpoint<H, T>) {
        self.runtime.insert(request, endpoint);
    }

    /// What serves `target`. (D-34, R-13)
    pub(crate) fn find(&self, target: &Target) -> Result<&Endpoint<H, T>, Box<Report>> {
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

impl<H, T> fmt::Debug for Endpoint<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<H, T> fmt::Debug for Endpoints<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.modules.iter().map(|(ns, module)| (ns, module.keys()))).finish()
    }
}
