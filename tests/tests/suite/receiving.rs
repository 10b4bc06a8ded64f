//! Ways to receive, and what a handle knows of its own line. Numbers are those of the conformance catalogue.

use std::sync::Arc;

use crate::driver::proto::wire::MsgKind;
use crate::driver::proto::{Payload, Received};
use crate::driver::{ChildContext, Error, NoArgs, TaskError};

use super::rig::{remote, with_server};
use super::typed::{PATH, PING, ping, place, settle};
use super::wire::Wire;

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
