//! The future that moves a connection: bytes, time, and the bodies of endpoints.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use async_io::Timer;
use bytes::{Buf, Bytes};
use futures_util::stream::FuturesUnordered;
use futures_util::{AsyncRead, AsyncWrite, Stream};
use scipp_common::{End, FAREWELL, LinkTap, now};
use scipp_proto::{CloseReason, DialogId, Event, Instant, Request};

use crate::dialog::Dialog;
use crate::link::{Link, State};
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
/// send. A body is polled by whoever polls the driver: one that computes for long holds up the connection.
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
    tasks: FuturesUnordered<Task>,
    /// Wakes the driver for `tasks`.
    bell: Waker,
    alarm: Alarm,
    stage: Stage,
}

/// How far the socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In use.
    Open,
    /// Writing failed; reading finds out what was still sent to us.
    Broken,
    /// Input has ended or failed; the core knows.
    Deaf,
    /// The connection is over, in order: the frame that was begun is finished, since half of one kills a
    /// Python peer. What still comes is dropped: the peer may not read on before it has written.
    Finishing { until: Instant },
    /// Our direction is shut down. The peer reads our last frames: dropping a socket with unread input
    /// would take them back.
    Farewell { until: Instant },
    /// Of no more use.
    Done,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Something moved: there may be more.
    Moved,
    /// Somebody was woken who may want to say something before the socket is looked at again.
    Told,
    /// Nothing to do until somebody wakes us.
    Idle,
    /// Nothing to do any more.
    Over,
}

/// What the core gave in one turn.
#[derive(Default)]
struct Given {
    jobs: Vec<Job>,
    /// How many were woken.
    told: usize,
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
            tasks: FuturesUnordered::new(),
            alarm: Alarm::default(),
            stage: Stage::Open,
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
            let over = self.poll_drive(cx).is_ready();
            let rests = self.link.with(|state| !state.is_closing && !state.conn.has_unfinished());
            // A socket that is being shut down is driven to its end.
            if over || rests && self.stage == Stage::Open { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        result
    }

    /// Drives the connection while `fut` runs.
    pub(crate) async fn drive<T>(&mut self, fut: impl Future<Output = T>) -> T {
        let mut fut = pin!(fut);
        poll_fn(|cx| {
            // What `fut` does is seen below: it need not wake us.
            self.link.attend();
            if let Poll::Ready(result) = fut.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            // Once the connection is over `fut` knows, and may still have something to do.
            let _over = self.poll_drive(cx);
            Poll::Pending
        })
        .await
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.link.attend();
        for _ in 0..TURNS {
            match self.turn(cx) {
                Turn::Over => return Poll::Ready(self.link.part()),
                Turn::Told => break,
                Turn::Idle if self.poll_rest(cx).is_pending() => return Poll::Pending,
                Turn::Idle | Turn::Moved => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits for work, and for the next deadline.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.link.rest(cx.waker()) else { return Poll::Ready(()) };
        let due = match self.stage {
            Stage::Finishing { until } | Stage::Farewell { until } => Some(until),
            Stage::Open | Stage::Broken | Stage::Deaf | Stage::Done => due,
        };
        ready!(self.alarm.poll(due, cx));
        self.link.attend();
        Poll::Ready(())
    }

    /// Lets the core have what came, does what it says, writes, reads.
    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let given = self.consult();
        let began = !given.jobs.is_empty();
        given.jobs.into_iter().for_each(|job| self.begin(job));
        let ended = self.run_tasks();
        let moved = match given.closed {
            Some(_) if self.stage == Stage::Done => {
                if self.tasks.is_empty() {
                    return Turn::Over;
                }
                false
            }
            Some((reason, is_cut)) => self.finish(cx, &reason, is_cut),
            None => {
                let wrote = self.write(cx);
                if given.told > 0 {
                    return Turn::Told;
                }
                given.wants_input && self.read(cx) || wrote
            }
        };
        if began || ended || moved { Turn::Moved } else { Turn::Idle }
    }

    /// One visit to the core: what was read goes in, what happened comes out.
    fn consult(&mut self) -> Given {
        let (buffer, unfed) = (&self.buffer, &mut self.unfed);
        self.link.with(|state| {
            let mut given = Given::default();
            if state.conn.poll_timeout().is_some_and(|(due, _)| due <= now()) {
                state.conn.handle_timeout(now());
            }
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
            given.told = state.calls();
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

/// The socket.
impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Writes what the socket takes. Tells whether it took anything.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let (Some(io), Stage::Open | Stage::Finishing { .. }) = (&mut self.io, self.stage) {
            if self.unsent.is_empty() {
                let Some(frames) = self.link.with(|state| state.conn.poll_transmit()) else { break };
                if let Some(tap) = &self.tap {
                    tap.sent(&frames);
                }
                self.unsent = frames;
            }
            match Pin::new(io).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(len)) if len > 0 => {
                    self.wrote(len);
                    moved = true;
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(_) => self.stage = Stage::Broken,
                Poll::Pending => {
                    self.link.with(|state| state.conn.handle_written(now(), 0));
                    break;
                }
            }
        }
        self.flush(cx);
        moved
    }

    fn wrote(&mut self, len: usize) {
        self.is_unflushed = true;
        self.unsent.advance(len);
        if self.unsent.is_empty() {
            // Even an empty slice holds the memory that the core wants to use again.
            self.unsent = Bytes::new();
        }
        self.link.with(|state| {
            state.conn.handle_written(now(), len);
            state.call_crowded();
        });
    }

    fn flush(&mut self, cx: &mut Context<'_>) {
        let Some(io) = self.io.as_mut().filter(|_| self.is_unflushed && self.unsent.is_empty()) else {
            return;
        };
        match Pin::new(io).poll_flush(cx) {
            Poll::Ready(Ok(())) => self.is_unflushed = false,
            Poll::Ready(Err(_)) => self.stage = Stage::Broken,
            Poll::Pending => {}
        }
    }

    /// Reads what is there. Tells whether there was anything, the end included.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(io), Stage::Open | Stage::Broken) = (&mut self.io, self.stage) else { return false };
        match Pin::new(io).poll_read(cx, &mut self.buffer) {
            Poll::Ready(Ok(0)) => self.end_input(|state| state.conn.handle_eof(now())),
            Poll::Ready(Ok(len)) => {
                self.unfed = 0..len;
                if let Some(tap) = &self.tap {
                    tap.received(self.buffer.get(..len).unwrap_or_default());
                }
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Poll::Pending if self.stage == Stage::Open => return false,
            Poll::Ready(Err(_)) | Poll::Pending => self.end_input(|state| state.conn.handle_reset(now())),
        }
        true
    }

    fn end_input(&mut self, tell: impl FnOnce(&mut State)) {
        self.stage = Stage::Deaf;
        self.link.with(tell);
    }

    /// The connection is over: brings the socket to its end. Tells whether something moved.
    fn finish(&mut self, cx: &mut Context<'_>, reason: &CloseReason, is_cut: bool) -> bool {
        match self.stage {
            _ if is_cut => self.stage = Stage::Done,
            Stage::Open if *reason == CloseReason::Local => {
                let patience = self.link.with(|state| state.conn.config().write_stall_timeout);
                self.stage = Stage::Finishing { until: now().saturating_add(patience) };
            }
            Stage::Open => {
                let _what_it_takes = self.write(cx);
                self.stage = Stage::Done;
            }
            Stage::Finishing { until } => return self.finish_writing(cx, until),
            Stage::Farewell { until } => {
                if let Some(more) = self.discard(cx) {
                    return more || self.is_past(until);
                }
                self.stage = Stage::Done;
            }
            Stage::Broken | Stage::Deaf | Stage::Done => self.stage = Stage::Done,
        }
        if self.stage == Stage::Done {
            self.io = None;
        }
        true
    }

    fn finish_writing(&mut self, cx: &mut Context<'_>, until: Instant) -> bool {
        let wrote = self.write(cx);
        let read = self.discard(cx).unwrap_or(false);
        let Some(io) = self.io.as_mut().filter(|_| self.unsent.is_empty() && !self.is_unflushed) else {
            return wrote || read || self.is_past(until);
        };
        match Pin::new(io).poll_close(cx) {
            Poll::Ready(Ok(())) => self.stage = Stage::Farewell { until: now().saturating_add(FAREWELL) },
            Poll::Ready(Err(_)) => self.stage = Stage::Broken,
            Poll::Pending => return wrote || read || self.is_past(until),
        }
        true
    }

    /// Gives up on the peer once its time is over.
    fn is_past(&mut self, until: Instant) -> bool {
        let is_past = until <= now();
        if is_past {
            self.stage = Stage::Broken;
        }
        is_past
    }

    /// Reads what nobody wants. `None`: there is no more to come.
    fn discard(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        match Pin::new(self.io.as_mut()?).poll_read(cx, &mut self.buffer) {
            Poll::Ready(Ok(0) | Err(_)) => None,
            Poll::Ready(Ok(_)) => Some(true),
            Poll::Pending => Some(false),
        }
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
                // Whoever waits for the handshake, or for the end, looks at the core.
                _ => self.call_all(),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        self.get_mut().poll_drive(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Driver<S> {
    fn drop(&mut self) {
        if self.stage != Stage::Done {
            self.tasks.clear();
            let _what_it_takes = self.write(&mut Context::from_waker(Waker::noop()));
        }
        self.link.abort();
        self.link.part();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("link", &self.link).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Wakes the driver when a deadline comes.
#[derive(Debug, Default)]
struct Alarm {
    timer: Option<Timer>,
    due: Option<Instant>,
}

impl Alarm {
    /// Ready when `due` has come, or earlier: a timer that is set is not set to a later time, because
    /// deadlines move with almost every frame and rarely come.
    fn poll(&mut self, due: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        if self.due.is_none_or(|set| due < set) {
            self.timer = Some(Timer::after(due.duration_since(now())));
            self.due = Some(due);
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(Pin::new(timer).poll(cx));
        self.due = None;
        Poll::Ready(())
    }
}
