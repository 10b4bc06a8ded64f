//! Pausing the whole connection while an inbox is full, for those who choose that. (D46)

use core::mem;

use crate::connection::Connection;
use crate::event::DialogId;

impl Connection {
    pub(crate) fn give_up_pausing(&mut self) {
        for id in mem::take(&mut self.pausing) {
            if let Some(dialog) = self.table.get_mut(id) {
                dialog.inbox.give_up_pausing();
            }
        }
        self.timers.pause = None;
        self.arm_partial_frame();
    }

    fn inboxes_are_full(&self) -> bool {
        self.inbox_bytes >= self.config.inbox_bytes
    }

    /// Stops reading if this dialog's inbox asks for it.
    pub(crate) fn pause_reading(&mut self, id: DialogId) {
        let all_full = self.inboxes_are_full();
        let wants_pause = self.table.get(id).is_some_and(|dialog| dialog.inbox.wants_pause(all_full));
        if wants_pause && !self.pausing.contains(&id) {
            self.pausing.push(id);
            self.timers.pause.get_or_insert(self.now.saturating_add(self.config.max_pause));
            self.arm_partial_frame();
        }
    }

    /// Reads on once no inbox holds it up.
    pub(crate) fn resume_reading(&mut self) {
        if self.timers.pause.is_none() {
            return;
        }
        let all_full = self.inboxes_are_full();
        let table = &self.table;
        self.pausing.retain(|&id| table.get(id).is_some_and(|dialog| dialog.inbox.wants_pause(all_full)));
        if self.pausing.is_empty() {
            self.timers.pause = None;
            self.arm_partial_frame();
        }
    }
}
