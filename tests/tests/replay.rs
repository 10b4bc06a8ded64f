//! Every recorded connection, played again with the core at each end.

use std::sync::atomic::{AtomicUsize, Ordering};

use scipp_conformance::replay::report::Report;
use scipp_conformance::transcript::{Directory, Transcript};
use scipp_proto::Config;

fn load(directory: &Directory) -> Vec<Transcript> {
    directory.entries().iter().map(|entry| directory.load(entry).unwrap()).collect()
}

fn replay(transcripts: &[Transcript], config: &Config) -> Report {
    let next = AtomicUsize::new(0);
    let mut total = Report::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut report = Report::default();
            while let Some(transcript) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                report.add(transcript, config);
            }
            report
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            total.merge(thread.join().unwrap());
        }
    });
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
