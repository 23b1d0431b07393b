//! Rows out and in, backup and restore, as commands: files, exit codes, an open console, and a kill in the middle.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use super::common::{PASSWORD, Signal, signal};
use super::kit::{Ended, Field, MAIN, OPERATOR, password_file, private_file};

const PASSPHRASE: &str = "correct horse battery";

fn passphrase_file(folder: &Path) -> String {
    private_file(&folder.join("passphrase"), PASSPHRASE)
}

#[test]
fn rows_go_out_and_come_in_and_each_fault_has_its_exit_code() {
    let field = Field::new();
    let home = field.home.path();
    let out = field.json(MAIN, &["export", "all.ndjson"]);
    assert_eq!(out["counts"]["drones"], 32, "{out}");
    assert_eq!(fs::metadata(home.join("all.ndjson")).unwrap().permissions().mode() & 0o777, 0o600);
    field.by(MAIN, &["export", "all.ndjson"]).says(2, "is there already");
    field.by(MAIN, &["export", "all.ndjson", "--replace"]).says(0, "");
    let same = field.json(MAIN, &["import", "all.ndjson"]);
    assert_eq!((&same["same"], &same["saved"]), (&same["rows"], &0.into()), "{same}");

    let table =
        field.by(MAIN, &["export", "--kind", "drones", "--columns", "id,status", "--filter", "id:drone-00"]);
    assert!(table.out.starts_with("id,status\ndrone-001,ACTIVE\n"), "{table:?}");
    assert!(table.err.contains("Exported: 9 drones"), "{table:?}");
    field.by(MAIN, &["export", "--kind", "all", "--format", "csv"]).says(2, "name a folder");
    field.by(MAIN, &["export", "--kind", "drones", "--columns", "weight"]).says(2, "weight");

    fs::write(
        home.join("d.csv"),
        "id,model,status,region_id\nnew-1,FlyOS_MQ5,ACTIVE,Eastern\nnew-2,FlyOS_MQ6,ACTIVE,\n",
    )
    .unwrap();
    let dry = field.by(MAIN, &["import", "d.csv", "--kind", "drones", "--dry-run"]);
    assert_eq!(dry.code, 4, "{dry:?}");
    assert!(dry.out.contains("line 3, column model: Model is one of FlyOS_MQ5"), "{dry:?}");
    assert!(dry.out.contains("1 would be new, 1 wrong") && dry.out.contains("dry run"), "{dry:?}");
    field
        .by(MAIN, &["import", "d.csv", "--kind", "drones", "--all-or-nothing"])
        .says(4, "nothing was changed");
    let rest = field.by(MAIN, &["import", "d.csv", "--kind", "drones", "--json"]);
    let told = rest.badly(4);
    assert_eq!(
        (&told["message"], &told["saved"], &told["wrong"][0]["line"]),
        (&"1 row was not taken in.".into(), &1.into(), &3.into())
    );
    let listed =
        field.by(MAIN, &["export", "--kind", "drones", "--filter", "new-", "--columns", "id,region_id"]);
    assert!(listed.out.contains("new-1,") && !listed.out.contains("new-2"), "{listed:?}");

    let whole = fs::read_to_string(home.join("all.ndjson")).unwrap();
    fs::write(home.join("cut.ndjson"), whole.lines().take(9).collect::<Vec<_>>().join("\n")).unwrap();
    field.by(MAIN, &["import", "cut.ndjson"]).says(9, "was cut or changed");
    field.by(MAIN, &["export", "whole.json"]).says(0, "");
    let json = fs::read(home.join("whole.json")).unwrap();
    fs::write(home.join("cut.json"), &json[..json.len() - 40]).unwrap();
    field.by(MAIN, &["import", "cut.json"]).says(9, "The file was cut");
    fs::write(home.join("cut.csv"), "name,area\nTrunc,\"The area that was cut in the mid").unwrap();
    field.by(MAIN, &["import", "cut.csv", "--kind", "regions"]).says(9, "The file was cut");
    field.by(MAIN, &["regions", "show", "Trunc"]).says(4, "no region Trunc");
    field.by(MAIN, &["import", "nowhere.csv", "--kind", "drones"]).says(2, "nowhere.csv cannot be read");
    field.by(MAIN, &["import", "d.csv"]).says(2, "--kind");
    field.by(MAIN, &["import", "passphrase", "--kind", "drones"]).says(2, "--format");
    fs::write(home.join("none.csv"), "").unwrap();
    field.by(MAIN, &["import", "none.csv", "--kind", "drones"]).says(2, "The file is empty");
    field.by(MAIN, &["export", "rows.csv"]).says(2, "looks like a file");
    assert!(!home.join("rows.csv").exists(), "no folder of that name");
    fs::write(home.join("bad.csv"), b"id\n\xff\n").unwrap();
    field.by(MAIN, &["import", "bad.csv", "--kind", "drones"]).says(2, "Line 2 is not UTF-8");
    fs::File::create(home.join("large.csv")).unwrap().set_len(101 << 20).unwrap();
    field.by(MAIN, &["import", "large.csv", "--kind", "drones"]).says(2, "larger than 100 MiB");
    // The password in the first line, the file after it.
    let piped = format!("{PASSWORD}\nid,status\nnew-1,STANDBY\n");
    let args =
        ["import", "-", "--kind", "drones", "--format", "csv", "--email", MAIN, "--password-stdin", "--json"];
    assert_eq!(field.fed(&args, &piped).well()["changed"], 1);
    // What a command would fill in for a new row, an import does too.
    fs::write(
        home.join("u.csv"),
        "username,full_name,email,role\np_lotz,Pia Lotz,p.lotz@flyos.mil,OPERATOR\n",
    )
    .unwrap();
    assert_eq!(field.json(MAIN, &["import", "u.csv", "--kind", "users"])["new"], 1);
    assert_eq!(field.json(MAIN, &["users", "show", "p_lotz"])["user"]["status"], "ACTIVE");
    fs::write(home.join("n.csv"), "id,model\nnew-3,FlyOS_MQ5\n").unwrap();
    assert_eq!(field.json(MAIN, &["import", "n.csv", "--kind", "drones"])["new"], 1);
    assert_eq!(field.json(MAIN, &["drones", "show", "new-3"])["drone"]["status"], "STANDBY");
    // By role.
    field.by(OPERATOR, &["import", "d.csv", "--kind", "drones"]).says(4, "rows were not taken in");
}

#[test]
fn a_row_that_is_not_taken_in_is_left_out_whole() {
    let field = Field::new();
    let text = "id,model,region_id,operator_id\nhalf-1,FlyOS_MQ5,Western,operator1\ndrone-001,FlyOS_MQ9,Western,operator1\n";
    fs::write(field.home.path().join("half.csv"), text).unwrap();
    let shown = || field.json(MAIN, &["drones", "show", "drone-001"])["drone"]["model"].clone();
    let before = shown();
    for more in [&["--dry-run"][..], &[]] {
        let args = [&["import", "half.csv", "--kind", "drones", "--json"], more].concat();
        let told = field.by(MAIN, &args).badly(4);
        assert_eq!((&told["new"], &told["changed"], &told["saved"]), (&0.into(), &0.into(), &0.into()));
        assert_eq!(told["message"], "2 rows were not taken in.", "{told}");
        let columns = [0, 1].map(|nth| told["wrong"][nth]["column"].clone());
        assert_eq!(columns, ["operator_id", "operator_id"], "{told}");
        field.by(MAIN, &["drones", "show", "half-1"]).says(4, "no drone half-1");
        assert_eq!(shown(), before);
    }
}

#[test]
fn the_rows_of_an_answer_can_be_taken_in() {
    let field = Field::new();
    let home = field.home.path();
    for (kind, name) in [("drones", "drone-001"), ("users", "operator1"), ("regions", "Eastern")] {
        let listed = field.json(MAIN, &[kind, "list", "--all"])[kind].clone();
        let shown = field.json(MAIN, &[kind, "show", name])[kind.trim_end_matches('s')].clone();
        for (file, rows) in [("list.json", listed), ("one.json", serde_json::json!([shown]))] {
            fs::write(home.join(file), rows.to_string()).unwrap();
            let told = field.json(MAIN, &["import", file, "--kind", kind]);
            assert_eq!(
                (&told["same"], &told["rows"]),
                (&rows.as_array().unwrap().len().into(), &told["same"])
            );
            let passed_over = told["passedOver"].to_string();
            assert!(passed_over.contains("created_at") && passed_over.contains("needsYou"), "{told}");
            assert_eq!((&told["saved"], &told["sent"]), (&0.into(), &false.into()), "{told}");
        }
    }
    // Who writes them may need the account for that.
    let reads = ["import", "-", "--kind", "drones", "--format", "json", "--email", MAIN, "--password-file"];
    let password = password_file(home, PASSWORD);
    let waits = field.running(home, &[&reads[..], &[&password]].concat());
    let written = field.json(MAIN, &["drones", "list", "--all"])["drones"].to_string();
    let told = Ended::fed(waits, &written);
    assert_eq!((told.code, told.out.contains("Nothing was changed.")), (0, true), "{told:?}");
    let rows = r#"[{"id": "drone-001", "status": "OFFLINE", "regionId": "Eastern", "assignedUsers": []}]"#;
    fs::write(home.join("d.json"), rows).unwrap();
    let told = field.by(MAIN, &["import", "d.json", "--kind", "drones"]);
    assert!(told.out.contains("Passed over, since it is no column of a table: assignedUsers."), "{told:?}");
    assert_eq!(field.server().row("drones", "drone-001")["status"], "OFFLINE");
}

#[test]
fn whoever_reads_an_export_may_stop() {
    let field = Field::with_rows(3000);
    let file = password_file(field.home.path(), PASSWORD);
    let args = ["export", "--email", MAIN, "--password-file", &file, "--wait", "60"];
    let mut child = field.running(field.home.path(), &args);
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.contains("pipe")), (0, false), "{ended:?}");
}

#[test]
fn an_open_console_gives_its_rows_takes_them_in_and_is_backed_up() {
    let field = Field::new();
    let console = field.console(MAIN);
    let home = field.home.path();
    let (words, file) = (passphrase_file(home), home.join("one.backup"));
    assert_eq!(field.bare(&["export", "all.json"]).code, 0);
    fs::write(home.join("d.csv"), "id,model,status\nnew-1,FlyOS_MQ5,ACTIVE\n").unwrap();
    let came = field.bare(&["import", "d.csv", "--kind", "drones", "--json", "--wait", "10"]).well();
    assert_eq!((&came["saved"], &came["sent"]), (&1.into(), &true.into()));
    let made = field.bare(&["backup", "one.backup", "--passphrase-file", &words, "--json"]).well();
    assert_eq!(made["rows"], 2 + 17 + 33 + 33, "{made}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    drop(console);
}

#[test]
fn a_killed_export_leaves_the_old_file_whole() {
    let field = Field::with_rows(20_000);
    let home = field.home.path();
    let password = password_file(home, PASSWORD);
    let args = ["export", "all.ndjson", "--replace", "--email", MAIN, "--password-file", &password];
    assert_eq!(field.bare(&[&args[..], &["--wait", "60"]].concat()).code, 0);
    let (path, part) = (home.join("all.ndjson"), home.join("all.ndjson.part"));
    fs::File::options().append(true).open(&path).unwrap().write_all(b"the old one\n").unwrap();
    let before = fs::read(&path).unwrap();
    let mut killed = 0;
    for _ in 0..20 {
        let mut child = field.running(home, &args);
        while child.try_wait().unwrap().is_none() {
            let written = fs::metadata(&part).map_or(0, |meta| meta.len());
            if written > 0 && written < before.len() as u64 / 2 {
                signal(child.id(), Signal::KILL);
                break;
            }
        }
        if child.wait().unwrap().signal().is_some() {
            killed += 1;
            assert_eq!(fs::read(&path).unwrap(), before, "the old file is whole");
            assert!(part.exists());
            break;
        }
        fs::write(&path, &before).unwrap();
    }
    assert_eq!(killed, 1, "one was killed in the middle");
    assert_eq!(field.bare(&args).code, 0);
    assert!(!part.exists(), "the next one writes over the part");
    assert_ne!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_backup_is_checked_kept_and_restored_where_there_is_nothing() {
    let mut field = Field::new();
    let other = tempfile::tempdir().unwrap();
    let home = field.home.path().to_owned();
    let (words, password) = (passphrase_file(&home), password_file(&home, PASSWORD));
    field.by(MAIN, &["sign-in"]);
    field.stop_server();
    fs::write(home.join("d.csv"), "id,model,status\nnew-1,FlyOS_MQ5,ACTIVE\n").unwrap();
    assert_eq!(field.json(MAIN, &["import", "d.csv", "--kind", "drones"])["sent"], false);
    let by = ["--passphrase-file", &words];
    let folder = other.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let place = folder.to_str().unwrap();
    let made = field.json(MAIN, &[&["backup", place, "--keep", "30d"], &by[..]].concat());
    assert_eq!((&made["edits"], &made["rows"]), (&1.into(), &84.into()), "{made}");
    let file = made["path"].as_str().unwrap().to_owned();
    // One of the same account from long ago goes, and is named.
    let name = Path::new(&file).file_name().unwrap().to_str().unwrap();
    let (account, _) = name.rsplit_once('-').unwrap();
    let old = folder.join(format!("{account}-20200101T000000Z.backup"));
    fs::write(&old, "x").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100)); // Names are told apart by the second.
    let again = field.by(MAIN, &[&["backup", place, "--keep", "30d"], &by[..]].concat());
    assert!(again.out.contains("-20200101T000000Z.backup") && !old.exists(), "{again:?}");
    field.by(MAIN, &[&["backup", "x.backup", "--keep", "30d"], &by[..]].concat()).says(2, "is no folder");
    let short = home.join("short");
    private_file(&short, "short");
    field
        .by(MAIN, &["backup", "x.backup", "--passphrase-file", short.to_str().unwrap()])
        .says(2, "at least 12");
    assert!(!home.join("x.backup").exists());

    let checked = field.bare(&[&["restore", &file, "--check", "--json"], &by[..]].concat()).well();
    assert_eq!((&checked["edits"], &checked["email"]), (&1.into(), &MAIN.into()));
    field.bare(&["restore", &file, "--check", "--passphrase-file", &password]).says(5, "passphrase is not");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = other.path().join("bad.backup");
    fs::write(&bad, bytes).unwrap();
    field.bare(&[&["restore", bad.to_str().unwrap()], &by[..]].concat()).says(9, "cut or changed");
    fs::write(&bad, "another file").unwrap();
    field.bare(&[&["restore", bad.to_str().unwrap()], &by[..]].concat()).says(2, "no sealed export");
    field.by(MAIN, &[&["backup", &file], &by[..]].concat()).says(2, "is there already");
    field.bare(&[&["restore", &file], &by[..]].concat()).says(4, "already");

    // The machine is lost; the account comes back without a line, with the edit that waits.
    fs::remove_dir_all(home.join("data")).unwrap();
    field.bare(&[&["restore", &file, "--password-file", &words], &by[..]].concat()).says(5, "made");
    let back =
        field.bare(&[&["restore", &file, "--password-file", &password, "--json"], &by[..]].concat()).well();
    assert_eq!(back["edits"], 1);
    let rows = field.by(MAIN, &["export", "--kind", "drones", "--filter", "new-", "--columns", "id"]);
    assert!(rows.out.contains("new-1") && rows.err.contains("Unsent edits are in it"), "{rows:?}");
    field.start_server();
    field.json(MAIN, &["sync"]);
    let rows = field.by(MAIN, &["export", "--kind", "drones", "--filter", "new-", "--columns", "id"]);
    assert!(rows.out.contains("new-1") && !rows.err.contains("Unsent"), "{rows:?}");
}
