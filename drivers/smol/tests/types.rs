//! What can be moved to another thread: every handle, and every future that holds one.

use futures_util::stream::FusedStream;
use scipp_smol::proto::spec::Slots;
use scipp_smol::{
    Actor, ActorBuilder, ChildContext, Context, Driver, Error, Incoming, Items, Listener, MsgStream,
    Narrowed, NoArgs, Outgoing, Portal, Socket, Subscription, Yielder,
};

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}
const fn is_fused<T: FusedStream>() {}

fn as_is<T: Send>(value: T) -> T {
    value
}

#[test]
fn handles_can_be_sent_and_shared() {
    is_send::<(Actor, ActorBuilder, Listener, Portal)>();
    is_sync::<(Actor, ActorBuilder, Listener, Portal)>();
    is_send::<(Context, ChildContext, Yielder, MsgStream<'_>, Subscription<'_>, Narrowed<'_>)>();
    is_sync::<(Context, ChildContext, Yielder, MsgStream<'_>, Subscription<'_>, Narrowed<'_>)>();
    is_fused::<Items<u32>>();
    is_fused::<Incoming<'_, u32>>();
    is_send::<(Items<u32>, Incoming<'_, u32>, Outgoing<'_, u32>, Driver<Socket>)>();
}

/// Never run: that it compiles is the test.
#[allow(dead_code, reason = "that it compiles is the test")]
async fn futures_can_be_sent(actor: &Actor, listener: &Listener, portal: &Portal) -> Result<(), Error> {
    const PATH: (&str, &str) = ("app", "f");
    let (_portal, mut driver) = as_is(actor.connect_unix("socket")).await.expect("never run");
    as_is(driver.run_until(async {})).await;
    as_is(listener.serve()).await;
    let _accepted = as_is(listener.accept()).await;
    as_is(portal.call::<_, ()>(PATH, &NoArgs {})).await?;
    let body = async |ctx: &Context, first: u32| {
        let stream = ctx.open_stream()?;
        as_is(stream.send(&first)).await?;
        as_is(stream.flush()).await?;
        let subscription = stream.subscribe()?;
        as_is(subscription.send(&first)).await?;
        as_is(subscription.receive::<u32>()).await?;
        as_is(stream.receive::<u32>()).await
    };
    as_is(portal.open_context(PATH, &NoArgs {}, body)).await?;
    let (ctx, ()) = as_is(portal.start_context(PATH, &NoArgs {})).await?;
    as_is(ctx.supervise(async { Ok::<_, Error>(()) })).await?;
    let waiting = async {
        let _narrowed = ctx.narrow(Slots::default())?;
        ctx.wait().await
    };
    as_is(waiting).await?;
    as_is(portal.close()).await;
    Ok(())
}
