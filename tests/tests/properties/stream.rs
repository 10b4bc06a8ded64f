//! Frames of a peer.

use bytes::BytesMut;
use scipp_conformance::script::{args, error_by, int, start};
use scipp_proto::wire::{self, ErrorMsg, Message};
use scipp_proto::{Kind, Kwargs, Uid};

/// Frames of a peer, two bytes for each: some about its own dialogs, some about ours, whole and torn.
pub(crate) fn stream_of(choices: &[u8], own: &[String]) -> Vec<u8> {
    let theirs = ["a", "b", "c"].map(str::to_owned);
    let mut stream = BytesMut::new();
    for pair in choices.chunks_exact(2) {
        let cids: Vec<&str> = own.iter().chain(&theirs).map(String::as_str).collect();
        let cid = cids[usize::from(pair[1]) % cids.len()];
        let uid = Uid::new("peer", "p");
        let class = ["E", "ContextCancelled", "StreamOverrun"][usize::from(pair[1] / 64) % 3];
        let error = ErrorMsg {
            boxed_type_str: class.to_owned(),
            canceller: (pair[1] < 128).then(|| uid.clone()),
            sender: Some(Uid::new("us", "u")),
            cid: Some(cid.into()),
            ..error_by(uid.clone(), "E")
        };
        let wire_cid = wire::Text::from(cid);
        let func = ["a", "b", "c", "d", "e", "f", "g", "h"][usize::from(pair[1] / 8) % 8];
        let kind = Kind::ALL[usize::from(pair[1]) % 3];
        let message = match pair[0] % 16 {
            0 => start(cid, ("self", "_cancel_task"), args("cid", "a"), &uid),
            1 => start(cid, ("self", "cancel"), Kwargs::EMPTY, &uid),
            2..=4 => start(cid, ("demo", func), Kwargs::EMPTY, &uid),
            5 | 6 => Message::StartAck { cid: wire_cid, functype: kind },
            7 => Message::Started { cid: wire_cid, pld: int(1) },
            8..=10 => Message::Yield { cid: wire_cid, pld: int(2) },
            11 => Message::Stop { cid: wire_cid },
            12 => Message::Return { cid: wire_cid, pld: int(3) },
            13 => Message::CancelAck { cid: wire_cid, pld: true },
            _ => Message::Error(Box::new(error)),
        };
        wire::encode(&message, &mut stream);
        if pair[0] == 255 {
            stream.truncate(stream.len() - 1);
        }
    }
    stream.to_vec()
}
