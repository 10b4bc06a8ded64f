//! What came of it.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use super::route::Setting;
use super::scenario::Scenario;
use crate::output::say;
use crate::style::Style;

/// One line of the summary.
pub(crate) struct Checked {
    pub(crate) scenario: &'static Scenario,
    pub(crate) setting: Setting,
    pub(crate) got: String,
}

impl Checked {
    fn is_ok(&self) -> bool {
        self.got == self.scenario.expected
    }

    fn cells(&self) -> [String; 6] {
        let Setting { parent, child, transport } = self.setting;
        let Scenario { title, expected, .. } = *self.scenario;
        [title, parent.name, child.name, &transport.to_string(), expected, &self.got].map(str::to_owned)
    }
}

/// Prints one line a dialog. The tour failed if one of them is wrong.
pub(crate) fn summarize(checked: &[Checked], took: Duration) -> io::Result<ExitCode> {
    say(format_args!("\n{}", Style::Title.paint("━━ summary ")))?;
    say(table(checked))?;
    let wrong = checked.iter().filter(|line| !line.is_ok()).count();
    let verdict = format!("{} dialogs, {wrong} wrong, {:.1} s", checked.len(), took.as_secs_f64());
    let (style, code) =
        if wrong == 0 { (Style::Good, ExitCode::SUCCESS) } else { (Style::Bad, ExitCode::FAILURE) };
    say(format_args!("\n{}", style.paint(verdict)))?;
    Ok(code)
}

fn table(checked: &[Checked]) -> String {
    let head = ["dialog", "parent", "child", "over", "expected", "got"].map(str::to_owned);
    let mut widths = head.each_ref().map(|cell| cell.chars().count());
    for line in checked {
        for (width, cell) in widths.iter_mut().zip(line.cells()) {
            *width = cell.chars().count().max(*width);
        }
    }
    let row = |cells: [String; 6]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {cell:width$}"));
        cells.collect::<String>()
    };
    let mut lines = vec![Style::Dim.paint(row(head).trim_end())];
    for line in checked {
        let verdict = if line.is_ok() { Style::Good.paint("ok") } else { Style::Bad.paint("WRONG") };
        lines.push(format!("{}  {verdict}", row(line.cells())));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::driver::DRIVERS;
    use crate::tour::process::Transport;
    use crate::tour::scenario::SCENARIOS;

    #[test]
    fn one_wrong_outcome_fails_the_tour() {
        let [parent, child] = &DRIVERS;
        let setting = Setting { parent, child, transport: Transport::Tcp };
        let line = |got: &str| Checked { scenario: &SCENARIOS[0], setting, got: got.to_owned() };
        let code = |lines: &[Checked]| summarize(lines, Duration::ZERO).unwrap();
        assert_eq!(code(&[line("returned 5")]), ExitCode::SUCCESS);
        assert_eq!(code(&[line("returned 5"), line("returned 6")]), ExitCode::FAILURE);
        assert!(table(&[line("returned 6")]).contains("WRONG"));
    }
}
