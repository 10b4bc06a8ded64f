//! The emission contract: what one end may write, given what it has written and taken.

use bytes::Bytes;
use scipp_proto::phase::Role;
use scipp_proto::wire::{self, Message};
use scipp_proto::{Kind, Payload, RemoteError};

use super::end::{Frame, Sort, cancel_target};
use super::values::{is_mistyped, number};
use super::{Broken, Dialog, Once, Rule, Seat, World};
use crate::fuzzing::check_error;
use crate::precedence::{Final, Why};
use crate::script::is_notice;

impl World {
    /// What one end has just handed out, frame by frame.
    pub(super) fn sent(&mut self, link: usize, side: usize, bytes: &Bytes) -> Result<Vec<Frame>, Broken> {
        let mut frames = Vec::new();
        let mut rest = bytes.clone();
        while let Ok(Some(len)) = wire::frame::body_len(&rest, usize::MAX) {
            let whole = rest.split_to(wire::frame::PREFIX + len);
            let body = whole.slice(wire::frame::PREFIX..);
            let limits = self.end(link, side).conn.config().limits();
            let message = wire::decode(&body, &limits)
                .map_err(|e| Broken::new(Rule::Contract, format!("not a message: {e}")))?;
            let (of, sort) = self.classify(link, side, &message)?;
            if let Some(at) = of {
                self.may_send(at, side, sort)?;
            }
            let is_mistyped = match &message {
                Message::Started { pld, .. } | Message::Yield { pld, .. } | Message::Return { pld, .. } => {
                    is_mistyped(pld)
                }
                _ => false,
            };
            if let (Some(at), Message::Yield { pld, .. }) = (of, &message) {
                let dialog = &mut self.dialogs[at];
                dialog.seat_mut(dialog.role(side)).emits(pld)?;
            }
            let mut frame = Frame::new(whole, of, sort);
            frame.is_mistyped = is_mistyped;
            frames.push(frame);
        }
        if rest.is_empty() { Ok(frames) } else { Err(Broken::new(Rule::Contract, "part of a frame")) }
    }

    /// Which dialog a message of `side` is about, and what it is to it.
    fn classify(
        &mut self,
        link: usize,
        side: usize,
        message: &Message<'_>,
    ) -> Result<(Option<usize>, Sort), Broken> {
        let Some(cid) = message.cid() else { return Ok((None, Sort::Aid)) };
        let known = self.dialogs.iter_mut().enumerate().rev().filter(|(_, one)| one.plan.link == link);
        let mut known = known.filter(|(_, one)| one.cid.is_some());
        if let Message::Start(start) = message {
            if let Some(target) = cancel_target(start) {
                let (at, dialog) = known
                    .find(|(_, one)| one.cid.as_deref() == Some(&*target))
                    .ok_or_else(|| Broken::new(Rule::Contract, "a request to cancel nothing"))?;
                if dialog.request.replace(cid.into()).is_some() {
                    return Err(Broken::new(Rule::Contract, "a second cancel request"));
                }
                return Ok((Some(at), Sort::Request));
            }
        }
        let (at, dialog) = known
            .find(|(_, one)| one.cid.as_deref() == Some(cid) || one.request.as_deref() == Some(cid))
            .ok_or_else(|| Broken::new(Rule::Contract, format!("a frame for no dialog: {message:?}")))?;
        let is_answer = dialog.request.as_deref() == Some(cid);
        let ends = &self.links[link].ends;
        let (us, peer) = (ends[side].actor.uid(), ends[1 - side].actor.uid());
        let sort = match message {
            Message::StartAck { .. } if is_answer => Sort::RequestTaken,
            Message::CancelAck { .. } if is_answer => Sort::RequestAnswered,
            _ if is_answer => return Err(Broken::new(Rule::Answers, format!("{message:?}"))),
            Message::Start(_) => Sort::Start,
            Message::StartAck { .. } => Sort::StartAck,
            Message::Started { .. } => Sort::Started,
            Message::Yield { .. } => Sort::Yield,
            Message::Stop { .. } => Sort::Stop,
            Message::Return { .. } => Sort::Return,
            Message::CancelAck { .. } => Sort::ActorCancelled,
            Message::Error(error) => {
                check_error(error, &us, &peer).map_err(|text| Broken::new(Rule::Contract, text))?;
                if is_notice(error, &peer) {
                    Sort::Notice
                } else {
                    Sort::Error(Why::of(&RemoteError { msg: error.as_ref().clone(), repaired: false }))
                }
            }
            Message::Aid(_) | Message::SpawnSpec(_) => Sort::Aid,
        };
        Ok((Some(at), sort))
    }

    /// Whether this frame may go now.
    fn may_send(&mut self, at: usize, side: usize, sort: Sort) -> Result<(), Broken> {
        let may_answer = sort != Sort::ActorCancelled || self.may_answer_actor_cancel(at);
        let end = self.end(self.dialogs[at].plan.link, side);
        let (now, config) = (end.now, end.conn.config());
        let final_frame = config.final_frame_timeout.map(|timeout| now.saturating_add(timeout));
        let [ack, actor_ack] = [config.cancel_ack_timeout, config.actor_cancel_ack_timeout]
            .map(|timeout| now.saturating_add(timeout));
        let dialog = &mut self.dialogs[at];
        let role = dialog.role(side);
        if let (Sort::Error(why), Role::Child, None) = (sort, role, dialog.seat(role).id) {
            // Refused by the core itself, in place of everything else.
            dialog.due = Some(Final::Error(why));
        }
        let is_over = match role {
            Role::Parent => dialog.verdicts.ended(role).is_some(),
            Role::Child => dialog.seat(role).frames.has(Once::Final),
        };
        if is_over && !matches!(sort, Sort::RequestTaken | Sort::RequestAnswered) {
            return Err(Broken::new(Rule::Silence, format!("{sort:?} after the ending")));
        }
        if !dialog.follows(role, sort) || !may_answer {
            return Err(Broken::new(Rule::Contract, format!("{role:?} sent {sort:?}")));
        }
        match sort {
            Sort::Request => {
                let seat = dialog.seat_mut(role);
                (seat.gives_up_at, seat.overdue_at) = (final_frame, Some(ack));
            }
            Sort::Start if dialog.plan.is_actor_cancel => dialog.seat_mut(role).overdue_at = Some(actor_ack),
            _ => {}
        }
        dialog.ends_as_due(role, sort)
    }
}

impl Seat {
    /// An item goes out: the next one that its application sent, or one that is sent back.
    fn emits(&mut self, item: &Payload) -> Result<(), Broken> {
        if number(item).is_none() {
            self.replies += 1;
            return Ok(());
        }
        if self.emitted == self.sent || *item != self.may.item(self.emitted) {
            return Err(Broken::new(Rule::Kept, format!("{item:?} went out as item {}", self.emitted)));
        }
        self.emitted += 1;
        Ok(())
    }
}

impl Dialog {
    /// Whether `sort` may follow what this end has sent and taken; notes that it went.
    fn follows(&mut self, role: Role, sort: Sort) -> bool {
        let kind = self.plan.kind;
        let has_failed = self.verdicts.failure(role).is_some();
        let theirs = self.seat(role.peer()).frames;
        let frames = &mut self.seats[role as usize].frames;
        let is_started = match (kind, role) {
            (Kind::Generator, Role::Child) => frames.has(Once::StartAck),
            (Kind::Generator, Role::Parent) => theirs.has(Once::StartAck),
            (_, Role::Child) => frames.has(Once::Started),
            (_, Role::Parent) => theirs.has(Once::Started),
        };
        let is_stopped = frames.has(Once::Stop) || frames.has(Once::StopTaken);
        match (sort, role) {
            (Sort::Start, Role::Parent) => true,
            (Sort::StartAck, Role::Child) => frames.add(Once::StartAck),
            (Sort::Started, Role::Child) => {
                kind == Kind::Context && frames.has(Once::StartAck) && frames.add(Once::Started)
            }
            (Sort::Yield, Role::Parent) => kind == Kind::Context && is_started && !is_stopped,
            (Sort::Yield, Role::Child) => kind != Kind::Function && is_started && !is_stopped,
            (Sort::Stop, Role::Child) if kind == Kind::Generator => is_started && frames.add(Once::Final),
            (Sort::Stop, _) => kind != Kind::Function && is_started && !is_stopped && frames.add(Once::Stop),
            // After a notice or a broken rule the ending is an error. (D-27)
            (Sort::Return, Role::Child) => {
                let is_time = match kind {
                    Kind::Function => frames.has(Once::StartAck),
                    Kind::Generator => false,
                    Kind::Context => is_started && is_stopped,
                };
                is_time && !has_failed && frames.add(Once::Final)
            }
            (Sort::ActorCancelled | Sort::Error(_), Role::Child) => frames.add(Once::Final),
            (Sort::Notice, _) => is_started && frames.add(Once::Notice),
            (Sort::Request, Role::Parent) => self.verdicts.has_asked() && frames.add(Once::Request),
            (Sort::RequestTaken, Role::Child) => frames.add(Once::RequestTaken),
            (Sort::RequestAnswered, Role::Child) => {
                let is_over = frames.has(Once::Final) || self.seats[Role::Child as usize].id.is_none();
                let frames = &mut self.seats[role as usize].frames;
                is_over && frames.has(Once::RequestTaken) && frames.add(Once::RequestAnswered)
            }
            _ => false,
        }
    }

    /// A final frame is the one that the rules of precedence say.
    fn ends_as_due(&mut self, role: Role, sort: Sort) -> Result<(), Broken> {
        let last = match (sort, role) {
            (Sort::Stop, Role::Child) if self.plan.kind == Kind::Generator => Final::Result,
            (Sort::Return, _) => Final::Result,
            (Sort::ActorCancelled, _) => self.verdicts.finishes(),
            (Sort::Error(why), _) => Final::Error(why),
            _ => return Ok(()),
        };
        if sort == Sort::ActorCancelled || self.due.take() == Some(last) {
            return Ok(());
        }
        Err(Broken::new(Rule::Precedence, format!("{sort:?} is not the final frame that was due")))
    }
}
