//! Who talks to whom, over what, about what.

use std::fmt;

use super::driver::{DRIVERS, Driver};
use super::process::Transport;
use super::scenario::{Act, SCENARIOS, Scenario};

/// What a dialog is held with.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) parent: &'static Driver,
    pub(crate) child: &'static Driver,
    pub(crate) transport: Transport,
}

/// One connection, and what is held on it.
pub(crate) struct Leg {
    pub(crate) setting: Setting,
    pub(crate) scenarios: Vec<&'static Scenario>,
}

/// The whole tour. `all`: every scenario in every setting. Otherwise every scenario with different drivers at
/// the two ends, once with each as the parent, and once over each transport.
pub(crate) fn route(all: bool) -> Vec<Leg> {
    let mut legs = Vec::new();
    for (p, parent) in DRIVERS.iter().enumerate() {
        for (c, child) in DRIVERS.iter().enumerate() {
            for (t, transport) in Transport::ALL.into_iter().enumerate() {
                let is_chosen = |index: usize| all || p != c && (index + p + t) % 2 == 0;
                let chosen = (0..).zip(&SCENARIOS).filter(|(index, _)| is_chosen(*index));
                // The others are to end in order.
                let (fatal, harmless): (Vec<_>, Vec<_>) = chosen
                    .map(|(_, scenario)| scenario)
                    .partition(|scenario| scenario.act == Act::KilledPeer);
                let setting = Setting { parent, child, transport };
                legs.extend([harmless, fatal].map(|scenarios| Leg { setting, scenarios }));
            }
        }
    }
    legs.retain(|leg| !leg.scenarios.is_empty());
    legs
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parent, {} child, over {}", self.parent.name, self.child.name, self.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Title, drivers and transport of each dialog.
    fn dialogs(all: bool) -> Vec<[String; 4]> {
        let of = |leg: Leg| {
            let Setting { parent, child, transport } = leg.setting;
            leg.scenarios.into_iter().map(move |scenario| {
                [scenario.title, parent.name, child.name, &transport.to_string()].map(str::to_owned)
            })
        };
        route(all).into_iter().flat_map(of).collect()
    }

    #[test]
    fn every_scenario_is_held_both_ways_round_and_over_both_transports() {
        let dialogs = dialogs(false);
        assert_eq!(dialogs.len(), 2 * SCENARIOS.len());
        for scenario in &SCENARIOS {
            let held: Vec<_> = dialogs.iter().filter(|[title, ..]| title == scenario.title).collect();
            let [[_, parent, child, over], [_, other_parent, other_child, other_over]] = held[..] else {
                panic!("{held:?}")
            };
            assert_ne!(parent, child, "{}", scenario.title);
            assert_eq!((parent, child), (other_child, other_parent), "{}", scenario.title);
            assert_ne!(over, other_over, "{}", scenario.title);
        }
    }

    #[test]
    fn all_is_the_whole_product() {
        let dialogs = dialogs(true);
        assert_eq!(dialogs.len(), 88);
        assert_eq!(dialogs.iter().collect::<BTreeSet<_>>().len(), 88);
    }
}
