//! Lost connections, killed processes, bytes that are no messages: 146 to 154.

use std::time::Duration;

use scipp_conformance::pair::uid_of;
use scipp_conformance::script::encoded;
use scipp_proto::wire::frame::PREFIX;
use scipp_proto::wire::{Message, SpawnSpec};
use scipp_proto::{Config, Connection, Identity, Instant, Kind};
use serde_json::{Value, json};

use crate::errors::goes_on;
use crate::scenario::{Scenario, scenario};
use crate::stage::{C, OPEN, P, Seat, Stage, payload};

pub(crate) const ALL: &[Scenario] = &[
    scenario(146, "nothing breaks and the parent is interrupted", "D-15 D-47", interrupted)
        .drivers(&["cancels::a_failing_parent_cancels_and_keeps_its_error"]),
    scenario(147, "the parent drops the connection in mid-stream", "D-19 D-22 D4 D41", parent_drops)
        .drivers(&["ends::a_body_learns_that_its_parent_is_gone"]),
    scenario(148, "the child drops the connection in mid-stream", "D-19 D-22 D4 D41", child_drops)
        .drivers(&["ends::a_peer_that_goes_while_it_streams_or_works"]),
    scenario(149, "both drop the connection", "D-22 D-45 D41", both_drop)
        .drivers(&["faults::s149_both_drop_the_connection"]),
    scenario(150, "the child dies when its stream is open", "D-22 D-47 D4", child_dies_in_its_stream)
        .drivers(&["faults::s152_the_child_is_killed"]),
    scenario(151, "strangers", "D-22 D-28 D-30 R-2", strangers).drivers(&[
        "ends::bad_input_ends_its_connection_and_no_other",
        "ends::a_peer_that_goes_before_it_introduces_itself",
    ]),
    scenario(152, "the child is killed", "D-22 D4 D41", child_killed)
        .fix()
        .drivers(&["faults::s152_the_child_is_killed"]),
    scenario(
        153,
        "the parent vanishes and the child goes on sending",
        "D-16 D-22 D-45 D4 D41",
        parent_vanishes,
    )
    .fix()
    .drivers(&["ends::a_body_learns_that_its_parent_is_gone"]),
    scenario(154, "frames that are no messages", "D-21 D-23 D-30 D10 D11 D33 D36", no_messages)
        .fix()
        .as_reference(forgiven)
        .drivers(&["faults::s154_frames_that_are_no_messages"]),
];

/// A streaming context in which each end has sent an item.
fn echoing(s: &mut Stage) -> (Seat, Seat) {
    let ends @ (parent, child) = s.streaming();
    s.sends(parent, 1);
    s.takes_items(child, &["1"]);
    s.sends(child, 1);
    s.takes_items(parent, &["1"]);
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield(1)", "C>P Yield(1)"]);
    ends
}

fn interrupted(s: &mut Stage) {
    let ends @ (parent, child) = echoing(s);
    s.body_raises(parent, "KeyboardInterrupt");
    s.unwinds(child);
    s.then_sent(&["P>C creq", "C>P StartAck(creq), Stop, ctxc(P), CancelAck"]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "KeyboardInterrupt");
}

const BY_US: &str = "disconnected: closed by us";
const BY_PEER: &str = "disconnected: closed by the peer";
const RESET: &str = "disconnected: connection reset";

fn parent_drops(s: &mut Stage) {
    let ends @ (parent, child) = echoing(s);
    s.drops(parent);
    s.cannot_send(parent, BY_US);
    s.takes_items(child, &[BY_PEER]);
    s.unwinds(child);
    s.then_sent(&[]);
    s.outcomes(ends, BY_US, BY_PEER);
    s.leaves(parent, BY_US);
}

fn child_drops(s: &mut Stage) {
    let ends @ (parent, child) = echoing(s);
    s.sends(child, 2);
    s.drops(child);
    s.takes_items(parent, &["2", BY_PEER]);
    s.cannot_send(parent, BY_PEER);
    s.cannot_send(child, BY_US);
    s.then_sent(&["C>P Yield(2)"]);
    s.outcomes(ends, BY_PEER, BY_US);
    s.leaves(parent, BY_PEER);
}

fn both_drop(s: &mut Stage) {
    s.again("the parent first");
    let ends @ (parent, child) = echoing(s);
    [parent, child].iter().for_each(|seat| s.drops(*seat));
    s.outcomes(ends, BY_US, BY_PEER);

    s.again("the child first");
    let ends @ (parent, child) = echoing(s);
    [child, parent].iter().for_each(|seat| s.drops(*seat));
    s.outcomes(ends, BY_PEER, BY_US);

    s.again("at once");
    let ends @ (parent, child) = echoing(s);
    s.crossing(|s| {
        [parent, child].iter().for_each(|seat| s.drops(*seat));
    });
    s.outcomes(ends, BY_US, BY_US);
}

fn child_dies_in_its_stream(s: &mut Stage) {
    let (parent, child) = s.context();
    s.opens_stream(child);
    s.kills(C);
    s.opens_stream(parent);
    s.takes_items(parent, &[RESET]);
    s.body_raises(parent, "TooSlowError");
    s.sent(&OPEN);
    s.outcome(parent, RESET);
    s.leaves(parent, "TooSlowError");
}

/// What becomes of a connection on which a stranger does this before it has introduced itself.
fn hears_out(act: impl FnOnce(&mut Connection)) -> String {
    let mut conn = Connection::new(Config::default(), Identity::new(uid_of(C)), 7, Instant::EPOCH);
    act(&mut conn);
    while conn.poll_event().is_some() {}
    conn.close_reason().map(ToString::to_string).unwrap_or_default()
}

fn strangers(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    let says = |bytes: &'static [u8]| {
        hears_out(|conn| {
            assert_eq!(conn.handle_input(Instant::EPOCH, bytes), bytes.len());
        })
    };
    for (stranger, reason, expected) in [
        (
            "that speaks HTTP",
            says(b"GET / HTTP/1.1"),
            "a frame of 542393671 bytes is announced, the limit is 16777216",
        ),
        (
            "with an empty frame",
            says(b"\0\0\0\0"),
            "expected one MessagePack map, found an empty frame at byte 0",
        ),
        (
            "with another message first",
            says(b"\x15\0\0\0\x82\xa8msg_type\xa4Stop\xa3cid\xa1c"),
            "expected Aid as the first frame, got Stop",
        ),
        (
            "that says nothing",
            hears_out(|conn| conn.handle_timeout(Instant::EPOCH.saturating_add(Duration::from_secs(10)))),
            "Handshake deadline ran out",
        ),
        ("that resets", hears_out(|conn| conn.handle_reset(Instant::EPOCH)), "connection reset"),
        ("that hangs up", hears_out(|conn| conn.handle_eof(Instant::EPOCH)), "closed by the peer"),
    ] {
        s.sees(child, &format!("hears a stranger out {stranger}"), reason, expected);
    }
    s.returns(child, 1);
    s.sent(&[OPEN[0], "C>P StartAck(context), Started(0), Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
    s.leaves(parent, "result 1");
}

fn child_killed(s: &mut Stage) {
    s.again("before it has answered");
    let parent = s.asks(Kind::Context);
    s.asked(parent);
    s.kills(C);
    s.gets_first(parent, RESET);
    s.sent(&["P>C Start"]);
    s.outcome(parent, RESET);

    s.again("while the parent waits for the result");
    let (parent, _) = s.context();
    s.waits(parent, "not yet");
    s.kills(C);
    s.sent(&OPEN);
    s.outcome(parent, RESET);
    s.leaves(parent, RESET);

    s.again("while the parent reads and sends");
    let (parent, child) = echoing(s);
    s.sends(child, 2);
    s.kills(C);
    s.takes_items(parent, &["2", RESET]);
    s.cannot_send(parent, RESET);
    s.then_sent(&["C>P Yield(2)"]);
    s.outcome(parent, RESET);
    s.leaves(parent, RESET);

    s.again("while it is being cancelled");
    let (parent, _) = s.context();
    s.cancels(parent);
    s.kills(C);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P StartAck(creq)"]);
    s.outcome(parent, RESET);
    s.leaves(parent, RESET);
}

fn parent_vanishes(s: &mut Stage) {
    for (variant, at_the_end) in [("the task fails", false), ("it has a result", true)] {
        s.again(variant);
        s.connect(&[[P, C], ["Q", C]]);
        let (_, child) = echoing(s);
        s.kills(P);
        s.is_in(child, "errored");
        s.cannot_send(child, RESET);
        if at_the_end {
            s.returns(child, 1);
        } else {
            s.unwinds(child);
        }
        s.then_sent(&[]);
        s.outcome(child, RESET);
        goes_on(s);
    }
}

/// The body of a message with these fields, whatever their types.
fn map(fields: Value) -> Vec<u8> {
    payload(&fields).as_bytes().to_vec()
}

/// A message of a kind that is not due, as body.
fn body(message: &Message<'_>) -> Vec<u8> {
    encoded(message)[PREFIX..].to_vec()
}

fn no_messages(s: &mut Stage) {
    let deep = vec![0x91; 600];
    for (what, body, reason) in [
        ("an empty frame", vec![], "expected one MessagePack map, found an empty frame at byte 0"),
        ("a byte that is no value", vec![0xc1], "reserved byte c1 at byte 0"),
        ("half a value", vec![0x82, 0xa3], "2 elements declared, but only 1 bytes are left at byte 0"),
        ("two values", vec![0x80, 0x80], "1 bytes follow the value at byte 1"),
        ("600 levels", deep, "nested deeper than 512 levels at byte 512"),
        ("a list", vec![0x90], "expected a map, found array at byte 0"),
        ("a key that is no text", vec![0x81, 0x01, 0x02], "a key is not a text but int at byte 1"),
        ("no tag", map(json!({ "cid": "c" })), "required key msg_type is missing at byte 0"),
        (
            "an unknown tag",
            map(json!({ "msg_type": "Hello", "cid": "c" })),
            "msg_type names no message at byte 16",
        ),
        (
            "Start without id",
            map(json!({ "msg_type": "Start", "ns": "demo" })),
            "required key cid is missing at byte 0",
        ),
        (
            "a late Aid",
            body(&Message::Aid(Box::new(Identity::new(uid_of(P))))),
            "Aid is not legal after the handshake",
        ),
        (
            "a late SpawnSpec",
            body(&Message::SpawnSpec(Box::new(spawn_spec()))),
            "SpawnSpec is not legal after the handshake",
        ),
    ] {
        s.again(what);
        s.connect(&[[P, C], ["Q", C]]);
        let ends @ (parent, _) = s.context();
        s.garbles(parent, what, &body);
        s.sent(&[OPEN[0], OPEN[1], &format!("P>C {what}!")]);
        s.outcomes(ends, BY_PEER, &format!("disconnected: {reason}"));
        goes_on(s);
    }
    wrong_envelopes(s);
}

fn spawn_spec() -> SpawnSpec {
    SpawnSpec {
        parent_main_data: payload(&json!({})),
        runtime_vars: payload(&json!({})),
        enable_modules: Vec::new(),
        reg_addrs: Vec::new(),
        bind_addrs: None,
    }
}

/// An item that has none.
fn no_item(s: &Stage, seat: Seat) -> Vec<u8> {
    map(json!({ "msg_type": "Yield", "cid": s.look(seat).cid() }))
}

/// What can be told to belong to a dialog breaks that one, or is refused.
fn wrong_envelopes(s: &mut Stage) {
    s.again("an item without value, from the parent");
    let ends @ (parent, child) = s.streaming();
    let body = no_item(s, parent);
    s.garbles(parent, "Yield without value", &body);
    s.unwinds(child);
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield without value!", "C>P Error(MsgTypeError)"]);
    s.outcomes(ends, "failed: MsgTypeError", "failed: broken rule, wrong envelope");

    s.again("an item without value, from the child");
    let ends @ (parent, child) = s.streaming();
    let body = no_item(s, child);
    s.garbles(child, "Yield without value", &body);
    s.unwinds(child);
    s.sent(&[
        OPEN[0],
        "C>P StartAck(context), Started(0), Yield without value!",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "failed: broken rule, wrong envelope", "cancelled by P");
    s.leaves(parent, "broken rule, wrong envelope");

    s.again("a request without function");
    let ends @ (parent, child) = s.context();
    s.garbles(
        parent,
        "Start without function",
        &map(json!({ "msg_type": "Start", "cid": "odd", "ns": "demo" })),
    );
    s.returns(child, 1);
    s.sent(&[OPEN[0], OPEN[1], "P>C Start without function!", "C>P Error(MsgTypeError)#?, Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

/// The reference forgives four malformed frames.
fn forgiven(s: &mut Stage) {
    s.again("the fifth closes the connection");
    let ends @ (parent, child) = s.context();
    for _ in 0..4 {
        s.garbles(parent, "no value", &[0xc1]);
    }
    s.is_cut_off(child, "no");
    s.garbles(parent, "no value", &[0xc1]);
    s.sent(&[OPEN[0], OPEN[1], "P>C no value!, no value!, no value!, no value!, no value!"]);
    s.outcomes(ends, BY_PEER, "disconnected: reserved byte c1 at byte 0");
}
