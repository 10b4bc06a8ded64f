//! Endpoints as async functions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use scipp_common::{Conclusion, TaskError, conclusion};
use scipp_proto::{Kind, ToPayload};

use crate::child::{ChildContext, Yielder};
use crate::dialog::Dialog;

/// A body with its arguments, ready to run.
pub(crate) type Body = Pin<Box<dyn Future<Output = Conclusion> + Send>>;

pub(crate) type Handler = scipp_common::Handler<Arc<Dialog>, Body>;
pub(crate) type Endpoints = scipp_common::Endpoints<Arc<Dialog>, Body>;

pub(crate) fn function<A, Fut, R, E>(f: impl Fn(A) -> Fut + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send,
    R: ToPayload,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Function, move |_, args| {
        let f = Arc::clone(&f);
        Box::pin(async move { conclusion(f(args).await) })
    })
}

pub(crate) fn generator<A, Fut, E>(f: impl Fn(A, Yielder) -> Fut + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Generator, move |dialog, args| {
        let f = Arc::clone(&f);
        Box::pin(async move { conclusion(f(args, Yielder::new(dialog)).await) })
    })
}

pub(crate) fn context<A, Fut, R, E>(f: impl Fn(ChildContext, A) -> Fut + Send + Sync + 'static) -> Handler
where
    A: DeserializeOwned + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send,
    R: ToPayload,
    E: Into<TaskError>,
{
    let f = Arc::new(f);
    Handler::new(Kind::Context, move |dialog, args| {
        let f = Arc::clone(&f);
        Box::pin(async move { conclusion(f(ChildContext::new(dialog), args).await) })
    })
}
