//! Functions and generators, in both roles.

use std::sync::{Arc, Mutex};
use std::thread;

use crate::driver::proto::wire::{MsgKind, decode};
use crate::driver::proto::{Config, RuntimeEndpoint};
use crate::driver::{Actor, Direction, Error, NoArgs, Profile, TappedFrame, TaskError, Yielder};
use scipp_conformance::script::Unsendable;
use serde::{Deserialize, Serialize};

use super::rig::{on_each_transport, remote, with_server};
use super::wire::Wire;

#[derive(Debug, Serialize, Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

fn add(args: Add) -> Result<i64, Error> {
    Ok(args.a + args.b)
}

#[test]
fn a_function_returns() {
    with_server(
        |server| server.function(("math", "add"), add),
        |pair| {
            for a in 0..100 {
                assert_eq!(pair.portal.call::<_, i64>(("math", "add"), &Add { a, b: 1 }), Ok(a + 1));
            }
        },
    );
}

/// D-34.
#[test]
fn what_is_not_served_is_refused() {
    with_server(
        |server| server.function(("math", "add"), add),
        |pair| {
            let call = |path| remote(pair.portal.call::<_, i64>(path, &NoArgs {}));
            assert_eq!(call(("meth", "add")).msg.boxed_type_str, "ModuleNotExposed");
            assert_eq!(call(("math", "odd")).msg.boxed_type_str, "AttributeError");
        },
    );
}

/// D-34.
#[test]
fn wrong_arguments_are_refused_before_the_body_runs() {
    with_server(
        |server| server.function(("math", "add"), |_: Add| -> Result<i64, Error> { panic!("it ran") }),
        |pair| {
            #[derive(Serialize)]
            struct Wrong {
                a: &'static str,
                b: i64,
            }
            let error = remote(pair.portal.call::<_, i64>(("math", "add"), &Wrong { a: "one", b: 2 }));
            assert_eq!(error.msg.boxed_type_str, "TypeError");
            assert!(error.msg.tb_str.contains('a'), "{}", error.msg.tb_str);
        },
    );
}

#[test]
fn a_failing_function_reports_its_error() {
    let fail = |_: NoArgs| Err::<(), _>(TaskError::new("ValueError", "too odd"));
    with_server(
        |server| server.function(("math", "fail"), fail),
        |pair| {
            let error = remote(pair.portal.call::<_, ()>(("math", "fail"), &NoArgs {}));
            assert_eq!(
                (error.msg.boxed_type_str.as_str(), error.msg.tb_str.as_str()),
                ("ValueError", "too odd")
            );
            assert_eq!(error.msg.src_uid, pair.server.identity().uid);
        },
    );
}

#[test]
fn a_panic_fails_the_dialog_and_nothing_else() {
    let panics = |_: NoArgs| -> Result<(), Error> { panic!("cannot be") };
    with_server(
        |server| server.function(("math", "panics"), panics).function(("math", "add"), add),
        |pair| {
            let error = remote(pair.portal.call::<_, ()>(("math", "panics"), &NoArgs {}));
            assert_eq!(error.msg.boxed_type_str, "RuntimeError");
            assert!(error.msg.tb_str.contains("cannot be"), "{}", error.msg.tb_str);
            assert_eq!(pair.portal.call::<_, i64>(("math", "add"), &Add { a: 2, b: 2 }), Ok(4));
        },
    );
}

#[test]
fn a_value_of_another_type_is_a_conversion_error() {
    with_server(
        |server| server.function(("math", "add"), add),
        |pair| {
            let text = pair.portal.call::<_, String>(("math", "add"), &Add { a: 2, b: 2 });
            assert!(matches!(text, Err(Error::Conversion(_))), "{text:?}");
            let nil = pair.portal.call::<_, String>(("math", "add"), &());
            assert!(matches!(nil, Err(Error::Conversion(_))), "{nil:?}");
        },
    );
}

/// D-27: of a result that cannot be sent no trace goes out.
#[test]
fn a_result_that_cannot_be_sent_is_a_type_error() {
    let unsendable = |_: NoArgs| Ok::<_, Error>(Unsendable);
    with_server(
        |server| server.function(("math", "unsendable"), unsendable),
        |pair| {
            let error = remote(pair.portal.call::<_, ()>(("math", "unsendable"), &NoArgs {}));
            assert_eq!(error.msg.boxed_type_str, "MsgTypeError");
            assert_eq!(error.bad_msg(), None);
        },
    );
}

fn count(to: u32, out: &Yielder) -> Result<(), Error> {
    (0..to).try_for_each(|item| out.feed(&item))
}

#[test]
fn a_generator_is_iterated() {
    with_server(
        |server| server.generator(("math", "count"), |_: NoArgs, out| count(20, &out)),
        |pair| {
            let items = pair.portal.iterate::<_, u32>(("math", "count"), &NoArgs {}).unwrap();
            assert_eq!(items.collect::<Result<Vec<_>, _>>(), Ok((0..20).collect()));
        },
    );
}

#[test]
fn a_generator_that_fails_gives_its_items_and_its_error() {
    let fails = |_: NoArgs, out: Yielder| {
        out.send(&1)?;
        Err::<(), TaskError>(TaskError::new("KeyError", "2"))
    };
    with_server(
        |server| server.generator(("math", "fails"), fails),
        |pair| {
            let mut items = pair.portal.iterate::<_, u32>(("math", "fails"), &NoArgs {}).unwrap();
            // The error may overtake the item: it concerns whoever waits, at once.
            let error = items.find_map(Result::err).unwrap();
            assert_eq!(remote::<()>(Err(error)).msg.boxed_type_str, "KeyError");
            assert!(items.next().is_none());
        },
    );
}

#[test]
fn dropping_the_iterator_cancels_the_generator() {
    let ended = Wire::new();
    with_server(
        |server| {
            let ended = Arc::clone(&ended);
            server.generator(("math", "forever"), move |_: NoArgs, out: Yielder| {
                let error = loop {
                    if let Err(error) = out.send(&0).and_then(|()| out.check()) {
                        break error;
                    }
                    thread::yield_now();
                };
                ended.tell(error.clone());
                Err::<(), _>(error)
            })
        },
        |pair| {
            let mut items = pair.portal.iterate::<_, u32>(("math", "forever"), &NoArgs {}).unwrap();
            assert_eq!(items.next(), Some(Ok(0)));
            drop(items);
            let error = ended.hear();
            // It sends as fast as it can: an overrun may be quicker than the cancellation.
            assert!(matches!(error, Error::Cancelled { .. } | Error::Remote(_)), "{error:?}");
        },
    );
}

#[test]
fn both_ends_call_each_other_on_one_connection_from_many_threads() {
    let build = || {
        let server = Actor::builder("server").function(("math", "add"), add);
        (server, Actor::builder("client").function(("math", "add"), add))
    };
    on_each_transport(build, |pair| {
        let back = pair.server.portals().pop().unwrap();
        assert_eq!(back.peer().as_ref(), Some(pair.client.identity()));
        thread::scope(|scope| {
            for portal in [&pair.portal, &back] {
                for a in 0..4 {
                    scope.spawn(move || {
                        for b in 0..100 {
                            assert_eq!(portal.call::<_, i64>(("math", "add"), &Add { a, b }), Ok(a + b));
                        }
                    });
                }
            }
        });
    });
}

#[test]
fn blocked_bodies_do_not_hold_up_others() {
    let gate = Wire::new();
    with_server(
        |server| {
            let gate = Arc::clone(&gate);
            let blocked = move |_: NoArgs| Ok::<u32, Error>(gate.hear());
            server.function(("math", "blocked"), blocked).function(("math", "add"), add)
        },
        |pair| {
            thread::scope(|scope| {
                let blocked: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| pair.portal.call::<_, u32>(("math", "blocked"), &NoArgs {})))
                    .collect();
                assert_eq!(pair.portal.call::<_, i64>(("math", "add"), &Add { a: 1, b: 1 }), Ok(2));
                (0..8).for_each(|value| gate.tell(value));
                let mut values: Vec<_> =
                    blocked.into_iter().map(|call| call.join().unwrap().unwrap()).collect();
                values.sort_unstable();
                assert_eq!(values, (0..8).collect::<Vec<_>>());
            });
        },
    );
}

/// R-13, D-31.
#[test]
fn a_request_to_the_runtime_is_answered_or_refused() {
    #[derive(Serialize, Deserialize)]
    struct Find {
        name: String,
    }
    let registry = |args: Find| Ok::<_, Error>(format!("{}'s address", args.name));
    with_server(
        |server| server.runtime(RuntimeEndpoint::FindActor, registry),
        |pair| {
            let args = Find { name: "bob".into() };
            let found = pair.portal.request::<_, String>(RuntimeEndpoint::FindActor, &args);
            assert_eq!(found.as_deref(), Ok("bob's address"));
            let error = remote(pair.portal.request::<_, String>(RuntimeEndpoint::FindActor, &NoArgs {}));
            assert_eq!(error.msg.boxed_type_str, "TypeError");
            let error = remote(pair.portal.request::<_, String>(RuntimeEndpoint::GetRegistry, &NoArgs {}));
            assert_eq!(error.msg.boxed_type_str, "RuntimeError");
            assert!(error.msg.tb_str.contains("get_registry"), "{}", error.msg.tb_str);
        },
    );
}

#[test]
fn a_tap_sees_every_frame_whole_and_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let build = || {
        seen.lock().unwrap().clear();
        let log = Arc::clone(&seen);
        let tap = move |frame: &TappedFrame| {
            let kind = decode(&frame.body, &Config::default().limits()).unwrap().kind();
            log.lock().unwrap().push((frame.direction, kind));
        };
        (
            Actor::builder("server").function(("math", "add"), add),
            Actor::builder(Profile::new("client").tap(tap)),
        )
    };
    on_each_transport(build, |pair| {
        let before = seen.lock().unwrap().len();
        assert_eq!(pair.portal.call::<_, i64>(("math", "add"), &Add { a: 1, b: 1 }), Ok(2));
        let seen = seen.lock().unwrap().split_off(before);
        let (out, answer) = (Direction::Out, Direction::In);
        assert_eq!(seen, [(out, MsgKind::Start), (answer, MsgKind::StartAck), (answer, MsgKind::Return)]);
    });
}
