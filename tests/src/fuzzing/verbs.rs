//! Verbs of a random program, fitting and wrong ones.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scipp_proto::phase::{Phase, Role};
use scipp_proto::spec::Slots;
use scipp_proto::wire::{MsgKind, SpawnSpec, WireAddr};
use scipp_proto::{
    Call, Canceller, Connection, DialogId, Kind, Kwargs, OverrunPolicy, Payload, Report, RuntimeEndpoint,
    SendError, Take, Target, Terms, TypePolicy, Uid,
};

use super::fingerprint;
use super::program::Program;
use super::world::{Known, World};
use crate::pair::Side;

/// A name that no receiver takes: over 1 KiB.
const LONG: &str = match std::str::from_utf8(&[b'x'; 1100]) {
    Ok(name) => name,
    Err(_) => "",
};

const TYPES: [&str; 7] =
    ["ValueError", "ContextCancelled", "MsgTypeError", "StreamOverrun", "RemoteActorError", "", LONG];

impl World {
    /// Any verb on any dialog. One that fails changes nothing.
    pub(super) fn verb(&mut self, side: Side, program: &mut Program<'_>) {
        let verb = program.byte();
        let at = program.byte();
        let Some(id) = self.any_dialog(side, at) else { return self.open(side, program) };
        match verb % 27 {
            0 | 1 => self.open(side, program),
            2 => self.accept(side, id, program.pick(&Kind::ALL)),
            3 => self.attempt(side, |conn| conn.refuse(id, report(program))),
            4 => self.attempt(side, |conn| conn.started(id, numbered(0, program))),
            5 => self.attempt(side, |conn| conn.open_stream(id)),
            6 => self.send(side, id, program),
            7 => self.take(side, id),
            8 => self.take_unread(side, id),
            9 => self.attempt(side, |conn| conn.take_first(id).ok_or(())),
            10 => self.attempt(side, |conn| conn.stop(id)),
            11 => self.finish(side, id, program),
            12 => self.attempt(side, |conn| conn.fail(id, report(program))),
            13 => self.relay(side, id, program),
            14 => self.attempt(side, |conn| conn.unwound(id)),
            15 => {
                let now = self.now;
                self.attempt(side, |conn| conn.cancel(now, id));
            }
            16 => self.attempt(side, |conn| conn.acknowledge(id)),
            17 => self.release(side, id),
            18 => {
                let choices = [Canceller::Us, Canceller::Actor(Uid::new("carol", "c"))];
                self.end(side).conn.cancel_children(&program.pick(&choices));
            }
            19 => self.set_inbox(side, id, program),
            20 => self.spawn_spec(side),
            21 if program.byte() < 32 => {
                let deadline = self.now.saturating_add(Duration::from_millis(program.byte().into()));
                let now = self.now;
                self.end(side).conn.close(now, deadline);
                self.end(side).is_closing = true;
            }
            22 if program.byte() < 16 => self.end(side).conn.abort(),
            24 => self.limit(side, id, program),
            25 => self.attempt(side, |conn| {
                conn.narrow(id, program.pick(&[slots(NUMBERED), slots("Any")])).map(|narrowing| {
                    if program.byte() < 128 {
                        conn.restore(id, narrowing);
                    }
                })
            }),
            26 => self.attempt(side, |conn| {
                let kind = program.pick(&[MsgKind::Started, MsgKind::Yield, MsgKind::Stop]);
                conn.validate(id, kind, &program.pick(&[Payload::NIL, Payload::bool(true)]))
            }),
            _ => self.fitting_verb(side, id, program),
        }
    }

    /// What an application would do next with the dialog.
    pub(super) fn fitting_verb(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        let Some(view) = self.end(side).conn.dialog(id) else { return };
        let (role, phase, kind) = (view.role(), view.phase(), view.kind());
        let (must_unwind, cid) = (view.must_unwind(), view.cid().to_owned());
        let choice = program.byte();
        match (role, phase) {
            (_, Phase::Ended(_)) => self.release(side, id),
            (Role::Child, _) if self.is_actor_cancel(side, id) => {
                self.end(side).conn.cancel_children(&Canceller::Us);
                self.attempt(side, |conn| conn.acknowledge(id));
            }
            (Role::Child, Phase::Requested) => {
                let other = &self.ends[side.other() as usize].conn;
                let asked = other.dialogs().find(|view| view.cid() == cid).map(|view| view.kind());
                self.accept(side, id, asked.unwrap_or(Kind::Context));
            }
            (Role::Child, _) if must_unwind => self.attempt(side, |conn| conn.unwound(id)),
            (Role::Child, Phase::Accepted) if kind == Kind::Context => {
                self.attempt(side, |conn| conn.started(id, numbered(0, program)));
            }
            (Role::Child, Phase::Accepted) => self.finish(side, id, program),
            (Role::Child, _) if choice < 32 => self.finish(side, id, program),
            _ => match choice % 8 {
                0 => self.attempt(side, |conn| conn.open_stream(id)),
                1 => self.attempt(side, |conn| conn.stop(id)),
                2 | 3 => self.take(side, id),
                _ => {
                    self.attempt(side, |conn| conn.open_stream(id));
                    self.send(side, id, program);
                }
            },
        }
    }

    /// A handle of `side`: of any dialog, ended and released ones too, or one that never was its own.
    pub(super) fn any_dialog(&self, side: Side, at: u8) -> Option<DialogId> {
        let own = self.ends[side as usize].known.iter();
        let foreign = self.ends[side.other() as usize].known.iter();
        let ids: Vec<DialogId> = own.chain(foreign.rev().take(1)).map(|known| known.id).collect();
        // Counted from the end: the newest dialogs are the interesting ones.
        let back = usize::from(at).checked_rem(ids.len())?;
        ids.into_iter().nth_back(back)
    }

    fn known_mut(&mut self, side: Side, id: DialogId) -> Option<&mut Known> {
        self.end(side).known.iter_mut().find(|known| known.id == id)
    }

    fn is_actor_cancel(&mut self, side: Side, id: DialogId) -> bool {
        self.known_mut(side, id).is_some_and(|known| known.is_actor_cancel)
    }

    /// Calls a verb; one that fails changes nothing.
    fn attempt<T, E>(&mut self, side: Side, verb: impl FnOnce(&mut Connection) -> Result<T, E>) {
        let conn = &mut self.end(side).conn;
        let before = (fingerprint(conn), *conn.counters(), conn.memory());
        if verb(conn).is_err() {
            assert_eq!(
                (fingerprint(conn), *conn.counters(), conn.memory()),
                before,
                "a failed verb changed something"
            );
        }
    }

    fn open(&mut self, side: Side, program: &mut Program<'_>) {
        let target = match program.below(12) {
            0 => Target::Runtime(RuntimeEndpoint::Cancel),
            1 => Target::Runtime(program.pick(&RuntimeEndpoint::ALL)),
            2 => Target::function(program.pick(&["self", LONG]), program.pick(&["f", "cancel", LONG])),
            _ => Target::function("demo", "f"),
        };
        let is_actor_cancel = target == Target::Runtime(RuntimeEndpoint::Cancel);
        let kind = if is_actor_cancel { Kind::Function } else { program.pick(&Kind::ALL) };
        let call = Call { target, kind, kwargs: Kwargs::EMPTY };
        let now = self.now;
        let mut opened = None;
        self.attempt(side, |conn| conn.open(now, &call).map(|id| opened = Some(id)));
        let end = self.end(side);
        let Some(id) = opened else { return };
        let cid = end.conn.dialog(id).expect("just opened").cid().to_owned();
        end.known.push(Known { is_actor_cancel, ..Known::new(id, cid, Role::Parent) });
    }

    fn accept(&mut self, side: Side, id: DialogId, kind: Kind) {
        let mut is_accepted = false;
        self.attempt(side, |conn| conn.accept(id, kind).inspect(|()| is_accepted = true));
        let Some(known) = self.known_mut(side, id).filter(|_| is_accepted) else { return };
        let cid = known.cid.clone();
        let other = self.end(side.other());
        let Some(parent) = other.known.iter_mut().find(|known| known.cid == cid) else { return };
        // A released parent has told nobody what it expected; nobody sees the violation either.
        if let Some(view) = other.conn.dialog(parent.id) {
            parent.is_mismatched |= view.kind() != kind;
        }
    }

    /// Specs that all values of a program conform to, so that nothing but the state changes.
    fn limit(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        let terms = Terms {
            on_mistyped: program.pick(&[TypePolicy::Cancel, TypePolicy::Skip, TypePolicy::HandOver]),
            check_return: program.byte() < 128,
            ..Terms::new(slots(NUMBERED))
        };
        self.attempt(side, |conn| conn.limit(id, &Arc::new(terms)));
    }

    fn send(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        let number = self.known_mut(side, id).map_or(0, |known| known.sent);
        let conn = &self.end(side).conn;
        let has_failed = conn.dialog(id).is_some_and(|view| view.error().is_some());
        let has_room = conn.unwritten() < conn.config().outbox_bytes;
        let mut result = Ok(());
        self.attempt(side, |conn| {
            result = conn.send(id, numbered(number, program));
            result.clone()
        });
        match result {
            Ok(()) => {
                assert!(!has_failed, "an item was sent on a failed dialog");
                assert!(has_room, "an item was taken beyond a full outbox");
                self.known_mut(side, id).expect("it was sent").sent += 1;
            }
            Err(SendError::Full) => assert!(!has_room, "Full with room left"),
            Err(_) => {}
        }
    }

    fn take(&mut self, side: Side, id: DialogId) {
        let mut taken = None;
        self.attempt(side, |conn| conn.take(id).map(|item| taken = Some(item)));
        if let Some(Take::Item(item)) = taken {
            self.check_order(side, id, &item);
        }
    }

    fn take_unread(&mut self, side: Side, id: DialogId) {
        if let Some(item) = self.end(side).conn.take_unread(id) {
            self.check_order(side, id, &item);
        }
    }

    /// Items arrive in the order of sending, and none is missing unless the application chose so.
    fn check_order(&mut self, side: Side, id: DialogId, item: &Payload) {
        let known = self.known_mut(side, id).expect("a dialog with items");
        let number = number_of(item);
        let is_next = number == known.expected || known.is_lossy && number > known.expected;
        assert!(is_next, "item {number} came instead of {}", known.expected);
        known.expected = number + 1;
    }

    fn finish(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        let value = numbered(u32::MAX, program);
        let mut is_finished = false;
        self.attempt(side, |conn| conn.finish(id, value.clone()).inspect(|()| is_finished = true));
        if let Some(known) = self.known_mut(side, id).filter(|_| is_finished) {
            known.result = Some(value);
        }
    }

    fn relay(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        if self.errors.is_empty() {
            return;
        }
        let error = program.pick(&self.errors);
        self.attempt(side, |conn| conn.relay(id, &error));
    }

    fn release(&mut self, side: Side, id: DialogId) {
        let now = self.now;
        self.end(side).conn.release(now, id);
        if let Some(known) = self.known_mut(side, id) {
            known.is_released = true;
        }
    }

    fn set_inbox(&mut self, side: Side, id: DialogId, program: &mut Program<'_>) {
        let policies = [
            OverrunPolicy::Reject,
            OverrunPolicy::Buffer(4),
            OverrunPolicy::DropOldest,
            OverrunPolicy::DropNewest,
            OverrunPolicy::Pause,
        ];
        let (items, policy) = (program.below(5), program.pick(&policies));
        self.attempt(side, |conn| conn.set_inbox(id, items, policy));
        if let Some(known) = self.known_mut(side, id) {
            // From now on, and for what comes after a gap.
            known.is_lossy |= matches!(policy, OverrunPolicy::DropOldest | OverrunPolicy::DropNewest);
        }
    }

    /// Only to a peer that expects it: anything else is a mistake of the application.
    fn spawn_spec(&mut self, side: Side) {
        if !self.end(side.other()).conn.config().spawned {
            return;
        }
        let map = Payload::new(Bytes::from_static(&[0x80])).expect("an empty map");
        let spec = SpawnSpec {
            parent_main_data: map.clone(),
            runtime_vars: map,
            enable_modules: vec![("demo".to_owned(), "demo.py".to_owned())],
            reg_addrs: vec![WireAddr::Tcp("::1".to_owned(), 1616)],
            bind_addrs: None,
        };
        self.attempt(side, |conn| conn.spawn_spec(&spec));
    }
}

/// What [`numbered`] makes, and what ends without a result.
const NUMBERED: &str = "tuple[int, bytes]|None";

fn slots(spec: &str) -> Slots {
    Slots::one_for_all(spec.parse().expect("a spec"))
}

fn report(program: &mut Program<'_>) -> Report {
    let mut report = Report::new(program.pick(&TYPES), "as the program says");
    let stop = Payload::new((&b"\x82\xa8msg_type\xa4Stop\xa3cid\xa1c"[..]).into()).expect("a map");
    let hollow = Payload::new((&b"\x81\xa8msg_type\xa4Stop"[..]).into()).expect("a map");
    let choices = [None, Some(hollow), Some(stop), Some(Payload::NIL)];
    report.bad_msg = program.pick(&choices);
    report.bad_msg_as_dict = program.pick(&choices);
    report.message = program.pick(&[None, Some(LONG.to_owned())]);
    report
}

/// A payload with a number in it, of one of several sizes; the largest does not fit in a frame.
fn numbered(number: u32, program: &mut Program<'_>) -> Payload {
    let padding: u16 = program.pick(&[0, 0, 0, 10, 100, 100, 1000, 5000]);
    let mut bytes = vec![0x92, 0xce];
    bytes.extend(number.to_be_bytes());
    bytes.push(0xc5);
    bytes.extend(padding.to_be_bytes());
    bytes.resize(bytes.len() + usize::from(padding), 7);
    Payload::new(bytes.into()).expect("an array of two")
}

fn number_of(item: &Payload) -> u32 {
    let digits = item.as_bytes().get(2..6).and_then(|digits| digits.try_into().ok());
    u32::from_be_bytes(digits.expect("a payload of this program"))
}
