//! Bytes read as a program.

/// What is left of an input. Past its end everything reads as zero.
#[derive(Debug, Clone)]
pub(super) struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// One of `choices`.
    pub(super) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len());
        choices[at].clone()
    }

    /// Up to `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
