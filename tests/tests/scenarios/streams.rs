//! Streams of contexts: 21 to 43.

use std::time::Duration;

use scipp_proto::Kind;

use crate::scenario::{Scenario, scenario};
use crate::stage::{C, OPEN, P, Seat, Stage};

pub(crate) const ALL: &[Scenario] = &[
    scenario(21, "ten rounds of question and answer", "D-7 D-8 D-19", ten_rounds)
        .drivers(&["contexts::a_context_has_a_first_value_a_stream_both_ways_and_a_result"]),
    scenario(22, "the child opens and closes at once", "D-8 D-10", child_closes_at_once),
    scenario(23, "an item that nobody reads", "D-8 D-14 D21", item_that_nobody_reads),
    scenario(24, "a second stream after the end of the first", "D-7 D23", second_stream_after_the_end),
    scenario(25, "the parent leaves its stream while the task runs on", "D-8 D-20 D-28 D2", task_runs_on)
        .drivers(&["scenarios::s025_the_block_lasts_as_long_as_the_task"]),
    scenario(26, "two tasks of the child share a stream", "D-7", two_tasks_share_a_stream),
    scenario(27, "subscribers of a publisher are interrupted", "D-15 D-47", |s| {
        publisher(s, "KeyboardInterrupt")
    })
    .drivers(&["publisher::s027_subscribers_of_a_publisher_are_interrupted"]),
    scenario(28, "subscribers of a publisher run out of time", "D-15 D-47", |s| publisher(s, "TooSlowError"))
        .drivers(&["publisher::s028_subscribers_of_a_publisher_run_out_of_time"]),
    scenario(29, "a context and a generator are interrupted", "D-9 D-15 D-16 D-47", both_stream_types)
        .drivers(&["scenarios::s029_a_failing_body_ends_a_context_and_a_generator"]),
    scenario(30, "one task of the child closes while another sends", "D-8 D-19", closed_while_sending),
    scenario(31, "the task returns inside its stream", "D-8 D-10 D-20", returns_inside_its_stream),
    scenario(32, "the parent stops before the child opens", "D-8 D-10 D32", stops_before_the_child_opens),
    scenario(33, "both stop at once", "D-8 D42", both_stop),
    scenario(34, "sending after the end", "D-8", sending_after_the_end)
        .drivers(&["streams::the_first_stop_ends_the_stream_for_both"]),
    scenario(35, "reading after closing", "D-8 D-19", reading_after_closing),
    scenario(36, "a result without Stop while the parent reads", "D-10 D-20 D3 D31", |s| {
        result_while_reading(s, "C>P StartAck(context), Started(0), Stop, Return(1)");
    })
    .fix()
    .as_reference(result_without_stop_as_the_reference),
    scenario(37, "the parent leaves three items unread", "D-14 D-20 D2 D21", leaves_items_unread).fix(),
    scenario(38, "the parent leaves a result unread", "D-14 D-40 D1 D32", leaves_a_result_unread).fix(),
    scenario(39, "nine items and a result while the parent waits", "D-11 D-20 D2", nine_items_while_waiting)
        .fix(),
    scenario(40, "thirty items for a parent without a stream", "D-7 D-11", thirty_items_without_a_stream),
    scenario(41, "items that count as false", "D-7 D21", items_that_count_as_false),
    scenario(42, "streams opened again or twice", "D-7 D23 D42", streams_opened_twice),
    scenario(43, "another reader goes on", "D-19", another_reader_goes_on),
];

fn ten_rounds(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    for round in 0..10 {
        s.sends(parent, round);
        s.takes_items(child, &[&round.to_string()]);
        s.sends(child, round);
        s.takes_items(parent, &[&round.to_string()]);
    }
    s.stops(parent);
    s.takes_items(child, &["end"]);
    s.returns(child, 10);
    let rounds = (0..10).flat_map(|n| [format!("P>C Yield({n})"), format!("C>P Yield({n})")]);
    let frames: Vec<_> = rounds.chain(["P>C Stop".to_owned(), "C>P Return(10)".to_owned()]).collect();
    let frames = OPEN.into_iter().chain(frames.iter().map(String::as_str));
    s.sent(&frames.collect::<Vec<_>>());
    s.outcomes(ends, "returned 10", "returned");
}

fn child_closes_at_once(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.stops(child);
    s.returns(child, ());
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
    s.leaves(parent, "result nil");
}

fn item_that_nobody_reads(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(parent, 1);
    s.stops(child);
    s.returns(child, ());
    s.sees(child, "has dropped", s.look(child).dropped(), "1");
    s.sent(&[OPEN[0], OPEN[1], "P>C Yield(1)", "C>P Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

fn second_stream_after_the_end(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.stops(child);
    s.takes_items(parent, &["end"]);
    second_stream(s, parent);
    s.returns(child, ());
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

fn second_stream(s: &mut Stage, seat: Seat) {
    let told = "a dialog has one stream; this one was opened before";
    s.is_refused(seat, told, |conn, end| end.open_stream(conn));
}

fn task_runs_on(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends_many(child, 5);
    s.stops(parent);
    s.takes_items(child, &["end"]);
    s.passes(Duration::from_secs(3600));
    s.leaves(parent, "not yet");
    s.cancels(parent);
    s.leaves(parent, "not yet");
    s.unwinds(child);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield x5",
        "P>C Stop, creq",
        "C>P StartAck(creq), ctxc(P), CancelAck",
    ]);
    s.outcomes(ends, "cancelled by P", "cancelled by P");
    s.leaves(parent, "no error");
}

fn two_tasks_share_a_stream(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(child, "pushed");
    s.sends(parent, 1);
    s.takes_items(child, &["1"]);
    s.crossing(|s| {
        s.sends(child, 1);
        s.sends(child, "pushed");
    });
    s.takes_items(parent, &["'pushed'", "1", "'pushed'"]);
    s.returns(child, ());
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield('pushed')",
        "P>C Yield(1)",
        "C>P Yield(1), Yield('pushed'), Stop, Return(nil)",
    ]);
    s.outcomes(ends, "returned nil", "returned");
}

/// Two actors subscribe to a third; their bodies fail.
fn publisher(s: &mut Stage, class: &'static str) {
    s.connect(&[[P, C], ["Q", C]]);
    let ends = [P, "Q"].map(|actor| {
        let (parent, child) = s.opens_over(usize::from(actor != P), actor, Kind::Context);
        s.starts(child, ());
        s.opens_stream(parent);
        s.opens_stream(child);
        s.sends(parent, "even");
        s.takes_items(child, &["'even'"]);
        (parent, child)
    });
    ends.iter().for_each(|(_, child)| s.sends(*child, 2));
    s.sends(ends[1].0, "odd");
    s.sends(ends[1].1, 3);
    s.takes_items(ends[0].0, &["2"]);
    s.takes_items(ends[1].0, &["2", "3"]);
    ends.iter().for_each(|(parent, _)| s.body_raises(*parent, class));
    ends.iter().for_each(|(_, child)| s.unwinds(*child));
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(nil)",
        "P>C Yield('even')",
        "Q>C Start#2",
        "C>Q StartAck(context)#2, Started(nil)#2",
        "Q>C Yield('even')#2",
        "C>P Yield(2)",
        "C>Q Yield(2)#2",
        "Q>C Yield('odd')#2",
        "C>Q Yield(3)#2",
        "P>C creq",
        "C>P StartAck(creq)",
        "Q>C creq#2",
        "C>Q StartAck(creq)#2",
        "C>P Stop, ctxc(P), CancelAck",
        "C>Q Stop#2, ctxc(Q)#2, CancelAck#2",
    ]);
    s.outcomes(ends[0], "cancelled by P", "cancelled by P");
    s.outcomes(ends[1], "cancelled by Q", "cancelled by Q");
    ends.iter().for_each(|(parent, _)| s.leaves(*parent, class));
}

fn both_stream_types(s: &mut Stage) {
    let context = s.streaming();
    let generator = s.opens(Kind::Generator);
    s.sends(generator.1, 1);
    s.sends(context.0, 2);
    s.sends(context.1, 3);
    s.crossing(|s| {
        s.stops(generator.0);
        s.cancels(generator.0);
        s.body_raises(context.0, "KeyboardInterrupt");
    });
    s.unwinds(generator.1);
    s.unwinds(context.1);
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Start#2",
        "C>P StartAck(asyncgen)#2, Yield(1)#2",
        "P>C Yield(2)",
        "C>P Yield(3)",
        "P>C Stop#2, creq#2, creq",
        "C>P StartAck(creq)#2, StartAck(creq), Stop#2, CancelAck#2, Stop, ctxc(P), CancelAck",
    ]);
    s.outcomes(generator, "returned", "cancelled by P");
    s.outcomes(context, "cancelled by P", "cancelled by P");
    s.leaves(context.0, "KeyboardInterrupt");
}

fn closed_while_sending(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends_many(child, 3);
    s.sends(parent, "enough");
    s.takes_items(child, &["'enough'"]);
    s.stops(child);
    s.cannot_send(child, "the stream has ended");
    s.takes_items(parent, &["0", "1", "2", "end"]);
    s.returns(child, ());
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield(0), Yield(1), Yield(2)",
        "P>C Yield('enough')",
        "C>P Stop, Return(nil)",
    ]);
    s.outcomes(ends, "returned nil", "returned");
}

fn returns_inside_its_stream(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.takes_items(parent, &["nothing yet"]);
    s.returns(child, "yo");
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
    s.leaves(parent, "result 'yo'");
}

fn stops_before_the_child_opens(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.opens_stream(parent);
    s.stops(parent);
    s.opens_stream(child);
    s.takes_items(child, &["end"]);
    s.cannot_send(child, "the stream has ended");
    s.stops(child);
    s.returns(child, 1);
    s.sent(&[OPEN[0], OPEN[1], "P>C Stop", "C>P Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

fn both_stop(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.crossing(|s| {
        s.stops(parent);
        s.stops(child);
    });
    s.takes_items(parent, &["end"]);
    s.takes_items(child, &["end"]);
    s.is_in(parent, "streaming-finished");
    s.returns(child, 1);
    s.sent(&[OPEN[0], OPEN[1], "P>C Stop", "C>P Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

fn sending_after_the_end(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.stops(child);
    s.takes_items(parent, &["end"]);
    s.cannot_send(parent, "the stream has ended");
    s.cannot_send(child, "the stream has ended");
    s.returns(child, 1);
    s.cannot_send(parent, "the stream has ended");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Stop, Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

fn reading_after_closing(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.stops(parent);
    s.takes_items(parent, &["end", "end"]);
    s.takes_items(child, &["end"]);
    s.returns(child, 1);
    s.sent(&[OPEN[0], OPEN[1], "P>C Stop", "C>P Return(1)"]);
    s.outcomes(ends, "returned 1", "returned");
}

fn result_without_stop_as_the_reference(s: &mut Stage) {
    s.again("the child never opened its stream");
    result_while_reading(s, "C>P StartAck(context), Started(0), Return(1)");
}

fn result_while_reading(s: &mut Stage, last: &str) {
    let ends @ (parent, child) = s.context();
    s.opens_stream(parent);
    s.takes_items(parent, &["nothing yet"]);
    s.returns(child, 1);
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", last]);
    s.outcomes(ends, "returned 1", "returned");
    s.leaves(parent, "result 1");
}

fn leaves_items_unread(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends_many(child, 3);
    s.stops(parent);
    s.sees(parent, "has dropped", s.look(parent).dropped(), "3");
    s.leaves(parent, "not yet");
    s.returns(child, "yo");
    s.leaves(parent, "result 'yo'");
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield(0), Yield(1), Yield(2)",
        "P>C Stop",
        "C>P Return('yo')",
    ]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

fn leaves_a_result_unread(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(child, 1);
    s.returns(child, "yo");
    s.stops(parent);
    s.leaves(parent, "result 'yo'");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield(1), Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

fn nine_items_while_waiting(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends_many(child, 9);
    s.leaves(parent, "not yet");
    s.returns(child, "yo");
    s.leaves(parent, "result 'yo'");
    s.takes_many(parent, 9);
    s.takes_items(parent, &["end"]);
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield x9, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

fn thirty_items_without_a_stream(s: &mut Stage) {
    let ends @ (parent, child) = s.context();
    s.opens_stream(child);
    s.sends_many(child, 30);
    s.leaves(parent, "not yet");
    s.returns(child, "yo");
    s.leaves(parent, "result 'yo'");
    s.sent(&["P>C Start", "C>P StartAck(context), Started(0), Yield x30, Stop, Return('yo')"]);
    s.outcomes(ends, "returned 'yo'", "returned");
}

fn items_that_count_as_false(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    for (from, to) in [(parent, child), (child, parent)] {
        s.sends(from, ());
        s.sends(from, 0);
        s.sends(from, "");
        s.takes_items(to, &["nil", "0", "''"]);
    }
    s.returns(child, ());
    s.sent(&[
        OPEN[0],
        OPEN[1],
        "P>C Yield(nil), Yield(0), Yield('')",
        "C>P Yield(nil), Yield(0), Yield(''), Stop, Return(nil)",
    ]);
    s.outcomes(ends, "returned nil", "returned");
}

fn streams_opened_twice(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    second_stream(s, parent);
    second_stream(s, child);
    s.stops(parent);
    second_stream(s, parent);
    s.returns(child, ());
    s.sent(&[OPEN[0], OPEN[1], "P>C Stop", "C>P Return(nil)"]);
    s.outcomes(ends, "returned nil", "returned");
}

fn another_reader_goes_on(s: &mut Stage) {
    let ends @ (parent, child) = s.streaming();
    s.sends(child, 1);
    s.takes_items(parent, &["1", "nothing yet"]);
    // The reader that waits goes away; another one of the same stream reads on.
    s.crossing(|s| {
        s.sends(child, 2);
        s.sends(child, 3);
    });
    s.takes_items(parent, &["2", "3", "nothing yet"]);
    s.returns(child, ());
    s.takes_items(parent, &["end"]);
    s.sent(&[
        "P>C Start",
        "C>P StartAck(context), Started(0), Yield(1), Yield(2), Yield(3), Stop, Return(nil)",
    ]);
    s.outcomes(ends, "returned nil", "returned");
}
