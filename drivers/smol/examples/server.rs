//! A server that runs until it is told to end by SIGTERM or SIGINT, and then ends in order: it accepts no
//! more, cancels what runs for its peers, lets them know, and exits with 0.
//!
//! `cargo run -p scipp-smol --example server [ADDRESS]`

use std::net::SocketAddr;

use async_signal::{Signal, Signals};
use futures_util::StreamExt;
use scipp_smol::{Actor, ChildContext, Error, NoArgs, Profile, Yielder};
use std::time::Duration;

/// Counts the seconds until the parent has enough.
async fn ticks(_: NoArgs, out: Yielder) -> Result<(), Error> {
    for tick in 0_u64.. {
        out.send(&tick).await?;
        smol::Timer::after(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Sends back what it receives, and says so when it has to stop.
async fn echo(ctx: ChildContext, _: NoArgs) -> Result<u64, Error> {
    ctx.started("echo")?;
    let (stream, mut items) = (ctx.open_stream()?, 0);
    loop {
        match stream.receive::<String>().await {
            Ok(Some(item)) => stream.send(&item).await?,
            Ok(None) => return Ok(items),
            Err(told) => {
                println!("echo after {items} items: {told}");
                return Err(told);
            }
        }
        items += 1;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let addr: SocketAddr = addr.parse()?;
    smol::block_on(async {
        // Before anybody is told where we are.
        let mut signals = Signals::new([Signal::Term, Signal::Int])?;
        let actor = Actor::builder(Profile::new("server").cancel_grace(Duration::from_secs(1)))
            .generator(("server", "ticks"), ticks)
            .context(("server", "echo"), echo)
            .build();
        let listener = actor.listen_tcp(addr)?;
        println!("{}", listener.local_addr());
        let serving = smol::spawn({
            let listener = listener.clone();
            async move { listener.serve().await }
        });
        if let Some(signal) = signals.next().await {
            println!("ending: {:?}", signal?);
        }
        actor.cancel();
        serving.await;
        println!("ended");
        Ok(())
    })
}
