//! A fingerprint of a connection's state, for model checkers and searches.

use core::hash::{Hash, Hasher};

use crate::connection::Connection;

impl Connection {
    /// Feeds every fact that can influence a later frame, event or verb to `hasher`: two connections that
    /// hash alike answer every further script alike, up to the ids of dialogs they open and to how many bytes one
    /// `handle_input` takes. Deadlines count
    /// relative to the latest time told; counters, capacities, seeds and absolute time do not count.
    pub fn hash_state(&self, hasher: &mut impl Hasher) {
        (&self.config, &self.ours, &self.peer, &self.status, self.awaits_spawn_spec).hash(hasher);
        (self.receive.unread(), self.outbox.queued(), self.outbox.unwritten()).hash(hasher);
        (&self.events, self.input_end).hash(hasher);
        for (at, deadline) in self.timers.all() {
            (at.map(|at| at.duration_since(self.now)), deadline).hash(hasher);
        }
        for id in self.table.ids() {
            let Some(dialog) = self.table.get(id) else { continue };
            id.hash(hasher);
            dialog.hash(hasher);
            for at in [dialog.cancel_ack_due, dialog.final_frame_due] {
                at.map(|at| at.duration_since(self.now)).hash(hasher);
            }
        }
        self.table.hash_late(hasher);
        (&self.acknowledged, &self.unarmed, self.owed_replies, self.strays, self.error_bytes).hash(hasher);
        // Of the counters these two decide something: the malformed budget, and who may be second.
        (self.counters.malformed, self.counters.frames_out == 1).hash(hasher);
    }
}
