//! Terms: values of the wrong type at each end, in each message, under each policy; narrowing. Numbers are
//! those of the conformance catalogue.

use std::sync::Arc;

use crate::driver::proto::phase::Role;
use crate::driver::proto::spec::{PldSpec, Slots};
use crate::driver::proto::wire::MsgKind;
use crate::driver::proto::{
    Extension, Extensions, Mistyped, Misuse, OpenError, Parity, Payload, PeerViolation, Received,
    RemoteErrorKind, Terms, TypePolicy,
};
use crate::driver::{
    Actor, ChildContext, Ending, Endpoint, Error, MistypedValue, NoArgs, Profile, TaskError, Yielder,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rig::{Pair, on_each_transport, remote, with_server};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "typed");

fn spec(text: &str) -> PldSpec {
    text.parse().unwrap()
}

fn on(terms: Terms) -> Endpoint {
    Endpoint::new(PATH.0, PATH.1).limited(terms)
}

/// A first value of any type, numbers as items, nothing as result.
fn numbers(on_mistyped: TypePolicy) -> Terms {
    let slots = Slots { yields: Some(spec("int")), result: Some(spec("None")), ..Slots::default() };
    Terms { on_mistyped, ..Terms::new(slots) }
}

fn yields(text: &str) -> Slots {
    Slots { yields: Some(spec(text)), ..Slots::default() }
}

/// What a parent found of a child's value.
#[track_caller]
fn violated<T: std::fmt::Debug>(result: Result<T, Error>) -> Arc<Mistyped> {
    match result {
        Err(Error::Violation(PeerViolation::Mistyped(error))) => error,
        other => panic!("{other:?}"),
    }
}

/// What the sender itself found of its value.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Arc<Mistyped> {
    match result {
        Err(Error::Misuse(Misuse::Mistyped(error))) => error,
        other => panic!("{other:?}"),
    }
}

/// What was handed over.
#[track_caller]
fn handed_over<T: std::fmt::Debug>(result: Result<T, Error>) -> Box<Mistyped> {
    match result {
        Err(Error::Mistyped(error)) => error,
        other => panic!("{other:?}"),
    }
}

const PING: (&str, &str) = ("app", "ping");

fn ping(_: NoArgs) -> Result<(), Error> {
    Ok(())
}

/// Waits until everything that the server has sent so far has arrived: frames are in order.
fn settle(pair: &Pair) {
    pair.portal.call::<_, ()>(PING, &NoArgs {}).unwrap();
}

fn text_of(error: &Mistyped) -> String {
    error.value.as_ref().unwrap().decode().unwrap()
}

/// A child that sends a number, a text and a number, waits for the end of the stream, and returns nothing.
fn mixes(ctx: &ChildContext, then: impl FnOnce()) -> Result<(), Error> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    stream.send(&1)?;
    stream.send("two")?;
    let sent = stream.send(&3);
    // Also if it was cancelled for the second already.
    then();
    sent?;
    while stream.receive::<Payload>()?.is_some() {}
    Ok(())
}

/// The same, which tells when all are sent, and how it ended.
fn telling(
    sent: &Arc<Wire<()>>,
    told: &Arc<Wire<Result<(), Error>>>,
) -> impl Fn(ChildContext, NoArgs) -> Result<(), Error> + Send + Sync + use<> {
    let (sent, told) = (Arc::clone(sent), Arc::clone(told));
    move |ctx, _| {
        let result = mixes(&ctx, || sent.tell(()));
        told.tell(result.clone());
        result
    }
}

/// 130
#[test]
fn an_invalid_first_value_is_refused_where_it_is_sent_and_fails_the_open() {
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.context(on(Terms::one_for_all(spec("None"))), move |ctx: ChildContext, _: NoArgs| {
                let result = ctx.started(&10);
                told.tell(result.clone());
                result
            })
        },
        |pair| {
            let error = remote(pair.portal.start_context::<_, ()>(PATH, &NoArgs {}));
            let local = refused(told.hear());
            assert_eq!((local.culprit, local.kind), (Role::Child, MsgKind::Started));
            assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
            assert_eq!(error.msg.tb_str, local.to_string());
            assert_eq!(
                local.to_string(),
                "Started of the child: .: expected None, found 10 (int), at byte 0 (spec: None)"
            );
            assert_eq!(error.bad_msg_loose().unwrap().kind(), Some(MsgKind::Started));
        },
    );
}

/// 131
#[test]
fn an_invalid_first_value_that_was_not_checked_fails_the_open_and_cancels_the_child() {
    let told = Wire::new();
    with_server(
        |server| {
            let unchecked = Terms { check_started: false, ..Terms::one_for_all(spec("None")) };
            let told = Arc::clone(&told);
            server.context(on(unchecked), move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&10)?;
                let end = ctx.open_stream()?.receive::<()>();
                told.tell(end.clone());
                end.map(drop)
            })
        },
        |pair| {
            let endpoint = on(Terms::one_for_all(spec("None")));
            let error = violated(pair.portal.start_context::<_, Payload>(&endpoint, &NoArgs {}));
            assert_eq!((error.culprit, error.kind), (Role::Child, MsgKind::Started));
            let by = Some(pair.client.identity().uid.clone());
            assert_eq!(told.hear(), Err(Error::Cancelled { by }));
        },
    );
}

/// 132, 144
#[test]
fn an_invalid_result_is_the_error_of_the_dialog() {
    with_server(
        |server| {
            server.context(PATH, |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                Ok::<_, Error>("yo")
            })
        },
        |pair| {
            let endpoint = on(Terms::one_for_all(spec("None")));
            let mut seen = None;
            let result = pair.portal.open_context(&endpoint, &NoArgs {}, |ctx, (): ()| {
                let waited = ctx.wait();
                assert_eq!(ctx.wait(), waited, "told again and again");
                seen = Some((ctx.cid(), violated(waited)));
                Ok::<(), Error>(())
            });
            let (cid, error) = seen.unwrap();
            assert_eq!((error.kind, Some(&*error.cid)), (MsgKind::Return, cid.as_deref()));
            assert_eq!(violated(result), error, "by the implicit wait, too");
        },
    );
}

#[test]
fn an_invalid_result_is_refused_where_it_is_sent() {
    with_server(
        |server| {
            let terms = || on(Terms::one_for_all(spec("None")));
            let context = |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                Ok::<_, Error>("yo")
            };
            let function = Endpoint::new("app", "function").limited(Terms::one_for_all(spec("None")));
            server.context(terms(), context).function(&function, |_: NoArgs| Ok::<_, Error>("yo"))
        },
        |pair| {
            for error in [
                remote(pair.portal.open_context(PATH, &NoArgs {}, |_, (): ()| Ok::<(), Error>(()))),
                remote(pair.portal.call::<_, ()>(("app", "function"), &NoArgs {})),
            ] {
                assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
                assert!(error.msg.tb_str.starts_with("Return of the child"), "{}", error.msg.tb_str);
                assert_eq!(error.bad_msg_loose().unwrap().kind(), Some(MsgKind::Return));
            }
        },
    );
}

/// 142
#[test]
fn a_child_whose_first_value_was_refused_may_send_another_one() {
    let retries = |ctx: ChildContext, _: NoArgs| {
        refused(ctx.started(&10));
        ctx.started("ten")
    };
    with_server(
        |server| {
            let slots = Slots { started: Some(spec("str")), ..Slots::default() };
            server.context(on(Terms::new(slots)), retries)
        },
        |pair| {
            let (first, ending) =
                pair.portal.open_context(PATH, &NoArgs {}, |_, first: String| Ok::<_, Error>(first)).unwrap();
            assert_eq!((first.as_str(), ending.returned()), ("ten", Ok(())));
        },
    );
}

/// 135
#[test]
fn an_extension_type_makes_the_round_trip() {
    #[derive(Debug, PartialEq)]
    struct Celsius(i8);
    impl Extension for Celsius {
        const CODE: i8 = 7;

        fn encode(&self) -> Vec<u8> {
            self.0.to_be_bytes().to_vec()
        }

        fn decode(content: &[u8]) -> Result<Self, String> {
            let bytes = content.try_into().map_err(|_| "one byte is due")?;
            Ok(Self(i8::from_be_bytes(bytes)))
        }
    }
    let mut known = Extensions::default();
    known.register::<Celsius>().unwrap();
    let endpoint = || on(Terms::one_for_all(spec("Ext[7]")));
    with_server(
        |server| {
            let known = known.clone();
            server.context(endpoint(), move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&known.encode(&Celsius(-3)).unwrap())?;
                let item = ctx.open_stream()?.receive::<Payload>()?;
                Ok::<_, Error>(item.unwrap())
            })
        },
        |pair| {
            let (first, ending) = pair
                .portal
                .open_context(endpoint(), &NoArgs {}, |ctx, first: Payload| {
                    ctx.open_stream()?.send_checked(&known.encode(&Celsius(21)).unwrap())?;
                    Ok::<_, Error>(first)
                })
                .unwrap();
            assert_eq!(known.decode(&first), Ok(Celsius(-3)));
            assert_eq!(known.decode(&ending.returned().unwrap()), Ok(Celsius(21)));
        },
    );
}

/// 143
#[test]
fn strict_parity_refuses_what_would_come_out_otherwise() {
    let precise = |ctx: ChildContext, _: NoArgs| {
        assert_eq!(refused(ctx.started(&1)).kind, MsgKind::Started);
        ctx.started(&1.0)
    };
    with_server(
        |server| {
            let slots = Slots { started: Some(spec("float")), ..Slots::default() };
            server.context(on(Terms { parity: Parity::Strict, ..Terms::new(slots) }), precise)
        },
        |pair| {
            let opened = pair.portal.open_context(PATH, &NoArgs {}, |_, first: f64| Ok::<_, Error>(first));
            assert_eq!(opened.unwrap().0, 1.0);
        },
    );
}

/// 145
#[test]
fn a_result_that_cannot_be_written_is_reported_without_it() {
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no form"))
        }
    }
    with_server(
        |server| server.function(PATH, |_: NoArgs| Ok::<_, Error>(Unwritable)),
        |pair| {
            let error = remote(pair.portal.call::<_, ()>(PATH, &NoArgs {}));
            assert_eq!((error.kind(), error.bad_msg()), (RemoteErrorKind::MsgTypeError, None));
            assert!(error.msg.tb_str.contains("no form"), "{}", error.msg.tb_str);
        },
    );
}

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
                let by = Some(pair.client.identity().uid.clone());
                assert_eq!(told.hear(), Err(Error::Cancelled { by }));
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
            assert_eq!(error.source_uid(), &pair.server.identity().uid, "whoever checked it reports it");
            let culprit = pair.client.identity().uid.to_string();
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

#[derive(Debug, Serialize)]
struct Order<'a> {
    size: &'a str,
}

/// Arguments that cannot be read at all.
struct Untouched;

impl<'de> Deserialize<'de> for Untouched {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("they were read"))
    }
}

fn params() -> Endpoint {
    let params = Some(spec("Order where Order = struct(size: int)!"));
    on(Terms::new(Slots { params, ..Slots::default() }))
}

#[test]
fn arguments_are_refused_before_they_are_sent() {
    with_server(
        |server| server.function(PATH, |_: Payloads| -> Result<(), Error> { panic!("it ran") }),
        |pair| {
            let before = pair.portal.counters().frames_out;
            let result = pair.portal.call::<_, ()>(params(), &Order { size: "ten" });
            let Err(Error::Open(OpenError::Mistyped(mismatch))) = result else { panic!("{result:?}") };
            assert_eq!(mismatch.to_string(), "size: expected int, found 'ten' (str), at byte 6");
            assert_eq!(pair.portal.counters().frames_out, before);
        },
    );
}

/// Arguments of any names.
type Payloads = std::collections::BTreeMap<String, String>;

#[test]
fn arguments_are_refused_before_they_are_read_or_anything_runs() {
    let told = Wire::<MistypedValue>::new();
    let build = || {
        let told = Arc::clone(&told);
        let profile = Profile::new("server").on_mistyped(move |value| told.tell(value.clone()));
        let server = Actor::builder(profile)
            .function(params(), |_: Untouched| -> Result<(), Error> { panic!("it ran") });
        (server, Actor::builder("client"))
    };
    on_each_transport(build, |pair| {
        let error = remote(pair.portal.call::<_, ()>(PATH, &Order { size: "ten" }));
        assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
        let start = error.bad_msg_loose().unwrap();
        assert_eq!(
            (start.kind(), start.value("func").unwrap().decode::<String>().as_deref()),
            (Some(MsgKind::Start), Ok("typed"))
        );
        let found = told.hear().error;
        assert_eq!((found.culprit, found.kind), (Role::Parent, MsgKind::Start));
        assert_eq!(place(found.caller).unwrap().0, file!());
        // What conforms is read.
        let error = remote(pair.portal.call::<_, ()>(PATH, &std::collections::HashMap::from([("size", 10)])));
        assert_eq!(error.msg.boxed_type_str, "TypeError");
    });
}

/// 134
#[test]
fn the_terms_of_an_endpoint_are_in_force_inside_it() {
    let slots = || Slots::typed::<NoArgs, String, (u32, f64), ()>().unwrap();
    let told = Wire::new();
    with_server(
        |server| {
            let told = Arc::clone(&told);
            server.context(on(Terms::new(slots())), move |ctx: ChildContext, _: NoArgs| {
                told.tell(ctx.terms());
                assert!(ctx.validate(MsgKind::Yield, &(1, 2.5)).is_ok());
                refused(ctx.validate(MsgKind::Yield, &(1, 2.5, 3)));
                refused(ctx.validate(MsgKind::Return, &1));
                ctx.started("hello")
            })
        },
        |pair| {
            pair.portal.open_context(PATH, &NoArgs {}, |_, _: String| Ok::<(), Error>(())).unwrap();
            assert_eq!(told.hear(), Some(Terms::new(slots())));
        },
    );
}

#[test]
fn a_narrowing_holds_while_its_guard_lives() {
    let counts = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        let stream = ctx.open_stream()?;
        let narrowed = ctx.narrow(yields("int[0..=9]"))?;
        let error = refused(stream.send_checked(&10));
        assert_eq!(error.mismatch.expected, "int[0..=9]");
        drop(narrowed);
        (9..=12).try_for_each(|item| stream.send_checked(&item))?;
        while stream.receive::<Payload>()?.is_some() {}
        Ok::<(), Error>(())
    };
    with_server(
        |server| server.context(on(numbers(TypePolicy::Cancel)), counts),
        |pair| {
            let endpoint = on(numbers(TypePolicy::Skip));
            let (items, _) = pair
                .portal
                .open_context(&endpoint, &NoArgs {}, |ctx, (): ()| {
                    let stream = ctx.open_stream()?;
                    let narrowed = ctx.narrow(yields("int[10..=11]"))?;
                    let (ten, eleven) = (stream.receive::<u32>()?, stream.receive::<u32>()?);
                    assert_eq!(ctx.counters().mistyped, 1, "9 was passed over");
                    drop(narrowed);
                    Ok::<_, Error>([ten, eleven, stream.receive()?])
                })
                .unwrap();
            assert_eq!(items, [Some(10), Some(11), Some(12)]);
        },
    );
}

/// What a narrowing forbids may cancel, too: nobody but the receiver is at work then.
#[test]
fn a_narrowing_cancels_as_the_terms_say() {
    let (sent, told) = (Wire::new(), Wire::new());
    with_server(
        |server| server.context(PATH, telling(&sent, &told)).function(PING, ping),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            let _narrowed = ctx.narrow(yields("int")).unwrap();
            sent.hear();
            settle(pair);
            assert_eq!(stream.receive(), Ok(Some(1)));
            assert_eq!(text_of(&violated(stream.receive::<u32>())), "two");
            assert!(matches!(told.hear(), Err(Error::Cancelled { .. })));
            assert_eq!(text_of(&violated(ctx.wait())), "two");
        },
    );
}

/// F78
#[test]
fn no_spec_stands_between_a_cancel_and_its_end() {
    let never = || Terms::one_for_all(spec("Literal['never']"));
    let waits = |ctx: ChildContext, _: NoArgs| {
        ctx.started("never")?;
        ctx.open_stream()?.receive::<()>().map(drop)
    };
    with_server(
        |server| server.context(on(never()), waits),
        |pair| {
            let ((), ending) =
                pair.portal.open_context(on(never()), &NoArgs {}, |ctx, _: String| ctx.cancel()).unwrap();
            assert_eq!(ending, Ending::Cancelled { confirmed: true });
        },
    );
}

#[test]
fn receiving_without_waiting_tells_nothing_yet_from_the_end() {
    let (go, done) = (Wire::new(), Wire::new());
    with_server(
        |server| {
            let (go, done) = (Arc::clone(&go), Arc::clone(&done));
            server.function(PING, ping).context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let stream = ctx.open_stream()?;
                go.hear();
                stream.send(&1)?;
                done.tell(());
                go.hear();
                drop(stream);
                done.tell(());
                Ok::<(), Error>(())
            })
        },
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            assert_eq!(stream.try_receive::<u32>(), Err(Error::Empty));
            go.tell(());
            done.hear();
            settle(pair);
            assert_eq!(stream.try_receive(), Ok(Some(1)));
            assert_eq!(stream.try_receive::<u32>(), Err(Error::Empty));
            go.tell(());
            done.hear();
            settle(pair);
            assert_eq!(stream.try_receive::<u32>(), Ok(None));
        },
    );
}

#[test]
fn what_is_left_of_a_dialog_comes_with_its_kinds() {
    let go = Wire::new();
    with_server(
        |server| {
            let go = Arc::clone(&go);
            server.context(PATH, move |ctx: ChildContext, _: NoArgs| {
                ctx.started(&())?;
                let stream = ctx.open_stream()?;
                stream.send(&1)?;
                stream.send(&2)?;
                drop(stream);
                go.hear();
                Ok::<_, Error>("done")
            })
        },
        |pair| {
            let one = Payload::encode(&1).unwrap();
            // Nobody opened the stream here.
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let mut left = ctx.drain();
            assert_eq!(left.next(), Some(Ok(Received::Item(one.clone()))));
            assert_eq!(left.next().unwrap().unwrap().kind(), Some(MsgKind::Yield));
            assert_eq!(left.next(), Some(Ok(Received::Stopped)));
            go.tell(());
            let result = left.next().unwrap().unwrap();
            assert_eq!(result.value().unwrap().decode::<String>().as_deref(), Ok("done"));
            assert_eq!((result.kind(), left.next()), (Some(MsgKind::Return), None));
            // One by one.
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let stream = ctx.open_stream().unwrap();
            assert_eq!(stream.receive_msg(), Ok(Received::Item(one)));
            assert_eq!(stream.receive::<Payload>(), Ok(Some(Payload::encode(&2).unwrap())));
            (0..2).for_each(|_| assert_eq!(stream.receive_msg(), Ok(Received::Stopped)));
            go.tell(());
            assert!(ctx.wait().is_ok());
            assert_eq!(stream.receive_msg().unwrap().kind(), Some(MsgKind::Return));
        },
    );
}

#[test]
fn what_fails_is_the_last_that_is_left() {
    let fails = |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        Err::<(), _>(TaskError::new("KeyError", "k"))
    };
    with_server(
        |server| server.context(PATH, fails),
        |pair| {
            let (ctx, ()) = pair.portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
            let left: Vec<_> = ctx.drain().collect();
            let [error] = <[_; 1]>::try_from(left).unwrap();
            assert_eq!(remote(error).msg.boxed_type_str, "KeyError");
        },
    );
}

/// 138
#[test]
fn a_payload_is_received_unread() {
    with_server(
        |server| server.function(PATH, |_: NoArgs| Ok::<_, Error>((1, "one"))),
        |pair| {
            let raw = pair.portal.call::<_, Payload>(PATH, &NoArgs {}).unwrap();
            assert_eq!(raw.as_bytes().as_ref(), b"\x92\x01\xa3one");
            let error = raw.decode::<(u8, u8)>().unwrap_err();
            assert_eq!(error.path, "[1]");
        },
    );
}

/// Where a line of this file is.
type Place = (&'static str, u32);

fn place(caller: Option<&'static std::panic::Location<'static>>) -> Option<Place> {
    caller.map(|caller| (caller.file(), caller.line()))
}

/// F171
#[test]
fn each_dialog_knows_the_line_of_the_application_that_it_is_of() {
    let told = Wire::new();
    let registered = std::sync::Mutex::new(0);
    with_server(
        |server| {
            let fails = |_: NoArgs| Err::<(), _>(TaskError::new("KeyError", "k"));
            let told = Arc::clone(&told);
            let tells = move |ctx: ChildContext, _: NoArgs| {
                told.tell(place(ctx.caller()));
                ctx.started(&())
            };
            let (server, line) = (server.context(PATH, tells), line!());
            *registered.lock().unwrap() = line;
            server.function(("app", "fails"), fails)
        },
        |pair| {
            let here = |line| Some((file!(), line));
            let (opened, line) = (pair.portal.start_context::<_, ()>(PATH, &NoArgs {}), line!());
            assert_eq!(place(opened.unwrap().0.caller()), here(line));
            assert_eq!(told.hear(), here(*registered.lock().unwrap()));
            let (called, line) = (pair.portal.call::<_, ()>(("app", "fails"), &NoArgs {}), line!());
            let error = remote(called);
            assert_eq!(place(error.caller()), here(line));
            let report = format!("{error:#}");
            assert!(report.contains(&format!("called at: {}:{line}:", file!())), "{report}");
        },
    );
}
