//! Requests of the peer: what is run, what is refused, what is cancelled.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use bytes::Bytes;

use crate::connection::{Connection, Status};
use crate::dialog::{CancelledBy, Dialog, Purpose, Unwind};
use crate::error::PeerViolation;
use crate::event::{Event, Request, RuntimeEndpoint, Target};
use crate::inbox::Inbox;
use crate::phase::Role;
use crate::report;
use crate::wire::{Kind, LooseMsg, Message, Rejected, Start, Text};

impl Connection {
    pub(crate) fn on_start(&mut self, start: Start<'_>) {
        let is_runtime = start.ns == "self";
        if self.is_in_use(start.cid) {
            return self.violated(PeerViolation::CidReuse);
        }
        if self.table.find(start.cid).is_some() {
            return self.refuse_start(
                start.cid,
                "RuntimeError",
                "the id of a dialog that is still looked at",
            );
        }
        if is_runtime && start.func == "_cancel_task" {
            return self.on_cancel_request(&start);
        }
        // A closed table of names. (D-31, R-12)
        let endpoint = is_runtime.then(|| RuntimeEndpoint::from_name(start.func.as_str()));
        let target = match endpoint {
            None => Target::function(start.ns.as_str(), start.func.as_str()),
            Some(Some(endpoint)) => Target::Runtime(endpoint),
            Some(None) => {
                return self.refuse_start(start.cid, "AttributeError", "the runtime has no such method");
            }
        };

        // Anybody may ask for the end of everything. (D-32, R-15)
        let is_actor_cancel = target == Target::Runtime(RuntimeEndpoint::Cancel);
        if !is_actor_cancel && !self.names_peer(&start) {
            return self.refuse_start(
                start.cid,
                "RuntimeError",
                "Start.uid is not the uid of this connection",
            );
        }
        // What ends everything is taken also when nothing else is; once.
        let is_urgent = is_actor_cancel && self.actor_cancels == 0;
        if self.status == Status::Closing && !is_urgent {
            return self.refuse_start(start.cid, "RuntimeError", "the connection is closing");
        }
        //
        if self.live_peer >= self.config.max_peer_dialogs && !is_urgent {
            return self.refuse_start(start.cid, "RuntimeError", "too many dialogs are open");
        }
        self.open_for_peer(start, target);
    }

    /// Whether a dialog that has not ended, or a request that was not answered, has this id. (D-33)
    pub(crate) fn is_in_use(&self, cid: Text<'_>) -> bool {
        let dialog = self.table.find(cid).and_then(|id| self.table.get(id));
        dialog.is_some_and(|dialog| !dialog.is_ended()) || self.owed_cids.contains(cid.as_str())
    }

    /// Whether it comes in the name of the peer. (D-32)
    fn names_peer(&self, start: &Start<'_>) -> bool {
        self.peer
            .as_ref()
            .is_some_and(|peer| start.uid_name == peer.uid.name() && start.uid_uuid == peer.uid.uuid())
    }

    fn open_for_peer(&mut self, start: Start<'_>, target: Target) {
        let cid: Arc<str> = start.cid.as_str().into();
        let inbox = Inbox::new(self.config.inbox_items, self.config.overrun);
        let dialog = Dialog::new(
            Arc::clone(&cid),
            Purpose::from(&target),
            Role::Child,
            Kind::Context,
            self.opened,
            inbox,
        );
        let Some(id) = self.table.insert(Box::new(dialog)) else {
            return self.refuse_start(Text::from(&cid), "RuntimeError", "too many dialogs are open");
        };
        self.opened = self.opened.saturating_add(1);
        self.live_peer = self.live_peer.saturating_add(1);
        self.running = self.running.saturating_add(1);
        if target == Target::Runtime(RuntimeEndpoint::Cancel) {
            // Acknowledged as taken at once; the answer waits for the tasks. (D-18)
            self.actor_cancels = self.actor_cancels.saturating_add(1);
            let _ = self.accept(id, Kind::Function);
            return self.events.push_back(Event::ActorCancelRequested { id });
        }
        self.running_tasks = self.running_tasks.saturating_add(1);
        let pld_spec = String::from(start.pld_spec.as_str());
        let request = Box::new(Request { cid, target, kwargs: start.kwargs, pld_spec });
        self.events.push_back(Event::Opened { id, request });
    }

    /// Answers a `Start` by `Error` in place of `StartAck`; nothing is run, nothing is kept. (D-2)
    pub(crate) fn refuse_start(&mut self, cid: Text<'_>, type_name: &str, text: &str) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        let msg = report::refused(&self.ours.uid, type_name, text, &cid.as_str().into());
        self.emit_reply(&Message::Error(Box::new(msg)));
    }

    /// Answers a `Start` with a wrong envelope: with all that is wrong with it, and with itself, unless the peer
    /// does not read its answers. (D10)
    pub(crate) fn refuse_envelope(
        &mut self,
        cid: Text<'_>,
        type_name: &str,
        rejected: &Rejected,
        frame: &Bytes,
    ) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        let is_about_types = type_name == report::MSG_TYPE_ERROR && frame.len() <= self.config.max_text;
        let loose = if is_about_types && self.has_room() { LooseMsg::read(frame) } else { None };
        let (text, cid) = (format!("{rejected}"), cid.as_str().into());
        let msg = report::rejected(&self.ours.uid, type_name, text, loose, &cid);
        self.emit_reply(&Message::Error(Box::new(msg)));
    }

    /// `self:_cancel_task`: answered at once that it arrived, and finally after the task's final frame;
    /// at once where there is no such task of this connection.
    fn on_cancel_request(&mut self, start: &Start<'_>) {
        let Some(target) = cancel_target(start) else {
            return self.refuse_start(
                start.cid,
                "TypeError",
                "_cancel_task takes one argument, the text cid",
            );
        };

        // (D-17)
        self.emit_reply(&Message::StartAck { cid: start.cid, functype: Kind::Function });
        let found = self
            .table
            .find(Text::from(&target))
            .filter(|&id| self.table.get(id).is_some_and(Dialog::is_running_task));
        let Some(id) = found else {
            return self.emit_reply(&Message::CancelAck { cid: start.cid, pld: true });
        };
        let Some(dialog) = self.table.get_mut(id) else { return };
        // One a dialog is paid for by the limit of dialogs; repeated ones have a limit of their own.
        self.owed_acks = self.owed_acks.saturating_add(usize::from(!dialog.owed_acks.is_empty()));
        let cid: Arc<str> = start.cid.as_str().into();
        dialog.owed_acks.push(Arc::clone(&cid));
        self.owed_cids.insert(cid);

        // (D-16)
        let canceller = self.peer_uid();
        self.tell_to_unwind(id, Unwind::Cancelled { canceller, by: CancelledBy::Parent, path: Vec::new() });
    }
}

fn cancel_target(start: &Start<'_>) -> Option<String> {
    let mut args = start.kwargs.iter();
    let (name, value) = args.next()?;
    (name == "cid" && args.next().is_none()).then(|| value.as_text().map(String::from)).flatten()
}
