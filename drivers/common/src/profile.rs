//! What an actor is, apart from what it does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scipp_proto::{Config, Identity, Uid};

use crate::mistyped::{MistypedValue, Observer};
use crate::random::random_uuid;
use crate::tap::Tap;

/// Who an actor is, and the limits and choices of all its connections. A name alone is one too: it
/// converts.
#[derive(Clone)]
pub struct Profile {
    pub(crate) identity: Identity,
    pub(crate) config: Config,
    pub(crate) tap: Option<Arc<dyn Tap>>,
    pub(crate) on_mistyped: Option<Arc<Observer>>,
    pub(crate) max_tasks: usize,
    pub(crate) max_connections: usize,
    pub(crate) cancel_grace: Duration,
}

impl Profile {
    /// An actor of this name, with a fresh uuid, in this process.
    pub fn new(name: &str) -> Self {
        let identity = Identity {
            pid: Some(i64::from(std::process::id())),
            ..Identity::new(Uid::new(name, random_uuid()))
        };
        Self {
            identity,
            config: Config::default(),
            tap: None,
            on_mistyped: None,
            max_tasks: 4096,
            max_connections: 1024,
            cancel_grace: Duration::ZERO,
        }
    }

    /// Replaces what the actor says of itself.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Replaces the limits and choices of its connections.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Shows every frame of every connection to `tap`.
    #[must_use]
    pub fn tap(mut self, tap: impl Tap + 'static) -> Self {
        self.tap = Some(Arc::new(tap));
        self
    }

    /// Tells `observer` of every value received that does not conform to the terms of its dialog, whatever
    /// they say is to become of it.
    ///
    /// It runs on the threads that read or receive, so it must not wait for the actor it observes; those
    /// who wait for the dialog are woken after it. The order of several values is not promised. A panic is
    /// ignored.
    #[must_use]
    pub fn on_mistyped(mut self, observer: impl Fn(&MistypedValue) + Send + Sync + 'static) -> Self {
        self.on_mistyped = Some(Arc::new(observer));
        self
    }

    /// How many tasks may run for peers at once, on all connections together: 4096 if not set. Further
    /// requests are refused with a `RuntimeError`. A task counts until its body has returned, also after
    /// the loss of its connection. What one connection may ask for is `max_peer_dialogs` of the
    /// configuration.
    #[must_use]
    pub const fn max_tasks(mut self, limit: usize) -> Self {
        self.max_tasks = limit;
        self
    }

    /// How many accepted connections there may be at once: 1024 if not set. Further ones are closed as
    /// soon as they are accepted.
    #[must_use]
    pub const fn max_connections(mut self, limit: usize) -> Self {
        self.max_connections = limit;
        self
    }

    /// How long a body that was told to end may go on, to clean up: not at all if not set. Its future is
    /// dropped then. Of no effect where bodies run on threads: nobody can drop those.
    #[must_use]
    pub const fn cancel_grace(mut self, grace: Duration) -> Self {
        self.cancel_grace = grace;
        self
    }
}

impl From<&str> for Profile {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("identity", &self.identity).finish_non_exhaustive()
    }
}
