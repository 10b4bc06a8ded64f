//! A hundred contexts at once on one connection, each a stream of its own.
//!
//! `cargo run -p scipp-smol --example fan_out`

use futures_util::future::try_join_all;
use scipp_smol::{Actor, Address, ChildContext, Error, Portal};
use serde::{Deserialize, Serialize};

const SQUARES: (&str, &str) = ("work", "squares");

#[derive(Serialize, Deserialize)]
struct Share {
    worker: u64,
}

/// Squares whatever comes, and returns how much that was.
async fn squares(ctx: ChildContext, share: Share) -> Result<u64, Error> {
    ctx.started(&share.worker)?;
    let (stream, mut items) = (ctx.open_stream()?, 0);
    while let Some(item) = stream.receive::<u64>().await? {
        stream.send(&(item * item)).await?;
        items += 1;
    }
    Ok(items)
}

/// One worker's share: ten numbers, one after the other.
async fn share(portal: &Portal, worker: u64) -> Result<u64, Error> {
    let (sum, ending) = portal
        .open_context(SQUARES, &Share { worker }, async |ctx, worker: u64| {
            let (stream, mut sum) = (ctx.open_stream()?, 0);
            for item in worker * 10..worker * 10 + 10 {
                stream.send(&item).await?;
                sum += stream.receive::<u64>().await?.ok_or(Error::StreamEnded)?;
            }
            Ok::<_, Error>(sum)
        })
        .await?;
    assert_eq!(ending.returned::<u64>()?, 10);
    Ok(sum)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(async {
        let listener =
            Actor::builder("worker").context(SQUARES, squares).build().listen_tcp(([127, 0, 0, 1], 0))?;
        let &Address::Tcp(addr) = listener.local_addr() else { unreachable!("it listens on TCP") };
        let serving = smol::spawn({
            let listener = listener.clone();
            async move { listener.serve().await }
        });
        let (portal, mut driver) = Actor::builder("boss").build().connect_tcp(addr).await?;
        let sums = driver
            .run_until(async move { try_join_all((0..100).map(|worker| share(&portal, worker))).await })
            .await?;
        let sum: u64 = sums.iter().sum();
        println!("the squares of 0..1000, from {} contexts: {sum}", sums.len());
        assert_eq!(sum, (0..1000).map(|item| item * item).sum());
        listener.stop();
        serving.await;
        Ok(())
    })
}
