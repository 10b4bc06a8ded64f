//! How often each line of the phase table was taken by a frame that arrived.

use std::collections::BTreeMap;

use bytes::Bytes;
use scipp_proto::phase::{Phase, Role, Signal, step};
use scipp_proto::tables::Row;
use scipp_proto::wire::{self, Message};
use scipp_proto::{Connection, DialogRef, Kind};

use crate::script::is_notice;
use crate::world::{Remedy, Stage};

/// Counts by line.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    rows: BTreeMap<Row, u64>,
    /// Values that were not simply taken.
    pub remedies: BTreeMap<(Remedy, Stage), u64>,
}

impl Tally {
    /// Counts the frame `body` that `conn` is about to take.
    pub fn observe(&mut self, conn: &Connection, body: &Bytes) {
        let Ok(message) = wire::decode(body, &conn.config().limits()) else { return };
        let Some(cid) = message.cid() else { return };
        let Some(dialog) = conn.dialogs().find(|dialog| dialog.cid() == cid) else { return };
        if let Some(signal) = signal(&message, conn) {
            self.count(&dialog, signal);
        }
    }

    /// Counts a frame that is about to be taken for this dialog.
    pub fn count(&mut self, dialog: &DialogRef<'_>, signal: Signal) {
        let (phase, from) = (dialog.phase(), dialog.role().peer());
        // What a child runs is not decided before it accepts: the line of every kind was taken.
        let is_open = phase == Phase::Requested && dialog.role() == Role::Child;
        for kind in Kind::ALL.into_iter().filter(|&kind| is_open || kind == dialog.kind()) {
            let row = Row { kind, phase, from, signal, verdict: step(kind, phase, from, signal) };
            *self.rows.entry(row).or_default() += 1;
        }
    }

    /// How often a line was taken.
    pub fn of(&self, row: &Row) -> u64 {
        self.rows.get(row).copied().unwrap_or(0)
    }

    /// Adds the counts of another tally.
    pub fn merge(&mut self, other: &Self) {
        for (row, count) in &other.rows {
            *self.rows.entry(*row).or_default() += count;
        }
        for (hit, count) in &other.remedies {
            *self.remedies.entry(*hit).or_default() += count;
        }
    }
}

fn signal(message: &Message<'_>, conn: &Connection) -> Option<Signal> {
    Some(match message {
        Message::StartAck { functype, .. } => Signal::StartAck(*functype),
        Message::Started { .. } => Signal::Started,
        Message::Yield { .. } => Signal::Yield,
        Message::Stop { .. } => Signal::Stop,
        Message::Return { .. } => Signal::Return,
        // The acknowledgement of an actor cancel is its result.
        Message::CancelAck { .. } => Signal::Return,
        Message::Error(error) if is_notice(error, &conn.identity().uid) => Signal::Notice,
        Message::Error(_) => Signal::Error,
        Message::Aid(_) | Message::SpawnSpec(_) | Message::Start(_) => return None,
    })
}
