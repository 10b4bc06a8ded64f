//! Items of the wrong type, under each policy. Numbers are those of the conformance catalogue.

use std::sync::Arc;

use crate::driver::proto::phase::Role;
use crate::driver::proto::wire::MsgKind;
use crate::driver::proto::{Payload, Received, RemoteErrorKind, Terms, TypePolicy};
use crate::driver::{Actor, ChildContext, Endpoint, Error, MistypedValue, NoArgs, Profile, Yielder};

use super::rig::{cancelled_by, on_each_transport, remote, uid, with_server};
use super::typed::{
    PATH, PING, handed_over, mixes, numbers, on, ping, place, says_yo, settle, spec, telling, text_of,
    violated, yields,
};
use super::wire::Wire;

#[test]
fn a_mistyped_item_cancels_unless_the_terms_say_otherwise() {
    for is_late in [false, true] {
        let (sent, told) = (Wire::new(), Wire::new());
        with_server(
            |server| server.context(PATH, telling(&sent, &told)).function(PING, ping),
            |pair| {
                let endpoint = on(numbers(TypePolicy::default()));
                let result = pair.portal.open_context(&endpoint, &NoArgs {}, |ctx, (): ()| {
                    if is_late {
                        sent.hear();
                        settle(pair);
                    }
                    // The error may overtake the first item: it concerns whoever waits, at once. While the
                    // task is being ended there is no stream to open.
                    Err::<(), _>(match ctx.open_stream() {
                        Ok(stream) => stream.items::<u32>().find_map(Result::err).unwrap(),
                        Err(error) => error,
                    })
                });
                let error = violated(result);
                assert_eq!((error.culprit, text_of(&error).as_str()), (Role::Child, "two"));
                assert_eq!(told.hear(), Err(cancelled_by(uid(&pair.client))));
            },
        );
    }
}

#[test]
fn a_mistyped_item_of_the_parent_fails_the_task_and_names_the_culprit() {
    let receives = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let result = ctx.open_stream()?.receive::<u32>();
        assert_eq!(violated(result.clone()).culprit, Role::Parent);
        result
    };
    with_server(
        |server| server.context(on(numbers(TypePolicy::Cancel)), receives),
        |pair| {
            let result = pair.portal.open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                let stream = ctx.open_stream()?;
                stream.send("x")?;
                stream.receive::<()>()
            });
            let error = remote(result);
            assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
            assert_eq!(error.source_uid(), uid(&pair.server), "whoever checked it reports it");
            let culprit = uid(&pair.client).to_string();
            assert!(error.msg.tb_str.starts_with(&culprit), "{}", error.msg.tb_str);
            assert_eq!(error.bad_msg_loose().unwrap().kind(), Some(MsgKind::Yield));
        },
    );
}

#[test]
fn a_mistyped_item_is_skipped_and_counted() {
    with_server(
        |server| server.context(PATH, |ctx: ChildContext, _: NoArgs| mixes(&ctx, || {})),
        |pair| {
            let endpoint = on(numbers(TypePolicy::Skip));
            let before = pair.portal.counters().mistyped;
            let (items, ending) = pair
                .portal
                .open_context(&endpoint, &NoArgs {}, |ctx, (): ()| {
                    let stream = ctx.open_stream()?;
                    let items = [stream.receive()?, stream.receive()?];
                    assert_eq!((ctx.counters().mistyped, ctx.counters().dropped), (1, 1));
                    Ok::<[Option<u32>; 2], Error>(items)
                })
                .unwrap();
            assert_eq!((items, ending.returned()), ([Some(1), Some(3)], Ok(())));
            assert_eq!(pair.portal.counters().mistyped, before + 1);
        },
    );
}

/// 141; clean afterwards: D27
#[test]
fn a_mistyped_item_is_handed_over_and_the_dialog_goes_on() {
    with_server(
        |server| server.context(PATH, |ctx: ChildContext, _: NoArgs| mixes(&ctx, || {})),
        |pair| {
            let endpoint = on(numbers(TypePolicy::HandOver));
            for is_iterated in [false, true] {
                let ((), ending) = pair
                    .portal
                    .open_context(&endpoint, &NoArgs {}, |ctx, (): ()| {
                        let stream = ctx.open_stream()?;
                        let items: Vec<_> = if is_iterated {
                            stream.items::<u32>().take(3).collect()
                        } else {
                            (0..3).filter_map(|_| stream.receive().transpose()).collect()
                        };
                        let [Ok(1), bad, Ok(3)] = <[_; 3]>::try_from(items).unwrap() else { panic!() };
                        let bad = handed_over(bad);
                        assert_eq!((bad.kind, text_of(&bad).as_str()), (MsgKind::Yield, "two"));
                        assert_eq!((ctx.counters().mistyped, ctx.counters().dropped), (1, 0));
                        stream.send(&4)
                    })
                    .unwrap();
                assert_eq!(ending.returned(), Ok(()));
            }
        },
    );
}

#[test]
fn a_mistyped_item_is_handed_over_to_each_reader() {
    with_server(
        |server| server.context(PATH, |ctx: ChildContext, _: NoArgs| mixes(&ctx, || {})),
        |pair| {
            let endpoint = on(numbers(TypePolicy::HandOver));
            let (ctx, ()) = pair.portal.start_context::<_, ()>(&endpoint, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            let subscription = stream.subscribe().unwrap();
            let first: Vec<_> = subscription.items::<u32>().take(3).collect();
            let second = [stream.receive_msg(), stream.receive_msg(), stream.receive_msg()];
            let [Ok(1), bad, Ok(3)] = <[_; 3]>::try_from(first).unwrap() else { panic!() };
            let [Ok(Received::Item(_)), Ok(Received::Mistyped(again)), Ok(Received::Item(_))] = second else {
                panic!("{second:?}")
            };
            assert_eq!((handed_over(bad), ctx.counters().mistyped), (again, 1));
        },
    );
}

#[test]
fn a_mistyped_first_value_or_result_is_handed_over_with_the_value() {
    with_server(
        |server| {
            server
                .function(("app", "function"), |_: NoArgs| Ok::<_, Error>("yo"))
                .context(PATH, |ctx: ChildContext, _: NoArgs| ctx.started("hello"))
        },
        |pair| {
            let terms = || Terms { on_mistyped: TypePolicy::HandOver, ..Terms::one_for_all(spec("None")) };
            let function = Endpoint::new("app", "function").limited(terms());
            let result = handed_over(pair.portal.call::<_, Payload>(&function, &NoArgs {}));
            assert_eq!((result.kind, text_of(&result).as_str()), (MsgKind::Return, "yo"));
            let first = handed_over(pair.portal.start_context::<_, Payload>(on(terms()), &NoArgs {}));
            assert_eq!((first.kind, text_of(&first).as_str()), (MsgKind::Started, "hello"));
        },
    );
}

#[test]
fn a_result_that_is_handed_over_is_the_last_that_is_left() {
    with_server(
        |server| server.context(PATH, says_yo),
        |pair| {
            let terms = Terms { on_mistyped: TypePolicy::HandOver, ..Terms::one_for_all(spec("None")) };
            let (context, ()) = pair.portal.start_context(on(terms), &NoArgs {}).unwrap();
            context.wait().unwrap_err();
            let left: Vec<_> = context.drain().map(|next| next.unwrap().kind()).take(9).collect();
            assert_eq!(left, [Some(MsgKind::Return)]);
        },
    );
}

#[test]
fn a_mistyped_item_is_replied_to() {
    let sums = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        ctx.open_stream()?.items::<u32>().sum::<Result<u32, _>>()
    };
    with_server(
        |server| {
            let reply = Payload::encode("numbers, please").unwrap();
            server.context(on(Terms { slots: yields("int"), ..numbers(TypePolicy::Reply(reply)) }), sums)
        },
        |pair| {
            let (reply, ending) = pair
                .portal
                .open_context(PATH, &NoArgs {}, |ctx, (): ()| {
                    let stream = ctx.open_stream()?;
                    stream.send("one")?;
                    let reply = stream.receive::<String>()?;
                    stream.send(&2)?;
                    Ok::<_, Error>(reply)
                })
                .unwrap();
            assert_eq!((reply.as_deref(), ending.returned()), (Some("numbers, please"), Ok(2_u32)));
        },
    );
}

/// A generator's items are held to the terms as well.
#[test]
fn items_of_a_generator_are_checked() {
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.generator(on(numbers(TypePolicy::Cancel)), move |_: NoArgs, out: Yielder| {
                told.tell(out.send_checked("refused").map_err(|error| error.to_string()));
                out.send_checked(&1)?;
                out.send("two")?;
                out.send(&3)
            })
        },
        |pair| {
            let endpoint = on(numbers(TypePolicy::HandOver));
            let items: Vec<_> = pair.portal.iterate::<_, u32>(&endpoint, &NoArgs {}).unwrap().collect();
            let [Ok(1), bad, Ok(3)] = <[_; 3]>::try_from(items).unwrap() else { panic!() };
            assert_eq!(text_of(&handed_over(bad)), "two");
            assert!(told.hear().unwrap_err().starts_with("Yield of the child"));
        },
    );
}

#[test]
fn the_application_is_told_of_each_mistyped_value() {
    let told = Wire::<MistypedValue>::new();
    let build = || {
        let told = Arc::clone(&told);
        let profile = Profile::new("client").on_mistyped(move |value| {
            told.tell(value.clone());
            panic!("of no interest");
        });
        (
            Actor::builder("server").context(PATH, |ctx: ChildContext, _: NoArgs| mixes(&ctx, || {})),
            Actor::builder(profile),
        )
    };
    on_each_transport(build, |pair| {
        let endpoint = on(numbers(TypePolicy::Skip));
        let (opened, line) = (pair.portal.start_context::<_, ()>(&endpoint, &NoArgs {}), line!());
        let (ctx, ()) = opened.unwrap();
        let stream = ctx.open_stream().unwrap();
        assert_eq!([stream.receive(), stream.receive()], [Ok(Some(1)), Ok(Some(3))]);
        let MistypedValue { connection, error } = told.hear();
        assert_eq!((connection, place(error.caller)), (0, Some((file!(), line))));
        assert_eq!(
            (error.culprit, error.kind, Some(&*error.cid)),
            (Role::Child, MsgKind::Yield, ctx.cid().as_deref())
        );
        assert_eq!((error.spec.as_str(), error.mismatch.path.as_str()), ("int", "."));
        assert_eq!((error.mismatch.expected.as_str(), text_of(&error).as_str()), ("int", "two"));
        assert!(error.bad_msg().is_some());
    });
}
