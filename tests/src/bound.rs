//! How much memory a connection may use.

use scipp_proto::Config;

/// Bytes of a record with its share of the table, the names and texts in it not counted.
pub const RECORD: usize = 512;

/// Bytes that the inbox of a dialog keeps for each item beside the item itself.
pub const ITEM: usize = 64;

/// Bytes of a place in the table, in its index and in the list of free ones.
const SLOT: usize = 40;

/// Bytes for each id of an ended dialog that is remembered.
const LATE: usize = 32;

/// Bytes of the largest reply that a peer can force: an `Error` with the names of both actors and the id.
pub const REPLY: usize = 8 << 10;

/// Bytes that one kept error may have: its texts, its offending message in two forms, names and hops.
pub const fn kept_error(config: &Config) -> usize {
    let names = config.max_relay_path.saturating_add(4).saturating_mul(2);
    let name = config.max_name.saturating_add(64);
    config.max_text.saturating_mul(4).saturating_add(names.saturating_mul(name))
}

/// The most that [`Connection::memory`](scipp_proto::Connection::memory) may say beyond what is not yet
/// written, if never more than `dialogs` records were kept at once, requests of our own included.
pub fn resting(config: &Config, dialogs: usize) -> usize {
    let frame = config.max_frame.saturating_add(4);
    let receive = frame.saturating_add(config.receive_buffer.saturating_mul(2));
    // Unread items stand in the account of their dialogs, and in the stores they are moved to.
    let unread = config
        .inbox_bytes
        .max(config.max_frame)
        .saturating_mul(3)
        .saturating_add(config.receive_buffer.saturating_mul(2));
    let record = RECORD + config.max_cid + config.inbox_items * ITEM;
    // Of errors beyond the limit the names and the ends of the path are kept.
    let stripped = 10 * (config.max_name + 64);
    let errors = config.error_bytes.saturating_add(kept_error(config));
    let kept = dialogs.saturating_mul(record.saturating_add(stripped)).saturating_add(errors);
    receive
        .saturating_add(unread)
        .saturating_add(kept)
        .saturating_add(config.late_cids.saturating_mul(64))
        .saturating_add(4 << 10)
}

/// The most that [`Connection::memory`](scipp_proto::Connection::memory) may say beyond what is not yet
/// written, if there is no record and never were more than `records` at once, nor more than `unread` bytes of
/// items: the receive buffers, the stores of unread items, and the table.
pub fn empty(config: &Config, unread: usize, records: usize) -> usize {
    let frame = config.max_frame.saturating_add(4);
    let receive = config.receive_buffer.saturating_add(frame.max(config.receive_buffer));
    let slots = records.max(4).next_power_of_two();
    receive
        .saturating_add(unread.saturating_mul(2))
        .saturating_add(slots.saturating_mul(SLOT))
        .saturating_add(config.late_cids.saturating_mul(LATE))
}

/// Limits that worlds of a few small dialogs just keep, so that what a bound allows is not much more than what
/// there is. Window, policies and deadlines are the usual ones.
pub fn tight() -> Config {
    let mut config = Config::default();
    config.max_frame = 1024;
    config.receive_buffer = config.max_frame + 4;
    config.max_cid = 64;
    config.max_name = 32;
    config.max_text = 256;
    config.max_relay_path = 8;
    config.inbox_bytes = 128;
    config.error_bytes = 8192;
    config.late_cids = 64;
    config
}

/// The most that may be unwritten, if the application made the core queue `forced` bytes of results,
/// first values and errors beyond a full outbox.
pub fn unwritten(config: &Config, forced: usize) -> usize {
    let replies = config.max_owed.saturating_add(1).saturating_mul(REPLY);
    config.outbox_bytes.saturating_add(config.max_frame).saturating_add(replies).saturating_add(forced)
}
