//! What tests need besides actors: messages to and from bodies, and directories.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A directory of its own for a test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("scipp-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// After which a test fails for which somebody ended without a word, and does not wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// What endpoints tell the test, and the test tells them.
pub(crate) struct Wire<T> {
    tell: Mutex<Sender<T>>,
    hear: Mutex<Receiver<T>>,
}

impl<T> Wire<T> {
    pub(crate) fn new() -> Arc<Self> {
        let (tell, hear) = channel();
        Arc::new(Self { tell: Mutex::new(tell), hear: Mutex::new(hear) })
    }

    pub(crate) fn tell(&self, value: T) {
        self.tell.lock().unwrap().send(value).unwrap();
    }

    pub(crate) fn hear(&self) -> T {
        self.hear.lock().unwrap().recv_timeout(PATIENCE).expect("somebody tells")
    }
}
