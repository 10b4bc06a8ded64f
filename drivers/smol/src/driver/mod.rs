//! The future that moves a connection: bytes, time, and the bodies of endpoints.

mod alarm;
mod pump;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{AsyncRead, AsyncWrite, Stream};
use scipp_common::{End, LinkTap, Parting, now};
use scipp_proto::{CloseReason, DialogId, Event, Request};

use self::alarm::Alarm;
use crate::dialog::Dialog;
use crate::link::{Guest, Link, State};
use crate::portal::Portal;
use crate::task::Task;
use crate::wait::Spot;

/// Turns in one poll, after which others get theirs.
const TURNS: usize = 16;

/// The future that moves one connection. Nothing happens on a connection whose driver is not polled: spawn
/// it, join it with what uses the connection, or give that to [`run_until`](Self::run_until), which is the
/// fastest.
///
/// It reads and writes, keeps time, runs the bodies of the endpoints that the peer asks for, and finishes
/// what dropped handles leave behind. Its output is why the connection is over; by then every dialog has
/// ended, every body has returned or was dropped, and the socket is shut down.
///
/// Both directions of the socket are always armed: reading goes on while the peer is slow to take what we
/// send. Only while [`OverrunPolicy::Pause`](crate::proto::OverrunPolicy::Pause) holds reading up, the end of
/// the peer is noticed late, after `max_pause` at the latest. A body is polled by whoever polls the driver:
/// one that computes for long holds up the connection.
///
/// # Dropping
///
/// All dialogs end with the connection. What is queued is offered to the socket once, then the socket is
/// dropped, possibly within a frame, *which kills a Python peer*. Close the connection and let the driver
/// finish instead.
#[must_use = "nothing moves on a connection whose driver is not polled"]
pub struct Driver<S: AsyncRead + AsyncWrite + Unpin> {
    link: Arc<Link>,
    /// Until it is of no more use.
    io: Option<S>,
    tap: Option<LinkTap>,
    /// What was read; `unfed` of it the core did not take yet.
    buffer: Vec<u8>,
    unfed: Range<usize>,
    /// What the core handed out and the socket did not take yet.
    unsent: Bytes,
    /// Something was written since the last flush.
    is_unflushed: bool,
    /// Writing failed; reading finds out what was still sent to us.
    is_broken: bool,
    /// Input has ended or failed.
    is_deaf: bool,
    /// Our direction is shut down.
    is_shut: bool,
    /// How the socket ends, once the connection is over.
    parting: Option<Parting>,
    tasks: FuturesUnordered<Task>,
    /// Wakes the driver for `tasks`.
    bell: Waker,
    alarm: Alarm,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Something moved: there may be more.
    Moved,
    /// Nothing to do until somebody wakes us.
    Idle,
    /// Nothing to do any more.
    Over,
}

/// What the core gave in one turn.
#[derive(Default)]
struct Given {
    jobs: Vec<Job>,
    /// Somebody was woken.
    told: bool,
    wants_input: bool,
    /// Why the connection is over, and whether it is cut.
    closed: Option<(CloseReason, bool)>,
}

/// Something the peer asks for.
enum Job {
    Serve(DialogId, Box<Request>),
    CancelActor(DialogId),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(crate) fn new(link: Arc<Link>, io: S, tap: Option<LinkTap>) -> Self {
        let len = link.with(|state| state.conn.config().receive_buffer);
        Self {
            bell: Waker::from(Arc::clone(&link)),
            link,
            io: Some(io),
            tap,
            buffer: vec![0; len.max(4096)],
            unfed: 0..0,
            unsent: Bytes::new(),
            is_unflushed: false,
            is_broken: false,
            is_deaf: false,
            is_shut: false,
            parting: None,
            tasks: FuturesUnordered::new(),
            alarm: Alarm::default(),
        }
    }

    /// The connection, for opening dialogs.
    pub fn portal(&self) -> Portal {
        Portal::new(Arc::clone(&self.link))
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Drives the connection while `fut` runs, then on until nothing is left unfinished: everything is
    /// written, and every dialog whose handle was dropped has ended. If `fut` let go of the last handle of a
    /// connection that [`Actor`](crate::Actor) made, or closed it, that is the end of the connection.
    ///
    /// Tasks of the peer that still run here are not waited for. To go on afterwards, poll the driver
    /// again.
    ///
    /// Dropping the future drops `fut` where it is; the driver stays as it is, and can be polled again.
    pub async fn run_until<T>(&mut self, fut: impl Future<Output = T>) -> T {
        let result = self.drive(fut).await;
        poll_fn(|cx| {
            let over = self.poll_turns(cx, || Poll::<Infallible>::Pending).is_ready();
            if over || self.is_at_rest() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        result
    }

    /// Whether nothing is left unfinished. A connection that ends is driven to its end.
    fn is_at_rest(&self) -> bool {
        let is_settled =
            |state: &mut State| !state.is_closing && !state.conn.is_closed() && !state.conn.has_unfinished();
        !self.is_unflushed && self.link.with(is_settled)
    }

    /// Drives the connection while `fut` runs.
    pub(crate) async fn drive<T>(&mut self, fut: impl Future<Output = T>) -> T {
        let mut fut = pin!(fut);
        let guest = Guest::new(&self.link);
        let waker = Waker::from(Arc::clone(&guest));
        poll_fn(|cx| {
            let step = || match guest.take_call() {
                true => fut.as_mut().poll(&mut Context::from_waker(&waker)),
                false => Poll::Pending,
            };
            match ready!(self.poll_turns(cx, step)) {
                Ok(result) => Poll::Ready(result),
                // Nobody drives any more, and `fut` may still have something to do.
                Err(_over) => fut.as_mut().poll(cx),
            }
        })
        .await
    }

    /// Takes turns until there is nothing to do, or `step`, which is taken before each, is ready; or, as an
    /// error, until the connection is over.
    fn poll_turns<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut() -> Poll<T>,
    ) -> Poll<Result<T, CloseReason>> {
        self.link.attend();
        for _ in 0..TURNS {
            if let Poll::Ready(result) = step() {
                return Poll::Ready(Ok(result));
            }
            match self.turn(cx) {
                Turn::Over => return Poll::Ready(Err(self.link.part())),
                Turn::Idle => ready!(self.poll_rest(cx)),
                Turn::Moved => {}
            }
        }
        self.keep_time();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits for work, and for the next deadline.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.link.rest(cx.waker()) else { return Poll::Ready(()) };
        let due = due.into_iter().chain(self.parting.and_then(|parting| parting.due())).min();
        ready!(self.alarm.poll(due, cx));
        self.link.attend();
        self.keep_time();
        Poll::Ready(())
    }

    /// Tells the core the time. What has come meanwhile was read before: a driver that was not polled for
    /// long does not take its own delay for the peer's.
    fn keep_time(&self) {
        self.link.with(|state| state.conn.handle_timeout(now()));
    }

    /// Lets the core have what came, does what it says, writes, reads.
    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let given = self.consult();
        let began = !given.jobs.is_empty();
        given.jobs.into_iter().for_each(|job| self.begin(job));
        let ended = self.run_tasks();
        let moved = match given.closed {
            Some(_) if self.io.is_none() => {
                if self.tasks.is_empty() {
                    return Turn::Over;
                }
                false
            }
            Some((reason, is_cut)) => self.part(cx, &reason, is_cut),
            None => {
                let wrote = self.write(cx);
                // Whoever was told something may answer before the socket is asked for more.
                given.told || given.wants_input && self.read(cx) || wrote
            }
        };
        if began || ended || moved { Turn::Moved } else { Turn::Idle }
    }

    /// One visit to the core: what was read goes in, what happened comes out.
    fn consult(&mut self) -> Given {
        let (buffer, unfed) = (&self.buffer, &mut self.unfed);
        self.link.with(|state| {
            let mut given = Given::default();
            loop {
                state.take_events(&mut given.jobs);
                let rest = buffer.get(unfed.clone()).unwrap_or_default();
                given.wants_input = state.conn.wants_input() && rest.is_empty();
                let fed = if rest.is_empty() { 0 } else { state.conn.handle_input(now(), rest) };
                unfed.start += fed;
                if fed == 0 {
                    break;
                }
            }
            given.told = state.has_calls();
            given.closed = state.conn.close_reason().map(|reason| (reason.clone(), state.is_cut));
            given
        })
    }

    fn begin(&mut self, job: Job) {
        match job {
            Job::Serve(id, request) => self.tasks.extend(Task::begin(&self.link, id, &request)),
            Job::CancelActor(id) => self.link.actor.cancel_for(&Dialog::new(&self.link, End::opened(id))),
        }
    }

    /// Polls the bodies that want it. Tells whether one ended.
    fn run_tasks(&mut self) -> bool {
        let mut cx = Context::from_waker(&self.bell);
        let mut ended = false;
        while let Poll::Ready(Some(())) = Pin::new(&mut self.tasks).poll_next(&mut cx) {
            ended = true;
        }
        ended
    }
}

impl State {
    /// Takes all events of the core, so that nothing is due.
    fn take_events(&mut self, jobs: &mut Vec<Job>) {
        while let Some(event) = self.conn.poll_event() {
            match event {
                Event::Opened { id, request } => jobs.push(Job::Serve(id, request)),
                Event::ActorCancelRequested { id } => jobs.push(Job::CancelActor(id)),
                Event::Dialog { id, .. } => self.call(Spot::Dialog(id)),
                Event::Mistyped { error, .. } => self.mistyped.push(error),
                // Whoever waits for the handshake, or for the end, looks at the core.
                _ => self.call_all(),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        match ready!(self.get_mut().poll_turns(cx, || Poll::<Infallible>::Pending)) {
            Ok(never) => match never {},
            Err(reason) => Poll::Ready(reason),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Driver<S> {
    fn drop(&mut self) {
        self.tasks.clear();
        let _what_it_takes = self.write(&mut Context::from_waker(Waker::noop()));
        self.link.abort();
        self.hang_up();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("link", &self.link)
            .field("parting", &self.parting)
            .finish_non_exhaustive()
    }
}
