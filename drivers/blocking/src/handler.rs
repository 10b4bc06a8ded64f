//! Answering what the peer asks for.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use scipp_common::{Conclusion, End, Handle, TaskError, concluded, conclusion, guarded};
use scipp_proto::{DialogId, Kind, Report, Request, ToPayload};

use crate::child::{ChildContext, Yielder};
use crate::dialog::Dialog;
use crate::link::Link;

/// A body with its arguments, ready to run.
pub(crate) type Task = Box<dyn FnOnce() -> Conclusion>;

pub(crate) type Handler = scipp_common::Handler<Arc<Dialog>, Task>;
pub(crate) type Endpoints = scipp_common::Endpoints<Arc<Dialog>, Task>;

pub(crate) fn function<A, R, E>(f: impl Fn(A) -> Result<R, E> + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + 'static,
    R: ToPayload,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Function, move |_, args| {
        let f = Arc::clone(&f);
        Box::new(move || conclusion(f(args)))
    })
}

pub(crate) fn generator<A, E>(f: impl Fn(A, Yielder) -> Result<(), E> + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + 'static,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Generator, move |dialog, args| {
        let f = Arc::clone(&f);
        Box::new(move || conclusion(f(args, Yielder::new(dialog))))
    })
}

pub(crate) fn context<A, R, E>(f: impl Fn(ChildContext, A) -> Result<R, E> + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + 'static,
    R: ToPayload,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Context, move |dialog, args| {
        let f = Arc::clone(&f);
        Box::new(move || conclusion(f(ChildContext::new(dialog), args)))
    })
}

impl Link {
    /// Answers a request of the peer, from beginning to end.
    pub(crate) fn serve(self: &Arc<Self>, id: DialogId, request: &Request) {
        let dialog = Arc::new(Dialog::new(self, End::opened(id)));
        let Some((task, _ticket)) = self.actor.answer(&dialog, request) else { return };
        let conclusion = concluded(guarded(task));
        dialog.act(|end, conn| end.conclude(conn, conclusion));
    }

    /// Refuses a request for which there is no thread.
    pub(crate) fn turn_away(self: &Arc<Self>, id: DialogId) {
        let report = Report::new("RuntimeError", "no thread can be had for this task");
        Dialog::new(self, End::opened(id)).act(|end, conn| end.refuse(conn, report));
    }

    /// The peer asks the whole actor to cancel.
    pub(crate) fn cancel_actor(self: &Arc<Self>, id: DialogId) {
        self.actor.cancel_for(&Dialog::new(self, End::opened(id)));
    }
}
