//! What happened in one run of a scenario.

/// One run: every frame in the order of sending, every outcome, and what the applications saw besides.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Take {
    /// What is particular about it, if a scenario is played several times.
    pub(crate) variant: &'static str,
    /// Who sends to whom, and what: `P>C`, `Start`.
    pub(crate) frames: Vec<(String, String)>,
    /// How the dialogs ended, at their parents and at their children.
    pub(crate) outcomes: [Vec<String>; 2],
    pub(crate) sights: Vec<String>,
}

/// So many items in a row are counted instead of shown.
const RUN: usize = 4;

impl Take {
    pub(crate) fn of(variant: &'static str) -> Self {
        Self { variant, ..Self::default() }
    }

    /// Whether frames and outcomes are equal.
    pub(crate) fn is_sent_and_ends_as(&self, other: &Self) -> bool {
        (&self.frames, &self.outcomes) == (&other.frames, &other.outcomes)
    }

    /// All its frames, see [`turns`].
    pub(crate) fn turns(&self) -> Vec<String> {
        turns(&self.frames)
    }
}

/// Frames, those of one sender in a row together: `C>P StartAck(context), Started(0)`. Of many items in a row
/// their number.
pub(crate) fn turns(frames: &[(String, String)]) -> Vec<String> {
    let turns = frames.chunk_by(|(one, _), (other, _)| one == other);
    turns
        .map(|turn| {
            let words: Vec<_> = turn.iter().map(|(_, word)| word.as_str()).collect();
            let runs = words.chunk_by(|one, other| item(one).is_some_and(|of| item(other) == Some(of)));
            let shown = runs.map(|run| match (run.len(), item(run[0])) {
                (RUN.., Some(of)) => format!("Yield x{}{of}", run.len()),
                _ => run.join(", "),
            });
            format!("{} {}", turn[0].0, shown.collect::<Vec<_>>().join(", "))
        })
        .collect()
}

/// Of an item, the mark of its dialog.
fn item(word: &str) -> Option<&str> {
    let (_, mark) = word.strip_prefix("Yield(")?.rsplit_once(')')?;
    Some(mark)
}
