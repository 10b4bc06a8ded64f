//! What a replay found.

use std::collections::BTreeMap;
use std::fmt;

use scipp_proto::Config;

use super::search::play;
use super::seat::{Arrival, seats};
use crate::transcript::Transcript;

/// What was counted over any number of recordings.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Recordings.
    pub files: usize,
    /// Frames, of both ends.
    pub frames: usize,
    /// Ends of dialogs, those between runtimes included.
    pub ends: usize,
    /// Ends of dialogs of applications.
    pub application: usize,
    /// Of these, the ones without a difference.
    pub exact: usize,
    /// Of these, the ones whose differences are all on purpose.
    pub explained: usize,
    /// Acts that no line says.
    pub derived: usize,
    /// How often each rule was used.
    pub used: BTreeMap<&'static str, usize>,
    /// What nothing explains: one text for each end of a connection.
    pub unexplained: Vec<String>,
}

impl Report {
    /// Plays every end of one recording.
    pub fn add(&mut self, transcript: &Transcript, config: &Config) {
        self.files += 1;
        for seat in seats(transcript) {
            self.frames += seat.owns.len()
                + seat.arrivals.iter().filter(|one| matches!(one.what, Arrival::Frame(..))).count();
            let application =
                seat.dialogs.iter().filter(|(_, plan)| !plan.opening.is_runtime()).map(|(cid, _)| cid);
            self.ends += seat.dialogs.len();
            match play(&seat, config, None) {
                Ok(walk) => {
                    let explained = walk.explained();
                    for cid in application {
                        self.application += 1;
                        *if explained.contains(cid) { &mut self.explained } else { &mut self.exact } += 1;
                    }
                    self.derived += walk.derived;
                    for (rule, _) in &walk.used {
                        *self.used.entry(rule).or_default() += 1;
                    }
                }
                Err(difference) => {
                    self.application += application.count();
                    let recorded = difference.recorded.map_or("nothing".to_owned(), |sent| sent.to_string());
                    let ours = difference.ours.map_or("nothing".to_owned(), |sent| sent.to_string());
                    self.unexplained.push(format!(
                        "{} connection {} as {}, n {}: {}; recorded {recorded}, ours {ours}",
                        seat.file, seat.conn, seat.label, difference.n, difference.what
                    ));
                }
            }
        }
    }

    /// Takes over what another report counted.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.frames += other.frames;
        self.ends += other.ends;
        self.application += other.application;
        self.exact += other.exact;
        self.explained += other.explained;
        self.derived += other.derived;
        for (rule, count) in other.used {
            *self.used.entry(rule).or_default() += count;
        }
        self.unexplained.extend(other.unexplained);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "replayed {} files, {} frames, {} ends, {} application ends: {} exact, {} explained, {} unexplained, {} derived acts",
            self.files,
            self.frames,
            self.ends,
            self.application,
            self.exact,
            self.explained,
            self.application - self.exact - self.explained,
            self.derived
        )?;
        for (rule, count) in &self.used {
            writeln!(f, "  {rule}: {count}")?;
        }
        Ok(())
    }
}
