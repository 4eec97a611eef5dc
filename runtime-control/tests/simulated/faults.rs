//! What goes wrong, and what people do meanwhile: a script drawn before the run.

use mesh_control::rollout::Verb;

use super::catalogue::Catalogue;
use super::chance::Chance;

/// Virtual milliseconds until everything is mended.
pub(crate) const FAULTS_UNTIL: u64 = 20_000;
/// …and until the mesh must be of one mind (I4).
pub(crate) const END: u64 = FAULTS_UNTIL + 10_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// By index into the catalogue.
    Publish(usize),
    Ask(Verb),
    /// By index of the proxy.
    BreakLink(usize),
    CrashProxy {
        proxy: usize,
        down_ms: u64,
    },
    /// It never comes back.
    RemoveProxy(usize),
    Isolate {
        proxy: usize,
        for_ms: u64,
    },
    /// After so many effects, and for so long.
    CrashControl {
        after: u64,
        down_ms: u64,
    },
    /// Its disk hangs.
    StallControl {
        for_ms: u64,
    },
    /// Nobody reaches it.
    IsolateControl {
        for_ms: u64,
    },
}

pub(crate) fn draw(
    chance: &mut Chance,
    catalogue: &Catalogue,
    proxies: usize,
) -> Vec<(u64, Fault)> {
    let mut script = publications(chance, catalogue);
    for _ in 0..chance.between(0, 14) {
        let at = chance.between(0, FAULTS_UNTIL);
        script.push((at, draw_fault(chance, proxies)));
    }
    if chance.percent(30) {
        for _ in 0..chance.between(1, 5) {
            script
                .push((chance.between(0, FAULTS_UNTIL), Fault::Ask(draw_verb(chance, catalogue))));
        }
    }
    script.sort_by_key(|(at, _)| *at);
    script
}

fn publications(chance: &mut Chance, catalogue: &Catalogue) -> Vec<(u64, Fault)> {
    let mut script = vec![(chance.between(0, 1500), Fault::Publish(0))];
    for index in 1..catalogue.snapshots.len() {
        let index = if chance.percent(20) { index / 2 } else { index };
        script.push((chance.between(2000, FAULTS_UNTIL - 1000), Fault::Publish(index)));
    }
    // A resync publishes the same once more.
    if chance.percent(50) {
        let index = usize::try_from(chance.between(0, catalogue.snapshots.len() as u64)).unwrap();
        script.push((chance.between(10_000, FAULTS_UNTIL - 1000), Fault::Publish(index)));
    }
    script
}

fn draw_fault(chance: &mut Chance, proxies: usize) -> Fault {
    let proxy = usize::try_from(chance.between(0, proxies as u64)).unwrap();
    match chance.between(0, 100) {
        0..30 => Fault::BreakLink(proxy),
        30..50 => Fault::CrashProxy { proxy, down_ms: chance.between(10, 4000) },
        50..52 => Fault::RemoveProxy(proxy),
        52..65 => Fault::Isolate { proxy, for_ms: chance.between(100, 6000) },
        65..90 => {
            Fault::CrashControl { after: chance.between(0, 25), down_ms: chance.between(10, 5000) }
        }
        90..96 => Fault::StallControl { for_ms: chance.between(100, 5000) },
        _ => Fault::IsolateControl { for_ms: chance.between(100, 5000) },
    }
}

fn draw_verb(chance: &mut Chance, catalogue: &Catalogue) -> Verb {
    match chance.between(0, 6) {
        0 => Verb::Pause,
        1 => Verb::Promote,
        2 => Verb::Abort,
        3 => Verb::Undo(None),
        4 => Verb::Undo(Some(*chance.pick(&catalogue.snapshots))),
        _ => Verb::Lift(*chance.pick(&catalogue.snapshots)),
    }
}
