//! A task that several actors subscribe to: scenarios by their numbers.

use std::sync::Arc;

use crate::driver::{Actor, ChildContext, NoArgs, TaskError};

use super::rig::{Host, cancelled_by, uid};
use super::wire::Wire;

const PATH: (&str, &str) = ("app", "publish");

/// Publishes the numbers up to 9 that its subscriber wants by name; what it wants may change on the way.
fn publishes(ctx: &ChildContext) -> Result<(), TaskError> {
    ctx.started(&())?;
    let stream = ctx.open_stream()?;
    while let Some(wanted) = stream.receive::<String>()? {
        let odd = u32::from(wanted == "odd");
        (0..10).filter(|number| number % 2 == odd).try_for_each(|number| stream.send(&number))?;
    }
    Ok(())
}

/// Two actors have got what they want, one of them twice, when both bodies fail.
fn are_ended_by(class: &'static str) {
    let told = Wire::new();
    let tell = Arc::clone(&told);
    let publisher = Host::new("publisher", move |host, _| {
        host.context(PATH, move |ctx: ChildContext, _: NoArgs| {
            let ended = publishes(&ctx);
            tell.tell(ended.clone());
            ended
        })
    });
    for (name, topics) in [("p", &["even"][..]), ("q", &["even", "odd"])] {
        let subscriber = Actor::builder(name).build();
        let portal = publisher.reached_by(&subscriber);
        let (ctx, ()) = portal.start_context::<_, ()>(PATH, &NoArgs {}).unwrap();
        let stream = ctx.open_stream().unwrap();
        let left = ctx.supervise(|| {
            for topic in topics {
                stream.send(topic)?;
                for number in 0..5 {
                    assert_eq!(stream.receive(), Ok(Some(2 * number + u32::from(*topic == "odd"))));
                }
            }
            Err::<(), _>(TaskError::new(class, "as scripted"))
        });
        assert_eq!(left, Err(TaskError::new(class, "as scripted")));
        assert_eq!(told.hear(), Err(TaskError::Call(cancelled_by(uid(&subscriber)))));
    }
}

#[test]
fn s027_subscribers_of_a_publisher_are_interrupted() {
    are_ended_by("KeyboardInterrupt");
}

#[test]
fn s028_subscribers_of_a_publisher_run_out_of_time() {
    are_ended_by("TooSlowError");
}
