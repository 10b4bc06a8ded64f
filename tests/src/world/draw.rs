//! What happened, as a sequence diagram.

use std::fmt::Write as _;

use super::{Action, End, Frame, World};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Line {
    /// A step.
    Did(Action),
    /// A frame that this end of this link wrote.
    Sent(usize, usize, Frame),
    /// A frame that this end of this link took.
    Came(usize, usize, Frame),
    /// Something went wrong at this end of this link.
    Struck(usize, usize, String),
}

/// The log of a world, a line for each step; frames as arrows between the actors.
pub fn draw(world: &World) -> String {
    let mut text = String::new();
    for line in world.log.iter().flatten() {
        let _ = match line {
            Line::Did(action) => writeln!(text, "{}", did(world, *action)),
            Line::Sent(link, side, frame) => {
                writeln!(text, "    {}", arrow(world, *link, *side, frame, "sends"))
            }
            Line::Struck(link, side, what) => {
                writeln!(text, "{} (link {link}): {what}", name(world.end(*link, *side)))
            }
            Line::Came(link, side, frame) => {
                writeln!(text, "    {}", arrow(world, *link, 1 - side, frame, "arrives"))
            }
        };
    }
    text
}

fn name(end: &End) -> String {
    end.actor.uid().name().to_owned()
}

fn arrow(world: &World, link: usize, from: usize, frame: &Frame, what: &str) -> String {
    let [from, to] = [from, 1 - from].map(|side| name(world.end(link, side)));
    let of = frame.of.map_or_else(String::new, |at| format!(" of dialog {at}"));
    format!("{from} --[ {}{of} ]--> {to}   {what}", frame.sort.text())
}

fn did(world: &World, action: Action) -> String {
    let at = |link: usize, side: usize| name(world.end(link, side));
    match action {
        Action::Verb(dialog, role, verb) => {
            let one = &world.dialogs[dialog];
            format!("{} ({role:?} of dialog {dialog}): {verb:?}", at(one.plan.link, one.side(role)))
        }
        Action::Arrive(link, side) => format!("{}: a frame arrives", at(link, side)),
        Action::Gone(link, side) => format!("{}: the other end of link {link} is gone", at(link, side)),
        Action::Expire(link, side) => format!("{}: a deadline of link {link}", at(link, side)),
        Action::Cut(link) => format!("link {link} is cut"),
        Action::Close(link, side) => format!("{}: closes link {link}", at(link, side)),
        Action::Stall(link, side) => format!("{}: cannot write to link {link}, or can again", at(link, side)),
        Action::Forge(dialog, role) => format!("a broken frame for the {role:?} of dialog {dialog}"),
    }
}
