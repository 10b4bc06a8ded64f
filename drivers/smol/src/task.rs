//! The bodies of endpoints, run by the driver.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::Timer;
use scipp_common::{Conclusion, End, Handle, Ticket, concluded, guarded};
use scipp_proto::{DialogId, Request};

use crate::dialog::{Dialog, Seat};
use crate::handler::Body;
use crate::link::Link;

/// A body that runs for the peer, until its dialog has ended.
pub(crate) struct Task {
    dialog: Arc<Dialog>,
    body: Option<Body>,
    seat: Seat<Arc<Link>>,
    /// Runs from when the task was told to end.
    grace: Option<Timer>,
    _ticket: Ticket,
}

impl Task {
    /// What answers a request, if it is not refused.
    pub(crate) fn begin(link: &Arc<Link>, id: DialogId, request: &Request) -> Option<Self> {
        let dialog = Arc::new(Dialog::new(link, End::opened(id)));
        let (body, ticket) = link.actor.answer(&dialog, request)?;
        let seat = dialog.seat(Arc::clone(link));
        Some(Self { dialog, body: Some(body), seat, grace: None, _ticket: ticket })
    }

    /// Ready when the task was told to end and its grace is over.
    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.grace.is_none() {
            std::task::ready!(self.seat.poll_told(cx));
        }
        let grace = || Timer::after(self.dialog.link.actor.cancel_grace());
        Pin::new(self.grace.get_or_insert_with(grace)).poll(cx).map(drop)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Conclusion> {
        let Some(body) = &mut self.body else { return Poll::Pending };
        match guarded(|| body.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(conclusion)) => Poll::Ready(conclusion),
            Err(panic) => Poll::Ready(concluded(Err(panic))),
        }
    }

    /// Drops the body: its handles go before the dialog ends.
    fn drop_body(&mut self) {
        let body = self.body.take();
        let _panicked = guarded(|| drop(body));
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let told = this.poll_grace(cx).is_ready();
        let conclusion = if told { None } else { Some(std::task::ready!(this.poll_body(cx))) };
        this.drop_body();
        this.dialog.act(|end, conn| match conclusion {
            Some(conclusion) => end.conclude(conn, conclusion),
            None => end.unwound(conn),
        });
        Poll::Ready(())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.drop_body();
    }
}
