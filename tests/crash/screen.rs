//! The real program in a real pty, killed around the moment at which its screen says "Saved".
//!
//! A life edits one drone by its keys and is killed up to a few frames later; the next life brings what was left to the
//! server. A drone whose edit was on the screen as saved has changed once, any other at most once.

use std::time::{Duration, Instant};

use crate::chance::Rng;
use crate::common::{Console, PASSWORD, Server, Start};
use crate::share;

const OPERATOR: &str = "operator1@flyos.mil";
const DRONE: &str = "drone-001";
const STATUSES: [&str; 4] = ["STANDBY", "MAINTENANCE", "OFFLINE", "ACTIVE"];
/// From the last key on, within this, the program is killed: saving and sending take a part of it.
const KILLED_WITHIN_US: u64 = 150_000;
/// A program that signs in is killed within this, in a part of the lives: opening takes a part of it.
const EARLY_WITHIN_US: u64 = 1_200_000;

fn start(home: &tempfile::TempDir, server: &Server) -> Console {
    let home = home.path().to_str().expect("a plain path");
    let (url, key) = (server.url.as_str(), server.publishable_key.as_str());
    let env = [("FLYOS_HOME", home), ("SUPABASE_URL", url), ("SUPABASE_PUBLISHABLE_KEY", key)];
    Console::start(&Start { args: &[], env: &env, size: (80, 24) })
}

fn status(server: &Server) -> String {
    server.row("drones", DRONE)["status"].as_str().expect("a status").to_owned()
}

/// Edits and dies; was the edit on the screen as saved?
fn edit_and_die(console: &mut Console, to: &str, rng: &mut Rng) -> bool {
    console.send("s");
    console.expect("Status of");
    console.send(to);
    console.wait("the menu filtered", |screen| screen.contains(&format!("/ {to}")));
    console.send("\r");
    if rng.in_hundred(50) {
        console.expect(&format!("status {to}"));
    }
    std::thread::sleep(Duration::from_micros(rng.below(KILLED_WITHIN_US)));
    console.kill();
    let text = console.text();
    text.lines().any(|line| line.contains("Saved") && line.contains(&format!("status {to}")))
}

#[test]
fn what_the_screen_called_saved_arrives_once() {
    let kills = share(2, 20);
    let mut rng = Rng::from_environment("FLYOS_KILLS_SEED");
    let (seed, begun) = (rng.0, Instant::now());
    println!("kills of the real program: {kills}, seed {seed}");
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path());
    let (mut said, mut unsaid, mut early) = (0, 0, 0);
    let mut version = server.version("drones", DRONE);
    let mut last: Option<(String, String, bool)> = None;
    for kill in 0..=kills {
        let mut console = start(&home, &server);
        if kill > 0 && kill < kills && rng.in_hundred(20) {
            console.sign_in(OPERATOR, PASSWORD);
            std::thread::sleep(Duration::from_micros(rng.below(EARLY_WITHIN_US)));
            console.kill();
            early += 1;
            continue;
        }
        console.sign_in(OPERATOR, PASSWORD);
        console.expect("ONLINE · up to date");
        console.gone("waiting");
        let (now, new_version) = (status(&server), server.version("drones", DRONE));
        if let Some((before, to, saved)) = last.take() {
            let changed = now == to;
            assert!(changed || (now == before && !saved), "{to} after {before}, saved: {saved}; it is {now}");
            assert_eq!(
                new_version,
                version + u64::from(changed),
                "once: {to} after {before}, saved: {saved}"
            );
            unsaid += u64::from(changed && !saved);
        }
        if kill == kills {
            break;
        }
        version = new_version;
        let others: Vec<&str> = STATUSES.into_iter().filter(|status| *status != now).collect();
        let to = rng.pick(&others).to_owned();
        let saved = edit_and_die(&mut console, &to, &mut rng);
        said += u64::from(saved);
        last = Some((now, to, saved));
    }
    println!(
        "the real program: {kills} kills ({early} while it signed in), {said} edits shown as saved, 0 lost, 0 doubled; \
         {unsaid} arrived unsaid; {:.0} s",
        begun.elapsed().as_secs_f64()
    );
}
