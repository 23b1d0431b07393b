//! A line of 1,200 bytes a second. Frames that it cannot carry are dropped and not queued: what is counted is bytes.

use std::time::Duration;

use super::{Field, NARROW, Server, in_sync, quit};

/// What a line of 9,600 bits a second carries.
const BYTES_A_SECOND: usize = 1_200;
const SWITCHES: usize = 80;

#[test]
fn a_slow_line_is_given_the_newest_state_and_no_queue() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), "main@flyos.mil");
    console.settle();
    // What each switch of the list costs where every one of them is drawn.
    let before = console.written();
    for (key, shown) in [("1", "[1 Users]"), ("3", "[3 Drones]")].into_iter().cycle().take(6) {
        console.send(key);
        console.expect(shown);
        console.settle();
    }
    let each = (console.written() - before) / 6;
    assert!(each > 500, "{each} bytes");

    console.slow_down(BYTES_A_SECOND);
    let before = console.written();
    for at in 0..SWITCHES {
        console.send(if at % 2 == 0 { "1" } else { "3" });
        std::thread::sleep(Duration::from_millis(15));
    }
    // The keys are answered all the same: the last of them is seen, with all that came before it done.
    console.send("?");
    console.expect("Up Down PgUp PgDn scroll");
    let spent = console.written() - before;
    assert!(spent < each * SWITCHES / 2, "{spent} bytes for {SWITCHES} switches of {each}");
    console.send("\x1b");
    console.gone("Up Down PgUp PgDn scroll");
    console.expect("[3 Drones]");
    console.slow_down(0);
    quit(&mut console);
}
