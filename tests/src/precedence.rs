//! Which of several events of one dialog wins: the rules of `spec/precedence.md` as a second, independent
//! statement of what both ends have to report.
//!
//! A [`Verdicts`] is told what happens at each end, in the order in which it happens there. It knows no
//! bytes, phases or streams, and says how each end has ended and whom it names.

mod words;

pub use words::{Actor, Ended, Final, Happening, Happenings, Why, pairs};

use scipp_proto::Kind;
use scipp_proto::phase::Role;

/// What both ends of one dialog have to report.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Verdicts {
    kind: Kind,
    parent: Actor,
    child: Actor,
    /// The parent asked for the end.
    asked: bool,
    /// What failed the dialog at the parent before it ended.
    failure: Option<Why>,
    /// The final frame that the parent took.
    taken: Option<Final>,
    /// Why the child's task has to end.
    told: Option<Why>,
    accepted: bool,
    ended: [Option<Ended>; 2],
    /// What happened.
    pub happened: Happenings,
}

impl Verdicts {
    /// A dialog that was just opened.
    pub fn new(kind: Kind, parent: Actor, child: Actor) -> Self {
        Self {
            kind,
            parent,
            child,
            asked: false,
            failure: None,
            taken: None,
            told: None,
            accepted: false,
            ended: [None; 2],
            happened: Happenings::default(),
        }
    }

    /// How this end has ended.
    pub const fn ended(&self, role: Role) -> Option<Ended> {
        self.ended[role as usize]
    }

    /// Whether the child's task runs, told to end or not.
    pub const fn is_running(&self) -> bool {
        self.accepted && self.ended(Role::Child).is_none()
    }

    /// Whether the child's task has to end.
    pub const fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// What failed the dialog at this end, ended or not, before any final frame.
    pub const fn failure(&self, role: Role) -> Option<Why> {
        match (role, self.told) {
            (Role::Parent, _) => self.failure,
            (Role::Child, None | Some(Why::Cancelled(_))) => None,
            (Role::Child, told) => told,
        }
    }

    /// Whether the parent has asked for the end.
    pub const fn has_asked(&self) -> bool {
        self.asked
    }

    /// Whom this end names as canceller. (D-46)
    pub fn canceller(&self, role: Role) -> Option<Actor> {
        let why = match role {
            Role::Child => match (self.told, self.ended(role)) {
                (Some(Why::Cancelled(_)), _) => self.told,
                (_, Some(Ended::Failed(why))) => Some(why),
                _ => None,
            },
            Role::Parent if self.failure.is_some() => None,
            Role::Parent => match self.taken {
                Some(Final::Error(why)) => Some(why),
                Some(Final::Result) | None => None,
            },
        };
        match why {
            Some(Why::Cancelled(actor)) => Some(actor),
            _ => None,
        }
    }

    fn end(&mut self, role: Role, how: Ended) {
        self.ended[role as usize].get_or_insert(how);
    }
}

/// What happens at the parent.
impl Verdicts {
    /// It asks for the end: its application cancels, its body failed, or it lets go. (D-42)
    pub fn asks(&mut self, because: Happening) {
        if self.ended(Role::Parent).is_none() {
            self.happened.add(because);
            self.asked = true;
        }
    }

    /// A notice about its own sending, or a broken rule of the child. Once it has asked, a notice is
    /// nothing new. (D-43)
    pub fn fails(&mut self, why: Why) {
        if self.ended(Role::Parent).is_some() {
            return;
        }
        self.happened.add(if why == Why::Overrun { Happening::ParentOverran } else { Happening::ChildBroke });
        if self.failure.is_none() && (why != Why::Overrun || !self.asked) {
            self.failure = Some(why);
            self.asked = true;
        }
    }

    /// It takes the child's final frame. (D-40, D-41, D-43)
    pub fn takes(&mut self, last: Final) {
        if self.ended(Role::Parent).is_some() {
            return;
        }
        self.taken = Some(last);
        let absorbs = |who| self.asked && (who == self.parent || who == self.child);
        let how = match (self.failure, last) {
            (Some(why), _) => Ended::Failed(why),
            (None, Final::Result) => Ended::Returned,
            (None, Final::Error(Why::Cancelled(who))) if absorbs(who) => Ended::Cancelled { confirmed: true },
            (None, Final::Error(why)) => Ended::Failed(why),
        };
        self.end(Role::Parent, how);
    }

    /// It takes a result of the wrong type: the end, and a failure. (P-20)
    pub fn takes_mistyped(&mut self) {
        if self.ended(Role::Parent).is_none() {
            self.happened.add(Happening::ChildBroke);
            self.taken = Some(Final::Result);
        }
        self.end(Role::Parent, Ended::Failed(self.failure.unwrap_or(Why::Broken)));
    }

    /// Its deadline for the final frame runs out, or its request is answered without one. (D-44)
    pub fn gives_up(&mut self) {
        if self.ended(Role::Parent).is_none() {
            self.happened.add(Happening::Deadline);
        }
        let how = self.failure.map_or(Ended::Cancelled { confirmed: false }, Ended::Failed);
        self.end(Role::Parent, how);
    }
}

/// What happens at the child.
impl Verdicts {
    /// It lets the task run.
    pub const fn accepts(&mut self) {
        self.accepted = true;
    }

    /// Something tells the task to end: the first reason counts. A task that does not run yet is over with
    /// it, and its final frame is returned. (D-42)
    pub fn tells(&mut self, why: Why, because: Happening) -> Option<Final> {
        if self.ended(Role::Child).is_some() {
            return None;
        }
        self.happened.add(because);
        if self.told.is_some() {
            return None;
        }
        self.told = Some(why);
        (!self.accepted).then(|| self.unwinds())
    }

    /// The task cancels itself: in its own actor's name, whoever asked before; an error stays. (D-42)
    pub fn cancels_itself(&mut self) {
        if self.ended(Role::Child).is_some() {
            return;
        }
        self.happened.add(Happening::SelfCancel);
        if let None | Some(Why::Cancelled(_)) = self.told {
            self.told = Some(Why::Cancelled(self.child));
        }
    }

    /// The task is over: with a result, unless it was told to end. (D-41)
    pub fn finishes(&mut self) -> Final {
        self.happened.add(Happening::Result);
        if self.told.is_some() {
            return self.unwinds();
        }
        self.end(Role::Child, Ended::Returned);
        Final::Result
    }

    /// The task is over with an error of its own, or with one it passes on. (D-41)
    pub fn errs(&mut self, why: Why) -> Final {
        self.happened.add(Happening::RemoteError);
        self.ends_with(why)
    }

    fn ends_with(&mut self, why: Why) -> Final {
        self.end(Role::Child, Ended::Failed(why));
        Final::Error(why)
    }

    /// The task is over because it was told to end. (D-42)
    pub fn unwinds(&mut self) -> Final {
        let why = *self.told.get_or_insert(Why::Cancelled(self.child));
        match why {
            Why::Cancelled(_) => {
                self.end(Role::Child, Ended::Cancelled { confirmed: true });
                let is_generator = self.kind == Kind::Generator && self.accepted;
                if is_generator { Final::Result } else { Final::Error(why) }
            }
            _ => self.ends_with(why),
        }
    }
}

/// What happens at either end.
impl Verdicts {
    /// The connection is lost. (D-45)
    pub fn loses(&mut self, role: Role) {
        if self.ended(role).is_none() {
            self.happened.add(Happening::Loss);
        }
        self.end(role, Ended::Disconnected);
    }
}
