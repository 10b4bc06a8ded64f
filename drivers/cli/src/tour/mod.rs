//! Every kind of dialog with a second process, drawn and checked.

pub(crate) mod child;
mod diagram;
pub(crate) mod driver;
mod parent;
mod process;
mod route;
mod scenario;
mod summary;
mod tracker;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use scipp_blocking::{Profile, Tap, TappedFrame};

use crate::output::{complain, unsaid};
use diagram::Diagram;
use process::Peer;
use route::{Leg, route};
use scenario::describe;
use summary::{Checked, summarize};

/// Takes the tour, or `all` that it could show. Succeeds if every dialog ended as it has to.
pub(crate) fn run(all: bool) -> ExitCode {
    let began = Instant::now();
    let mut checked = Vec::new();
    for leg in route(all) {
        if let Err(error) = take(&leg, &mut checked) {
            complain(format_args!("scipp tour: {}: {error}", leg.setting));
            return ExitCode::FAILURE;
        }
    }
    summarize(&checked, began.elapsed()).unwrap_or_else(|error| unsaid(&error))
}

fn take(leg: &Leg, checked: &mut Vec<Checked>) -> Result<(), Box<dyn Error>> {
    let setting = leg.setting;
    let diagram = Arc::new(Diagram::default());
    let tap = Arc::clone(&diagram);
    let profile = Profile::new("tour").tap(move |frame: &TappedFrame| Tap::frame(&*tap, frame));

    diagram.connection(&setting.to_string());
    let mut peer = Peer::start(setting.child, setting.transport)?;
    diagram.begin("the handshake");
    let mut parent = peer.connect(setting.parent, profile)?;
    let mut peer = Some(peer);
    for &scenario in &leg.scenarios {
        diagram.begin(scenario.title);
        let result = parent.hold(scenario.act, &mut || {
            drop(peer.take());
            diagram.lose(" the peer is killed ");
        });
        diagram.settle();
        diagram.check()?;
        checked.push(Checked { scenario, setting, got: describe(result) });
    }
    parent.close();
    peer.map_or(Ok(()), Peer::stop)
}
