//! What the one who runs the machine looks at: figures of open and closed accounts, and the bundle for whoever helps.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use super::common::{FLYOS, PASSWORD, Server};
use super::{Field, NARROW, in_sync, quit, set_status};

const OPERATOR: &str = "operator1@flyos.mil";

impl Field {
    fn run(&self, args: &[&str]) -> Output {
        let home = self.home.path();
        let env =
            [("HOME", "/home/maria"), ("USER", "maria"), ("SUPABASE_URL", "https://abcdefgh.supabase.co")];
        let key = ("SUPABASE_PUBLISHABLE_KEY", "sb_publishable_qwertyuiop");
        Command::new(FLYOS)
            .args(args)
            .env_clear()
            .env("FLYOS_HOME", home)
            .envs(env)
            .envs([key])
            .current_dir(home)
            .output()
            .unwrap()
    }

    fn figures(&self) -> String {
        let told = self.run(&["metrics"]);
        assert!(told.status.success(), "{told:?}");
        String::from_utf8(told.stdout).unwrap()
    }
}

/// The value of a figure that stands once.
fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn figures_follow_an_edit_that_waits_and_the_console_that_closes() {
    let field = Field::new();
    assert_eq!(field.figures().lines().filter(|line| !line.starts_with('#')).count(), 1, "the version alone");
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
    let text = field.figures();
    assert_eq!(value(&text, "flyos_online"), Some(1.0), "{text}");
    assert_eq!(value(&text, "flyos_outbox_edits"), Some(0.0));
    assert_eq!(value(&text, "flyos_outbox_oldest_age_seconds"), Some(0.0));
    assert!(value(&text, "flyos_rows").is_some_and(|rows| rows > 0.0));
    assert!(value(&text, "flyos_last_sync_timestamp_seconds").is_some_and(|at| at > 1.7e9));
    assert!(text.contains(r#"what="pull",le="+Inf""#), "{text}");
    assert!(!text.contains('@') && !text.contains("127.0.0.1"), "nothing of the person: {text}");

    server.stop();
    console.expect("OFFLINE");
    set_status(&mut console, "MAINTENANCE");
    console.expect("1 waiting");
    let text = field.figures();
    assert_eq!(value(&text, "flyos_online"), Some(0.0));
    assert_eq!(value(&text, "flyos_outbox_edits"), Some(1.0));
    assert!(value(&text, "flyos_outbox_oldest_age_seconds").is_some_and(|age| age > 0.0), "{text}");
    assert!(value(&text, "flyos_sync_errors_total").is_some_and(|errors| errors > 0.0), "{text}");
    quit(&mut console);

    let place = field.home.path().join("node/flyos.prom");
    std::fs::create_dir(place.parent().unwrap()).unwrap();
    for _ in 0..2 {
        let told = field.run(&["metrics", "--textfile", place.to_str().unwrap()]);
        assert!(told.status.success() && told.stdout.is_empty(), "{told:?}");
    }
    let text = std::fs::read_to_string(&place).unwrap();
    assert_eq!(value(&text, "flyos_console_open"), Some(0.0), "{text}");
    assert_eq!(value(&text, "flyos_outbox_edits"), Some(1.0), "of a closed account as well");
    assert_eq!(value(&text, "flyos_rows"), None, "nobody opened it");
    assert_eq!(place.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "nothing beside it");

    let told = field.run(&["metrics", "--textfile", "/nowhere/flyos.prom"]);
    assert_eq!(told.status.code(), Some(9));
    assert!(String::from_utf8_lossy(&told.stderr).contains("/nowhere/flyos.prom"), "{told:?}");
}

#[test]
fn the_bundle_tells_how_it_stands_and_not_who_it_is() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
    quit(&mut console);
    let log = field.home.path().join("state/flyos.2026-01-01.log");
    let line = r#"{"message":"east@flyos.mil at /home/maria/x with eyJhbGciOi.eyJzdWIi.x"}"#;
    std::fs::write(log, format!("{line}\nno json of Maria@Example.org\n")).unwrap();

    let told = field.run(&["support-bundle", "bundle.json"]);
    assert!(told.status.success(), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("Look through it"), "{told:?}");
    let path = field.home.path().join("bundle.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in ["@flyos.mil", "Example.org", "/home/maria", "abcdefgh", "qwertyuiop", "eyJ", PASSWORD] {
        assert!(!text.contains(secret), "{secret} in the bundle");
    }
    let bundle: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(bundle["log"].as_array().unwrap().len() > 2, "the log of the session as well");
    assert!(bundle["state"]["findings"].as_array().unwrap().len() > 4);
    assert_eq!(bundle["state"]["figures"][0]["open"], false);

    let again = field.run(&["support-bundle", "bundle.json"]);
    assert_eq!(again.status.code(), Some(2), "never over a file that is there: {again:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
