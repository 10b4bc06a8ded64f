//! The same program on executors that have nothing in common.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::future::join;
use scipp_smol::{Actor, Address, ChildContext, Error, NoArgs};

const ECHO: (&str, &str) = ("app", "echo");

async fn echo(ctx: ChildContext, _: NoArgs) -> Result<u32, Error> {
    ctx.started(&())?;
    let (stream, mut items) = (ctx.open_stream()?, 0);
    while let Some(item) = stream.receive::<u32>().await? {
        stream.send(&item).await?;
        items += 1;
    }
    Ok(items)
}

/// A server and a client, which `spawn` lets run side by side if it can.
async fn converse<H>(spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) -> H)
where
    H: Future,
{
    let server = Actor::builder("server").context(ECHO, echo).build();
    let listener = server.listen_tcp(([127, 0, 0, 1], 0)).unwrap();
    let &Address::Tcp(addr) = listener.local_addr() else { panic!("it listens on TCP") };
    let serving = spawn(Box::pin({
        let listener = listener.clone();
        async move { listener.serve().await }
    }));
    let client = async {
        let (portal, driver) = Actor::builder("client").build().connect_tcp(addr).await.unwrap();
        let driving = spawn(Box::pin(async move { drop(driver.await) }));
        let body = async |ctx: &scipp_smol::Context, (): ()| {
            let stream = ctx.open_stream()?;
            for item in 0..100 {
                stream.send(&item).await?;
                assert_eq!(stream.receive().await?, Some(item));
            }
            Ok::<_, Error>(())
        };
        let talk = async {
            let ((), ending) = portal.open_context(ECHO, &NoArgs {}, body).await.unwrap();
            assert_eq!(ending.returned(), Ok(100));
            portal.close().await;
            listener.stop();
        };
        join(talk, driving).await;
    };
    join(client, serving).await;
}

#[test]
fn a_bare_block_on_runs_everything_in_one_task() {
    // What is spawned is polled by whoever waits for it.
    async_io::block_on(converse(|task| task));
}

#[test]
fn an_executor_of_smol_runs_it_on_two_threads() {
    let executor = Arc::new(smol::Executor::new());
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let threads = [stopped.clone(), stopped].map(|stopped| {
        let executor = Arc::clone(&executor);
        thread::spawn(move || smol::block_on(executor.run(stopped.recv())))
    });
    smol::block_on(executor.run(converse(|task| executor.spawn(task))));
    drop(stop);
    let stopped = threads.map(|thread| thread.join().unwrap());
    assert!(stopped.iter().all(Result::is_err));
}

#[test]
fn tokio_runs_it_on_one_thread_and_on_two() {
    let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
    one.block_on(converse(tokio::spawn));
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    two.block_on(converse(tokio::spawn));
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn the_smallest_executor_runs_it() {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut program = pin!(converse(|task| task));
    while program.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
}
