//! Accounting for own frames: each is the next recorded one, or a rule says why not.

use std::sync::Arc;

use scipp_proto::phase::Role;
use scipp_proto::wire::{Kind, MsgKind};

use super::rules::{self, Effect, Situation};
use super::seat::Own;
use super::sent::{Body, Sent};
use super::walk::{Difference, Walk, cancel_kwargs};

impl Walk<'_> {
    /// Our frame in the names of the recording.
    fn renamed(&self, sent: &Sent) -> Sent {
        let recorded = |cid: &Arc<str>| self.recorded_cids.get(cid).unwrap_or(cid).clone();
        let mut sent = sent.clone();
        sent.cid = sent.cid.as_ref().map(recorded);
        if let Body::Start(opening) = &mut sent.body {
            if let Some(target) = opening.cancelled() {
                opening.kwargs = cancel_kwargs(&recorded(&target));
            }
        }
        sent
    }

    /// Compares a frame of the core with the next recorded one.
    pub(super) fn account(&mut self, ours: &Sent) -> Result<(), Difference> {
        let recorded = self.seat.owns.get(self.matched);
        let named = self.named_like(ours, recorded);
        let is_same =
            recorded.is_some_and(|own| own.sent.clone().without_texts() == named.clone().without_texts());
        if is_same {
            self.take_for(ours, &named, recorded);
            return Ok(());
        }
        let difference = Difference {
            n: recorded.map_or_else(|| self.n(), |own| own.n),
            what: "another frame than recorded".to_owned(),
            recorded: recorded.map(|own| Box::new(own.sent.clone())),
            ours: Some(Box::new(named.clone())),
        };
        if !self.explaining {
            return Err(difference);
        }
        let about = subject(&named);
        let situation = Situation::of(self, about.as_ref(), recorded.map(|own| &own.sent), Some(&named));
        let Some((rule, effect)) = rules::for_frame(&situation) else { return Err(difference) };
        self.note_use(rule, about);
        match effect {
            Effect::Extra => self.note_sent(&named),
            Effect::Replaced => self.take_for(ours, &named, recorded),
        }
        Ok(())
    }

    /// Takes our frame for the recorded one.
    fn take_for(&mut self, ours: &Sent, named: &Sent, recorded: Option<&Own>) {
        if let Some(recorded) = recorded {
            self.learn_cid(ours, recorded);
        }
        self.note_sent(named);
        self.matched += 1;
    }

    /// Our frame with a new dialog id named as in the recorded one, if it can be that one.
    fn named_like(&self, ours: &Sent, recorded: Option<&Own>) -> Sent {
        let mut named = self.renamed(ours);
        if let (Some(cid), Some(own)) = (&ours.cid, recorded) {
            let is_new = ours.opening().is_some() && !self.recorded_cids.contains_key(cid);
            if let (true, Some(theirs)) = (is_new && own.sent.opening().is_some(), &own.sent.cid) {
                if !self.own_cids.contains_key(theirs) {
                    named.cid = Some(theirs.clone());
                }
            }
        }
        named
    }

    fn learn_cid(&mut self, ours: &Sent, recorded: &Own) {
        if ours.opening().is_some() {
            if let (Some(own), Some(theirs)) = (&ours.cid, &recorded.sent.cid) {
                self.recorded_cids.insert(own.clone(), theirs.clone());
                self.own_cids.insert(theirs.clone(), own.clone());
            }
        }
    }

    fn note_sent(&mut self, sent: &Sent) {
        if let Some(target) = sent.opening().and_then(|opening| opening.cancelled()) {
            if let Some(facts) = self.facts(&target) {
                facts.sent_cancel = true;
            }
        }
        let Some(cid) = &sent.cid else { return };
        let is_notice = self.seat.is_notice(sent);
        let plan = self.seat.dialogs.get(cid);
        let ends_by_stop = plan.is_some_and(|plan| plan.kind == Kind::Generator && plan.role == Role::Child);
        let Some(facts) = self.facts(cid) else { return };
        match sent.kind() {
            MsgKind::StartAck => facts.accepted = true,
            MsgKind::Started => facts.started = true,
            MsgKind::Stop => {
                facts.sent_stop = true;
                facts.ended |= ends_by_stop;
            }
            MsgKind::Return | MsgKind::CancelAck => facts.ended = true,
            MsgKind::Error => {
                facts.sent_notice |= is_notice;
                facts.ended |= !is_notice;
            }
            _ => {}
        }
    }

    /// Accounts for a recorded frame of ours that the core does not send.
    ///
    /// # Errors
    ///
    /// If no rule explains it.
    pub fn skip(&mut self, index: usize, why: &str) -> Result<(), Difference> {
        let own = &self.seat.owns[index];
        let difference = Difference {
            n: own.n,
            what: why.to_owned(),
            recorded: Some(Box::new(own.sent.clone())),
            ours: None,
        };
        if !self.explaining {
            return Err(difference);
        }
        let about = subject(&own.sent);
        let situation = Situation::of(self, about.as_ref(), Some(&own.sent), None);
        let Some(rule) = rules::for_silence(&situation) else { return Err(difference) };
        self.silenced.push(own.n);
        self.note_use(rule, about);
        self.matched += 1;
        Ok(())
    }
}

/// The dialog that a frame is about: that of a cancel request is the one to be cancelled.
fn subject(sent: &Sent) -> Option<Arc<str>> {
    sent.opening().and_then(|opening| opening.cancelled()).or_else(|| sent.cid.clone())
}
