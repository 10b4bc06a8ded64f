//! The blocking driver over real sockets: two actors in one process.

mod calls;
mod cancels;
mod contexts;
mod ends;
mod listeners;
mod rig;
mod streams;
