//! The terminal of R, the root of a tree of actors, which one task at a time may have.
//!
//! Who wants it opens a context with the root over a connection of its own. `Started` says that it has it; an item
//! gives it back, and so does whatever else ends that dialog. The root keeps a place in a queue for each dialog and
//! nothing else (D14).

use std::collections::{HashMap, VecDeque};
use std::task::Poll;

use scipp_conformance::script::call;
use scipp_proto::{Call, Kind, Kwargs, Payload, Target};
use serde::{Deserialize, Serialize};

use crate::stage::{Ends, Seat, Stage};

/// What is said about the terminal.
#[derive(Serialize, Deserialize)]
#[serde(tag = "msg_type")]
enum Said {
    LockStatus { subactor_uid: [String; 2], cid: String, locked: bool },
    LockRelease { subactor_uid: [String; 2], cid: String },
}

fn uid(actor: &str) -> [String; 2] {
    [actor.to_owned(), format!("{actor}-uuid")]
}

/// The terminal of R.
#[derive(Default)]
pub(crate) struct Terminal {
    /// Who wants it; the first one has it.
    queue: VecDeque<Place>,
    blocked: Vec<&'static str>,
}

/// A dialog about the terminal, as the root knows it.
struct Place {
    seat: Seat,
    actor: &'static str,
    task: u32,
    has_it: bool,
}

/// What a look at a place has shown.
enum Seen {
    Nothing,
    /// It was given back, as it should be.
    Released,
    /// By a message that says something else.
    Wrong(&'static str),
    /// The dialog was cancelled, or has failed.
    Told,
    Gone,
}

impl Terminal {
    /// This actor does not get it any more.
    pub(crate) fn blocks(&mut self, actor: &'static str) {
        self.blocked.push(actor);
    }

    /// A task of an actor asks for it.
    pub(crate) fn asked_by(&mut self, s: &mut Stage, link: usize, actor: &'static str, task: u32) -> Ends {
        let target = Target::function("tractor.devx.debug._tty_lock", "lock_stdio_for_peer");
        let kwargs = Kwargs::encode(&HashMap::from([("subactor_task_uid", ("task", task))])).expect("a map");
        let parent = s.asks_over(link, actor, Call { target, kwargs, ..call(Kind::Context) });
        let seat = s.asked(parent);
        s.accepts(seat, Kind::Context);
        let is_known = self.queue.iter().any(|place| (place.actor, place.task) == (actor, task));
        if is_known || self.blocked.contains(&actor) {
            s.raises(seat, "DebugRequestError");
        } else {
            self.queue.push_back(Place { seat, actor, task, has_it: false });
            self.goes_on(s);
        }
        (parent, seat)
    }

    /// Looks at all places, and gives the terminal to the first of those that are left.
    pub(crate) fn goes_on(&mut self, s: &mut Stage) {
        self.queue.retain(|place| {
            let unlocked = place.says(s, false);
            match place.look(s) {
                Seen::Nothing => return true,
                Seen::Released => s.returns(place.seat, unlocked),
                Seen::Wrong(class) => s.raises(place.seat, class),
                Seen::Told => s.unwinds(place.seat),
                Seen::Gone => {}
            }
            false
        });
        if let Some(first) = self.queue.front_mut().filter(|first| !first.has_it) {
            first.has_it = true;
            let locked = first.says(s, true);
            s.starts(first.seat, locked);
            s.opens_stream(first.seat);
        }
    }
}

impl Place {
    fn look(&self, s: &mut Stage) -> Seen {
        if s.look(self.seat).is_ended() {
            return Seen::Gone;
        }
        if s.look(self.seat).must_unwind() {
            return Seen::Told;
        }
        if !self.has_it {
            return Seen::Nothing;
        }
        match s.with(self.seat, |conn, end| end.take(conn)) {
            Poll::Pending => Seen::Nothing,
            Poll::Ready(Ok(Some(item))) => self.judge(s, &item),
            Poll::Ready(Ok(None)) => Seen::Released,
            Poll::Ready(Err(_)) => Seen::Told,
        }
    }

    fn judge(&self, s: &Stage, item: &Payload) -> Seen {
        match item.decode::<Said>() {
            Ok(Said::LockRelease { subactor_uid, cid })
                if subactor_uid == uid(self.actor) && cid == s.look(self.seat).cid() =>
            {
                Seen::Released
            }
            Ok(Said::LockRelease { .. }) => Seen::Wrong("AssertionError"),
            Ok(Said::LockStatus { .. }) | Err(_) => Seen::Wrong("MsgTypeError"),
        }
    }

    fn says(&self, s: &Stage, locked: bool) -> Said {
        let cid = s.look(self.seat).cid().to_owned();
        Said::LockStatus { subactor_uid: uid(self.actor), cid, locked }
    }
}

/// Who has the terminal gives it back.
pub(crate) fn releases(s: &mut Stage, terminal: &mut Terminal, ends: Ends, actor: &str) {
    s.opens_stream(ends.0);
    says(s, ends.0, actor, None);
    terminal.goes_on(s);
}

/// Who has the terminal gives it back in some actor's name, and of some dialog.
pub(crate) fn says(s: &mut Stage, seat: Seat, actor: &str, cid: Option<&str>) {
    let cid = cid.unwrap_or_else(|| s.look(seat).cid()).to_owned();
    s.sends(seat, Said::LockRelease { subactor_uid: uid(actor), cid });
}

/// How a dialog ends by which the terminal was had and given back.
pub(crate) fn was_had(s: &mut Stage, ends: Ends, actor: &str) {
    s.outcomes(ends, &format!("returned LockStatus({actor}, unlocked)"), "returned");
}

/// A task has the terminal for a while: the whole dialog, of this number.
pub(crate) fn pauses(s: &mut Stage, terminal: &mut Terminal, link: usize, actor: &'static str, number: u32) {
    let mark = if number == 1 { String::new() } else { format!("#{number}") };
    let ends = terminal.asked_by(s, link, actor, 1);
    s.gets_first(ends.0, &format!("LockStatus({actor}, locked)"));
    releases(s, terminal, ends, actor);
    s.then_sent(&[
        &format!("{actor}>R Start{mark}"),
        &format!("R>{actor} StartAck(context){mark}, Started(LockStatus({actor}, locked)){mark}"),
        &format!("{actor}>R Yield(LockRelease({actor})){mark}"),
        &format!("R>{actor} Stop{mark}, Return(LockStatus({actor}, unlocked)){mark}"),
    ]);
    was_had(s, ends, actor);
}
