//! Two cores under a random program of verbs, deliveries, cuts and clock steps.

use std::time::Duration;

use scipp_proto::{AbsorbRule, Config, OverrunPolicy, StopRule};

use super::program::Program;
use super::world::World;
use crate::pair::Side;

/// Bytes of one program at most: enough for everything, and a bound on the time of one run.
const MAX_LEN: usize = 2000;

/// Runs `input` as a program between two cores and checks every contract after every operation.
///
/// Bytes 0 and 1 choose the configurations, byte 2 whether events are polled at once; then come the
/// operations, one byte each and what they take. Returns everything that an observer at either end can
/// tell, condensed: the state, the events, the output.
///
/// # Panics
///
/// If the core breaks a contract.
pub fn ops(input: &[u8]) -> [[u64; 3]; 2] {
    let mut program = Program::new(&input[..input.len().min(MAX_LEN)]);
    let [mut a, mut b] = [config(program.byte()), config(program.byte())];
    let is_eager = program.byte() % 4 != 3;
    if !is_eager {
        // Room for all that is not polled: when a buffer is full is not part of the contract.
        (a.receive_buffer, b.receive_buffer) = (1 << 20, 1 << 20);
    }
    let mut world = World::new(a, b, is_eager);
    let mut twin = None;
    while !program.is_over() {
        if twin.is_none() && program.clone().byte() % 16 == 15 {
            program.byte();
            twin = Some((world.clone(), program.clone()));
            continue;
        }
        operation(&mut world, &mut program);
    }
    end(&mut world);
    if let Some((mut world_again, mut program)) = twin {
        while !program.is_over() {
            operation(&mut world_again, &mut program);
        }
        end(&mut world_again);
        assert_eq!(world_again.digest(), world.digest(), "a clone went another way");
    }
    world.digest()
}

fn operation(world: &mut World, program: &mut Program<'_>) {
    let byte = program.byte();
    let side = if byte & 0x80 == 0 { Side::A } else { Side::B };
    match byte % 16 {
        0..=5 => world.verbs(side, |world| world.verb(side, program)),
        6 | 7 => {
            let at = program.byte();
            if let Some(id) = world.any_dialog(side, at) {
                world.verbs(side, |world| world.fitting_verb(side, id, program));
            }
        }
        8 => world.settle(),
        9 => drop(world.deliver(side, program.byte().into())),
        10 => world.write(side, program.byte().into()),
        11 => world.end(side).is_stalled = !world.end(side).is_stalled,
        12 => world.advance(Duration::from_millis(1 << (program.byte() % 16))),
        13 => {
            let now = world.now;
            let due = world.end(side).conn.poll_timeout();
            world.advance(due.map_or(Duration::ZERO, |(at, _)| at.duration_since(now)));
        }
        14 => match program.byte() {
            0..=15 => world.cut(program.byte().into(), byte & 0x40 != 0),
            polls => world.poll(side, polls.into()),
        },
        _ => drop(world.deliver(side, usize::MAX)),
    }
    if world.is_eager {
        world.drain(Side::A);
        world.drain(Side::B);
    } else {
        world.poll(Side::A, 0);
        world.poll(Side::B, 0);
    }
    world.check();
}

/// Everything arrives, then the link goes: every dialog has ended, and `Closed` was the last event.
fn end(world: &mut World) {
    world.is_eager = true;
    world.settle();
    world.check();
    world.cut(0, false);
    world.check();
    for side in Side::BOTH {
        let end = world.end(side);
        assert!(end.closed.is_some(), "no Closed event");
        assert!(end.conn.dialogs().all(|view| view.is_ended()));
        assert_eq!(end.conn.poll_timeout(), None, "a deadline after the end");
    }
}

/// Configurations that differ in what a program can notice. Longest frames are equal everywhere: a peer
/// with a smaller limit may close.
fn config(choice: u8) -> Config {
    let mut config = if choice & 1 == 0 { Config::default() } else { Config::reference() };
    config.max_frame = 4096;
    config.max_text = 300;
    config.max_name = 64;
    config.max_relay_path = 4;
    config.inbox_bytes = 1 << 13;
    config.error_bytes = 1 << 13;
    config.receive_buffer = if choice & 2 == 0 { 4096 } else { 256 };
    if choice & 4 != 0 {
        config.inbox_items = 3;
        config.inbox_bytes = 500;
        config.error_bytes = 1000;
        config.outbox_bytes = 200;
        config.max_peer_dialogs = 3;
        config.max_own_dialogs = 6;
        config.max_owed = 4;
        config.late_cids = 2;
    }
    config.overrun = match choice >> 3 & 3 {
        0 => OverrunPolicy::Reject,
        1 => OverrunPolicy::Buffer(80),
        2 => OverrunPolicy::Reject,
        _ => OverrunPolicy::Pause,
    };
    if choice & 0x20 != 0 {
        config.final_frame_timeout = Some(Duration::from_secs(2));
        config.stop_rule = StopRule::OpenedOnly;
        config.absorb = AbsorbRule::UsOnly;
    }
    config.spawned = choice & 0x40 != 0;
    config
}
