//! Our drivers and a live Python actor, in both roles over both kinds of socket.
//!
//! `SCIPP_TRACTOR_PYTHON` names a Python that can import `tractor`; without it every case is reported as
//! ignored. The Python side is `peer.py`; ours is this program once more.

mod bites;
mod case;
mod ours;
mod process;
mod python;
mod registry;
mod stage;
mod suite;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    match args.next_if_eq("ours") {
        Some(_) => ours::main(args),
        None => suite::main(),
    }
}
