//! What can be moved to another thread, and shared with it: every handle.

use scipp_blocking::{
    Actor, ActorBuilder, ChildContext, Context, Items, Listener, MsgStream, Narrowed, Portal, Subscription,
    Yielder,
};

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}

#[test]
fn handles_can_be_sent_and_shared() {
    is_send::<(Actor, ActorBuilder, Listener, Portal)>();
    is_sync::<(Actor, ActorBuilder, Listener, Portal)>();
    is_send::<(Context, ChildContext, Yielder, MsgStream<'_>, Subscription<'_>, Narrowed<'_>, Items<u32>)>();
    is_sync::<(Context, ChildContext, Yielder, MsgStream<'_>, Subscription<'_>, Narrowed<'_>, Items<u32>)>();
}
