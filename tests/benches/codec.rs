//! The codec, one case in a loop: `codec CASE ROUNDS`, for instruction counts under callgrind.
//!
//! The count of two runs with different rounds, divided by the difference of the rounds, is the cost of
//! one message. Without arguments each case runs once.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use scipp_proto::spec::PldSpec;
use scipp_proto::wire::{ANY_PLD_SPEC, Limits, Message, Start, decode, encode, frame};
use scipp_proto::{Config, Kwargs, Payload};

const CID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const UUID: &str = "11111111-2222-4333-8444-555555555555";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let rounds = args.get(1).map_or(1, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let cases = cases();
    let wanted = |name: &str| args.first().is_none_or(|case| case == name);
    assert!(cases.iter().any(|case| wanted(case.0)), "CASE is one of {:?}", cases.map(|case| case.0));
    for (_, run) in cases.iter().filter(|case| wanted(case.0)) {
        run(rounds);
    }
}

type Case = (&'static str, fn(usize));

fn cases() -> [Case; 13] {
    [
        ("yield-decode", |rounds| decoding(&body(&small()), rounds)),
        ("yield-decode-any-order", |rounds| decoding(&reversed(), rounds)),
        ("yield-encode", |rounds| encoding(&small(), rounds)),
        ("yield-map-decode", |rounds| decoding(&body(&medium()), rounds)),
        ("yield-map-encode", |rounds| encoding(&medium(), rounds)),
        ("yield-64k-decode", |rounds| decoding(&body(&large()), rounds)),
        ("yield-64k-encode", |rounds| encoding(&large(), rounds)),
        ("start-decode", |rounds| decoding(&body(&start()), rounds)),
        ("start-encode", |rounds| encoding(&start(), rounds)),
        ("trade-check", checking),
        ("trade-decode", reading),
        ("trades-check-1000", |rounds| checking_many(1000, rounds)),
        ("nothing", |_| {}),
    ]
}

fn decoding(body: &Bytes, rounds: usize) {
    let limits: Limits = Config::default().limits();
    for _ in 0..rounds {
        assert!(black_box(&decode(black_box(body), black_box(&limits))).is_ok());
    }
}

fn encoding(message: &Message<'_>, rounds: usize) {
    let mut out = BytesMut::with_capacity(1 << 17);
    for _ in 0..rounds {
        out.clear();
        encode(black_box(message), black_box(&mut out));
    }
}

fn yielded(pld: impl Into<Bytes>) -> Message<'static> {
    Message::Yield { cid: CID.into(), pld: Payload::new(pld.into()).expect("a value") }
}

fn small() -> Message<'static> {
    yielded(&b"\x2a"[..])
}

/// What a receiver without a check does: the value as a Rust type.
#[derive(serde::Deserialize)]
#[allow(dead_code, reason = "only reading counts")]
struct Trade {
    sym: String,
    px: f64,
    qty: f64,
    side: String,
    ts: f64,
    oid: String,
}

const TRADE: &str =
    "Trade where Trade = struct(sym: str, px: float, qty: float, side: str, ts: float, oid: str)";

fn checking(rounds: usize) {
    let (spec, payload) = (TRADE.parse::<PldSpec>().expect("a spec"), trade());
    for _ in 0..rounds {
        assert!(black_box(&spec).check(black_box(&payload)).is_ok());
    }
}

fn reading(rounds: usize) {
    let payload = trade();
    for _ in 0..rounds {
        assert!(black_box(&rmp_serde::from_slice::<Trade>(black_box(payload.as_bytes()))).is_ok());
    }
}

/// A list of trades: by the length of the list this costs what one costs.
fn checking_many(trades: u16, rounds: usize) {
    let spec: PldSpec = format!("list[Trade]{}", &TRADE[5..]).parse().expect("a spec");
    let mut bytes = vec![0xdc];
    bytes.extend_from_slice(&trades.to_be_bytes());
    (0..trades).for_each(|_| bytes.extend_from_slice(trade().as_bytes()));
    let payload = Payload::new(bytes.into()).expect("a value");
    for _ in 0..rounds {
        assert!(black_box(&spec).check(black_box(&payload)).is_ok());
    }
}

/// Six fields, as a market trade has them.
fn medium() -> Message<'static> {
    Message::Yield { cid: CID.into(), pld: trade() }
}

fn trade() -> Payload {
    let mut pld = b"\x86\xa3sym\xb4BTCUSDT.PERP.BINANCE\xa2px\xcb\x40\xef\x4f\x68\0\0\0\0".to_vec();
    pld.extend_from_slice(b"\xa3qty\xcb\x3f\x8e\xb8\x51\xeb\x85\x1e\xb8\xa4side\xa3buy");
    pld.extend_from_slice(b"\xa2ts\xcb\x41\xda\x1f\x35\x10\x07\xe6\xb7\xa3oid\xd9\x24");
    pld.extend_from_slice(CID.as_bytes());
    Payload::new(pld.into()).expect("a value")
}

/// 64 KiB of bin.
fn large() -> Message<'static> {
    let mut pld = b"\xc6\0\x01\0\0".to_vec();
    pld.resize(pld.len() + (1 << 16), 0xab);
    yielded(pld)
}

fn start() -> Message<'static> {
    let kwargs = b"\x83\xa6symbol\xa7btcusdt\xa5depth\x0a\xa4live\xc3";
    Message::Start(Start {
        cid: CID.into(),
        ns: "myapp.feeds".into(),
        func: "stream_quotes".into(),
        kwargs: Kwargs::new(Bytes::from_static(kwargs)).expect("a map of names"),
        uid_name: "brokerd".into(),
        uid_uuid: UUID.into(),
        pld_spec: ANY_PLD_SPEC.into(),
    })
}

fn body(message: &Message<'_>) -> Bytes {
    let mut out = BytesMut::new();
    encode(message, &mut out);
    out.freeze().slice(frame::PREFIX..)
}

/// The small item with its keys in another order than the reference's.
fn reversed() -> Bytes {
    let mut body = b"\x83\xa3pld\x2a\xa3cid\xd9\x24".to_vec();
    body.extend_from_slice(CID.as_bytes());
    body.extend_from_slice(b"\xa8msg_type\xa5Yield");
    Bytes::from(body)
}
