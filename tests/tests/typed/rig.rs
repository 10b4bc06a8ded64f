//! Two cores with one context between them, both ends on the same terms.

use std::sync::Arc;

use bytes::Bytes;
use scipp_conformance::pair::{Pair, Side};
use scipp_conformance::script::call;
use scipp_proto::spec::PldSpec;
use scipp_proto::{Config, DialogEvent, DialogId, Event, Kind, Mistyped, Payload, Terms};

/// A pair of cores and the two ends of one context between them.
pub(crate) struct Rig {
    pub(crate) pair: Pair,
    /// The side of the parent.
    pub(crate) opener: Side,
    pub(crate) parent: DialogId,
    pub(crate) child: DialogId,
}

pub(crate) fn payload(bytes: &[u8]) -> Payload {
    Payload::new(Bytes::copy_from_slice(bytes)).expect("one value")
}

pub(crate) fn terms(spec: &str) -> Terms {
    Terms::one_for_all(spec.parse::<PldSpec>().expect("a spec"))
}

impl Rig {
    /// A context that was accepted, each end on its terms.
    pub(crate) fn new(opener: Side, parent: Terms, child: Terms) -> Self {
        let mut pair = Pair::established(Config::default());
        let now = pair.now();
        let asked = call(Kind::Context);
        let parent = pair.conn(opener).open_limited(now, &asked, &Arc::new(parent)).expect("established");
        pair.settle();
        let opened = pair.end_mut(opener.other()).events.pop_front();
        let Some(Event::Opened { id, request }) = opened else { panic!("{opened:?}") };
        let child = Arc::new(child);
        let runs = pair.conn(opener.other()).accept_limited(id, Kind::Context, &request, &child);
        assert_eq!(runs, Ok(true));
        pair.settle();
        let mut rig = Self { pair, opener, parent, child: id };
        rig.events(opener);
        rig
    }

    /// The same on one set of terms.
    pub(crate) fn alike(opener: Side, terms: Terms) -> Self {
        Self::new(opener, terms.clone(), terms)
    }

    /// After `Started`, with both streams open.
    pub(crate) fn stream(&mut self, first: Payload) {
        let (parent, child) = (self.parent, self.child);
        self.child_conn().started(child, first).expect("conforms");
        self.pair.settle();
        self.parent_conn().open_stream(parent).expect("started");
        self.child_conn().open_stream(child).expect("started");
        self.events(self.opener);
        self.events(self.opener.other());
    }

    pub(crate) fn parent_conn(&mut self) -> &mut scipp_proto::Connection {
        self.pair.conn(self.opener)
    }

    pub(crate) fn child_conn(&mut self) -> &mut scipp_proto::Connection {
        self.pair.conn(self.opener.other())
    }

    /// What `side` reported since the last look.
    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        self.pair.end_mut(side).events.drain(..).collect()
    }

    /// The one type error that `side` reported since the last look, and that it came before what follows from it.
    pub(crate) fn mistyped(&mut self, side: Side) -> Arc<Mistyped> {
        let events = self.events(side);
        let errors: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Mistyped { error, .. } => Some(error.clone()),
                _ => None,
            })
            .collect();
        let [error] = &errors[..] else { panic!("{events:?}") };
        let what_follows = |event: &Event| {
            matches!(event, Event::Dialog { event: DialogEvent::Failed | DialogEvent::Ended, .. })
        };
        let first =
            events.iter().find(|event| what_follows(event) || matches!(event, Event::Mistyped { .. }));
        assert!(matches!(first, Some(Event::Mistyped { .. })), "what follows comes after it: {events:?}");
        error.clone()
    }
}
