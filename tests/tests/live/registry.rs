//! The registry that Python actors need to find others, and to be found.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use scipp_blocking::proto::{Identity, RuntimeEndpoint};
use scipp_blocking::{Actor, Error, Listener, Profile};
use serde::{Deserialize, Serialize};

/// Host and port, or the directory and the name of a socket file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place(String, Detail);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Detail {
    Port(u16),
    File(String),
}

impl Place {
    /// `None`: it is neither `HOST:PORT` nor a path.
    fn parse(address: &str) -> Option<Self> {
        if let Some((dir, file)) = address.rsplit_once('/') {
            return Some(Self(dir.to_owned(), Detail::File(file.to_owned())));
        }
        let (host, port) = address.rsplit_once(':')?;
        Some(Self(host.to_owned(), Detail::Port(port.parse().ok()?)))
    }
}

/// Name and uuid.
type Uid = (String, String);

#[derive(Debug, Deserialize)]
struct Entry {
    uid: Uid,
    addr: Place,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Leaving {
    uid: Uid,
}

type Entries = Arc<Mutex<Vec<Entry>>>;

/// A listening registry. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: Entries,
    listener: Listener,
    serving: Option<JoinHandle<()>>,
    pub(crate) at: String,
}

impl Registry {
    pub(crate) fn listen(address: &str) -> io::Result<Self> {
        let entries = Entries::default();
        let actor = actor(&entries);
        let listener =
            if address.starts_with('/') { actor.listen_unix(address) } else { actor.listen_tcp(address) }?;
        let at = listener.local_addr().to_string();
        let door = listener.clone();
        let serving = Some(thread::spawn(move || door.serve()));
        Ok(Self { entries, listener, serving, at })
    }

    /// Enters an actor that does not do it itself.
    pub(crate) fn enter(&self, name: &str, address: &str) -> Result<(), String> {
        let addr = Place::parse(address).ok_or_else(|| format!("{address} is no address"))?;
        lock(&self.entries).push(Entry { uid: (name.to_owned(), String::new()), addr });
        Ok(())
    }

    /// The names of those that are there.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.entries).iter().map(|entry| entry.uid.0.clone()).collect()
    }
}

fn actor(entries: &Entries) -> Actor {
    let (register, unregister, find) = (Arc::clone(entries), Arc::clone(entries), Arc::clone(entries));
    let nobody = Actor::builder("registry").build().identity().clone();
    let profile = Profile::new("registry").identity(Identity { is_registrar: Some(true), ..nobody });
    Actor::builder(profile)
        .runtime(RuntimeEndpoint::RegisterActor, move |entry| {
            lock(&register).push(entry);
            Ok::<_, Error>(())
        })
        .runtime(RuntimeEndpoint::UnregisterActor, move |leaving: Leaving| {
            lock(&unregister).retain(|entry| entry.uid != leaving.uid);
            Ok::<_, Error>(())
        })
        .runtime(RuntimeEndpoint::FindActor, move |named: Named| {
            let entries = lock(&find);
            let found = entries.iter().filter(|entry| entry.uid.0 == named.name);
            let places: Vec<_> = found.map(|entry| entry.addr.clone()).collect();
            Ok::<_, Error>((!places.is_empty()).then_some(places))
        })
        .build()
}

fn lock(entries: &Entries) -> MutexGuard<'_, Vec<Entry>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.listener.stop();
        if let Some(serving) = self.serving.take() {
            // A panic in there has been printed.
            let _panicked = serving.join();
        }
    }
}
