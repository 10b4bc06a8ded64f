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

    /// The frames, those of one sender in a row together: `C>P StartAck(context), Started(0)`. Of many items in
    /// a row their number.
    pub(crate) fn turns(&self) -> Vec<String> {
        let is_item = |word: &&str| word.starts_with("Yield(") && !word.contains('#');
        let turns = self.frames.chunk_by(|(one, _), (other, _)| one == other);
        turns
            .map(|turn| {
                let words: Vec<_> = turn.iter().map(|(_, word)| word.as_str()).collect();
                let runs = words.chunk_by(|one, other| is_item(one) && is_item(other));
                let shown = runs.map(|run| match run.len() {
                    ..RUN => run.join(", "),
                    len => format!("Yield x{len}"),
                });
                format!("{} {}", turn[0].0, shown.collect::<Vec<_>>().join(", "))
            })
            .collect()
    }
}
