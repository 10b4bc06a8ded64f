//! Every recorded connection, played again with the core at each end.

use std::sync::atomic::{AtomicUsize, Ordering};

use scipp_conformance::replay::report::Report;
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
