//! Three actors and more: scenarios of `spec/scenarios.md`, by their numbers.

use std::sync::Arc;

use scipp_conformance::script::{Unsendable, error_by};

use crate::driver::proto::Uid;
use crate::driver::proto::wire::ErrorMsg;
use crate::driver::{
    Actor, ActorBuilder, ChildContext, Context, Ending, Error, MsgStream, NoArgs, Portal, TaskError,
};

use super::cancels::waits;
use super::raw::ByHand;
use super::rig::{Behind, Host, assert_cancelled, behind, cancelled_by, remote, uid, until_told};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "task");
const STREAM: (&str, &str) = ("app", "stream");

/// An actor whose task waits to be cancelled, and tells why it ended.
fn waiting(name: &str, told: &Arc<Wire<Error>>) -> Host {
    Host::new(name, |host, _| host.context(PATH, waits(told)))
}

/// An actor whose task fails like this when it has started.
fn failing(name: &str, class: &'static str) -> Host {
    let fails = move |ctx: ChildContext, _: NoArgs| {
        ctx.started(&())?;
        Err::<(), _>(TaskError::new(class, "as scripted"))
    };
    Host::new(name, |host, _| host.context(PATH, fails))
}

/// An actor whose task lasts as long as that of the next actor, and ends like it.
fn relaying(name: &str, next: &Host) -> Host {
    Host::new(name, relays).reaches(&[next])
}

fn relays(host: ActorBuilder, portals: &Behind) -> ActorBuilder {
    let portals = Arc::clone(portals);
    host.context(PATH, move |ctx: ChildContext, _: NoArgs| starts_with(&behind(&portals, 0), &ctx).map(drop))
}

/// A context that lasts as long as its task; when that has started, so have we.
fn starts_with(portal: &Portal, ctx: &ChildContext) -> Result<((), Ending), Error> {
    portal.open_context(PATH, &NoArgs {}, |_, (): ()| ctx.started(&()))
}

/// A context whose body does nothing but wait for the task.
fn lasting(portal: &Portal) -> Result<((), Ending), Error> {
    portal.open_context(PATH, &NoArgs {}, |_, (): ()| Ok(()))
}

#[test]
fn s100_a_failure_before_the_first_value_and_a_cancel_of_its_own() {
    let told = Wire::new();
    let inner = waiting("b", &told);
    let outer = Host::new("a", |host, portals| {
        let portals = Arc::clone(portals);
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            let (inner, ()) = behind(&portals, 0).start_context::<_, ()>(PATH, &NoArgs {})?;
            let started = ctx.started(&Unsendable);
            inner.cancel()?;
            assert_eq!(inner.wait(), Ok(Ending::Cancelled { confirmed: true }));
            started
        })
    })
    .reaches(&[&inner]);
    let root = Actor::builder("root").build();
    let result = outer.reached_by(&root).start_context::<_, ()>(PATH, &NoArgs {});
    assert_eq!(remote(result).boxed_type(), "TypeError");
    assert_eq!(told.hear(), cancelled_by(outer.uid()));
}

/// A sleeper, a caller with a context of its own with it, a canceller, and a root with a context with each.
struct Sleep {
    sleeper: Host,
    canceller: Host,
    root: Actor,
    /// How the tasks of the caller and of the canceller ended.
    told: [Arc<Wire<Error>>; 2],
    go: Arc<Wire<()>>,
    caller: Host,
}

fn sleep() -> Sleep {
    let (told, go) = ([Wire::new(), Wire::new()], Wire::new());
    let sleeper = waiting("sleeper", &Wire::new());
    let calls = |host: ActorBuilder, portals: &Behind| {
        let (portals, told) = (Arc::clone(portals), Arc::clone(&told[0]));
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            let error = starts_with(&behind(&portals, 0), &ctx).unwrap_err();
            told.tell(error.clone());
            Err::<(), _>(error)
        })
    };
    let cancels = |host: ActorBuilder, portals: &Behind| {
        let (portals, told, go) = (Arc::clone(portals), Arc::clone(&told[1]), Arc::clone(&go));
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            go.hear();
            behind(&portals, 0).cancel_actor().unwrap();
            let error = until_told(&ctx);
            told.tell(error.clone());
            Err::<(), _>(error)
        })
    };
    let caller = Host::new("caller", calls).reaches(&[&sleeper]);
    let canceller = Host::new("canceller", cancels).reaches(&[&sleeper]);
    Sleep { sleeper, canceller, root: Actor::builder("root").build(), told, go, caller }
}

impl Sleep {
    /// The root has a context with each when the sleeper is cancelled; its handler makes something of that.
    fn is_cancelled(&self, handler: impl Fn(Error) -> TaskError) -> TaskError {
        let [sleeper, caller, canceller] =
            [&self.sleeper, &self.caller, &self.canceller].map(|host| host.reached_by(&self.root));
        let result = canceller.open_context(PATH, &NoArgs {}, |_, (): ()| {
            let within = |_: &Context, (): ()| {
                let asleep = sleeper.open_context(PATH, &NoArgs {}, |_, (): ()| {
                    self.go.tell(());
                    Ok(())
                });
                asleep.map_err(&handler)
            };
            caller.open_context(PATH, &NoArgs {}, within)
        });
        result.unwrap_err()
    }
}

#[test]
fn s101_a_peer_cancels_the_child_of_others() {
    let sleep = sleep();
    let TaskError::Call(error) = sleep.is_cancelled(TaskError::from) else { panic!("an error of its own") };
    let (by, path) = (sleep.canceller.uid(), [sleep.sleeper.uid()]);
    assert_cancelled(Err::<(), _>(error), by, &path);
    assert_cancelled(Err::<(), _>(sleep.told[0].hear()), by, &path);
    assert_eq!(sleep.told[1].hear(), cancelled_by(uid(&sleep.root)));
}

#[test]
fn s102_the_handler_of_that_fails() {
    let sleep = sleep();
    let own = TaskError::new("RuntimeError", "of the handler");
    assert_eq!(sleep.is_cancelled(|_| own.clone()), own);
    sleep.told[0].hear();
    assert_eq!(sleep.told[1].hear(), cancelled_by(uid(&sleep.root)));
}

#[test]
fn s103_the_third_actor_handles_it() {
    let sleeper = waiting("sleeper", &Wire::new());
    let handles = |host: ActorBuilder, portals: &Behind| {
        let portals = Arc::clone(portals);
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            starts_with(&behind(&portals, 0), &ctx).unwrap_err();
            Ok::<_, Error>("went on")
        })
    };
    let caller = Host::new("caller", handles).reaches(&[&sleeper]);
    let [root, third] = ["root", "third"].map(|name| Actor::builder(name).build());
    let (ctx, ()) = caller.reached_by(&root).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    sleeper.reached_by(&third).cancel_actor().unwrap();
    assert_eq!(ctx.wait().unwrap().returned::<String>().as_deref(), Ok("went on"));
}

/// Sends back what it receives; fails after the first item, if it is to.
fn echo(ctx: &ChildContext, is_to_fail: bool) -> Result<(), TaskError> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    while let Some(item) = stream.receive::<String>()? {
        stream.send(&item)?;
        if is_to_fail {
            return Err(TaskError::new("RuntimeError", "as scripted"));
        }
    }
    Ok(())
}

/// Says something and hears it.
fn talk<'a>(ctx: &'a Context, word: &str) -> Result<MsgStream<'a>, Error> {
    let stream = ctx.open_stream()?;
    stream.send(word)?;
    assert_eq!(stream.receive::<String>()?.as_deref(), Some(word));
    Ok(stream)
}

/// A service, its spawner, which takes it down when its own task is cancelled, and a client of both; and a root.
struct Service {
    service: Host,
    spawner: Host,
    client: Host,
    root: Actor,
    /// The client has talked to the service.
    ready: Arc<Wire<()>>,
    /// How the task of the spawner ended.
    told: Arc<Wire<Error>>,
}

fn service(fails: bool, swallows: bool) -> Service {
    let (ready, told) = (Wire::new(), Wire::new());
    let service = Host::new("service", |host, _| {
        host.context(STREAM, move |ctx: ChildContext, _: NoArgs| echo(&ctx, fails))
    });
    let spawns = |host: ActorBuilder, portals: &Behind| {
        let (portals, told) = (Arc::clone(portals), Arc::clone(&told));
        let host = host.context(STREAM, |ctx: ChildContext, _: NoArgs| echo(&ctx, false));
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let error = until_told(&ctx);
            behind(&portals, 0).cancel_actor()?;
            told.tell(error.clone());
            Err::<(), _>(error)
        })
    };
    let uses = |host: ActorBuilder, portals: &Behind| {
        let (portals, ready) = (Arc::clone(portals), Arc::clone(&ready));
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            ctx.started(&())?;
            let [spawner, service] = [0, 1].map(|at| behind(&portals, at));
            let used = spawner.open_context(STREAM, &NoArgs {}, |order, (): ()| {
                talk(order, "a service, please")?;
                service.open_context(STREAM, &NoArgs {}, |ours, (): ()| {
                    let stream = talk(ours, "hello")?;
                    ready.tell(());
                    if fails { stream.receive::<u32>() } else { ctx.open_stream()?.receive::<u32>() }
                })
            });
            match used {
                Err(_) if swallows => Ok(()),
                used => used.map(drop),
            }
        })
    };
    let spawner = Host::new("spawner", spawns).reaches(&[&service]);
    let client = Host::new("client", uses).reaches(&[&spawner, &service]);
    Service { service, spawner, client, root: Actor::builder("root").build(), ready, told }
}

impl Service {
    /// The root's contexts with the spawner and with the client, which talks to the service.
    fn contexts(&self) -> [Portal; 2] {
        [&self.spawner, &self.client].map(|host| host.reached_by(&self.root))
    }

    /// The root cancels the client, then the spawner.
    fn client_is_cancelled(&self) {
        let [spawner, client] =
            self.contexts().map(|portal| portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap().0);
        self.ready.hear();
        for ctx in [client, spawner] {
            ctx.cancel().unwrap();
            assert_eq!(ctx.wait(), Ok(Ending::Cancelled { confirmed: true }));
        }
        assert_eq!(self.told.hear(), cancelled_by(uid(&self.root)));
    }

    /// The error of the service, as its client passes it on.
    #[track_caller]
    fn assert_passed_on<T: std::fmt::Debug>(&self, result: Result<T, Error>) {
        let error = remote(result);
        assert_eq!((error.boxed_type(), error.source_type()), ("RemoteActorError", "RuntimeError"));
        assert_eq!((error.source_uid(), error.relay_uid()), (self.service.uid(), Some(self.client.uid())));
    }
}

#[test]
fn s104_a_client_of_a_spawned_service_is_cancelled() {
    service(false, true).client_is_cancelled();
}

#[test]
fn s105_the_client_fails_because_it_is_cancelled() {
    service(false, false).client_is_cancelled();
}

#[test]
fn s106_the_service_fails_and_its_client_passes_it_on() {
    let service = service(true, false);
    let [spawner, client] = service.contexts();
    let (spawner, ()) = spawner.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    service.assert_passed_on(lasting(&client));
    spawner.cancel().unwrap();
    assert_eq!(spawner.wait(), Ok(Ending::Cancelled { confirmed: true }));
}

#[test]
fn s107_that_failure_passes_through_another_block() {
    let service = service(true, false);
    let [spawner, client] = service.contexts();
    service.assert_passed_on(spawner.open_context(PATH, &NoArgs {}, |_, (): ()| lasting(&client)));
    assert_eq!(service.told.hear(), cancelled_by(uid(&service.root)));
}

#[test]
fn s108_one_of_its_own_streams_to_the_service_that_dies() {
    for fails in [true, false] {
        let service = Host::new("service", |host, _| {
            host.context(STREAM, move |ctx: ChildContext, _: NoArgs| echo(&ctx, fails))
        });
        let [root, spawner] = ["root", "spawner"].map(|name| Actor::builder(name).build());
        let result = service.reached_by(&root).open_context(STREAM, &NoArgs {}, |ctx, (): ()| {
            let stream = talk(ctx, "hello")?;
            if !fails {
                service.reached_by(&spawner).cancel_actor()?;
            }
            stream.receive::<String>()
        });
        if fails {
            assert_eq!(remote(result).boxed_type(), "RuntimeError");
        } else {
            assert_cancelled(result, uid(&spawner), &[service.uid()]);
        }
    }
}

#[test]
fn s109_an_error_over_three_hops() {
    let leaf = failing("leaf", "KeyError");
    let middle = relaying("middle", &leaf);
    let top = relaying("top", &middle);
    let error = remote(lasting(&top.reached_by(&Actor::builder("root").build())));
    assert_eq!((error.boxed_type(), error.source_type()), ("RemoteActorError", "KeyError"));
    assert_eq!(error.source_uid(), leaf.uid());
    assert_eq!(error.relay_path(), [leaf.uid(), middle.uid(), top.uid()].map(Uid::clone));
}

#[test]
fn s110_a_cancellation_over_three_hops() {
    let leaf = waiting("leaf", &Wire::new());
    let middle = relaying("middle", &leaf);
    let top = relaying("top", &middle);
    let [root, third] = ["root", "third"].map(|name| Actor::builder(name).build());
    let (ctx, ()) = top.reached_by(&root).start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
    leaf.reached_by(&third).cancel_actor().unwrap();
    assert_cancelled(ctx.wait(), uid(&third), &[leaf.uid(), middle.uid(), top.uid()]);
}

#[test]
fn s112_two_calls_fail() {
    let hosts = ["a", "b"].map(|name| failing(name, "AssertionError"));
    let root = Actor::builder("root").build();
    for host in &hosts {
        let error = remote(lasting(&host.reached_by(&root)));
        assert_eq!((error.boxed_type(), error.source_uid()), ("AssertionError", host.uid()));
    }
}

/// A task that fails with the group of what those fail with that are behind its actor.
fn groups(host: ActorBuilder, portals: &Behind) -> ActorBuilder {
    let portals = Arc::clone(portals);
    host.context(PATH, move |_: ChildContext, _: NoArgs| {
        let portals = portals.lock().unwrap().clone();
        let errors: Vec<_> = portals.iter().map(|portal| remote(lasting(portal)).to_string()).collect();
        Err::<(), _>(TaskError::new("ExceptionGroup", errors.join("; ")))
    })
}

#[test]
fn s113_trees_of_failing_actors() {
    let leaves = ["a", "b"].map(|name| failing(name, "NameError"));
    let middle = Host::new("middle", groups).reaches(&[&leaves[0], &leaves[1]]);
    let top = Host::new("top", groups).reaches(&[&middle]);
    let error = remote(lasting(&top.reached_by(&Actor::builder("root").build())));
    assert_eq!((error.boxed_type(), error.source_type()), ("ExceptionGroup", "ExceptionGroup"));
    assert_eq!(error.source_uid(), top.uid());
    assert!(error.msg.tb_str.contains("ExceptionGroup"), "{}", error.msg.tb_str);
}

#[test]
fn s176_a_foreign_cancellation_passes_through_a_block() {
    let told = Wire::new();
    let (outer, inner) = (waiting("outer", &told), waiting("inner", &Wire::new()));
    let [root, third] = ["root", "third"].map(|name| Actor::builder(name).build());
    let result = outer.reached_by(&root).open_context(PATH, &NoArgs {}, |_, (): ()| {
        let (ctx, ()) = inner.reached_by(&root).start_context::<_, ()>(PATH, &NoArgs {})?;
        inner.reached_by(&third).cancel_actor()?;
        ctx.wait()
    });
    assert_cancelled(result, uid(&third), &[inner.uid()]);
    assert_eq!(told.hear(), cancelled_by(uid(&root)));
}

/// Makes an error defective.
type Spoil = fn(&mut ErrorMsg);

#[test]
fn s177_defective_errors() {
    let spoils: [(Spoil, &str); 3] = [
        (
            |error| (error.relay_path, error.boxed_type_str) = (Vec::new(), "RemoteActorError".into()),
            "KeyError",
        ),
        (|error| error.src_type_str = "Unheard".into(), "Unheard"),
        (|error| error.boxed_type_str = "ContextCancelled".into(), "ContextCancelled"),
    ];
    for (spoil, source) in spoils {
        let fails = |peer: &mut ByHand| {
            peer.starts();
            let mut error = ErrorMsg { cid: Some(peer.cid().into()), ..error_by(peer.uid(), "KeyError") };
            spoil(&mut error);
            peer.fails(error);
        };
        ByHand::meets(fails, |addr| {
            let relay = Host::new("relay", relays);
            relay.knows(relay.actor.connect_tcp(addr).unwrap());
            let error = remote(lasting(&relay.reached_by(&Actor::builder("root").build())));
            assert_eq!(error.source_type(), source);
            let path: Vec<_> = error.relay_path().iter().map(Uid::name).collect();
            assert_eq!(path, ["hand", "relay"]);
        });
    }
}

#[test]
fn s178_an_error_of_an_unknown_class_is_passed_on() {
    let leaf = failing("leaf", "OfNoLibrary");
    let relay = relaying("relay", &leaf);
    let error = remote(lasting(&relay.reached_by(&Actor::builder("root").build())));
    assert_eq!((error.boxed_type(), error.source_type()), ("RemoteActorError", "OfNoLibrary"));
    assert_eq!(error.source_uid(), leaf.uid());
}
