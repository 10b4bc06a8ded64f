//! Terms: arguments, what an endpoint is held to, narrowings. Numbers are those of the conformance catalogue.

use std::sync::Arc;

use crate::driver::proto::phase::Role;
use crate::driver::proto::spec::Slots;
use crate::driver::proto::wire::MsgKind;
use crate::driver::proto::{OpenError, Payload, RemoteErrorKind, Terms, TypePolicy};
use crate::driver::{Actor, ChildContext, Ending, Endpoint, Error, MistypedValue, NoArgs, Profile};
use serde::{Deserialize, Deserializer, Serialize};

use super::rig::{on_each_transport, remote, with_server};
use super::typed::{
    PATH, PING, numbers, on, ping, place, refused, settle, spec, telling, text_of, violated, yields,
};
use super::wire::Wire;

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

/// P-23.
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
