//! The driver on an executor that is not smol: tokio's runtime knows nothing of async-io, and need not.
//!
//! `cargo run -p scipp-smol --example on_tokio`

use scipp_smol::{Actor, Address, Error, NoArgs};

async fn answer(_: NoArgs) -> Result<u32, Error> {
    Ok(42)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = Actor::builder("server")
        .function(("demo", "answer"), answer)
        .build()
        .listen_tcp(([127, 0, 0, 1], 0))?;
    let &Address::Tcp(addr) = listener.local_addr() else { unreachable!("it listens on TCP") };
    let serving = tokio::spawn({
        let listener = listener.clone();
        async move { listener.serve().await }
    });

    let (portal, driver) = Actor::builder("client").build().connect_tcp(addr).await?;
    let driving = tokio::spawn(driver);
    let answer: u32 = portal.call(("demo", "answer"), &NoArgs {}).await?;
    println!("{answer}");
    assert_eq!(answer, 42);
    portal.close().await;
    driving.await?;
    listener.stop();
    serving.await?;
    Ok(())
}
