//! One end of one recorded connection, and what is known of it before it is played.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use scipp_proto::phase::Role;
use scipp_proto::wire::{ErrorMsg, Kind, MsgKind};
use scipp_proto::{Era, Identity, Uid};

use super::sent::{Body, Opening, Sent};
use crate::script::is_notice;
use crate::transcript::{Act, Actor, Line, LinkEvent, Transcript};

/// What one actor did and got, over all its connections.
#[derive(Debug, Default)]
pub struct Memory {
    /// Errors it received: when, and what.
    pub errors: Vec<(u32, Arc<ErrorMsg>)>,
    /// Requests to cancel it as a whole: when they were written, and by whom.
    pub cancels: Vec<(u32, Uid)>,
    /// When it gave up waiting.
    pub gave_up: Option<u32>,
}

/// Something that came from the other end.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// When it was written or seen.
    pub n: u32,
    /// What.
    pub what: Arrival,
}

/// What came from the other end.
#[derive(Debug, Clone)]
pub enum Arrival {
    /// A frame, and what it says if it is a message.
    Frame(Bytes, Option<Sent>),
    /// The end of the stream.
    Eof,
    /// A failed socket call.
    Reset,
}

/// A frame of our own, as recorded.
#[derive(Debug, Clone)]
pub struct Own {
    /// When it was written.
    pub n: u32,
    /// What it says.
    pub sent: Sent,
    /// The action line that it comes from, if any.
    pub act: Option<Arc<Act>>,
}

/// One step of the recording, seen from one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From here on this arrival may be taken.
    Arrives(usize),
    /// Here this frame of ours was written.
    Writes(usize),
    /// Here user code did something without a frame.
    Acts(usize),
}

/// What is known beforehand of one dialog.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Our role.
    pub role: Role,
    /// What it opens.
    pub opening: Opening,
    /// Its kind, from its `StartAck` or else from the action that opened it.
    pub kind: Kind,
    /// Whether we recorded a cancel request of ours for it.
    pub was_cancelled: bool,
}

/// One end of one recorded connection.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Recording.
    pub file: String,
    /// Connection.
    pub conn: u32,
    /// Who we are, as lines call us.
    pub label: Arc<str>,
    /// Our `Aid`.
    pub identity: Identity,
    /// The peer's uid as the header says.
    pub peer: Uid,
    /// Whether the peer is the parent that spawned us.
    pub is_spawned: bool,
    /// Everything that comes in.
    pub arrivals: Vec<Inbound>,
    /// Everything we wrote.
    pub owns: Vec<Own>,
    /// What user code did without a frame.
    pub acts: Vec<Arc<Act>>,
    /// The order.
    pub steps: Vec<Step>,
    /// By dialog id.
    pub dialogs: BTreeMap<Arc<str>, Arc<Plan>>,
    /// What this actor knows from all connections.
    pub memory: Arc<Memory>,
    /// Whether our process died or cut the connection on purpose at the end of the steps.
    pub is_cut_short: bool,
    /// Whether we closed the connection at the end of the steps.
    pub closed_itself: bool,
}

/// All ends of one recording that can be played.
pub fn seats(transcript: &Transcript) -> Vec<Seat> {
    let actors: BTreeMap<&str, &Actor> =
        transcript.header.actors.iter().map(|actor| (actor.label(), actor)).collect();
    let memories = memories(transcript);
    let mut seats = Vec::new();
    for (conn, link) in transcript.links() {
        for (label, peer) in [(&link.by, &link.to), (&link.to, &link.by)] {
            let (Some(actor), Some(other)) = (actors.get(&**label), actors.get(&**peer)) else { continue };
            if actor.is_hand_written() {
                continue;
            }
            let memory = memories.get(label).cloned().unwrap_or_default();
            let seat = seat(transcript, conn, label, actor, peer, other, memory);
            // An end that only tried whether somebody listens never spoke the protocol.
            if !seat.owns.is_empty() || !seat.arrivals.is_empty() && !seat.closed_itself {
                seats.push(seat);
            }
        }
    }
    seats
}

fn memories(transcript: &Transcript) -> BTreeMap<Arc<str>, Arc<Memory>> {
    let links = transcript.links();
    let mut memories: BTreeMap<Arc<str>, Memory> = BTreeMap::new();
    for line in &transcript.lines {
        match line {
            Line::Frame(frame) => {
                let Some(link) = links.get(&frame.conn) else { continue };
                let to = if frame.from == link.by { &link.to } else { &link.by };
                let memory = memories.entry(to.clone()).or_default();
                match Sent::read(&frame.bytes).map(|sent| sent.body) {
                    Some(Body::Error(error)) => memory.errors.push((frame.n, Arc::new(*error))),
                    Some(Body::Start(opening)) if opening.is_actor_cancel() => {
                        memory.cancels.push((frame.n, opening.uid));
                    }
                    _ => {}
                }
            }
            Line::Act(act) if act.action == "gave_up" => {
                memories.entry(act.actor.clone()).or_default().gave_up = Some(act.n);
            }
            Line::Act(_) | Line::Event(_) => {}
        }
    }
    memories.into_iter().map(|(label, memory)| (label, Arc::new(memory))).collect()
}

fn seat(
    transcript: &Transcript,
    conn: u32,
    label: &Arc<str>,
    actor: &Actor,
    peer: &Arc<str>,
    other: &Actor,
    memory: Arc<Memory>,
) -> Seat {
    let uid = |actor: &Actor| Uid::new(&*actor.uid.0, actor.uid.1.as_deref().unwrap_or_default());
    let mut identity = Identity::new(uid(actor));
    if transcript.header.era == "seed" {
        identity = Identity { era: Era::March2025, is_registrar: None, ..identity };
    }
    let mut seat = Seat {
        file: transcript.file.clone(),
        conn,
        label: label.clone(),
        identity,
        peer: uid(other),
        is_spawned: false,
        arrivals: Vec::new(),
        owns: Vec::new(),
        acts: Vec::new(),
        steps: Vec::new(),
        dialogs: BTreeMap::new(),
        memory,
        is_cut_short: false,
        closed_itself: false,
    };
    seat.learn_dialogs(transcript, peer);
    seat.lay_out(transcript, peer);
    seat.drop_unread(transcript, peer);
    seat
}

impl Seat {
    /// Which dialogs there are, from all frames of the connection.
    fn learn_dialogs(&mut self, transcript: &Transcript, peer: &Arc<str>) {
        for line in &transcript.lines {
            let Line::Frame(frame) = line else { continue };
            if frame.conn != self.conn {
                continue;
            }
            let ours = frame.from != *peer;
            let Some(sent) = Sent::read(&frame.bytes) else { continue };
            match sent {
                Sent { body: Body::Aid(identity), .. } if ours => self.identity = *identity,
                Sent { body: Body::SpawnSpec(_), .. } if !ours => self.is_spawned = true,
                Sent { cid: Some(cid), body: Body::Start(opening) } => {
                    if let Some(plan) = opening.cancelled().and_then(|cid| self.dialogs.get_mut(&cid)) {
                        Arc::make_mut(plan).was_cancelled |= ours;
                    }
                    let role = if ours { Role::Parent } else { Role::Child };
                    let kind = self.kind_by_act(transcript, &cid);
                    let plan = Plan { role, opening: *opening, kind, was_cancelled: false };
                    self.dialogs.entry(cid).or_insert(Arc::new(plan));
                }
                Sent { cid: Some(cid), body: Body::StartAck(kind) } => {
                    if let Some(plan) = self.dialogs.get_mut(&cid) {
                        Arc::make_mut(plan).kind = kind;
                    }
                }
                _ => {}
            }
        }
    }

    fn kind_by_act(&self, transcript: &Transcript, cid: &Arc<str>) -> Kind {
        let is_context = transcript.lines.iter().any(|line| {
            matches!(line, Line::Act(act) if act.action == "open_context" && act.dialog.as_ref() == Some(cid))
        });
        if is_context { Kind::Context } else { Kind::Function }
    }

    /// Puts everything in order, each act with the frame that it made.
    fn lay_out(&mut self, transcript: &Transcript, peer: &Arc<str>) {
        let mut unclaimed: Vec<(usize, Arc<Act>)> = Vec::new();
        for line in &transcript.lines {
            match line {
                Line::Frame(frame) if frame.conn == self.conn && frame.from == *peer => {
                    let sent = if frame.is_whole { Sent::read(&frame.bytes) } else { None };
                    self.arrive(frame.n, Arrival::Frame(frame.bytes.clone(), sent));
                }
                Line::Frame(frame) if frame.conn == self.conn => {
                    let Some(sent) = Sent::read(&frame.bytes) else {
                        self.is_cut_short = true;
                        break;
                    };
                    let act = self.claim(&sent, &mut unclaimed);
                    self.steps.push(Step::Writes(self.owns.len()));
                    self.owns.push(Own { n: frame.n, sent, act });
                }
                Line::Event(event) if event.conn == Some(self.conn) && event.by == self.label => {
                    if self.event(event) {
                        break;
                    }
                }
                Line::Act(act) if act.actor == self.label => {
                    if is_death(act) {
                        self.is_cut_short = true;
                        break;
                    }
                    if act.dialog.as_ref().is_some_and(|cid| self.dialogs.contains_key(cid)) {
                        unclaimed.push((self.steps.len(), act.clone()));
                    }
                }
                Line::Frame(_) | Line::Event(_) | Line::Act(_) => {}
            }
        }
        self.insert_acts(unclaimed);
    }

    fn arrive(&mut self, n: u32, what: Arrival) {
        self.steps.push(Step::Arrives(self.arrivals.len()));
        self.arrivals.push(Inbound { n, what });
    }

    /// Whether this event ends what can be played.
    fn event(&mut self, event: &LinkEvent) -> bool {
        match event.event.as_str() {
            "eof" => self.arrive(event.n, Arrival::Eof),
            "reset" | "broken" => self.arrive(event.n, Arrival::Reset),
            "close" => {
                self.closed_itself = true;
                return true;
            }
            "half_close" => {
                self.is_cut_short = true;
                return true;
            }
            _ => {}
        }
        false
    }

    /// The action line that made this frame: the first fitting one of its dialog.
    fn claim(&self, sent: &Sent, unclaimed: &mut Vec<(usize, Arc<Act>)>) -> Option<Arc<Act>> {
        let (cid, actions) = self.origin(sent)?;
        // The first action fits best; another one stands for it where the reference overruled it.
        let index = actions.iter().find_map(|action| {
            unclaimed.iter().position(|(_, act)| {
                act.dialog.as_ref() == Some(&cid)
                    && act.action == *action
                    && (act.action != "send" || fits(act, sent))
            })
        })?;
        Some(unclaimed.remove(index).1)
    }

    /// Which actions of which dialog make such a frame.
    fn origin(&self, sent: &Sent) -> Option<(Arc<str>, &'static [&'static str])> {
        let cid = sent.cid.clone()?;
        if let Some(opening) = sent.opening() {
            return match opening.cancelled() {
                Some(target) => Some((target, &["cancel"])),
                None if opening.is_actor_cancel() => Some((cid, &["cancel_actor"])),
                None => Some((cid, &["open_context", "call", "run_in_actor"])),
            };
        }
        let plan = self.dialogs.get(&cid)?;
        let actions: &[&str] = match sent.kind() {
            MsgKind::Started => &["started"],
            MsgKind::Yield => &["send"],
            MsgKind::Stop if plan.role == Role::Child && plan.kind == Kind::Generator => &["return", "raise"],
            MsgKind::Stop => &["stop"],
            MsgKind::Return => &["return"],
            MsgKind::Error if !self.is_notice(sent) => &["raise", "return"],
            _ => return None,
        };
        Some((cid, actions))
    }

    /// Whether this accepts a task of which a line says that it ran.
    pub fn ran(&self, sent: &Sent) -> bool {
        sent.kind() == MsgKind::StartAck
            && self.acts.iter().any(|act| act.action == "task" && act.dialog == sent.cid)
    }

    /// Whether this frame of ours tells the peer that it sends too fast.
    pub fn is_notice(&self, sent: &Sent) -> bool {
        let is_ours = |error: &ErrorMsg| error.src_uid == self.identity.uid;
        sent.error().is_some_and(|error| is_notice(error, &self.peer) && is_ours(error))
    }

    /// Whether this frame of the peer tells us that we send too fast.
    pub fn is_notice_to_us(&self, sent: &Sent) -> bool {
        sent.error().is_some_and(|error| is_notice(error, &self.identity.uid))
    }

    fn insert_acts(&mut self, unclaimed: Vec<(usize, Arc<Act>)>) {
        let steps = std::mem::take(&mut self.steps);
        let mut unclaimed = unclaimed.into_iter().peekable();
        for (index, step) in steps.into_iter().enumerate() {
            while let Some((_, act)) = unclaimed.next_if(|(at, _)| *at <= index) {
                self.steps.push(Step::Acts(self.acts.len()));
                self.acts.push(act);
            }
            self.steps.push(step);
        }
        for (_, act) in unclaimed {
            self.steps.push(Step::Acts(self.acts.len()));
            self.acts.push(act);
        }
    }

    /// Takes away what we never took from the socket.
    fn drop_unread(&mut self, transcript: &Transcript, peer: &Arc<str>) {
        let unread = &transcript.header.not_read_by_peer;
        let count = unread.get(&self.conn.to_string()).and_then(|by| by.get(&**peer)).copied();
        let mut left = count.unwrap_or(0);
        for line in transcript.lines.iter().rev() {
            let Line::Frame(frame) = line else { continue };
            if frame.conn != self.conn || frame.from != *peer || left == 0 {
                continue;
            }
            let kept = frame.bytes.len().saturating_sub(left);
            left -= frame.bytes.len() - kept;
            for arrival in self.arrivals.iter_mut().filter(|arrival| arrival.n == frame.n) {
                arrival.what = Arrival::Frame(frame.bytes.slice(..kept), None);
            }
        }
    }
}

/// Whether the process ends here without being able to say anything.
fn is_death(act: &Act) -> bool {
    act.action == "fault"
        && matches!(act.value.get("method").and_then(|method| method.as_str()), Some("sigkill" | "exit"))
}

/// Whether this action line is about the payload of this frame.
pub fn fits(act: &Act, sent: &Sent) -> bool {
    sent.payload().is_some_and(|payload| crate::value::matches(&act.value, payload.as_bytes()))
}
