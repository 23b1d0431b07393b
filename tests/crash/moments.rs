//! Kills at random moments: while the program starts, signs in, loads for the first time or anew; right after so many
//! edits were acknowledged and a little; with the line down, coming and going, slow, and with replies that get lost.

use std::time::{Duration, Instant};

use crate::chance::Rng;
use crate::episode::{Episode, Life, Tally};
use crate::share;

/// Homes at once: a console waits more than it works.
const LANES: u64 = 6;
/// Lives in one home, on one server.
const LIVES: u64 = 40;
/// A life that does not get as far as it should is ended after this.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
/// The same without a line, where the first load does not come.
const LONG_ENOUGH_ALONE: Duration = Duration::from_millis(800);
/// A life that is killed by the clock is killed within this: about what starting takes.
const START_US: u64 = 250_000;

/// What the line does in a life. Is it down?
fn prepare(episode: &Episode, rng: &mut Rng) -> bool {
    let (sandbox, faults) = (episode.sandbox(), episode.sandbox().faults());
    faults.clear();
    let down = rng.in_hundred(20);
    faults.set_line_down(down);
    if rng.in_hundred(25) {
        faults.lose_replies(u32::try_from(1 + rng.below(3)).expect("a small number"));
    }
    if rng.in_hundred(20) {
        faults.set_latency_ms(1 + rng.below(30));
    }
    if rng.in_hundred(15) {
        sandbox.forget_history();
    }
    down
}

/// What happens to it meanwhile. Is the line as it was?
fn disturb(episode: &Episode, rng: &mut Rng) -> bool {
    let (sandbox, faults) = (episode.sandbox(), episode.sandbox().faults());
    let what = rng.below(8);
    match what {
        0 => faults.set_line_down(true),
        1 | 2 => faults.set_line_down(false),
        3 => sandbox.forget_history(),
        4 => faults.lose_replies(1),
        _ => {}
    }
    what > 2
}

fn live_and_die(episode: &mut Episode, rng: &mut Rng) {
    let alone = prepare(episode, rng);
    let pause_us = [0, 0, 1_000, 5_000][usize::try_from(rng.below(4)).expect("one of four")];
    let mut life: Life = episode.live(u64::MAX, pause_us, &[]);
    if rng.in_hundred(20) {
        std::thread::sleep(Duration::from_micros(rng.below(START_US)));
    } else {
        let count = rng.below(40);
        let patience = if alone { LONG_ENOUGH_ALONE } else { LONG_ENOUGH };
        life.until_saved(count / 2, patience);
        let alone = disturb(episode, rng) && alone;
        if life.has_saved() || !alone {
            life.until_saved(count, patience);
        }
        std::thread::sleep(Duration::from_micros(rng.below(3_000)));
    }
    life.kill();
    episode.ended(life);
}

/// Episodes one after the other until so many kills were made.
fn lane(kills: u64, mut rng: Rng) -> Tally {
    let mut tally = Tally::default();
    while tally.kills < kills {
        let mut episode = Episode::start(&mut rng);
        for _ in 0..LIVES.min(kills - tally.kills) {
            live_and_die(&mut episode, &mut rng);
        }
        tally.add(episode.finish());
    }
    tally
}

#[test]
fn what_was_acknowledged_before_a_kill_arrives_once() {
    let kills = share(98, 148);
    let mut rng = Rng::from_environment("FLYOS_KILLS_SEED");
    let (seed, begun) = (rng.0, Instant::now());
    println!("kills at random moments: {kills}, seed {seed}");
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let rng = rng.fork();
            std::thread::spawn(move || lane(kills.div_ceil(LANES), rng))
        })
        .collect();
    let mut tally = Tally::default();
    for lane in lanes {
        tally.add(lane.join().expect("nothing was lost"));
    }
    println!("{}", tally.report("at random moments", begun.elapsed()));
    assert!(tally.acknowledged > kills && tally.early > 0, "{tally:?}");
}
