//! Two actors of the async driver on one thread, and a bystander whom nothing may disturb.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use scipp_conformance::script::messages;
use scipp_smol::proto::{CloseReason, Config, RuntimeEndpoint};
use scipp_smol::{Actor, ChildContext, Driver, Ending, Error, NoArgs, Portal, Profile, Yielder};
use serde::{Deserialize, Serialize};

use crate::dropping::dropped_at;
use crate::pipe::{Lane, Pipe, pipe};
use crate::pool::Pool;

pub(crate) const ADD: (&str, &str) = ("app", "add");
pub(crate) const NAP: (&str, &str) = ("app", "nap");
pub(crate) const COUNT: (&str, &str) = ("app", "count");
pub(crate) const ECHO: (&str, &str) = ("app", "echo");
pub(crate) const BOMB: (&str, &str) = ("app", "bomb");
pub(crate) const FEED: (&str, &str) = ("app", "feed");
pub(crate) const COLLECT: (&str, &str) = ("app", "collect");

/// Items that `FEED` sends and `COUNT` tries to.
pub(crate) const ITEMS: u32 = 30;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) a: u32,
    pub(crate) b: u32,
}

/// At which poll `COUNT` drops each of its sends.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct DropAt {
    pub(crate) poll: usize,
}

/// Arguments that cannot be dropped.
#[derive(Debug, Deserialize)]
struct Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// Counts bodies that exist.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) server: Actor,
    pub(crate) client: Actor,
    pub(crate) portal: Portal,
    /// Why each driver ended, the client's first.
    pub(crate) ends: [Rc<RefCell<Option<CloseReason>>>; 2],
    /// Bodies that exist at the server.
    running: Arc<AtomicUsize>,
    bystander: Rc<Bystander>,
    lanes: [Arc<Mutex<Lane>>; 2],
}

/// A context that plays ping-pong all the time.
#[derive(Default)]
struct Bystander {
    rounds: Cell<u32>,
    shall_stop: Cell<bool>,
    ended: RefCell<Option<Result<Ending, Error>>>,
}

impl World {
    /// A connection with the bystander on it.
    pub(crate) fn new() -> Self {
        let (mut world, driver) = Self::with_driver();
        world.drive(0, driver);
        world.watch();
        world
    }

    /// A connection whose driver at the client's end is not polled by anybody, and no bystander yet.
    pub(crate) fn with_driver() -> (Self, Driver<Pipe>) {
        let running = Arc::<AtomicUsize>::default();
        let mut config = Config::default();
        // Two items fill it.
        config.outbox_bytes = 160;
        let server = server(Profile::new("server").config(config.clone()), &running);
        let client = Actor::builder(Profile::new("client").config(config)).build();
        let ([near, far], lanes) = pipe();
        let mut pool = Pool::default();
        let ends = [Rc::default(), Rc::default()];
        pool.spawn(ending(&ends[1], server.accept_over(far).unwrap().1));
        let (portal, driver) = pool.run_until(client.connect_over(near)).unwrap();
        let bystander = Rc::default();
        (Self { pool, server, client, portal, ends, running, bystander, lanes }, driver)
    }

    /// Has the pool drive the connection from here on.
    pub(crate) fn drive(&mut self, end: usize, driver: Driver<Pipe>) {
        self.pool.spawn(ending(&self.ends[end], driver));
    }

    /// Starts the bystander.
    pub(crate) fn watch(&mut self) {
        let (portal, bystander) = (self.portal.clone(), Rc::clone(&self.bystander));
        self.pool.spawn(async move {
            let play = async |ctx: &scipp_smol::Context, (): ()| {
                let stream = ctx.open_stream()?;
                while !bystander.shall_stop.get() {
                    let round = bystander.rounds.get();
                    stream.send(&round).await?;
                    // Cancelled by this end: the stream ends before the context does.
                    let Some(item) = stream.receive::<u32>().await? else { break };
                    assert_eq!(item, round);
                    bystander.rounds.set(round + 1);
                }
                Ok::<_, Error>(())
            };
            let ended = portal.open_context(ECHO, &NoArgs {}, play).await;
            *bystander.ended.borrow_mut() = Some(ended.map(|((), ending)| ending));
        });
        let bystander = Rc::clone(&self.bystander);
        self.pool.run_while(|| bystander.rounds.get() == 0);
    }

    /// Everything works, and nothing is left of anything but the bystander.
    #[track_caller]
    pub(crate) fn assert_sound(&mut self) {
        let add = self.portal.call::<_, u32>(ADD, &Add { a: 1, b: 2 });
        assert_eq!(self.pool.run_until(add), Ok(3));
        let (bystander, rounds) = (Rc::clone(&self.bystander), self.bystander.rounds.get());
        self.pool.run_while(|| bystander.rounds.get() < rounds + 3);
        let running = Arc::clone(&self.running);
        self.pool.run_while(|| running.load(Ordering::Relaxed) > 1);
        self.bystander.shall_stop.set(true);
        self.pool.run_while(|| bystander.ended.borrow().is_none());
        let ended = bystander.ended.take().unwrap().expect("the bystander is undisturbed");
        assert!(matches!(ended, Ending::Returned(_)));
        for portal in self.server.portals().iter().chain([&self.portal]) {
            assert_eq!(portal.counters().strays, 0);
        }
        let portal = self.portal.clone();
        assert_eq!(self.pool.run_until(portal.close()), CloseReason::Local);
        self.assert_over();
        self.assert_whole();
    }

    /// Both drivers are done, and no body is left.
    #[track_caller]
    pub(crate) fn assert_over(&mut self) {
        let ends = self.ends.clone();
        self.pool.run_while(|| ends.iter().any(|end| end.borrow().is_none()));
        assert_eq!(self.running.load(Ordering::Relaxed), 0);
    }

    /// How the bystander ended.
    #[track_caller]
    pub(crate) fn bystander(&mut self) -> Result<Ending, Error> {
        let bystander = Rc::clone(&self.bystander);
        self.pool.run_while(|| bystander.ended.borrow().is_none());
        self.bystander.ended.take().unwrap()
    }

    /// Both directions hold whole messages and nothing else.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        for lane in &self.lanes {
            let written = lane.lock().unwrap().written.clone();
            messages(written.into(), &Config::default().limits(), |_| ());
        }
    }
}

/// Drives to the end, and tells why it was.
fn ending(end: &Rc<RefCell<Option<CloseReason>>>, driver: Driver<Pipe>) -> impl Future<Output = ()> + use<> {
    let end = Rc::clone(end);
    async move {
        let reason = driver.await;
        *end.borrow_mut() = Some(reason);
    }
}

fn server(profile: Profile, running: &Arc<AtomicUsize>) -> Actor {
    /// A body that counts while it exists.
    macro_rules! counted {
        (|$($arg:ident: $of:ty),*| $body:expr) => {{
            let running = Arc::clone(running);
            move |$($arg: $of),*| {
                let running = Running::new(&running);
                async move {
                    let _running = running;
                    $body.await
                }
            }
        }};
    }
    Actor::builder(profile)
        .function(ADD, counted!(|args: Add| async move { Ok::<_, Error>(args.a + args.b) }))
        .function(NAP, counted!(|_args: NoArgs| std::future::pending::<Result<(), Error>>()))
        .function(BOMB, |bomb: Bomb| async move {
            drop(bomb);
            Ok::<_, Error>(())
        })
        .generator(COUNT, counted!(|args: DropAt, out: Yielder| count(args, out)))
        .context(ECHO, counted!(|ctx: ChildContext, _args: NoArgs| echo(ctx)))
        .context(FEED, counted!(|ctx: ChildContext, _args: NoArgs| feed(ctx)))
        .context(COLLECT, counted!(|ctx: ChildContext, _args: NoArgs| collect(ctx)))
        .runtime(RuntimeEndpoint::FindActor, counted!(|args: Add| async move { Ok::<_, Error>(args.a) }))
        .build()
}

/// Sends what it can, then what it could not.
async fn count(args: DropAt, out: Yielder) -> Result<(), Error> {
    let mut unsent = Vec::new();
    for item in 0..ITEMS {
        match dropped_at(args.poll, out.send(&item)).await {
            Some(sent) => sent?,
            None => unsent.push(item),
        }
    }
    for item in unsent {
        out.send(&item).await?;
    }
    out.flush().await
}

async fn echo(ctx: ChildContext) -> Result<(), Error> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    while let Some(item) = stream.receive::<u32>().await? {
        stream.send(&item).await?;
    }
    Ok(())
}

async fn feed(ctx: ChildContext) -> Result<(), Error> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    for item in 0..ITEMS {
        stream.send(&item).await?;
    }
    Ok(())
}

async fn collect(ctx: ChildContext) -> Result<Vec<u32>, Error> {
    ctx.started(&())?;
    let (stream, mut items) = (ctx.open_stream()?, Vec::new());
    while let Some(item) = stream.receive().await? {
        items.push(item);
    }
    Ok(items)
}
