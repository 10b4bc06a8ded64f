//! The replay notices when a recording is wrong.

use std::collections::BTreeMap;

use scipp_conformance::parallel::on_all;
use scipp_conformance::replay::corrupt::{Corruption, corrupted, excuse, places};
use scipp_conformance::replay::search::{Effort, play};
use scipp_conformance::replay::seat::seats;
use scipp_conformance::transcript::{Directory, Transcript};
use scipp_proto::Config;

/// What came of one corruption.
struct Trial {
    corruption: Corruption,
    is_noticed: bool,
    excuse: Option<&'static str>,
    place: String,
}

fn trials(transcript: &Transcript) -> Vec<Trial> {
    let config = Config::reference();
    let mut trials = Vec::new();
    for seat in seats(transcript) {
        let found = play(&seat, &config, Effort::Whole).expect("the true recording is explained");
        for corruption in Corruption::ALL {
            for place in places(&seat, corruption) {
                let Some(wrong) = corrupted(&seat, corruption, &place) else { continue };
                trials.push(Trial {
                    corruption,
                    is_noticed: play(&wrong, &config, Effort::Hasty).is_err(),
                    excuse: excuse(&seat, &found, corruption, &place),
                    place: format!("{} connection {} as {}, n {}", seat.file, seat.conn, seat.label, place.n),
                });
            }
        }
    }
    trials
}

#[test]
fn a_corrupted_recording_is_noticed() {
    let directory = Directory::find().unwrap();
    let transcripts = on_all(directory.entries(), |entry| directory.load(entry).unwrap());
    let trials: Vec<Trial> = on_all(&transcripts, trials).into_iter().flatten().collect();

    let mut counts: BTreeMap<Corruption, (usize, usize)> = BTreeMap::new();
    let mut exceptions: BTreeMap<(Corruption, &str), Vec<&str>> = BTreeMap::new();
    let mut missed = Vec::new();
    for trial in &trials {
        let (noticed, applied) = counts.entry(trial.corruption).or_default();
        *applied += 1;
        *noticed += usize::from(trial.is_noticed);
        match trial.excuse {
            _ if trial.is_noticed => {}
            Some(reason) => exceptions.entry((trial.corruption, reason)).or_default().push(&trial.place),
            None => missed.push(format!("{}: {}", trial.place, trial.corruption)),
        }
    }
    for (corruption, (noticed, applied)) in &counts {
        println!("{corruption}: {noticed}/{applied} noticed");
    }
    for ((corruption, reason), places) in &exceptions {
        println!("{corruption}, {} exceptions: {reason}", places.len());
        places.iter().for_each(|place| println!("  {place}"));
    }
    assert!(missed.is_empty(), "not noticed:\n{}", missed.join("\n"));
    for corruption in Corruption::ALL {
        assert!(
            counts.get(&corruption).is_some_and(|(noticed, _)| *noticed > 0),
            "{corruption}: never noticed"
        );
    }
}
