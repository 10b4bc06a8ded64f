//! One dialog as an observer of both ends sees it, and what its two applications may still do.

use std::collections::VecDeque;
use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::{DialogEvent, DialogId, Instant, Kind, OverrunPolicy};

use super::Policy;
use crate::precedence::{Final, Verdicts};

/// What one application may do in one dialog, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct May {
    /// Items to send.
    pub send: u8,
    /// Items to take.
    pub take: u8,
    /// Open the stream.
    pub stream: bool,
    /// Stop the stream.
    pub stop: bool,
    /// Parent: ask for the end. Child: cancel itself.
    pub cancel: bool,
    /// Parent: fail in the body, which asks for the end.
    pub fail_in_body: bool,
    /// Child: end by itself, with a result.
    pub finish: bool,
    /// Child: end by itself, with an error.
    pub fail: bool,
    /// Child: end when told to.
    pub unwind: bool,
    /// Let go of the dialog, ended or not.
    pub release: bool,
    /// Frames that somebody forges on the way to this end.
    pub forged: u8,
    /// Child: its first value is of the wrong type.
    pub errs_first: bool,
    /// Some of its items are.
    pub errs_items: bool,
    /// Child: its result is.
    pub errs_result: bool,
    /// It takes integers only, and does this with other values.
    pub terms: Option<Policy>,
}

impl May {
    /// Nothing, and no terms.
    pub const NOTHING: Self = Self {
        send: 0,
        take: 0,
        stream: false,
        stop: false,
        cancel: false,
        fail_in_body: false,
        finish: false,
        fail: false,
        unwind: false,
        release: false,
        forged: 0,
        errs_first: false,
        errs_items: false,
        errs_result: false,
        terms: None,
    };
}

/// What a dialog is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Over which connection.
    pub link: usize,
    /// Which of its two ends opens it.
    pub opener: usize,
    /// The kind of function.
    pub kind: Kind,
    /// A request to cancel the whole actor, instead of an application's function.
    pub is_actor_cancel: bool,
    /// A dialog of the task that runs in this one: it is opened by that task, whose failure it can become.
    pub inner: Option<usize>,
    /// The dialog whose task opens it.
    pub outer: Option<usize>,
    /// What the parent may do.
    pub parent: May,
    /// What the child may do.
    pub child: May,
}

/// The frames of a dialog that one end has sent or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Frames(u16);

/// A frame that comes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs, reason = "each is named like its message")]
pub enum Once {
    StartAck = 1,
    Started = 2,
    Stop = 4,
    Final = 8,
    Notice = 16,
    Request = 32,
    RequestTaken = 64,
    RequestAnswered = 128,
    StopTaken = 256,
    AnswerTaken = 512,
}

impl Frames {
    /// Whether it went.
    pub const fn has(self, once: Once) -> bool {
        self.0 & once as u16 != 0
    }

    /// Notes it; false if it went before.
    pub const fn add(&mut self, once: Once) -> bool {
        let is_first = !self.has(once);
        self.0 |= once as u16;
        is_first
    }
}

/// One end of a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The handle, once there is one.
    pub id: Option<DialogId>,
    /// What its application may still do.
    pub may: May,
    /// What it has sent, and whether it took a `Stop`.
    pub frames: Frames,
    /// The stream was opened.
    pub has_stream: bool,
    /// The application let go of it.
    pub is_released: bool,
    /// Its body failed.
    pub body_failed: bool,
    /// What it has yet to be told, in this order: nothing, once its events were drained.
    pub unheard: VecDeque<DialogEvent>,
    /// Its end was reported so many times.
    pub endings: u8,
    /// Items that its application sent.
    pub sent: u32,
    /// Items of these that its core has written.
    pub emitted: u32,
    /// Items that arrived.
    pub arrived: u32,
    /// Items that were taken.
    pub taken: u32,
    /// The number of the next one, if none was left out.
    pub next: u32,
    /// Items may have been left out.
    pub may_skip: bool,
    /// Items that it sent back since one arrived that conforms.
    pub replies: u32,
    /// Its window and what happens beyond it, if that was changed.
    pub inbox: Option<(usize, OverrunPolicy)>,
    /// The most unread items that were ever allowed since.
    pub window: usize,
    /// Parent: when it gives up waiting for the final frame.
    pub gives_up_at: Option<Instant>,
    /// Parent: when a missing answer to its request is reported.
    pub overdue_at: Option<Instant>,
}

/// Both ends of a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dialog {
    /// What was planned.
    pub plan: Plan,
    /// The id on the wire.
    pub cid: Option<Arc<str>>,
    /// The id of the request to cancel it.
    pub request: Option<Arc<str>>,
    /// Parent and child.
    pub seats: [Seat; 2],
    /// What both have to report.
    pub verdicts: Verdicts,
    /// The final frame that has to come next.
    pub due: Option<Final>,
}

impl Dialog {
    pub(super) fn new(plan: Plan, verdicts: Verdicts, may_skip: bool) -> Self {
        let seat = |may| Seat {
            id: None,
            may,
            frames: Frames::default(),
            has_stream: false,
            is_released: false,
            body_failed: false,
            unheard: VecDeque::new(),
            endings: 0,
            sent: 0,
            emitted: 0,
            arrived: 0,
            taken: 0,
            next: 0,
            may_skip,
            replies: 0,
            inbox: None,
            window: 0,
            gives_up_at: None,
            overdue_at: None,
        };
        Self {
            plan,
            cid: None,
            request: None,
            seats: [seat(plan.parent), seat(plan.child)],
            verdicts,
            due: None,
        }
    }

    /// Which end of the connection has this role.
    pub const fn side(&self, role: Role) -> usize {
        match role {
            Role::Parent => self.plan.opener,
            Role::Child => 1 - self.plan.opener,
        }
    }

    /// The role of an end.
    pub const fn role(&self, side: usize) -> Role {
        if side == self.plan.opener { Role::Parent } else { Role::Child }
    }

    /// One end.
    pub const fn seat(&self, role: Role) -> &Seat {
        &self.seats[role as usize]
    }

    /// One end, to change it.
    pub const fn seat_mut(&mut self, role: Role) -> &mut Seat {
        &mut self.seats[role as usize]
    }

    /// The parent waits for nothing any more.
    pub(super) fn disarm(&mut self) {
        let parent = self.seat_mut(Role::Parent);
        (parent.gives_up_at, parent.overdue_at) = (None, None);
    }

    /// Whether this end exists and has not ended.
    pub fn is_live(&self, role: Role) -> bool {
        self.seat(role).id.is_some() && self.verdicts.ended(role).is_none()
    }
}
