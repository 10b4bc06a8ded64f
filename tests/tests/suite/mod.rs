//! What a driver does over real sockets. The test of each driver includes this and names itself `driver`.

pub(crate) mod calls;
pub(crate) mod cancels;
pub(crate) mod contexts;
pub(crate) mod debugger;
pub(crate) mod ends;
pub(crate) mod fan_out;
pub(crate) mod faults;
pub(crate) mod listeners;
pub(crate) mod overruns;
pub(crate) mod peers;
pub(crate) mod policies;
pub(crate) mod precedence;
pub(crate) mod publisher;
pub(crate) mod raw;
pub(crate) mod receiving;
pub(crate) mod rig;
pub(crate) mod scenarios;
pub(crate) mod streams;
pub(crate) mod terminal;
pub(crate) mod terms;
pub(crate) mod typed;
pub(crate) mod wire;
