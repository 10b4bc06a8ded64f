//! A core on its way through one end of a recorded connection.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use foldhash::quality::FixedState;
use scipp_proto::phase::Role;
use scipp_proto::wire::{self, Kind, Message};
use scipp_proto::{CloseReason, Config, Connection, DialogId, DialogRef, Event, Instant, Kwargs};

use super::seat::{Arrival, Plan, Seat, Step};
use super::sent::{Body, Sent};
use crate::script::{args, split};
use crate::tally::Tally;

/// No deadline fires in a replay.
pub const NOW: Instant = Instant::EPOCH;

/// A difference between what was recorded and what the core does.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Where in the recording.
    pub n: u32,
    /// What differs, in words.
    pub what: String,
    /// The next frame that was recorded.
    pub recorded: Option<Box<Sent>>,
    /// The frame of the core in its place.
    pub ours: Option<Box<Sent>>,
}

/// What went over the wire in one dialog so far, as the core has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Facts {
    /// We opened our end of the stream.
    pub opened_stream: bool,
    /// We sent `StartAck`.
    pub accepted: bool,
    /// `Started` went out or came in.
    pub started: bool,
    /// We sent `Stop`.
    pub sent_stop: bool,
    /// `Stop` came in.
    pub took_stop: bool,
    /// We sent a cancel request for it.
    pub sent_cancel: bool,
    /// A cancel request for it came in.
    pub took_cancel: bool,
    /// We told the peer that it sends too fast.
    pub sent_notice: bool,
    /// The peer told us that we send too fast.
    pub took_notice: bool,
    /// An `Error` came in.
    pub took_error: bool,
    /// The ending went out or came in.
    pub ended: bool,
    /// Our application let go of it.
    pub released: bool,
}

/// One dialog on the way.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// The core's handle, once there is one.
    pub id: Option<DialogId>,
    /// What went over the wire.
    pub facts: Facts,
}

/// A rule that was used: which, and for which dialog (none: for the connection).
pub type Use = (&'static str, Option<Arc<str>>);

/// A core on its way through one end of a recorded connection.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    pub(super) seat: &'a Seat,
    pub(super) core: Connection,
    /// Next step.
    pub(super) at: usize,
    /// Arrivals handed to the core.
    pub(super) taken: usize,
    /// Arrivals that may be handed to the core.
    pub(super) arrived: usize,
    /// Frames of ours that were accounted for.
    pub(super) matched: usize,
    pub(super) dialogs: BTreeMap<Arc<str>, Dialog>,
    /// Dialog ids of our own requests: the core's, and the recorded ones.
    pub(super) recorded_cids: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) own_cids: BTreeMap<Arc<str>, Arc<str>>,
    /// The rules used so far.
    pub used: Vec<Use>,
    /// Acts that no line says.
    pub(super) derived: usize,
    /// Recorded frames of ours in whose place a rule says that nothing is sent.
    pub(super) silenced: Vec<u32>,
    /// For each arrival taken so far, the step before which that was.
    pub(super) schedule: Vec<usize>,
    /// Where moves are counted, if they are.
    pub(super) tally: Option<Tally>,
    pub(super) closed: Option<CloseReason>,
    /// Whether differences are looked up in the rules.
    pub(super) explaining: bool,
}

impl<'a> Walk<'a> {
    /// The start of the way.
    pub fn new(seat: &'a Seat, mut config: Config) -> Self {
        config.spawned = seat.is_spawned;
        // Any seed will do: ids are compared by renaming.
        let core = Connection::new(config, seat.identity.clone(), 0x5c1b_b0de, NOW);
        let dialogs =
            seat.dialogs.keys().map(|cid| (cid.clone(), Dialog { id: None, facts: Facts::default() }));
        Self {
            seat,
            core,
            at: 0,
            taken: 0,
            arrived: 0,
            matched: 0,
            dialogs: dialogs.collect(),
            recorded_cids: BTreeMap::new(),
            own_cids: BTreeMap::new(),
            used: Vec::new(),
            derived: 0,
            silenced: Vec::new(),
            schedule: Vec::new(),
            tally: None,
            closed: None,
            explaining: false,
        }
    }

    /// Everything that decides how the way goes on.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = FixedState::with_seed(0).build_hasher();
        (self.at, self.taken, self.matched, self.closed.is_some()).hash(&mut hasher);
        self.core.hash_state(&mut hasher);
        for dialog in self.dialogs.values() {
            dialog.facts.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// What is to be done next.
    pub fn step(&self) -> Option<Step> {
        self.seat.steps.get(self.at).copied()
    }

    /// Place of the next step in the recording.
    pub fn n(&self) -> u32 {
        match self.step().or_else(|| self.seat.steps.last().copied()) {
            Some(Step::Arrives(index)) => self.seat.arrivals[index].n,
            Some(Step::Writes(index)) => self.seat.owns[index].n,
            Some(Step::Acts(index)) => self.seat.acts[index].n,
            None => 0,
        }
    }

    /// The dialog with this recorded id.
    pub fn facts(&mut self, cid: &Arc<str>) -> Option<&mut Facts> {
        self.dialogs.get_mut(cid).map(|dialog| &mut dialog.facts)
    }

    /// What went over the wire in the dialog with this recorded id.
    pub fn facts_of(&self, cid: &Arc<str>) -> Facts {
        self.dialogs.get(cid).map(|dialog| dialog.facts).unwrap_or_default()
    }

    /// The core's view of the dialog with this recorded id.
    pub fn view(&self, cid: &Arc<str>) -> Option<DialogRef<'_>> {
        self.core.dialog(self.dialogs.get(cid)?.id?)
    }

    /// A difference here.
    pub fn differs(&self, what: impl Into<String>) -> Difference {
        Difference { n: self.n(), what: what.into(), recorded: None, ours: None }
    }

    /// Whether something arrived that was not handed to the core.
    pub fn has_pending(&self) -> bool {
        self.taken < self.arrived
    }

    /// Whether this actor has answered a request to cancel it as a whole: then it takes nothing more.
    pub fn left_the_loop(&self) -> bool {
        self.dialogs.iter().any(|(cid, dialog)| {
            dialog.facts.ended
                && self
                    .plan(cid)
                    .is_some_and(|plan| plan.role == Role::Child && plan.opening.is_actor_cancel())
        })
    }

    /// Hands the next arrival to the core.
    ///
    /// # Errors
    ///
    /// If the core says something that was not recorded.
    pub fn take_arrival(&mut self) -> Result<(), Difference> {
        let seat = self.seat;
        let Some(arrival) = seat.arrivals.get(self.taken) else { return Ok(()) };
        self.taken += 1;
        self.schedule.push(self.at);
        match &arrival.what {
            Arrival::Frame(bytes, sent) => {
                let cid = sent.as_ref().and_then(|sent| sent.cid.as_ref());
                let before = cid.map(|cid| self.facts_of(cid)).unwrap_or_default();
                if let Some(sent) = sent {
                    self.note_arrival(sent);
                }
                let translated = sent.as_ref().and_then(|sent| self.translate(bytes, sent));
                let bytes = translated.as_ref().unwrap_or(bytes);
                if let (Some(tally), true) = (&mut self.tally, bytes.len() > wire::frame::PREFIX) {
                    tally.observe(&self.core, &bytes.slice(wire::frame::PREFIX..));
                }
                self.feed(bytes)?;
                self.settle()?;
                if let Some(sent) = sent {
                    self.outcome_fits_arrival(sent, before).map_err(|what| self.differs(what))?;
                }
            }
            Arrival::Eof => self.core.handle_eof(NOW),
            Arrival::Reset => self.core.handle_reset(NOW),
        }
        self.settle()
    }

    fn feed(&mut self, bytes: &Bytes) -> Result<(), Difference> {
        let mut rest = &bytes[..];
        while !rest.is_empty() && self.closed.is_none() {
            let taken = self.core.handle_input(NOW, rest);
            rest = &rest[taken..];
            let before = self.core.counters().frames_in;
            self.settle()?;
            if taken == 0 && self.core.counters().frames_in == before {
                break;
            }
        }
        Ok(())
    }

    fn note_arrival(&mut self, sent: &Sent) {
        if let Some(target) = sent.opening().and_then(|opening| opening.cancelled()) {
            if let Some(facts) = self.facts(&target) {
                facts.took_cancel = true;
            }
        }
        let Some(cid) = &sent.cid else { return };
        let Some(plan) = self.seat.dialogs.get(cid) else { return };
        let is_notice = self.seat.is_notice_to_us(sent);
        let Some(facts) = self.facts(cid) else { return };
        match sent.body {
            Body::Started(_) => facts.started = true,
            Body::Stop => {
                facts.took_stop = true;
                facts.ended |= plan.kind == Kind::Generator && plan.role == Role::Parent;
            }
            Body::Return(_) | Body::CancelAck(_) => facts.ended = true,
            Body::Error(_) => {
                facts.took_error = true;
                facts.took_notice |= is_notice;
                facts.ended |= plan.role == Role::Parent && !is_notice;
            }
            _ => {}
        }
    }

    /// The same frame with the dialog id that our core chose for this dialog.
    fn translate(&self, bytes: &Bytes, sent: &Sent) -> Option<Bytes> {
        let own = self.own_cids.get(sent.cid.as_ref()?)?;
        let body = bytes.slice(wire::frame::PREFIX..);
        let mut message = wire::decode(&body, &self.core.config().limits()).ok()?;
        match &mut message {
            Message::StartAck { cid, .. }
            | Message::Started { cid, .. }
            | Message::Yield { cid, .. }
            | Message::Stop { cid }
            | Message::Return { cid, .. }
            | Message::CancelAck { cid, .. } => *cid = own.into(),
            Message::Error(error) => error.cid = Some(own.clone()),
            Message::Aid(_) | Message::SpawnSpec(_) | Message::Start(_) => return None,
        }
        let mut out = BytesMut::new();
        wire::encode(&message, &mut out);
        Some(out.freeze())
    }

    /// Polls the core until it is quiet and accounts for all that it says.
    ///
    /// # Errors
    ///
    /// If it says something that was not recorded.
    pub fn settle(&mut self) -> Result<(), Difference> {
        while let Some(event) = self.core.poll_event() {
            self.note_event(event)?;
        }
        while let Some(bytes) = self.core.poll_transmit() {
            self.core.handle_written(NOW, bytes.len());
            let frames = split(bytes).ok_or_else(|| self.differs("we sent part of a frame"))?;
            for frame in frames {
                let sent = Sent::read(&frame)
                    .ok_or_else(|| self.differs(format!("we sent what is no message: {frame:02x?}")))?;
                self.account(&sent)?;
            }
        }
        while let Some(event) = self.core.poll_event() {
            self.note_event(event)?;
        }
        Ok(())
    }

    fn note_event(&mut self, event: Event) -> Result<(), Difference> {
        let written = |wanted: fn(&Body) -> bool| {
            self.seat.arrivals.iter().find_map(|arrival| match &arrival.what {
                Arrival::Frame(_, Some(sent)) if wanted(&sent.body) => Some(&sent.body),
                _ => None,
            })
        };
        match event {
            Event::Established { peer } => {
                let is_same = written(|body| matches!(body, Body::Aid(_))) == Some(&Body::Aid(peer));
                return is_same.then_some(()).ok_or_else(|| self.differs("the peer is not who its Aid says"));
            }
            Event::SpawnSpec(spec) => {
                let is_same =
                    written(|body| matches!(body, Body::SpawnSpec(_))) == Some(&Body::SpawnSpec(spec));
                return is_same.then_some(()).ok_or_else(|| self.differs("the SpawnSpec is another one"));
            }
            Event::Opened { id, request } => {
                if let Some(dialog) = self.dialogs.get_mut(&request.cid) {
                    dialog.id = Some(id);
                }
            }
            Event::ActorCancelRequested { id } => {
                let cid: Option<Arc<str>> = self.core.dialog(id).map(|dialog| dialog.cid().into());
                if let Some(dialog) = cid.and_then(|cid| self.dialogs.get_mut(&cid)) {
                    dialog.id = Some(id);
                }
            }
            Event::Closed { reason } => self.closed = Some(reason),
            _ => {}
        }
        Ok(())
    }

    /// Notes that a rule explains a difference of this dialog.
    pub fn note_use(&mut self, rule: &'static str, cid: Option<Arc<str>>) {
        self.used.push((rule, cid));
    }

    /// Checks at the end of the recording that everything ended that had to.
    ///
    /// # Errors
    ///
    /// If something did not.
    pub fn check_endings(&self) -> Result<(), Difference> {
        let unfinished = self.dialogs.iter().find(|(cid, dialog)| {
            let is_runtime =
                self.plan(cid).is_some_and(|plan| plan.role == Role::Child && plan.opening.is_runtime());
            is_runtime && dialog.facts.accepted && !dialog.facts.ended && !self.seat.is_cut_short
        });
        match unfinished {
            Some((cid, _)) => Err(self.differs(format!("the runtime never finished {cid}"))),
            None => Ok(()),
        }
    }

    /// What is known beforehand of the dialog with this recorded id.
    pub fn plan(&self, cid: &Arc<str>) -> Option<&'a Plan> {
        self.seat.dialogs.get(cid).map(|plan| &**plan)
    }

    /// The rules used, and the dialogs they were used for.
    pub fn explained(&self) -> BTreeSet<Arc<str>> {
        self.used.iter().filter_map(|(_, cid)| cid.clone()).collect()
    }
}

/// The arguments of a cancel request for `cid`.
pub fn cancel_kwargs(cid: &str) -> Kwargs {
    args("cid", cid)
}
