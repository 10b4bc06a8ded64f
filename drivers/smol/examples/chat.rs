//! A room: every member is a context, whose stream carries what the member says and what the others say.
//!
//! `cargo run -p scipp-smol --example chat`

use std::sync::{Arc, Mutex};

use futures_util::future::{Either, select, try_join};
use scipp_smol::{Actor, Address, ChildContext, Error, Portal};
use serde::{Deserialize, Serialize};
use smol::channel::{Receiver, Sender, bounded};
use std::pin::pin;

const JOIN: (&str, &str) = ("chat", "join");

#[derive(Serialize, Deserialize)]
struct Member {
    name: String,
}

/// Where the members that are present can be reached.
type Room = Arc<Mutex<Vec<Sender<String>>>>;

/// The server's side of one member.
async fn member(ctx: ChildContext, member: Member, room: Room) -> Result<(), Error> {
    let others = enter(&room);
    ctx.started(&format!("welcome, {}", member.name))?;
    let stream = ctx.open_stream()?;
    loop {
        // Neither loses anything by being dropped when the other is ready.
        match select(pin!(stream.receive::<String>()), pin!(others.recv())).await {
            Either::Left((said, _)) => {
                let Some(said) = said? else { return Ok(()) };
                tell(&room, &format!("{}: {said}", member.name));
            }
            Either::Right((Ok(line), _)) => stream.send(&line).await?,
            Either::Right((Err(_closed), _)) => return Ok(()),
        }
    }
}

fn enter(room: &Room) -> Receiver<String> {
    // A member that does not keep up misses lines instead of holding up the room.
    let (to, from) = bounded(16);
    room.lock().expect("nobody panics here").push(to);
    from
}

fn tell(room: &Room, line: &str) {
    let mut room = room.lock().expect("nobody panics here");
    room.retain(|member| !member.is_closed());
    for member in room.iter() {
        let _misses_it = member.try_send(line.to_owned());
    }
}

/// A member: says something, and listens until it has heard `lines`.
async fn talk(portal: &Portal, name: &str, says: &str, lines: usize) -> Result<Vec<String>, Error> {
    let me = Member { name: name.to_owned() };
    let (heard, _ending) = portal
        .open_context(JOIN, &me, async |ctx, welcome: String| {
            println!("({name} reads: {welcome})");
            let (stream, mut heard) = (ctx.open_stream()?, Vec::new());
            stream.send(says).await?;
            while heard.len() < lines {
                let Some(line) = stream.receive().await? else { break };
                heard.push(line);
            }
            Ok::<_, Error>(heard)
        })
        .await?;
    Ok(heard)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(async {
        let room = Room::default();
        let join = move |ctx, args| member(ctx, args, Arc::clone(&room));
        let server = Actor::builder("room").context(JOIN, join).build();
        let listener = server.listen_tcp(([127, 0, 0, 1], 0))?;
        let &Address::Tcp(addr) = listener.local_addr() else { unreachable!("it listens on TCP") };
        let serving = smol::spawn({
            let listener = listener.clone();
            async move { listener.serve().await }
        });

        let (portal, mut driver) = Actor::builder("members").build().connect_tcp(addr).await?;
        let both = async move {
            // Bob comes first and hears both; Ann hears at least herself.
            let bob = talk(&portal, "bob", "anybody here?", 2);
            let ann = talk(&portal, "ann", "hello bob", 1);
            try_join(bob, ann).await
        };
        let (bob, ann) = driver.run_until(both).await?;
        bob.iter().for_each(|line| println!("bob hears: {line}"));
        ann.iter().for_each(|line| println!("ann hears: {line}"));
        assert_eq!(bob, ["bob: anybody here?", "ann: hello bob"]);
        listener.stop();
        serving.await;
        Ok(())
    })
}
