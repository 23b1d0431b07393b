//! What people read of `flyos supabase` and `flyos accounts`, with each exit code, on the way from an empty project to none
//! again; kept as one picture in `tests/snapshots/commands`. Ids and the database's place are masked.

use std::fmt::Write as _;

use crate::accounts;
use crate::pg;
use crate::program::{Home, Told, private};

/// One command after the other.
struct Album<'a> {
    home: &'a Home,
    place: String,
    text: String,
}

impl Album<'_> {
    async fn takes(&mut self, code: i32, words: &[&str]) {
        let told = self.home.run(words).await;
        assert_eq!(told.code, code, "{words:?}: {told:?}");
        let _ = writeln!(self.text, "$ flyos {}", words.join(" "));
        let Told { out, err, .. } = told;
        let out = self.still(&out);
        let mut lines: Vec<&str> = out.lines().collect();
        // Accounts come in the order of their ids, which are made up by chance.
        if words[1] == "sync" {
            lines.sort_unstable();
        }
        for line in lines {
            let _ = writeln!(self.text, "{line}");
        }
        for line in self.still(&err).lines() {
            let _ = writeln!(self.text, "2> {line}");
        }
        if code != 0 {
            let _ = writeln!(self.text, "= {code}");
        }
        self.text.push('\n');
    }

    fn still(&self, text: &str) -> String {
        let line = |line: &str| line.split(' ').map(masked).collect::<Vec<_>>().join(" ") + "\n";
        text.replace(&self.place, "DATABASE").lines().map(line).collect()
    }
}

fn masked(word: &str) -> &str {
    if uuid::Uuid::try_parse(word.trim_end_matches([':', '.'])).is_ok() { "<id>" } else { word }
}

#[tokio::test]
async fn what_people_read_from_an_empty_project_to_none() {
    let db = pg::skeleton().await;
    let home = Home::new(&db);
    private(home.path("password"), "a-good-password\n");
    let file = home.path("password");
    let first = ["supabase", "init", "--email", "main@unit.mil", "--password-file", file.to_str().unwrap()];
    let mut album = Album { home: &home, place: String::new(), text: String::new() };
    let told = home.run(&["supabase", "migrate", "--dry-run"]).await.well();
    let place = told.out.strip_prefix("Database: ").and_then(|rest| rest.split_once(" (on this machine)"));
    place.unwrap().0.clone_into(&mut album.place);
    album.takes(0, &["supabase", "migrate", "--dry-run"]).await;
    album.takes(13, &["supabase", "verify"]).await;
    album.takes(0, &["supabase", "migrate"]).await;
    album.takes(0, &["supabase", "migrate"]).await;
    album.takes(0, &["supabase", "verify"]).await;
    let made = home.run(&[&first[..], &["--initial-data"]].concat()).await.well();
    let _ = writeln!(album.text, "$ flyos supabase init\n{}", album.still(&made.out));
    let again = home.run(&first).await;
    assert_eq!(again.code, 4, "{again:?}");
    let _ = writeln!(album.text, "$ flyos supabase init\n2> {}= 4\n", album.still(&again.err));
    album.takes(0, &["accounts", "status"]).await;
    album.takes(2, &["supabase", "rollback"]).await;
    album.takes(0, &["supabase", "rollback", "--yes"]).await;
    album.takes(4, &["supabase", "rollback", "--yes"]).await;
    keep("project", &album.text);
}

#[tokio::test]
async fn what_people_read_of_accounts_without_profiles() {
    let db = accounts::project().await;
    let home = Home::new(&db);
    let mut album = Album { home: &home, place: String::new(), text: String::new() };
    let told = home.run(&["accounts", "status"]).await;
    let place = told.out.strip_prefix("Database: ").and_then(|rest| rest.split_once(" (on this machine)"));
    place.unwrap().0.clone_into(&mut album.place);
    album.takes(13, &["accounts", "status"]).await;
    for who in ["dora@unit.mil", "ann@unit.mil", "carl.new@unit.mil", "gone@unit.mil"] {
        album.takes(0, &["accounts", "preservation-report", who]).await;
    }
    album.takes(4, &["accounts", "preservation-report", "nobody@unit.mil"]).await;
    album.takes(0, &["accounts", "create-profile", "ann2@unit.mil", "--role", "REGIONAL_HQ"]).await;
    album.takes(4, &["accounts", "create-profile", "ann2@unit.mil"]).await;
    album.takes(0, &["accounts", "sync"]).await;
    album.takes(13, &["accounts", "status"]).await;
    keep("accounts", &album.text);
}

fn keep(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/commands"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
