//! Values of the wrong type: 130 to 145.

use std::sync::Arc;

use scipp_common::{Error, conclusion};
use scipp_conformance::script::Unsendable;
use scipp_proto::spec::Slots;
use scipp_proto::{
    Extension, Extensions, Failure, Instant, Kind, Misuse, Outcome, Parity, Payload, Received, Report, Terms,
    TypePolicy,
};
use serde::{Deserialize, Serialize};

use crate::scenario::{Scenario, scenario};
use crate::stage::{Seat, Stage, payload};
use crate::words;

pub(crate) const ALL: &[Scenario] = &[
    scenario(130, "a first value that its sender refuses", "P-12 P-20 P-23", refused_first_value)
        .drivers(&["typed::an_invalid_first_value_is_refused_where_it_is_sent_and_fails_the_open"]),
    scenario(131, "a first value that its receiver refuses", "P-19 P-20 D-21", unchecked_first_value)
        .drivers(&[
            "typed::an_invalid_first_value_that_was_not_checked_fails_the_open_and_cancels_the_child",
        ]),
    scenario(132, "a result of the wrong type", "P-19 P-20", wrong_result)
        .drivers(&["typed::an_invalid_result_is_the_error_of_the_dialog"]),
    scenario(133, "nothing but good values", "P-19 P-22", good_values),
    scenario(134, "the spec of an endpoint is in force at once", "P-17 P-23", spec_of_the_endpoint)
        .drivers(&["terms::the_terms_of_an_endpoint_are_in_force_inside_it"]),
    scenario(135, "values of an extension type", "P-25", extension_type)
        .drivers(&["typed::an_extension_type_makes_the_round_trip"]),
    scenario(136, "an extension type that is not registered", "P-25", unregistered_type),
    scenario(137, "specs outside of a dialog", "P-24 P-25", outside_of_a_dialog),
    scenario(138, "a value stays as it came until it is decoded", "P-1", undecoded)
        .drivers(&["receiving::a_payload_is_received_unread"]),
    scenario(139, "items are checked by their receiver", "P-17 P-19 P-23 D30", checked_by_the_receiver)
        .drivers(&["policies::a_mistyped_item_cancels_unless_the_terms_say_otherwise"]),
    scenario(140, "a spec concerns values only", "P-18", values_only)
        .drivers(&["terms::no_spec_stands_between_a_cancel_and_its_end"]),
    scenario(141, "a type error that the application handles", "P-20 P-22 D27", handled)
        .drivers(&["policies::a_mistyped_item_is_handed_over_and_the_dialog_goes_on"]),
    scenario(142, "another first value after a refused one", "P-23", second_try)
        .drivers(&["typed::a_child_whose_first_value_was_refused_may_send_another_one"]),
    scenario(143, "values have to survive as they are", "P-21", parity)
        .drivers(&["typed::strict_parity_refuses_what_would_come_out_otherwise"]),
    scenario(144, "a wrong result that nobody waits for", "P-19 D13", nobody_waits)
        .fix()
        .drivers(&["typed::an_invalid_result_is_the_error_of_the_dialog"]),
    scenario(145, "a result that cannot be sent", "D-27 D11", unsendable)
        .fix()
        .drivers(&["typed::a_result_that_cannot_be_written_is_reported_without_it"]),
];

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "PldMsg")]
struct PldMsg {
    field: &'static str,
}

/// What the endpoints of most scenarios take.
const SPEC: &str = "PldMsg|None where PldMsg = struct(type='PldMsg', field: str)";
const GOOD: PldMsg = PldMsg { field: "x" };
const SHOWN: &str = "{\"field\":\"x\",\"type\":\"PldMsg\"}";

fn terms(spec: &str) -> Terms {
    Terms::one_for_all(spec.parse().expect("a spec"))
}

/// Only receivers check.
fn unchecked(spec: &str) -> Terms {
    Terms { check_started: false, check_return: false, ..terms(spec) }
}

/// A context whose ends are bound to these terms.
fn limited(s: &mut Stage, parent: Terms, child: Terms) -> (Seat, Seat) {
    let ends = s.opens(Kind::Context);
    for (seat, terms) in [(ends.0, parent), (ends.1, child)] {
        s.with(seat, |conn, end| conn.limit(end.id, &Arc::new(terms))).expect("not released");
    }
    ends
}

fn alike(s: &mut Stage, terms: Terms) -> (Seat, Seat) {
    limited(s, terms.clone(), terms)
}

/// The child tries a first value that its own spec forbids.
#[track_caller]
fn may_not_start(s: &mut Stage, child: Seat, first: impl Serialize, expected: &str) -> Error {
    let first = payload(&first);
    s.is_refused(child, expected, |conn, end| end.started(conn, first))
}

const TEN_IS_NO_STRUCT: &str =
    "Started of the child: .: expected PldMsg|None, found 10 (int), at byte 0 (spec: PldMsg|None)";

fn refused_first_value(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, terms(SPEC));
    let error = may_not_start(s, child, 10, TEN_IS_NO_STRUCT);
    let Error::Misuse(Misuse::Mistyped(mistyped)) = error else { panic!("{error:?}") };
    s.concludes(child, Err(Report::from(&*mistyped).into()));
    s.gets_first(parent, "MsgTypeError");
    let told = s.look(parent).error().and_then(Failure::remote).map(|error| error.msg.tb_str.clone());
    s.sees(parent, "is told", told.unwrap_or_default(), TEN_IS_NO_STRUCT);
    s.sent(&["P>C Start", "C>P StartAck(context), Error(MsgTypeError)"]);
    s.outcomes(ends, "failed: MsgTypeError", "failed: own MsgTypeError");
}

fn unchecked_first_value(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, unchecked(SPEC));
    s.starts(child, 10);
    s.gets_first(parent, "mistyped Started");
    s.unwinds(child);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(10)",
        "P>C creq",
        "C>P StartAck(creq), ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "failed: mistyped Started", "cancelled by P");
    s.leaves(parent, "mistyped Started");
}

fn wrong_result(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, unchecked(SPEC));
    s.starts(child, GOOD);
    s.gets_first(parent, SHOWN);
    s.returns(child, "yo");
    s.waits(parent, "mistyped Return");
    let dialog = s.look(parent);
    let is_recorded =
        matches!(dialog.outcome(), Some(Outcome::Failed(failure)) if dialog.error() == Some(failure));
    s.sees(parent, "keeps the outcome as the error", is_recorded, "true");
    s.sent(&["P>C Start", &format!("C>P StartAck(context), Started({SHOWN}), Stop, Return('yo')")]);
    s.outcomes(ends, "failed: mistyped Return", "returned");
    s.leaves(parent, "mistyped Return");
}

fn good_values(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, terms(SPEC));
    s.starts(child, GOOD);
    s.gets_first(parent, SHOWN);
    s.returns(child, ());
    s.sent(&["P>C Start", &format!("C>P StartAck(context), Started({SHOWN}), Stop, Return(nil)")]);
    s.outcomes(ends, "returned nil", "returned");
    s.leaves(parent, "result nil");
}

fn spec_of_the_endpoint(s: &mut Stage) {
    let ends @ (_, child) = limited(s, Terms::default(), terms(SPEC));
    may_not_start(s, child, 10, TEN_IS_NO_STRUCT);
    s.starts(child, ());
    let spec = s.look(child).terms().and_then(|terms| terms.slots.yields.clone());
    s.sees(child, "has as spec", spec.map(|spec| spec.to_string()).unwrap_or_default(), "PldMsg|None");
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(nil), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

#[derive(Debug, PartialEq)]
struct Celsius(i8);

impl Extension for Celsius {
    const CODE: i8 = 7;

    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(content: &[u8]) -> Result<Self, String> {
        let content = content.try_into().map_err(|_| "one byte is due".to_owned())?;
        Ok(Self(i8::from_be_bytes(content)))
    }
}

/// What a task that has no type for a code reports.
fn unknown_code() -> String {
    Extensions::default().encode(&Celsius(1)).expect_err("not registered").to_string()
}

fn extension_type(s: &mut Stage) {
    let mut extensions = Extensions::default();
    extensions.register::<Celsius>().expect("the first of this code");
    let value = |degrees| extensions.encode(&Celsius(degrees)).expect("registered");
    let ends @ (parent, child) = alike(s, terms("Ext[7]|None"));
    s.with(child, |conn, end| end.started(conn, value(-3))).expect("it conforms");
    s.opens_stream(child);
    s.with(child, |conn, end| conn.send_checked(end.id, value(21))).expect("it conforms");
    s.returns(child, ());
    for expected in ["Celsius(-3)", "Celsius(21)"] {
        let received = s.with(parent, |conn, end| conn.receive(end.id)).expect("not released");
        let value = received.value().map(|value| extensions.decode::<Celsius>(value));
        s.sees(
            parent,
            "receives",
            value.map(|value| format!("{:?}", value.expect("of this type"))).unwrap_or_default(),
            expected,
        );
    }
    s.sent(&["P>C Start", "C>P StartAck(context), Started(3 bytes), Yield(3 bytes), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

fn unregistered_type(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    s.concludes(child, Err(Report::new("TypeError", unknown_code()).into()));
    s.gets_first(parent, "TypeError");
    s.sent(&["P>C Start", "C>P StartAck(context), Error(TypeError)"]);
    s.outcomes(ends, "failed: TypeError", "failed: own TypeError");
}

fn outside_of_a_dialog(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.sees(child, "has no type for code 7", unknown_code(), "the type with the code 7 is not registered");
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
    s.with(parent, |conn, end| conn.release(Instant::EPOCH, end.id));
    s.is_refused(parent, "no such dialog", |conn, end| conn.narrow(end.id, Slots::default()));
}

fn undecoded(s: &mut Stage) {
    let ends @ (parent, child) = s.opens(Kind::Context);
    let no_text = Payload::new(b"\xa1\xff"[..].into()).expect("a value");
    s.with(child, |conn, end| end.started(conn, no_text.clone())).expect("it may");
    let first = s.with(parent, |conn, end| conn.take_first(end.id)).expect("it came");
    s.sees(parent, "has it as it was sent", first == no_text, "true");
    let text = first.decode::<String>().map_err(|error| error.path);
    s.sees(parent, "decodes a text", format!("{text:?}"), "Err(\".\")");
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(2 bytes), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

const YO_IS_NO_INT: &str = "Started of the child: .: expected int, found 'yo' (str), at byte 0 (spec: int)";

fn checked_by_the_receiver(s: &mut Stage) {
    s.again("only the sender has a spec");
    let ends @ (parent, child) = limited(s, Terms::default(), terms("int"));
    sends_a_text(s, ends);
    s.takes_items(parent, &["'yo'"]);
    s.returns(child, 1);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(10), Yield('yo'), Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");

    s.again("the receiver has one, too");
    let ends @ (parent, child) = alike(s, terms("int"));
    sends_a_text(s, ends);
    s.takes_items(parent, &["mistyped Yield"]);
    s.unwinds(child);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(10), Yield('yo')",
        "P>C creq",
        "C>P StartAck(creq), Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "failed: mistyped Yield", "cancelled by P");
}

/// After a refused text the child starts with a number, and sends the text as an item.
fn sends_a_text(s: &mut Stage, (parent, child): (Seat, Seat)) {
    may_not_start(s, child, "yo", YO_IS_NO_INT);
    s.starts(child, 10);
    s.opens_stream(parent);
    s.opens_stream(child);
    s.sends(child, "yo");
}

fn values_only(s: &mut Stage) {
    for (variant, spec, is_started) in
        [("before the first value", "Literal['never']", false), ("after it", "None", true)]
    {
        s.again(variant);
        let ends @ (parent, child) = alike(s, terms(spec));
        if is_started {
            s.starts(child, ());
        }
        s.cancels(parent);
        s.unwinds(child);
        let opened = if is_started { "C>P StartAck(context), Started(nil)" } else { "C>P StartAck(context)" };
        s.sent(&["P>C Start", opened, "P>C creq", "C>P StartAck(creq), ctxc(P), CancelAck"]);
        s.outcomes(ends, "cancelled by P", "cancelled by P");
        s.leaves(parent, "no error");
    }
}

fn handled(s: &mut Stage) {
    let terms = Terms { on_mistyped: TypePolicy::HandOver, ..terms("int") };
    let ends @ (parent, child) = limited(s, terms, Terms::default());
    s.starts(child, 0);
    s.opens_stream(child);
    s.sends(child, 1);
    s.sends(child, "yo");
    s.sends(child, 2);
    s.returns(child, 3);
    for expected in ["Started 0", "Yield 1", "wrong Yield 'yo'", "Yield 2", "Return 3"] {
        let received = s.with(parent, |conn, end| conn.receive(end.id)).expect("not released");
        s.sees(parent, "receives", shown(&received), expected);
    }
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield(1), Yield('yo'), Yield(2), Stop, Return(3)",
    ]);
    s.outcomes(ends, "returned 3", "returned");
    s.leaves(parent, "result 3");
}

fn shown(received: &Received) -> String {
    let wrong = if matches!(received, Received::Mistyped(_)) { "wrong " } else { "" };
    let (kind, value) = (received.kind().expect("a message"), received.value().expect("with a value"));
    format!("{wrong}{kind} {}", words::value(value))
}

fn second_try(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, terms(SPEC));
    may_not_start(s, child, 10, TEN_IS_NO_STRUCT);
    s.gets_first(parent, "nothing yet");
    s.starts(child, GOOD);
    s.gets_first(parent, SHOWN);
    s.returns(child, ());
    s.sent(&["P>C Start", &format!("C>P StartAck(context), Started({SHOWN}), Stop, Return(nil)")]);
    s.outcomes(ends, "returned nil", "returned");
}

fn parity(s: &mut Stage) {
    let changed =
        "Started of the child: .: expected float|None, found 10 (int), at byte 0 (spec: float|None)";
    s.again("as far as the spec names them");
    let ends @ (_, child) = alike(s, terms("float|None"));
    s.starts(child, 10);
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(10), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");

    s.again("all of them");
    let ends @ (_, child) = alike(s, Terms { parity: Parity::Strict, ..terms("float|None") });
    may_not_start(s, child, 10, changed);
    s.starts(child, 10.0);
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(10.0), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

fn nobody_waits(s: &mut Stage) {
    let ends @ (parent, child) = alike(s, unchecked(SPEC));
    s.starts(child, ());
    s.opens_stream(parent);
    s.stops(parent);
    s.returns(child, "yo");
    s.takes_items(parent, &["mistyped Return"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(nil)", "P>C Stop", "C>P Return('yo')"]);
    s.outcomes(ends, "failed: mistyped Return", "returned");
    s.leaves(parent, "mistyped Return");
}

fn unsendable(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.concludes(child, conclusion(Ok::<_, Error>(Unsendable)));
    let bad = s.look(parent).error().and_then(Failure::remote).map(|error| error.bad_msg().is_some());
    s.sees(parent, "is told the value", bad == Some(true), "false");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Error(MsgTypeError)"]);
    s.outcomes(ends, "failed: MsgTypeError", "failed: own MsgTypeError");
    s.leaves(parent, "MsgTypeError");
}
