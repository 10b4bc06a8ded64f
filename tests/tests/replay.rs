//! Every recorded connection, played again with the core at each end.

use std::sync::atomic::{AtomicUsize, Ordering};

use scipp_conformance::replay::corrupt::{Corruption, corrupted, places};
use scipp_conformance::replay::report::Report;
use scipp_conformance::replay::search::play;
use scipp_conformance::replay::seat::seats;
use scipp_conformance::transcript::{Directory, Transcript};
use scipp_proto::Config;

/// Does `work` on every item, on all processors.
fn on_all<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let run = || {
            let mut done = Vec::new();
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push(work(item));
            }
            done
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            done.extend(thread.join().unwrap());
        }
    });
    done
}

fn load(directory: &Directory) -> Vec<Transcript> {
    on_all(directory.entries(), |entry| directory.load(entry).unwrap())
}

fn replay(transcripts: &[Transcript], config: &Config) -> Report {
    let mut total = Report::default();
    let reports = on_all(transcripts, |transcript| {
        let mut report = Report::default();
        report.add(transcript, config);
        report
    });
    reports.into_iter().for_each(|report| total.merge(report));
    total
}

#[test]
fn recorded_connections_are_explained() {
    let t0 = std::time::Instant::now();
    let directory = Directory::find().unwrap();
    let transcripts = load(&directory);
    println!("loaded in {:?}", t0.elapsed());
    for (name, config) in [("reference", Config::reference()), ("default", Config::default())] {
        let mut report = replay(&transcripts, &config);
        report.unexplained.sort();
        println!("{name} pass: {report}");
        for text in &report.unexplained {
            println!("UNEXPLAINED {name} {text}");
        }
        println!("{:?}", t0.elapsed());
    }
}

#[test]
fn a_corrupted_recording_is_noticed() {
    let t0 = std::time::Instant::now();
    let directory = Directory::find().unwrap();
    let transcripts = load(&directory);
    let found = on_all(&transcripts, |transcript| {
        let mut found = Vec::new();
        for seat in seats(transcript) {
            for corruption in Corruption::ALL {
                for place in places(&seat, corruption) {
                    let Some(wrong) = corrupted(&seat, corruption, &place) else { continue };
                    let t1 = std::time::Instant::now();
                    let r = play(&wrong, &Config::reference(), Some(200));
                    let caught = r.is_err();
                    let is_runtime = seat.dialogs.get(&place.cid).is_none_or(|p| p.opening.is_runtime());
                    let slow = t1.elapsed().as_millis();
                    let used = r
                        .map(|w| format!("{:?}", w.used.iter().map(|u| u.0).collect::<Vec<_>>()))
                        .unwrap_or_default();
                    found.push((
                        corruption,
                        caught,
                        is_runtime,
                        format!(
                            "{} conn {} as {} n {} {used} {slow}",
                            seat.file, seat.conn, seat.label, place.n
                        ),
                    ));
                }
            }
        }
        found
    });
    let mut by: std::collections::BTreeMap<_, (usize, usize)> = std::collections::BTreeMap::new();
    for (c, caught, rt, text) in found.into_iter().flatten() {
        let e = by.entry((c, rt)).or_default();
        e.0 += 1;
        e.1 += usize::from(caught);
        if !caught {
            println!("MISSED {c} {rt} {text}");
        }
        let ms: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        if ms > 300 {
            println!("SLOW {c} {text}");
        }
    }
    for ((c, rt), (applied, caught)) in by {
        println!("{c} runtime {rt}: {caught}/{applied}");
    }
    println!("{:?}", t0.elapsed());
}
