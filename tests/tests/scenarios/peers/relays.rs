//! Errors that are passed on, over several hops: 109, 110, 177, 178.

use scipp_conformance::pair::uid_of;
use scipp_proto::Failure;
use scipp_proto::wire::{ErrorMsg, Message};

use super::{blames, cancels_the_actor_of};
use crate::stage::{Ends, Stage, error_of};

/// R, T, D and L, each with a context to the next one.
fn chain(s: &mut Stage) -> [Ends; 3] {
    s.connect(&[["R", "T"], ["T", "D"], ["D", "L"], ["X", "L"]]);
    let ends = [(0, "R"), (1, "T"), (2, "D")].map(|(link, from)| s.context_over(link, from));
    s.sent(&[
        "R>T Start",
        "T>R StartAck(context), Started(0)",
        "T>D Start#2",
        "D>T StartAck(context)#2, Started(0)#2",
        "D>L Start#3",
        "L>D StartAck(context)#3, Started(0)#3",
    ]);
    ends
}

pub(super) fn over_three_hops(s: &mut Stage) {
    let [first, second, third] = chain(s);
    s.raises(third.1, "KeyError");
    s.passes_on(second.1, third.0);
    s.passes_on(first.1, second.0);
    s.then_sent(&[
        "L>D Error(KeyError)#3",
        "D>T Error(RemoteActorError of KeyError from L via L>D)#2",
        "T>R Error(RemoteActorError of KeyError from L via L>D>T)",
    ]);
    s.outcomes(third, "failed: KeyError", "failed: own KeyError");
    let once = "failed: RemoteActorError of KeyError from L via L>D";
    s.outcomes(second, once, "failed: KeyError from L");
    s.outcomes(first, &format!("{once}>T"), once);
    s.leaves(first.0, "RemoteActorError of KeyError from L via L>D>T");
}

pub(super) fn cancellation_over_three_hops(s: &mut Stage) {
    let [first, second, third] = chain(s);
    let request = cancels_the_actor_of(s, 3, "X", &[third.1]);
    s.passes_on(second.1, third.0);
    s.passes_on(first.1, second.0);
    blames(s, first.0, "X", "T");
    s.then_sent(&[
        "X>L Start(self:cancel)#4",
        "L>X StartAck(asyncfunc)#4, CancelAck#4",
        "L>D ctxc(X)#3",
        "D>T ctxc(X) via L>D#2",
        "T>R ctxc(X) via L>D>T",
    ]);
    s.outcomes(third, "failed: ctxc(X)", "cancelled by X");
    s.outcomes(second, "failed: ctxc(X) via L>D", "failed: ctxc(X) from L");
    s.outcomes(first, "failed: ctxc(X) via L>D>T", "failed: ctxc(X) from D via L>D");
    s.outcomes(request, "returned true", "returned");
    s.leaves(first.0, "ctxc(X) via L>D>T");
}

/// R has a context with A, and A one with B.
fn two_contexts(s: &mut Stage) -> [Ends; 2] {
    s.connect(&[["R", "A"], ["A", "B"]]);
    let ends = [(0, "R"), (1, "A")].map(|(link, from)| s.context_over(link, from));
    s.sent(&[
        "R>A Start",
        "A>R StartAck(context), Started(0)",
        "A>B Start#2",
        "B>A StartAck(context)#2, Started(0)#2",
    ]);
    ends
}

/// A passes a defective error of B on to R.
fn passes_on_forged(s: &mut Stage, error: ErrorMsg, is_repaired: bool) -> [Ends; 2] {
    let [outer, inner] = two_contexts(s);
    s.forges(inner.1, |cid| Message::Error(Box::new(ErrorMsg { cid: Some(cid.into()), ..error })));
    s.by_hand(inner.1);
    let kept = s.look(inner.0).error().and_then(Failure::remote).map(|error| error.repaired);
    s.sees(inner.0, "keeps it repaired", kept == Some(true), &is_repaired.to_string());
    s.passes_on(outer.1, inner.0);
    [outer, inner]
}

pub(super) fn defective_errors(s: &mut Stage) {
    let boxed = ErrorMsg { boxed_type_str: "RemoteActorError".into(), ..error_of("B", "KeyError") };
    for (variant, error, is_repaired, [sent, passed_on, at_a]) in [
        (
            "no path",
            ErrorMsg { relay_path: Vec::new(), ..boxed },
            true,
            [
                "RemoteActorError of KeyError",
                "KeyError from B via B>A",
                "RemoteActorError of KeyError from B",
            ],
        ),
        (
            "the receiver as source",
            ErrorMsg { src_uid: uid_of("A"), ..error_of("B", "KeyError") },
            false,
            ["KeyError from A", "KeyError via B>A", "KeyError from A"],
        ),
        (
            "a source of another class than the box",
            ErrorMsg { src_type_str: "Unheard".into(), ..error_of("B", "KeyError") },
            false,
            ["KeyError of Unheard", "Unheard from B via B>A", "KeyError of Unheard from B"],
        ),
    ] {
        s.again(variant);
        let [outer, inner] = passes_on_forged(s, error, is_repaired);
        let forged = format!("B>A Error({sent})#2!");
        let relayed = format!("A>R Error(RemoteActorError of {passed_on})");
        s.then_sent(&[&forged, &relayed]);
        s.outcome(inner.0, &format!("failed: {sent}"));
        let at_r = format!("failed: RemoteActorError of {passed_on}");
        s.outcomes(outer, &at_r, &format!("failed: {at_a}"));
    }

    s.again("a cancellation by nobody");
    let [outer, inner] = passes_on_forged(s, error_of("B", "ContextCancelled"), true);
    s.then_sent(&["B>A Error(ContextCancelled)#2!", "A>R ctxc(B) via B>A"]);
    s.outcome(inner.0, "failed: ctxc(B)");
    s.outcomes(outer, "failed: ctxc(B) via B>A", "failed: ctxc(B) from B");
}

pub(super) fn unknown_class(s: &mut Stage) {
    let [outer, inner] = two_contexts(s);
    s.raises(inner.1, "OfNoLibrary");
    s.passes_on(outer.1, inner.0);
    s.then_sent(&["B>A Error(OfNoLibrary)#2", "A>R Error(RemoteActorError of OfNoLibrary from B via B>A)"]);
    s.outcomes(inner, "failed: OfNoLibrary", "failed: own OfNoLibrary");
    s.outcomes(outer, "failed: RemoteActorError of OfNoLibrary from B via B>A", "failed: OfNoLibrary from B");
}
