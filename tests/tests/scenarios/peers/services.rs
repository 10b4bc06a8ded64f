//! A service that one actor makes for another: 104 to 108.

use super::{blames, cancels_the_actor_of, stream_over};
use crate::stage::{Ends, Seat, Stage};

/// R has a spawner W and a client C; C has W make a service U, and talks to it.
struct Service {
    spawner: Ends,
    client: Ends,
    order: Ends,
    talk: Ends,
}

const TALKING: [&str; 12] = [
    "R>W Start",
    "W>R StartAck(context), Started(0)",
    "R>C Start#2",
    "C>R StartAck(context)#2, Started(0)#2",
    "C>W Start#3",
    "W>C StartAck(context)#3, Started(0)#3",
    "C>W Yield('make U')#3",
    "W>C Yield('U')#3",
    "C>U Start#4",
    "U>C StartAck(context)#4, Started(0)#4",
    "C>U Yield('hello')#4",
    "U>C Yield('hello')#4",
];

fn talking(s: &mut Stage) -> Service {
    s.connect(&[["R", "W"], ["R", "C"], ["C", "W"], ["C", "U"], ["W", "U"], ["R", "U"]]);
    let [spawner, client] = [0, 1].map(|link| s.context_over(link, "R"));
    let order = stream_over(s, 2, "C");
    s.sends(order.0, "make U");
    s.takes_items(order.1, &["'make U'"]);
    s.sends(order.1, "U");
    s.takes_items(order.0, &["'U'"]);
    let talk = stream_over(s, 3, "C");
    s.sends(talk.0, "hello");
    s.takes_items(talk.1, &["'hello'"]);
    s.sends(talk.1, "hello");
    s.takes_items(talk.0, &["'hello'"]);
    s.sent(&TALKING);
    Service { spawner, client, order, talk }
}

/// W, whose task is told to end, takes its service down first.
fn spawner_takes_down(s: &mut Stage, spawner: Seat) {
    let request = cancels_the_actor_of(s, 4, "W", &[]);
    s.closes("U");
    s.unwinds(spawner);
    s.outcomes(request, "returned true", "returned");
}

pub(super) fn client_is_cancelled(s: &mut Stage, ends_its_task: fn(&mut Stage, Seat)) {
    let Service { spawner, client, order, talk } = talking(s);
    s.cancels(client.0);
    for inner in [talk, order] {
        s.body_raises(inner.0, "cancelled by R");
        s.unwinds(inner.1);
    }
    ends_its_task(s, client.1);
    s.leaves(client.0, "no error");
    s.cancels(spawner.0);
    spawner_takes_down(s, spawner.1);
    s.then_sent(&[
        "R>C creq#2",
        "C>R StartAck(creq)#2",
        "C>U creq#4",
        "U>C StartAck(creq)#4, Stop#4, ctxc(C)#4, CancelAck#4",
        "C>W creq#3",
        "W>C StartAck(creq)#3, Stop#3, ctxc(C)#3, CancelAck#3",
        "C>R ctxc(R)#2, CancelAck#2",
        "R>W creq",
        "W>R StartAck(creq)",
        "W>U Start(self:cancel)#5",
        "U>W StartAck(asyncfunc)#5, CancelAck#5",
        "W>R ctxc(R), CancelAck",
    ]);
    for ends in [client, spawner] {
        s.outcomes(ends, "cancelled by R", "cancelled by R");
    }
    for ends in [order, talk] {
        s.outcomes(ends, "cancelled by C", "cancelled by C");
    }
}

pub(super) fn service_fails(s: &mut Stage, ends_the_spawner: fn(&mut Stage, Seat), left_with: &str) {
    let Service { spawner, client, order, talk } = talking(s);
    s.raises(talk.1, "RuntimeError");
    s.leaves(talk.0, "RuntimeError");
    s.body_raises(order.0, "RuntimeError");
    s.unwinds(order.1);
    s.passes_on(client.1, talk.0);
    s.leaves(client.0, "RemoteActorError of RuntimeError from U via U>C");
    ends_the_spawner(s, spawner.0);
    spawner_takes_down(s, spawner.1);
    s.leaves(spawner.0, left_with);
    s.then_sent(&[
        "U>C Stop#4, Error(RuntimeError)#4",
        "C>W creq#3",
        "W>C StartAck(creq)#3, Stop#3, ctxc(C)#3, CancelAck#3",
        "C>R Error(RemoteActorError of RuntimeError from U via U>C)#2",
        "R>W creq",
        "W>R StartAck(creq)",
        "W>U Start(self:cancel)#5",
        "U>W StartAck(asyncfunc)#5, CancelAck#5",
        "W>R ctxc(R), CancelAck",
    ]);
    let relayed = "failed: RemoteActorError of RuntimeError from U via U>C";
    s.outcomes(client, relayed, "failed: RuntimeError from U");
    s.outcomes(order, "cancelled by C", "cancelled by C");
    s.outcomes(talk, "failed: RuntimeError", "failed: own RuntimeError");
    s.outcomes(spawner, "cancelled by R", "cancelled by R");
}

pub(super) fn service_of_the_root_dies(s: &mut Stage) {
    s.again("its task fails");
    s.connect(&[["R", "U"], ["W", "U"]]);
    let own = stream_over(s, 0, "R");
    s.raises(own.1, "RuntimeError");
    s.takes_items(own.0, &["RuntimeError"]);
    s.sent(&["R>U Start", "U>R StartAck(context), Started(0), Stop, Error(RuntimeError)"]);
    s.outcomes(own, "failed: RuntimeError", "failed: own RuntimeError");
    s.leaves(own.0, "RuntimeError");

    s.again("its actor is cancelled by its spawner");
    s.connect(&[["R", "U"], ["W", "U"]]);
    let own = stream_over(s, 0, "R");
    let request = cancels_the_actor_of(s, 1, "W", &[own.1]);
    s.closes("U");
    s.takes_items(own.0, &["ctxc(W)"]);
    blames(s, own.0, "W", "U");
    s.sent(&[
        "R>U Start",
        "U>R StartAck(context), Started(0)",
        "W>U Start(self:cancel)#2",
        "U>W StartAck(asyncfunc)#2, CancelAck#2",
        "U>R Stop, ctxc(W)",
    ]);
    s.outcomes(own, "failed: ctxc(W)", "cancelled by W");
    s.outcomes(request, "returned true", "returned");
    s.leaves(own.0, "ctxc(W)");
}
