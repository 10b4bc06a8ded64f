//! A live Python actor, if `SCIPP_TRACTOR_PYTHON` names an interpreter that can import `tractor`. Every
//! shape of error that we relay reaches its application as it should, and its process goes on. Without one each
//! test is reported as ignored.

#[path = "../live/python.rs"]
mod python;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Arguments;
use scipp_proto::spec::{PldSpec, Slots, Spec};
use scipp_proto::wire::{ErrorMsg, MsgKind};
use scipp_proto::{
    Call, Config, Connection, DialogId, Event, Failure, Identity, Instant, Kind, Kwargs, Misuse, Outcome,
    Payload, RemoteError, RemoteErrorKind, Report, Request, Target, Terms, Uid,
};
use serde::Deserialize;

/// Longer than anything here takes; a peer that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

const RELAYS: usize = 5;

const NAMES: [&str; 7] = [
    "KeyError",
    "AppSpecific",
    "StreamOverrun",
    "TransportClosed",
    "RemoteActorError",
    "ContextCancelled",
    "MsgTypeError",
];

fn main() -> ExitCode {
    let tests: [(_, fn(&Path)); 2] = [
        ("a_python_peer_unpacks_what_we_relay_and_stays_alive", unpacks_what_we_relay),
        ("a_python_peer_takes_our_type_errors_and_stays_alive", takes_our_type_errors),
    ];
    let trial = |(name, test): (_, fn(&Path))| {
        python::trial(name, python::given(), move |python| {
            test(python);
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit_code()
}

fn unpacks_what_we_relay(python: &Path) {
    let mut peer = Peer::start(python);
    for name in NAMES {
        for relays in 0..=RELAYS {
            for is_own in [false, true] {
                for passes_on in [false, true] {
                    peer.tell(&Case { name, relays, is_own, passes_on });
                }
            }
        }
        assert_eq!(peer.call("alive"), "alive", "after {name}");
    }
}

/// An error that a task of ours ends with when the peer asks for it.
#[derive(Debug)]
struct Case {
    name: &'static str,
    /// How often it was relayed before it gets to the peer; by us the last time.
    relays: usize,
    /// Whether it arose at the peer itself.
    is_own: bool,
    /// Whether the peer's task ends with it.
    passes_on: bool,
}

/// What the peer's application saw.
#[derive(Debug, Deserialize)]
struct Told {
    boxed_type_str: Option<String>,
    src_type_str: Option<String>,
    src_uid: Option<(String, String)>,
    canceller: Option<(String, String)>,
    relay_path: Vec<(String, String)>,
}

struct Peer {
    process: Child,
    stream: TcpStream,
    core: Connection,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    fn start(python: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(python)
            .args(["-c", "import error_peer; error_peer.main()", &port.to_string()])
            .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live_errors"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "the peer did not start");
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ours = Identity::new(Uid::new("rust", "rust-uuid"));
        let core = Connection::new(Config::default(), ours, u128::from(port), Instant::EPOCH);
        let mut peer = Self { process, stream, core };
        peer.until(|_, event| matches!(event, Event::Established { .. }).then_some(()));
        peer
    }

    /// Reads and writes until `react` has an answer.
    fn until<T>(&mut self, mut react: impl FnMut(&mut Connection, &Event) -> Option<T>) -> T {
        let mut buffer = [0; 1 << 16];
        loop {
            while let Some(event) = self.core.poll_event() {
                let answer = react(&mut self.core, &event);
                self.write();
                if let Some(answer) = answer {
                    return answer;
                }
                assert!(!matches!(event, Event::Closed { .. }), "the peer is gone: {event:?}");
            }
            self.write();
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => self.core.handle_eof(Instant::EPOCH),
                Ok(len) => assert_eq!(self.core.handle_input(Instant::EPOCH, &buffer[..len]), len),
            }
        }
    }

    fn write(&mut self) {
        while let Some(bytes) = self.core.poll_transmit() {
            self.stream.write_all(&bytes).unwrap();
            self.core.handle_written(Instant::EPOCH, bytes.len());
        }
    }

    fn open(&mut self, func: &str, kind: Kind, kwargs: Kwargs) -> DialogId {
        let call = Call { target: Target::function("error_peer", func), kind, kwargs };
        self.core.open(Instant::EPOCH, &call).unwrap()
    }

    fn ended(&mut self, id: DialogId) -> Outcome {
        let outcome = self.until(|core, _| core.dialog(id).and_then(|dialog| dialog.outcome().cloned()));
        self.core.release(Instant::EPOCH, id);
        outcome
    }

    fn call(&mut self, func: &str) -> String {
        let id = self.open(func, Kind::Function, Kwargs::EMPTY);
        match self.ended(id) {
            Outcome::Returned(Some(value)) => value.decode().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The peer asks for a task of ours, which ends as `end` says: what it saw, and how its own task ended.
    fn ask(
        &mut self,
        passes_on: bool,
        mut end: impl FnMut(&mut Connection, DialogId, &Request),
    ) -> (Told, Outcome) {
        let kwargs = Kwargs::encode(&std::collections::BTreeMap::from([("relay", passes_on)])).unwrap();
        let id = self.open("ask_back", Kind::Context, kwargs);
        let first = self.until(|core, event| {
            if let Event::Opened { id: task, request } = event {
                assert_eq!(request.target, Target::function("error_peer", "failing"));
                end(core, *task, request);
            }
            core.take_first(id)
        });
        let told = first.decode().unwrap_or_else(|error| panic!("{error}: {first:?}"));
        (told, self.ended(id))
    }

    fn tell(&mut self, case: &Case) {
        let theirs = self.core.peer().unwrap().uid.clone();
        let error = case.error(&theirs);
        let (told, outcome) = self.ask(case.passes_on, |core, task, _| {
            core.accept(task, Kind::Context).unwrap();
            match &error {
                Some(error) => core.relay(task, error).unwrap(),
                None => core.fail(task, Report::new(case.name, "as told")).unwrap(),
            }
        });
        case.is_told(&told, &self.core.identity().uid.clone(), &theirs);
        if !case.passes_on {
            assert_eq!(outcome, Outcome::Returned(Some(Payload::NIL)), "{case:?}");
            return;
        }
        let Outcome::Failed(Failure::Remote(error)) = outcome else { panic!("{case:?}: {outcome:?}") };
        assert_eq!(error.relay_uid(), Some(&theirs), "{case:?}");
        assert_eq!(error.relay_path().len(), told.relay_path.len() + 1, "{case:?}: {error:?}");
    }
}

/// Type errors of ours, with the offending message in each of the forms that we send.
fn takes_our_type_errors(python: &Path) {
    let mut peer = Peer::start(python);
    let spec: PldSpec = "A where A = struct(needed: int)".parse().unwrap();
    let terms = Arc::new(Terms::one_for_all(spec.clone()));
    let params = Arc::new(Terms::new(Slots { params: Some(spec), ..Slots::default() }));
    for passes_on in [false, true] {
        for kind in [MsgKind::Started, MsgKind::Yield, MsgKind::Return] {
            peer.is_told_of_type_error(passes_on, |core, task, request| {
                assert_eq!(core.accept_limited(task, Kind::Context, request, &terms), Ok(true));
                let Err(Misuse::Mistyped(refusal)) = core.validate(task, kind, &Payload::NIL) else {
                    panic!()
                };
                core.fail(task, Report::from(&*refusal)).unwrap();
            });
        }
        peer.is_told_of_type_error(passes_on, |core, task, request| {
            assert_eq!(core.accept_limited(task, Kind::Context, request, &params), Ok(false));
        });
        for kind in MsgKind::ALL {
            let report = Report { bad_msg_as_dict: Some(hollow(kind)), ..Report::new("MsgTypeError", "x") };
            peer.is_told_of_type_error(passes_on, |core, task, _| {
                core.accept(task, Kind::Context).unwrap();
                core.fail(task, report.clone()).unwrap();
            });
        }
        assert_eq!(peer.call("alive"), "alive");
    }
}

/// A message of this kind with nil in each of its fields.
fn hollow(kind: MsgKind) -> Payload {
    let spec = kind.spec();
    let Spec::Struct(definition) = spec.spec() else { panic!("{spec}") };
    let fields = definition.fields.iter().map(|field| (field.name.clone(), None));
    let tag = ("msg_type".to_owned(), Some(kind.name()));
    Payload::encode(&std::iter::once(tag).chain(fields).collect::<std::collections::BTreeMap<_, _>>())
        .unwrap()
}

impl Peer {
    fn is_told_of_type_error(
        &mut self,
        passes_on: bool,
        end: impl FnMut(&mut Connection, DialogId, &Request),
    ) {
        let ours = self.core.identity().uid.clone();
        let (told, outcome) = self.ask(passes_on, end);
        assert_eq!(told.boxed_type_str.as_deref(), Some("MsgTypeError"), "{told:?}");
        assert_eq!(told.src_uid, Some((ours.name().into(), ours.uuid().into())));
        match outcome {
            Outcome::Failed(Failure::Remote(error)) if passes_on => {
                assert_eq!(error.kind(), RemoteErrorKind::MsgTypeError);
            }
            Outcome::Returned(Some(_)) if !passes_on => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Case {
    /// Who relayed it before us, the source first.
    fn path(&self, theirs: &Uid) -> Vec<Uid> {
        let source = if self.is_own { theirs.clone() } else { Uid::new("leaf", "leaf-uuid") };
        let hops = (1..self.relays).map(|hop| Uid::new(format!("hop{hop}"), "u"));
        std::iter::once(source).chain(hops).collect()
    }

    /// The error as it came to us, if it was not our own.
    fn error(&self, theirs: &Uid) -> Option<RemoteError> {
        let relay_path = self.path(theirs);
        let keeps_class = matches!(self.name, "ContextCancelled" | "MsgTypeError");
        let is_native = self.relays == 1 || keeps_class;
        let boxed = if is_native { self.name } else { "RemoteActorError" };
        let is_cancellation = self.name == "ContextCancelled";
        let msg = ErrorMsg {
            src_uid: relay_path.last().filter(|_| is_cancellation).unwrap_or(&relay_path[0]).clone(),
            src_type_str: self.name.to_owned(),
            boxed_type_str: boxed.to_owned(),
            message: Some(String::new()),
            tb_str: "as told".to_owned(),
            canceller: is_cancellation.then(|| Uid::new("boss", "boss-uuid")),
            sender: None,
            cid: Some("elsewhere".into()),
            bad_msg: None,
            bad_msg_as_dict: None,
            repaired: false,
            relay_path,
        };
        (self.relays > 0).then_some(RemoteError { msg, repaired: false })
    }

    fn is_told(&self, told: &Told, ours: &Uid, theirs: &Uid) {
        let pair = |uid: &Uid| (uid.name().to_owned(), uid.uuid().to_owned());
        let path: Vec<_> =
            self.path(theirs).iter().filter(|_| self.relays > 0).chain([ours]).map(pair).collect();
        assert_eq!(told.relay_path, path, "{self:?}: {told:?}");
        // The peer leaves out what it has no class for.
        let is_known = !matches!(self.name, "AppSpecific");
        if is_known {
            assert_eq!(told.src_type_str.as_deref(), Some(self.name), "{told:?}");
        }
        let keeps_class = self.relays == 0 || matches!(self.name, "ContextCancelled" | "MsgTypeError");
        if is_known || !keeps_class {
            let boxed = if keeps_class { self.name } else { "RemoteActorError" };
            assert_eq!(told.boxed_type_str.as_deref(), Some(boxed), "{self:?}: {told:?}");
        }
        let is_cancellation = self.name == "ContextCancelled";
        let canceller = if self.relays == 0 { pair(ours) } else { ("boss".into(), "boss-uuid".into()) };
        assert_eq!(told.canceller, is_cancellation.then_some(canceller), "{self:?}");
        let source = told.src_uid.as_ref();
        assert!(source == Some(&path[0]) || source == Some(&pair(ours)), "{self:?}: {told:?}");
    }
}
