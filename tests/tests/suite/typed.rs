//! First values and results of the wrong type, at each end. Numbers are those of the conformance catalogue.

use std::sync::Arc;

use crate::driver::proto::phase::Role;
use crate::driver::proto::spec::{PldSpec, Slots};
use crate::driver::proto::wire::MsgKind;
use crate::driver::proto::{
    Extension, Extensions, Mistyped, Misuse, Parity, Payload, PeerViolation, RemoteErrorKind, Terms,
    TypePolicy,
};
use crate::driver::{ChildContext, Endpoint, Error, NoArgs};
use serde::{Serialize, Serializer};

use super::rig::{Pair, cancelled_by, remote, uid, until_told, with_server};
use super::wire::Wire;

pub(super) const PATH: (&str, &str) = ("app", "typed");

pub(super) fn spec(text: &str) -> PldSpec {
    text.parse().unwrap()
}

pub(super) fn on(terms: Terms) -> Endpoint {
    Endpoint::new(PATH.0, PATH.1).limited(terms)
}

/// A first value of any type, numbers as items, nothing as result.
pub(super) fn numbers(on_mistyped: TypePolicy) -> Terms {
    let slots = Slots { yields: Some(spec("int")), result: Some(spec("None")), ..Slots::default() };
    Terms { on_mistyped, ..Terms::new(slots) }
}

pub(super) fn yields(text: &str) -> Slots {
    Slots { yields: Some(spec(text)), ..Slots::default() }
}

/// What a parent found of a child's value.
#[track_caller]
pub(super) fn violated<T: std::fmt::Debug>(result: Result<T, Error>) -> Arc<Mistyped> {
    match result {
        Err(Error::Violation(PeerViolation::Mistyped(error))) => error,
        other => panic!("{other:?}"),
    }
}

/// What the sender itself found of its value.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Arc<Mistyped> {
    match result {
        Err(Error::Misuse(Misuse::Mistyped(error))) => error,
        other => panic!("{other:?}"),
    }
}

/// What was handed over.
#[track_caller]
pub(super) fn handed_over<T: std::fmt::Debug>(result: Result<T, Error>) -> Box<Mistyped> {
    match result {
        Err(Error::Mistyped(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub(super) const PING: (&str, &str) = ("app", "ping");

pub(super) fn ping(_: NoArgs) -> Result<(), Error> {
    Ok(())
}

/// Waits until everything that the server has sent so far has arrived: frames are in order.
pub(super) fn settle(pair: &Pair) {
    pair.portal.call::<_, ()>(PING, &NoArgs {}).unwrap();
}

pub(super) fn text_of(error: &Mistyped) -> String {
    error.value.as_ref().unwrap().decode().unwrap()
}

/// Where a line of this file is.
pub(super) type Place = (&'static str, u32);

pub(super) fn place(caller: Option<&'static std::panic::Location<'static>>) -> Option<Place> {
    caller.map(|caller| (caller.file(), caller.line()))
}

/// A child that sends a number, a text and a number, waits for the end of the stream, and returns nothing.
pub(super) fn mixes(ctx: &ChildContext, then: impl FnOnce()) -> Result<(), Error> {
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
pub(super) fn telling(
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
                let error = until_told(&ctx);
                told.tell(error.clone());
                Err::<(), _>(error)
            })
        },
        |pair| {
            let endpoint = on(Terms::one_for_all(spec("None")));
            let error = violated(pair.portal.start_context::<_, Payload>(&endpoint, &NoArgs {}));
            assert_eq!((error.culprit, error.kind), (Role::Child, MsgKind::Started));
            assert_eq!(told.hear(), cancelled_by(uid(&pair.client)));
        },
    );
}

/// A context with this result.
pub(super) fn says_yo(ctx: ChildContext, _: NoArgs) -> Result<&'static str, Error> {
    ctx.started(&())?;
    Ok("yo")
}

/// 132, 144
#[test]
fn an_invalid_result_is_the_error_of_the_dialog() {
    with_server(
        |server| server.context(PATH, says_yo),
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
            let function = Endpoint::new("app", "function").limited(Terms::one_for_all(spec("None")));
            server.context(terms(), says_yo).function(&function, |_: NoArgs| Ok::<_, Error>("yo"))
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
