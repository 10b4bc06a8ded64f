//! Terms and narrowings over the life of a dialog: before it runs, between its verbs, after its end.

use scipp_conformance::pair::Side;
use scipp_proto::spec::Slots;
use scipp_proto::{Outcome, Take, Terms};

use crate::rig::{Rig, payload};

const ONE: &[u8] = b"\x01";
const YO: &[u8] = b"\xa2yo";

fn yields(spec: &str) -> Slots {
    Slots { yields: Some(spec.parse().unwrap()), ..Slots::default() }
}

/// What its reader forbids after the end can end nothing any more: it is reported, dropped and counted.
#[test]
fn a_narrowing_breaks_no_dialog_that_has_ended() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [YO, ONE, YO] {
        rig.child_conn().send(child, payload(item)).unwrap();
    }
    rig.child_conn().finish(child, payload(ONE)).unwrap();
    rig.pair.settle();
    let late = rig.parent_conn().counters().late;
    let mut narrowed = rig.parent_conn().narrowed(parent, yields("int")).unwrap();
    assert_eq!(narrowed.take(parent), Ok(Take::Item(payload(ONE))));
    assert_eq!(narrowed.take(parent), Ok(Take::End));
    let dialog = narrowed.dialog(parent).unwrap();
    assert_eq!((dialog.mistyped(), dialog.dropped(), dialog.error()), (2, 2, None));
    assert_eq!(narrowed.counters().late, late);
    drop(narrowed);
    assert_eq!(rig.pair.outcome(Side::A, parent), Some(Outcome::Returned(Some(payload(ONE)))));
}

#[test]
fn nor_one_of_a_child_that_has_finished() {
    let mut rig = Rig::alike(Side::A, Terms::default());
    let (parent, child) = (rig.parent, rig.child);
    rig.stream(payload(ONE));
    for item in [YO, ONE] {
        rig.parent_conn().send(parent, payload(item)).unwrap();
    }
    rig.pair.settle();
    rig.child_conn().narrow(child, yields("int")).unwrap();
    rig.child_conn().finish(child, payload(ONE)).unwrap();
    assert_eq!(rig.child_conn().take(child), Ok(Take::Item(payload(ONE))));
    assert_eq!(rig.child_conn().take(child), Ok(Take::End));
    let dialog = rig.child_conn().dialog(child).unwrap();
    assert_eq!((dialog.mistyped(), dialog.dropped(), dialog.error()), (1, 1, None));
}
