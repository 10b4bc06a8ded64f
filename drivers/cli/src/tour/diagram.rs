//! Dialogs as sequence diagrams, drawn while they happen.

use std::fmt;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scipp_blocking::{Direction, Tap, TappedFrame};
use scipp_proto::wire::{Message, decode};
use scipp_proto::{Config, Kwargs};

use super::tracker::{Side, Tracker};
use crate::output;
use crate::render;
use crate::style::Style;

/// Columns between the lifelines.
const SPAN: usize = 62;

/// Items of a run that are drawn; of longer runs the rest is counted.
const RUN: usize = 3;

/// The drawing, and what it knows of the connection. Shared with the driver as its tap.
#[derive(Debug, Default)]
pub(crate) struct Diagram {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tracker: Tracker,
    /// Consecutive items in one direction.
    run: Option<(Side, usize)>,
    /// Why a line could not be printed.
    unsaid: Option<io::Error>,
}

impl Diagram {
    /// A new connection: nothing is known of it.
    pub(crate) fn connection(&self, title: &str) {
        let mut state = self.lock();
        state.tracker = Tracker::default();
        state.run = None;
        state.say(format_args!("\n{}", Style::Title.paint(format_args!("━━ {title} "))));
    }

    /// The title of what follows, above its two lifelines.
    pub(crate) fn begin(&self, title: &str) {
        let mut state = self.lock();
        state.say(format_args!("\n  {}", Style::Title.paint(title)));
        let phase = Style::Dim.paint("phase after it");
        state.say(format_args!("  parent{:>width$}   {phase}", "child", width = SPAN - 3));
    }

    /// The connection is lost, which no frame tells: nothing is to come.
    pub(crate) fn lose(&self, text: &str) {
        let mut state = self.lock();
        state.tracker = Tracker::default();
        state.end_run();
        let gap = Style::Bad.paint(format_args!("{text:╳^SPAN$}"));
        state.say(format_args!("    │{gap}│   {}", Style::Dim.paint("no frame")));
    }

    /// Waits until no more frames are to come, so that the next diagram begins cleanly; at most a second.
    pub(crate) fn settle(&self) {
        let state = self.lock();
        let unsettled = |state: &mut State| !state.tracker.is_quiet();
        let waited = self.changed.wait_timeout_while(state, Duration::from_secs(1), unsettled);
        waited.unwrap_or_else(PoisonError::into_inner).0.end_run();
    }

    /// Tells whether all of it could be printed.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.lock().unsaid.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Diagram {
    fn frame(&self, frame: &TappedFrame) {
        let from = match frame.direction {
            Direction::Out => Side::Us,
            Direction::In => Side::Peer,
        };
        let mut state = self.lock();
        match decode(&frame.body, &Config::default().limits()) {
            Ok(message) => state.draw(from, &message),
            Err(rejected) => state.arrow(from, &format!("(not a message: {})", rejected.error), ""),
        }
        self.changed.notify_all();
    }
}

impl State {
    fn draw(&mut self, from: Side, message: &Message<'_>) {
        let phase = self.tracker.follow(from, message);
        if matches!(message, Message::Yield { .. }) {
            let run = match self.run {
                Some((side, run)) if side == from => run + 1,
                _ => {
                    self.end_run();
                    1
                }
            };
            self.run = Some((from, run));
            if run > RUN {
                return;
            }
        } else {
            self.end_run();
        }
        self.arrow(from, &label(message), &phase);
    }

    /// Tells how much of a run was not drawn.
    fn end_run(&mut self) {
        if let Some((from, run)) = self.run.take().filter(|(_, run)| *run > RUN) {
            self.arrow(from, &format!("… {} more Yield", run - RUN), "");
        }
    }

    fn arrow(&mut self, from: Side, label: &str, phase: &str) {
        let label = render::shorten(label, SPAN - 6);
        let dashes = "─".repeat(SPAN - 4 - label.chars().count());
        let line = match from {
            Side::Us => Style::Sent.paint(format_args!("─ {label} {dashes}▶")),
            Side::Peer => Style::Received.paint(format_args!("◀{dashes} {label} ─")),
        };
        self.say(format_args!("    │{line}│   {}", Style::Dim.paint(phase)));
    }

    fn say(&mut self, line: fmt::Arguments<'_>) {
        if self.unsaid.is_none() {
            self.unsaid = output::say(line).err();
        }
    }
}

/// The kind of a message and the part of it that people want to see.
fn label(message: &Message<'_>) -> String {
    let name = message.kind().name();
    let detail = match message {
        Message::Aid(identity) => identity.uid.name().escape_debug().to_string(),
        Message::SpawnSpec(_) | Message::Stop { .. } => String::new(),
        Message::Start(start) => {
            let (ns, func) = (start.ns.as_str().escape_debug(), start.func.as_str().escape_debug());
            format!("{ns}:{func}({})", arguments(&start.kwargs))
        }
        Message::StartAck { functype, .. } => functype.functype().to_owned(),
        Message::Started { pld, .. } | Message::Yield { pld, .. } | Message::Return { pld, .. } => {
            render::value(pld.as_bytes(), SPAN)
        }
        Message::CancelAck { pld, .. } => pld.to_string(),
        Message::Error(error) => {
            let text = error.message.as_deref().filter(|text| !text.is_empty()).unwrap_or(&error.tb_str);
            let by = error.canceller.as_ref().map(|uid| format!(" by {}", uid.name().escape_debug()));
            let by = by.unwrap_or_else(|| format!(": {}", text.escape_debug()));
            format!("{}{by}", error.src_type_str.escape_debug())
        }
    };
    format!("{name} {detail}").trim_end().to_owned()
}

fn arguments(kwargs: &Kwargs) -> String {
    render::arguments(kwargs.iter().map(|(name, value)| (name, value.as_bytes().to_vec())), SPAN)
}
