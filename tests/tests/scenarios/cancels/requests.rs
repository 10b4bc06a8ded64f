//! Requests that are made twice, for nothing, or in vain: 84 to 88.

use std::time::Duration;

use scipp_proto::Config;

use super::{ENDED, RETURNED};
use crate::stage::{C, OPEN, P, Stage};

pub(super) fn cancelled_twice(s: &mut Stage) {
    s.again("by us");
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    s.cancels(parent);
    s.unwinds(child);
    s.cancels(parent);
    s.sent(&[OPEN, ENDED].concat());
    s.outcomes(ends, "cancelled by P", "cancelled by P");

    s.again("by a parent that asks again");
    let ends @ (parent, child) = s.context();
    s.cancels(parent);
    let cid = s.look(parent).cid().to_owned();
    s.requests_end(0, P, &cid);
    s.unwinds(child);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C creq",
        "C>P StartAck(creq)",
        "P>C creq!",
        "C>P StartAck(creq), ctxc(P), CancelAck, CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
}

pub(super) fn request_for_nothing(s: &mut Stage) {
    s.again("there never was such a task");
    let ends @ (_, child) = s.context();
    s.requests_end(0, P, "nobody");
    s.is_in(child, "started");
    s.returns(child, "yo");
    s.sent(&[OPEN[0], OPEN[1], "P>C creq#?!", "C>P StartAck(creq)#?, CancelAck#?, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");

    s.again("the task has returned");
    let ends @ (parent, child) = s.context();
    s.returns(child, "yo");
    let cid = s.look(parent).cid().to_owned();
    s.requests_end(0, P, &cid);
    s.sent(&[RETURNED[0], RETURNED[1], "P>C creq!", "C>P StartAck(creq), CancelAck"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

pub(super) fn request_over_another_connection(s: &mut Stage) {
    s.connect(&[[P, C], [P, C]]);
    let ends @ (parent, child) = s.context();
    let cid = s.look(parent).cid().to_owned();
    s.requests_end(1, P, &cid);
    s.is_in(child, "started");
    s.returns(child, "yo");
    s.sent(&[OPEN[0], OPEN[1], "P>C creq#?!", "C>P StartAck(creq)#?, CancelAck#?, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

pub(super) fn no_answer_but_a_result(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.holds(P);
    s.cancels(parent);
    s.passes(Duration::from_millis(615));
    s.hears(parent, "Started");
    s.passes(Duration::from_millis(1));
    s.hears(parent, "Overdue(CancelAck)");
    s.waits(parent, "not yet");
    s.returns(child, "yo");
    s.waits(parent, "result 'yo'");
    s.sent(&[OPEN[0], OPEN[1], "P>C creq", "C>P Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

pub(super) fn no_answer_at_all(s: &mut Stage) {
    let unanswered = |s: &mut Stage| {
        let ends = s.context();
        s.holds(P);
        s.cancels(ends.0);
        s.passes(Duration::from_secs(10));
        s.hears(ends.0, "Overdue(CancelAck)");
        ends
    };
    s.again("no deadline is set");
    let ends @ (parent, _) = unanswered(s);
    s.passes(Duration::from_secs(36_000));
    s.waits(parent, "not yet");
    s.cuts(0);
    s.sent(&[OPEN[0], OPEN[1], "P>C creq"]);
    s.outcomes(ends, "disconnected: connection reset", "disconnected: connection reset");
    s.leaves(parent, "disconnected: connection reset");

    s.again("a deadline of 20 seconds");
    let limited = |config| {
        let mut limited: Config = config;
        limited.final_frame_timeout = Some(Duration::from_secs(20));
        limited
    };
    s.connect_with(&[[P, C]], limited);
    let ends @ (parent, child) = unanswered(s);
    s.passes(Duration::from_secs(10));
    s.waits(parent, "no error");
    s.lets_go(P);
    s.unwinds(child);
    s.sent(&[OPEN, ENDED].concat());
    s.outcomes(ends, "cancelled, unconfirmed", "cancelled by P");
}
