//! Every kind of dialog with a second process, drawn and checked.

mod diagram;
pub(crate) mod peer;
mod process;
mod scenarios;
mod tracker;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scipp_blocking::{Actor, Portal, Profile, TappedFrame};

use crate::output::{complain, say, unsaid};
use crate::style::Style;
use diagram::Diagram;
use process::{Peer, Transport};
use scenarios::{KILLED, SCENARIOS, describe, killed};

/// How long one blocking call may take: much longer than any should, so that a hang is reported as such.
const PATIENCE: Duration = Duration::from_secs(3);

/// One line of the summary.
struct Checked {
    title: &'static str,
    transport: Transport,
    expected: &'static str,
    got: String,
}

impl Checked {
    fn is_ok(&self) -> bool {
        self.got == self.expected
    }
}

/// Takes the tour. Succeeds if every dialog ended as it has to.
pub(crate) fn run() -> ExitCode {
    let began = Instant::now();
    let mut checked = Vec::new();
    for transport in Transport::ALL {
        if let Err(error) = take(transport, &mut checked) {
            complain(format_args!("scipp tour: {transport}: {error}"));
            return ExitCode::FAILURE;
        }
    }
    summarize(&checked, began.elapsed()).unwrap_or_else(|error| unsaid(&error))
}

fn take(transport: Transport, checked: &mut Vec<Checked>) -> Result<(), Box<dyn Error>> {
    let diagram = Arc::new(Diagram::default());
    let tap = Arc::clone(&diagram);
    let profile =
        Profile::new("tour").tap(move |frame: &TappedFrame| scipp_blocking::Tap::frame(&*tap, frame));
    let actor = Actor::builder(profile).build();

    diagram.connection(&format!("over {transport}"));
    let mut peer = Peer::start(transport)?;
    diagram.begin("the handshake");
    let portal = patient(&peer.connect(&actor)?);
    for scenario in SCENARIOS {
        diagram.begin(scenario.title);
        let got = describe((scenario.hold)(&portal));
        diagram.settle();
        diagram.check()?;
        checked.push(Checked { title: scenario.title, transport, expected: scenario.expected, got });
    }
    portal.close();
    peer.stop()?;

    diagram.connection(&format!("over {transport}, with another peer"));
    let mut peer = Peer::start(transport)?;
    let (title, expected) = KILLED;
    diagram.begin(title);
    let portal = patient(&peer.connect(&actor)?);
    let got = describe(killed(&portal, || {
        peer.kill();
        diagram.note(" the peer is killed ");
    }));
    checked.push(Checked { title, transport, expected, got });
    Ok(diagram.check()?)
}

fn patient(portal: &Portal) -> Portal {
    portal.with_timeout(PATIENCE)
}

/// Prints one line a dialog. The tour failed if one of them is wrong.
fn summarize(checked: &[Checked], took: Duration) -> io::Result<ExitCode> {
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
    let width = |text: fn(&Checked) -> &str| checked.iter().map(|line| text(line).chars().count()).max();
    let title = width(|line| line.title).unwrap_or_default();
    let expected = width(|line| line.expected).unwrap_or_default();
    let got = width(|line| &line.got).unwrap_or_default();
    let head = format!("  {:title$}  over  {:expected$}  got", "dialog", "expected");
    let mut lines = vec![Style::Dim.paint(head)];
    for line in checked {
        let verdict = if line.is_ok() { Style::Good.paint("ok") } else { Style::Bad.paint("WRONG") };
        let over = line.transport.to_string();
        let left = format!("  {:title$}  {over:4}  {:expected$}", line.title, line.expected);
        lines.push(format!("{left}  {:got$}  {verdict}", line.got));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_outcome_fails_the_tour() {
        let line = |got: &str| Checked {
            title: "a call",
            transport: Transport::Tcp,
            expected: "returned 5",
            got: got.to_owned(),
        };
        let code = |lines: &[Checked]| summarize(lines, Duration::ZERO).unwrap();
        assert_eq!(code(&[line("returned 5")]), ExitCode::SUCCESS);
        assert_eq!(code(&[line("returned 5"), line("returned 6")]), ExitCode::FAILURE);
        assert!(table(&[line("returned 6")]).contains("WRONG"));
    }
}
