//! What an actor does for its peers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use scipp_proto::{DialogId, Kind, Kwargs, Payload, Report, Request, RuntimeEndpoint, Target};

use crate::child::{ChildContext, Yielder};
use crate::convert;
use crate::dialog::Dialog;
use crate::error::{Error, TaskError};
use crate::link::Link;

/// Where a function lives: module path and bare name.
pub type Path<'a> = (&'a str, &'a str);

/// One function, generator or context with its types erased.
type Body = Box<dyn Fn(Task, &Kwargs) + Send + Sync>;

/// Everything an actor does for its peers.
#[derive(Default)]
pub(crate) struct Endpoints {
    modules: HashMap<String, HashMap<String, Body>>,
    runtime: HashMap<RuntimeEndpoint, Body>,
}

impl Endpoints {
    pub(crate) fn add(&mut self, (ns, func): Path<'_>, body: Body) {
        self.modules.entry(ns.to_owned()).or_default().insert(func.to_owned(), body);
    }

    pub(crate) fn answer(&mut self, endpoint: RuntimeEndpoint, body: Body) {
        self.runtime.insert(endpoint, body);
    }

    fn run(&self, task: Task, request: &Request) {
        match &request.target {
            Target::Function { ns, func } => match self.modules.get(ns).map(|module| module.get(func)) {
                Some(Some(body)) => body(task, &request.kwargs),
                Some(None) => {
                    task.refuse("AttributeError", format!("module {ns:?} has no function {func:?}"))
                }
                None => {
                    task.refuse("ModuleNotExposed", format!("module {ns:?} is not exposed by this actor"))
                }
            },
            Target::Runtime(endpoint) => match self.runtime.get(endpoint) {
                Some(body) => body(task, &request.kwargs),
                None => {
                    let name = endpoint.name();
                    task.refuse(
                        "RuntimeError",
                        format!("this actor does not answer the runtime request {name:?}"),
                    );
                }
            },
        }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.modules.iter().map(|(ns, module)| (ns, module.keys()))).finish()
    }
}

/// A requested task, until it is over.
#[derive(Clone)]
pub(crate) struct Task(Arc<Dialog>);

impl Task {
    /// Lets it run, unless it was cancelled already.
    fn accept(&self, kind: Kind) -> bool {
        self.0.act(|conn, id| conn.accept(id, kind)).is_ok()
    }

    fn refuse(&self, type_name: &str, text: String) {
        let report = Report::new(type_name, text);
        // Cancelled before it began: the peer has its answer.
        let _cancelled = self.0.act(|conn, id| conn.refuse(id, report));
    }

    /// The arguments as the closure's type; refuses the request if they are not.
    fn arguments<A: DeserializeOwned>(&self, kwargs: &Kwargs) -> Option<A> {
        match Link::guarded(|| convert::arguments(kwargs)) {
            Ok(Ok(args)) => return Some(args),
            Ok(Err(error)) => self.refuse("TypeError", format!("arguments: {error}")),
            Err(panic) => self.refuse("RuntimeError", panic),
        }
        None
    }

    fn conclude(&self, result: Result<Payload, TaskError>) {
        self.0.conclude(result);
    }

    /// Runs user code and reports how it ended.
    fn run<R: Serialize, E: Into<TaskError>>(&self, body: impl FnOnce() -> Result<R, E>) {
        let result = Link::guarded(|| match body() {
            Ok(value) => convert::payload(&value).map_err(|error| TaskError::Call(Error::Conversion(error))),
            Err(error) => Err(error.into()),
        });
        self.conclude(result.unwrap_or_else(|panic| Err(TaskError::new("RuntimeError", panic))));
    }
}

pub(crate) fn function<A, R, E>(f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static) -> Body
where
    A: DeserializeOwned,
    R: Serialize,
    E: Into<TaskError>,
{
    Box::new(move |task, kwargs| {
        let Some(args) = task.arguments(kwargs) else { return };
        if task.accept(Kind::Function) {
            task.run(|| f(args));
        }
    })
}

pub(crate) fn generator<A, E>(f: impl Fn(A, Yielder) -> Result<(), E> + Send + Sync + 'static) -> Body
where
    A: DeserializeOwned,
    E: Into<TaskError>,
{
    Box::new(move |task, kwargs| {
        let Some(args) = task.arguments(kwargs) else { return };
        if task.accept(Kind::Generator) {
            task.run(|| f(args, Yielder::new(Arc::clone(&task.0))));
        }
    })
}

pub(crate) fn context<A, R, E>(f: impl Fn(ChildContext, A) -> Result<R, E> + Send + Sync + 'static) -> Body
where
    A: DeserializeOwned,
    R: Serialize,
    E: Into<TaskError>,
{
    Box::new(move |task, kwargs| {
        let Some(args) = task.arguments(kwargs) else { return };
        if task.accept(Kind::Context) {
            task.run(|| f(ChildContext::new(Arc::clone(&task.0)), args));
        }
    })
}

impl Link {
    /// Answers a request of the peer, from beginning to end.
    pub(crate) fn serve(self: &Arc<Self>, id: DialogId, request: Request) {
        let task = Task(Arc::new(Dialog::opened(self, id)));
        if self.actor.is_cancelled() {
            task.refuse("RuntimeError", "this actor was cancelled".into());
        } else if let Err(panic) = Self::guarded(|| self.actor.endpoints.run(task.clone(), &request)) {
            task.conclude(Err(TaskError::new("RuntimeError", panic)));
        }
    }
}
