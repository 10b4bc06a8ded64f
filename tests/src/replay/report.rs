//! What a replay found.

use std::collections::BTreeMap;
use std::fmt;

use scipp_proto::Config;

use super::search::{Effort, play, retrace};
use super::seat::{Seat, seats};
use super::sent::Sent;
use super::walk::{Difference, Walk};
use crate::parallel::on_all;
use crate::tally::Tally;
use crate::transcript::{Line, Transcript};

/// Ends of dialogs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// All of them.
    pub all: usize,
    /// The ones without a difference.
    pub exact: usize,
    /// The ones whose differences are all on purpose.
    pub explained: usize,
}

impl Ends {
    /// The others.
    pub const fn unexplained(&self) -> usize {
        self.all - self.exact - self.explained
    }

    fn merge(&mut self, other: Self) {
        self.all += other.all;
        self.exact += other.exact;
        self.explained += other.explained;
    }
}

/// What was counted over any number of recordings.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Recordings.
    pub files: usize,
    /// Frames in them.
    pub frames: usize,
    /// Ends of dialogs of applications.
    pub application: Ends,
    /// Ends of dialogs between runtimes: their own methods, and the debugger's lock.
    pub runtime: Ends,
    /// Acts that no line says.
    pub derived: usize,
    /// How often each rule was used.
    pub used: BTreeMap<&'static str, usize>,
    /// How often each move of the phase table arrived.
    pub tally: Tally,
    /// What nothing explains: one text for each end of a connection.
    pub unexplained: Vec<String>,
}

impl Report {
    /// What playing every end of all these recordings finds.
    pub fn of_all(transcripts: &[Transcript], config: &Config) -> Self {
        let mut total = Self::default();
        let reports = on_all(transcripts, |transcript| Self::of(transcript, config));
        reports.into_iter().for_each(|report| total.merge(report));
        total
    }

    /// What playing every end of one recording finds.
    pub fn of(transcript: &Transcript, config: &Config) -> Self {
        let frames = transcript.lines.iter().filter(|line| matches!(line, Line::Frame(_))).count();
        let mut report = Self { files: 1, frames, ..Self::default() };
        for seat in seats(transcript) {
            match play(&seat, config, Effort::Whole) {
                Ok(walk) => report.note(&seat, config, &walk),
                Err(difference) => report.note_difference(&seat, difference),
            }
        }
        report
    }

    fn note(&mut self, seat: &Seat, config: &Config, walk: &Walk<'_>) {
        let explained = walk.explained();
        for (cid, plan) in &seat.dialogs {
            let ends = if plan.opening.is_runtime() { &mut self.runtime } else { &mut self.application };
            ends.all += 1;
            *if explained.contains(cid) { &mut ends.explained } else { &mut ends.exact } += 1;
        }
        self.derived += walk.derived;
        for (rule, _) in &walk.used {
            *self.used.entry(rule).or_default() += 1;
        }
        match retrace(seat, config, walk) {
            Ok(tally) => self.tally.merge(&tally),
            Err(difference) => self.unexplained.push(describe(seat, &difference)),
        }
    }

    fn note_difference(&mut self, seat: &Seat, difference: Difference) {
        for plan in seat.dialogs.values() {
            let ends = if plan.opening.is_runtime() { &mut self.runtime } else { &mut self.application };
            ends.all += 1;
        }
        self.unexplained.push(describe(seat, &difference));
    }

    /// Takes over what another report counted.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.frames += other.frames;
        self.application.merge(other.application);
        self.runtime.merge(other.runtime);
        self.derived += other.derived;
        for (rule, count) in other.used {
            *self.used.entry(rule).or_default() += count;
        }
        self.tally.merge(&other.tally);
        self.unexplained.extend(other.unexplained);
    }
}

fn describe(seat: &Seat, difference: &Difference) -> String {
    let frame = |sent: &Option<Box<Sent>>| sent.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    format!(
        "{} connection {} as {}, n {}: {}; recorded {}, ours {}",
        seat.file,
        seat.conn,
        seat.label,
        difference.n,
        difference.what,
        frame(&difference.recorded),
        frame(&difference.ours)
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (application, runtime) = (&self.application, &self.runtime);
        writeln!(
            f,
            "replayed {} files, {} frames, {} ends, {} application ends: {} exact, {} explained, {} unexplained, \
             {} derived acts",
            self.files,
            self.frames,
            application.all + runtime.all,
            application.all,
            application.exact,
            application.explained,
            application.unexplained(),
            self.derived
        )?;
        writeln!(
            f,
            "  apart from these {} ends between runtimes: {} exact, {} explained, {} unexplained",
            runtime.all,
            runtime.exact,
            runtime.explained,
            runtime.unexplained()
        )?;
        for (rule, count) in &self.used {
            writeln!(f, "  {rule}: {count}")?;
        }
        Ok(())
    }
}
