//! The phase table, searched whole.

use std::collections::HashSet;

use scipp_proto::Kind;
use scipp_proto::phase::{Phase, Role, Signal, Verdict, step};

/// Two views of one dialog with frames on their way, as the table alone sees them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Views {
    phases: [Phase; 2],
    on_their_way: [Vec<Signal>; 2],
}

/// D-27.
#[test]
fn what_one_role_may_send_is_legal_or_crossed_at_the_other() {
    /// Frames on their way in each direction at most: more show nothing new.
    const DEPTH: usize = 4;
    let mut states = 0;
    for kind in Kind::ALL {
        let start = Views { phases: [Phase::Requested; 2], on_their_way: [vec![], vec![]] };
        let (mut seen, mut open) = (HashSet::from([start.clone()]), vec![start]);
        while let Some(views) = open.pop() {
            states += 1;
            for role in [Role::Parent, Role::Child] {
                let (us, them) = (role as usize, role.peer() as usize);
                let mut next = Vec::new();
                for signal in frames_of(kind, role) {
                    let Verdict::To(phase) = step(kind, views.phases[us], role, signal) else { continue };
                    let mut views = views.clone();
                    views.phases[us] = phase;
                    views.on_their_way[us].push(signal);
                    next.push(views);
                }
                if let Some(&signal) = views.on_their_way[us].first() {
                    let mut views = views.clone();
                    views.on_their_way[us].remove(0);
                    match step(kind, views.phases[them], role, signal) {
                        Verdict::To(phase) => views.phases[them] = phase,
                        Verdict::Crossed => {}
                        Verdict::Illegal(violation) => panic!("{violation}, though it was sent by the table"),
                    }
                    next.push(views);
                }
                next.retain(|views| views.on_their_way.iter().all(|frames| frames.len() <= DEPTH));
                open.extend(next.into_iter().filter(|views| seen.insert(views.clone())));
            }
        }
    }
    println!("{states} states of two views");
    assert!(states > 1000);
}

/// What a role has frames for.
fn frames_of(kind: Kind, role: Role) -> Vec<Signal> {
    match role {
        Role::Parent => vec![Signal::Yield, Signal::Stop, Signal::Notice],
        Role::Child => vec![
            Signal::StartAck(kind),
            Signal::Started,
            Signal::Yield,
            Signal::Stop,
            Signal::Return,
            Signal::Error,
            Signal::Notice,
        ],
    }
}
