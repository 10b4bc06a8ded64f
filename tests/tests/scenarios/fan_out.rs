//! Several readers of one stream: 155 to 162. The peer sees one.

use std::task::Poll;

use scipp_common::{FanOut, Subscriber};
use scipp_proto::OverrunPolicy;

use crate::scenario::{Scenario, scenario};
use crate::stage::{Seat, Stage};
use crate::words;

pub(crate) const ALL: &[Scenario] = &[
    scenario(155, "ten readers beside the stream's own", "D-7 D49", ten_readers)
        .drivers(&["fan_out::s155_ten_subscribers_each_get_a_thousand_items"]),
    scenario(156, "the slower of two readers lags", "D-11 D49", the_slower_lags)
        .drivers(&["fan_out::s156_the_slower_of_two_lags_and_the_faster_does_not"]),
    scenario(157, "a reader gives up waiting", "D-7 D49", gives_up)
        .drivers(&["fan_out::s157_who_gives_up_waiting_leaves_it_to_the_others"]),
    scenario(158, "subscribing after the end", "D-8 D49", after_the_end)
        .drivers(&["fan_out::s158_who_subscribes_after_the_end_is_told_and_leaves_nothing_behind"]),
    scenario(159, "each laggard is told its own loss", "D-11 D49", laggards)
        .drivers(&["fan_out::s159_each_laggard_is_told_its_own_loss_and_goes_on_at_the_oldest"]),
    scenario(160, "the first reader leaves", "D-7 D49", first_leaves)
        .drivers(&["fan_out::s160_the_others_go_on_without_the_first_receiver"]),
    scenario(161, "a reader that does not mind lagging", "D-11 D49", does_not_mind)
        .drivers(&["fan_out::s161_who_does_not_mind_lagging_is_not_told"]),
    scenario(162, "one stream for all tasks of an actor", "D-7 D23 D49", one_stream_for_all)
        .drivers(&["fan_out::s162_one_stream_serves_all_threads_of_an_actor"]),
];

/// P's stream from C, and who reads it.
struct Feed {
    parent: Seat,
    child: Seat,
    readers: FanOut,
    sent: u32,
}

impl Feed {
    fn new(s: &mut Stage) -> Self {
        let (parent, child) = s.streaming();
        s.has_window(parent, 1000, OverrunPolicy::Reject);
        s.sent(&["P>C Start", "C>P StartAck(context), Started(0)"]);
        Self { parent, child, readers: FanOut::default(), sent: 0 }
    }

    fn subscribes(&self, s: &mut Stage, window: usize) -> Subscriber {
        let subscribed = s.with(self.parent, |conn, end| self.readers.subscribe(end, conn, Some(window)));
        subscribed.expect("the stream goes on")
    }

    /// C sends so many items: numbers, each one more than the one before.
    fn sends(&mut self, s: &mut Stage, items: u32) {
        for item in self.sent..self.sent + items {
            s.sends(self.child, item);
        }
        self.sent += items;
    }

    /// What a reader finds: the numbers of a range, or something else.
    #[track_caller]
    fn reads(&self, s: &mut Stage, reader: Option<&Subscriber>, items: std::ops::Range<u32>) {
        for item in items.clone() {
            assert_eq!(self.next(s, reader), item.to_string());
        }
        let range = format!("{} to {}", items.start, items.end - 1);
        s.sees(self.parent, who(reader), &range, &range);
    }

    #[track_caller]
    fn finds(&self, s: &mut Stage, reader: Option<&Subscriber>, expected: &str) {
        let found = self.next(s, reader);
        s.sees(self.parent, who(reader), found, expected);
    }

    fn next(&self, s: &mut Stage, reader: Option<&Subscriber>) -> String {
        match s.with(self.parent, |conn, end| self.readers.take(reader, end, conn)) {
            Poll::Pending => "nothing yet".to_owned(),
            Poll::Ready(Ok(Some(item))) => words::value(&item),
            Poll::Ready(Ok(None)) => "end".to_owned(),
            Poll::Ready(Err(error)) => words::failure(&error, ["C", "P"]),
        }
    }

    /// C returns: all that went to and fro were its items.
    fn ends(self, s: &mut Stage) {
        s.returns(self.child, ());
        s.then_sent(&[&format!("C>P Yield x{}, Stop, Return(nil)", self.sent)]);
        s.outcomes((self.parent, self.child), "returned nil", "returned");
    }
}

const fn who(reader: Option<&Subscriber>) -> &'static str {
    if reader.is_some() { "subscriber reads" } else { "stream reads" }
}

fn ten_readers(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let subscribers: Vec<_> = (0..10).map(|_| feed.subscribes(s, 1000)).collect();
    feed.sends(s, 1000);
    for reader in subscribers.iter().map(Some).chain([None]) {
        feed.reads(s, reader, 0..1000);
        feed.finds(s, reader, "nothing yet");
    }
    feed.ends(s);
}

fn the_slower_lags(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let subscriber = feed.subscribes(s, 3);
    feed.sends(s, 20);
    feed.reads(s, None, 0..10);
    feed.finds(s, Some(&subscriber), "7 items were lost to a slow subscriber");
    feed.reads(s, Some(&subscriber), 7..20);
    feed.finds(s, None, "7 items were lost to a slow subscriber");
    feed.reads(s, None, 17..20);
    feed.ends(s);
}

fn gives_up(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let [hasty, patient] = [(); 2].map(|()| feed.subscribes(s, 4));
    feed.finds(s, Some(&hasty), "nothing yet");
    feed.finds(s, Some(&patient), "nothing yet");
    feed.sends(s, 4);
    // Nobody asks for the hasty one any more.
    feed.reads(s, Some(&patient), 0..4);
    feed.reads(s, Some(&hasty), 0..4);
    feed.ends(s);
}

fn after_the_end(s: &mut Stage) {
    let feed = Feed::new(s);
    let (parent, untouched) = (feed.parent, format!("{:?}", feed.readers));
    s.stops(parent);
    s.is_refused(parent, "the stream has ended", |conn, end| feed.readers.subscribe(end, conn, None));
    feed.finds(s, None, "end");
    s.sees(parent, "has readers", format!("{:?}", feed.readers) != untouched, "false");
    s.returns(feed.child, ());
    s.then_sent(&["P>C Stop", "C>P Return(nil)"]);
    s.outcomes((parent, feed.child), "returned nil", "returned");
}

fn laggards(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let [fast, slow, slower, slowest] = [(); 4].map(|()| feed.subscribes(s, 4));
    feed.sends(s, 10);
    feed.reads(s, Some(&slower), 0..1);
    feed.reads(s, Some(&slow), 0..3);
    feed.reads(s, Some(&fast), 0..10);
    for (laggard, told) in [
        (slow, "3 items were lost to a slow subscriber"),
        (slower, "5 items were lost to a slow subscriber"),
        (slowest, "6 items were lost to a slow subscriber"),
    ] {
        feed.finds(s, Some(&laggard), told);
        feed.reads(s, Some(&laggard), 6..10);
    }
    feed.ends(s);
}

fn first_leaves(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let first = feed.subscribes(s, 10);
    feed.finds(s, Some(&first), "nothing yet");
    let others = [(); 2].map(|()| feed.subscribes(s, 10));
    feed.sends(s, 10);
    feed.reads(s, Some(&others[0]), 0..2);
    feed.readers.unsubscribe(&first);
    feed.reads(s, Some(&others[1]), 0..10);
    feed.reads(s, Some(&others[0]), 2..10);
    feed.ends(s);
}

fn does_not_mind(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let fast = feed.subscribes(s, 4);
    let mut slow = feed.subscribes(s, 4);
    slow.be_quiet();
    feed.sends(s, 10);
    feed.reads(s, Some(&fast), 0..10);
    feed.reads(s, Some(&slow), 6..10);
    s.sees(feed.parent, "counts as lost to the slow one", slow.lost(), "6");
    feed.ends(s);
}

fn one_stream_for_all(s: &mut Stage) {
    let mut feed = Feed::new(s);
    let second = "a dialog has one stream; this one was opened before";
    s.is_refused(feed.parent, second, |conn, end| end.open_stream(conn));
    let tasks = [(); 4].map(|()| feed.subscribes(s, 5));
    feed.sends(s, 5);
    for task in &tasks {
        feed.reads(s, Some(task), 0..5);
    }
    feed.ends(s);
}
