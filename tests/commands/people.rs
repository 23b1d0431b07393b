//! Sign-in accounts of others by commands: each deed reaches its person, alone and beside an open console, and is refused
//! with words where the role, a rule, a read-only session or the missing line is against it.

use std::path::Path;

use super::common::{PASSWORD, http};
use super::kit::{EAST, Ended, Field, MAIN, OPERATOR, password_file, private_file};

const PIA: &str = "p.lotz@flyos.mil";

impl Field {
    /// Whether that person gets in with that password, on a machine of their own.
    fn gets_in(&self, email: &str, password: &str) -> Ended {
        let there = tempfile::tempdir().unwrap();
        let args = ["sign-in", "--json", "--email", email, "--password-stdin"];
        self.fed_at(there.path(), &args, &format!("{password}\n"))
    }

    /// A new operator's profile.
    fn new_person(&self) {
        self.profile(["p_lotz", "Pia Lotz", PIA, "OPERATOR"]);
    }

    /// A new profile of that name, and the address that goes with it.
    fn named(&self, name: &str, role: &str) {
        self.profile([name, name, &format!("{name}@flyos.mil"), role]);
    }

    fn profile(&self, [name, full_name, mail, role]: [&str; 4]) {
        let fields = ["--username", name, "--full-name", full_name, "--mail", mail, "--role", role];
        self.json(MAIN, &[&["users", "create"], &fields[..], &["--region", "Eastern"]].concat());
    }

    /// The codes that were mailed to them.
    fn mails(&self, email: &str) -> usize {
        let server = self.server();
        let (status, body) =
            http(&server.address(), "GET", "/sandbox/v1/mails", &server.service_role_key, "");
        assert_eq!(status, 200, "{body}");
        body.matches(email).count()
    }
}

/// A new password in a file of its own.
fn new_password(folder: &Path, text: &str) -> String {
    let folder = folder.join("new");
    std::fs::create_dir_all(&folder).unwrap();
    password_file(&folder, &format!("{text}\n"))
}

#[test]
fn an_account_is_made_changed_barred_and_opened_again() {
    let field = Field::new();
    field.new_person();
    let file = new_password(field.home.path(), "first-password");
    let made = field.json(MAIN, &["users", "create-account", "p_lotz", "--new-password-file", &file]);
    assert_eq!(made["message"], format!("p_lotz can sign in now, as {PIA}."), "{made}");
    assert_eq!(field.gets_in(PIA, "first-password").well()["role"], "OPERATOR");
    let again =
        field.by(MAIN, &["users", "create-account", "p_lotz", "--new-password-file", &file, "--json"]);
    assert!(
        again.badly(4)["message"].as_str().unwrap().contains("has a sign-in account already"),
        "{again:?}"
    );

    // Both passwords by the input, one's own in the first line.
    let both =
        ["users", "set-password", "p_lotz", "--email", MAIN, "--password-stdin", "--new-password-stdin"];
    let set = field.fed(&both, &format!("{PASSWORD}\nsecond-password\n"));
    assert_eq!(
        (set.code, &*set.out),
        (0, "p_lotz has a new password; their sessions have ended.\n"),
        "{set:?}"
    );
    field.gets_in(PIA, "first-password").badly(5);
    field.gets_in(PIA, "second-password").well();
    field.by(MAIN, &["users", "set-password", "p_lotz"]).says(2, "--new-password-file FILE");
    let weak = new_password(field.home.path(), "short");
    field.by(MAIN, &["users", "set-password", "p_lotz", "--new-password-file", &weak]).says(4, "too short");

    let asked = field.by(MAIN, &["users", "ban", "p_lotz", "--json"]).badly(2);
    assert!(asked["hints"][0].as_str().unwrap().starts_with("p_lotz: They cannot sign in"), "{asked}");
    field.gets_in(PIA, "second-password").well();
    field.json(MAIN, &["users", "ban", "p_lotz", "--yes"]);
    field.gets_in(PIA, "second-password").badly(5);
    field.json(MAIN, &["users", "unban", PIA]);
    field.gets_in(PIA, "second-password").well();

    field.by(MAIN, &["users", "set-email", "p_lotz", "nonsense"]).says(4, "no address like");
    field.json(MAIN, &["users", "set-email", "p_lotz", "pia.lotz@flyos.mil"]);
    field.gets_in("pia.lotz@flyos.mil", "second-password").well();
    assert_eq!(field.json(MAIN, &["users", "show", "p_lotz"])["user"]["email"], "pia.lotz@flyos.mil");

    field.by(MAIN, &["users", "sign-out", "p_lotz"]).says(2, "--yes");
    field.by(MAIN, &["users", "sign-out", "p_lotz", "--yes"]).says(0, "");
}

/// What the history of a user tells that person, oldest first: who, what, why.
fn history(field: &Field, email: &str, user: &str) -> Vec<[String; 3]> {
    let told = field.json(email, &["activity", "--user", user, "--limit", "100"]);
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let lines = told["activity"].as_array().unwrap().iter().rev();
    lines.map(|line| [text(line, "who"), text(line, "what"), text(line, "reason")]).collect()
}

#[test]
fn each_deed_is_one_line_of_the_activity_with_its_reason() {
    let field = Field::new();
    field.new_person();
    let before = history(&field, MAIN, "p_lotz").len();
    let [first, second] = ["first-password", "second-password"].map(|text| {
        let folder = field.home.path().join(text);
        std::fs::create_dir_all(&folder).unwrap();
        password_file(&folder, &format!("{text}\n"))
    });
    for (deed, more) in [
        ("create-account", &["--new-password-file", &first, "--reason", "new operator"][..]),
        ("set-password", &["--new-password-file", &second][..]),
        ("set-email", &["pia.lotz@flyos.mil", "--reason", "married"][..]),
        ("ban", &["--yes", "--reason", "left the unit"][..]),
        ("unban", &["--reason", " "][..]),
        ("sign-out", &["--yes", "--reason", "lost the laptop"][..]),
    ] {
        field.json(MAIN, &[&["users", deed, "p_lotz"], more].concat());
    }
    // What is not done leaves none.
    let long = "x".repeat(201);
    let refused = field.by(MAIN, &["users", "ban", "p_lotz", "--yes", "--reason", &long, "--json"]).badly(2);
    assert!(refused["message"].as_str().unwrap().contains("at most 200"), "{refused}");
    field.by(MAIN, &["users", "ban", "main_admin", "--yes", "--reason", "x"]).says(4, "your own account");
    let told = history(&field, MAIN, "p_lotz");
    let deed = |what: &str, why: &str| ["main_admin".to_owned(), what.to_owned(), why.to_owned()];
    let wanted = [
        deed("made the account", "new operator"),
        deed("gave a new password", "-"),
        deed("changed the address of the account", "married"),
        deed("barred the account", "left the unit"),
        deed("lifted the bar of the account", "-"),
        deed("ended all sessions", "lost the laptop"),
    ];
    // What became of the row stands there by itself: which account it has, and its address.
    let of_row = |line: &&[String; 3]| line[1].contains("(was ");
    let deeds: Vec<_> = told[before..].iter().filter(|line| !of_row(line)).cloned().collect();
    assert_eq!(deeds, wanted, "{told:#?}");
    assert!(!format!("{told:?}").contains("-password"), "{told:#?}");
    // As of every row: its region's headquarters reads it, and nobody else does.
    let seen = history(&field, EAST, "p_lotz");
    assert_eq!(seen.iter().filter(|line| wanted.contains(line)).count(), wanted.len(), "{seen:#?}");
    let own = field.json(OPERATOR, &["activity", "--limit", "100"]);
    assert_eq!(own["totalCount"], 0, "{own}");
    // Beside an open console the reason goes the same way.
    let mut console = field.console(MAIN);
    field.bare(&["users", "ban", "p_lotz", "--yes", "--reason", "once more"]).says(0, "");
    let told = field.bare(&["activity", "--user", "p_lotz", "--json"]).well();
    assert_eq!(told["activity"][0]["reason"], "once more", "{told}");
    console.send("5");
    console.expect("barred the account  \"once more\"");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

#[test]
fn an_invitation_is_mailed_and_mailed_again() {
    let field = Field::new();
    field.new_person();
    let invited = field.json(MAIN, &["users", "invite", "p_lotz"]);
    assert_eq!(invited["message"], format!("An invitation is on its way to {PIA}."), "{invited}");
    assert!(field.mails(PIA) > 0);
    field.json(MAIN, &["users", "invite", "p_lotz"]);
    field.by(MAIN, &["users", "invite", "operator1"]).says(4, "has a sign-in account already");
    field.by(MAIN, &["users", "invite", "nobody"]).says(4, "no user nobody");
}

#[test]
fn beside_an_open_console_it_needs_no_password_of_ones_own() {
    let field = Field::new();
    field.new_person();
    let mut console = field.console(MAIN);
    let file = new_password(field.home.path(), "first-password");
    field.bare(&["users", "create-account", "p_lotz", "--new-password-file", &file, "--json"]).well();
    field.gets_in(PIA, "first-password").well();
    let set = field.fed(&["users", "set-password", "p_lotz", "--new-password-stdin"], "second-password\n");
    assert_eq!(set.code, 0, "{set:?}");
    field.gets_in(PIA, "second-password").well();
    field.bare(&["users", "ban", "p_lotz", "--yes"]).says(0, "");
    field.gets_in(PIA, "second-password").badly(5);
    field.bare(&["lock"]).says(0, "");
    console.expect("LOCKED");
    field.bare(&["users", "unban", "p_lotz"]).says(5, "is locked");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
    field.gets_in(PIA, "second-password").badly(5);
}

#[test]
fn nobody_else_may_and_without_a_line_or_read_only_nothing_is_done() {
    let mut field = Field::new();
    let denied = field.by(EAST, &["users", "ban", "operator1", "--yes", "--json"]).badly(3);
    assert!(denied["message"].as_str().unwrap().contains("for MAIN_HQ alone"), "{denied}");
    field.by(OPERATOR, &["users", "sign-out", "operator1", "--yes"]).says(3, "for MAIN_HQ alone");
    field.by(MAIN, &["--read-only", "users", "ban", "operator1", "--yes"]).says(4, "read-only session");
    field.gets_in(OPERATOR, PASSWORD).well();
    field.stop_server();
    let offline = field.by(MAIN, &["users", "ban", "operator1", "--yes", "--json"]).badly(7);
    assert!(offline.to_string().contains("Nothing was changed"), "{offline}");
    field.start_server();
    assert_eq!(field.json(MAIN, &["outbox", "list"])["totalCount"], 0, "nothing of it waits for a line");
    field.gets_in(OPERATOR, PASSWORD).well();
}

/// A sign-in account that is made by the dashboard.
fn account(field: &Field, email: &str, confirmed: bool) {
    let server = field.server();
    let body = serde_json::json!({ "email": email, "password": PASSWORD, "email_confirm": confirmed });
    let (path, key) = ("/auth/v1/admin/users", &server.service_role_key);
    let (status, told) = http(&server.address(), "POST", path, key, &body.to_string());
    assert_eq!(status, 200, "{told}");
}

#[test]
fn headquarters_sees_who_is_without_a_profile_and_what_a_sync_would_make_of_it() {
    let field = Field::new();
    let all_well = field.json(MAIN, &["accounts", "status"]);
    let at_first = all_well["accounts"].as_u64().unwrap();
    assert_eq!((&all_well["missing"], &all_well["percentage"]), (&0.into(), &100.into()), "{all_well}");
    assert_eq!(all_well["profiles"], field.json(MAIN, &["users", "list"])["totalCount"], "{all_well}");

    // One whose address is a profile's that is no OPERATOR's, one that is not confirmed, one whose profile went.
    field.named("commander", "REGIONAL_HQ");
    field.named("newcomer", "OPERATOR");
    account(&field, "commander@flyos.mil", true);
    account(&field, "newcomer@flyos.mil", false);
    field.json(MAIN, &["users", "delete", "operator2", "--yes"]);
    let told = field.by(MAIN, &["accounts", "status", "--json"]).badly(13);
    assert_eq!((&told["missing"], &told["ofDeletedProfiles"]), (&2.into(), &1.into()), "{told}");
    let now = (told["withProfile"].as_u64().unwrap(), told["accounts"].as_u64().unwrap());
    assert_eq!(now, (at_first - 1, at_first + 1), "{told}");

    let ahead = |field: &Field| field.json(MAIN, &["accounts", "sync", "--dry-run"]);
    let of = |told: &serde_json::Value, email: &str| {
        let all = told["accounts"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["email"] == email).unwrap()
    };
    let told = ahead(&field);
    assert_eq!(of(&told, "commander@flyos.mil")["why"], "not_operator", "{told}");
    assert_eq!(of(&told, "newcomer@flyos.mil")["why"], "not_confirmed", "{told}");
    assert_eq!(of(&told, "operator2@flyos.mil")["why"], "profile_deleted", "{told}");
    // As a profile changes, so does what would become of the account.
    field.json(MAIN, &["users", "set", "commander", "--role", "OPERATOR"]);
    let told = ahead(&field);
    assert_eq!(of(&told, "commander@flyos.mil")["outcome"], "link", "{told}");
    assert_eq!(of(&told, "commander@flyos.mil")["profile"]["username"], "commander", "{told}");
    field.json(MAIN, &["users", "delete", "commander", "--yes"]);
    let told = ahead(&field);
    let new = of(&told, "commander@flyos.mil");
    assert_eq!((&new["outcome"], &new["profile"]["status"]), (&"new".into(), &"INACTIVE".into()), "{told}");
    assert_eq!((&told["made"], &told["left"], &told["dryRun"]), (&1.into(), &1.into(), &true.into()));

    let report = field.by(MAIN, &["accounts", "preservation-report", "operator1@flyos.mil"]);
    assert!(report.out.contains("keeps: role OPERATOR, status ACTIVE"), "{report:?}");
    field
        .by(MAIN, &["accounts", "preservation-report", "nobody@x.y"])
        .says(4, "no sign-in account nobody@x.y");
    field.by(EAST, &["accounts", "status"]).says(3, "for MAIN_HQ alone");
    let refused = field.by(MAIN, &["accounts", "sync"]);
    refused.says(2, "lists accounts without a profile, and links none");
    // By the secret key it is the same.
    let key = private_file(&field.home.path().join("key"), &field.server().service_role_key);
    let by_key = field.bare(&["accounts", "status", "--secret-key-file", &key, "--json"]);
    assert_eq!(by_key.badly(13)["missing"], 2);
    let by_key = field.bare(&["accounts", "sync", "--dry-run", "--secret-key-file", &key, "--json"]).well();
    for account in told["accounts"].as_array().unwrap() {
        let email = account["email"].as_str().unwrap();
        let same = of(&by_key, email);
        assert_eq!((&same["outcome"], &same["why"]), (&account["outcome"], &account["why"]), "{email}");
    }
    let mut console = field.console(MAIN);
    assert_eq!(field.bare(&["accounts", "status", "--json"]).badly(13)["missing"], 2);
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

#[test]
fn the_secret_key_gives_accounts_their_profiles() {
    let field = Field::new();
    let key = private_file(&field.home.path().join("key"), &field.server().service_role_key);
    let person = |name: &str| {
        field.named(name, "REGIONAL_HQ");
        account(&field, &format!("{name}@flyos.mil"), true);
    };
    // One whose profile is an OPERATOR's by now, one whose profile went before the two were linked, one whose profile
    // went after, though a ban by hand stood.
    person("taken");
    field.json(MAIN, &["users", "set", "taken", "--role", "OPERATOR"]);
    person("late");
    field.json(MAIN, &["users", "delete", "late", "--yes"]);
    field.json(MAIN, &["users", "ban", "operator2", "--yes"]);
    field.json(MAIN, &["users", "delete", "operator2", "--yes"]);
    let sync = || field.bare(&["accounts", "sync", "--secret-key-file", &key, "--json"]).well();
    let sums = |told: &serde_json::Value| {
        ["linked", "made", "ofDeletedProfiles", "left", "failed"].map(|name| told[name].as_u64().unwrap())
    };
    let told = sync();
    assert_eq!(sums(&told), [1, 1, 1, 0, 0], "{told}");
    assert_eq!(sums(&sync()), [0, 0, 1, 0, 0], "once is enough");
    let status = field.bare(&["accounts", "status", "--secret-key-file", &key, "--json"]).well();
    assert_eq!((&status["missing"], &status["ofDeletedProfiles"]), (&0.into(), &1.into()), "{status}");

    assert_eq!(field.gets_in("taken@flyos.mil", PASSWORD).well()["role"], "OPERATOR");
    let refused = field.gets_in("late@flyos.mil", PASSWORD).badly(3);
    assert!(refused["message"].as_str().unwrap().contains("INACTIVE"), "{refused}");
    let users = field.json(MAIN, &["users", "list", "--filter", "username:late"]);
    let made = &users["users"][0];
    assert_eq!((&made["role"], &made["status"]), (&"OPERATOR".into(), &"INACTIVE".into()), "{users}");
    field.json(MAIN, &["users", "set", "late", "--status", "ACTIVE"]);
    field.gets_in("late@flyos.mil", PASSWORD).well();
    let gone = field.gets_in("operator2@flyos.mil", PASSWORD);
    assert_ne!(gone.code, 0, "{gone:?}");
}
