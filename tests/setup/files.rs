//! Rows and backups on their way to a real PostgreSQL: what the server refuses is told row by row, and whatever breaks off
//! in between, each edit is carried out once.

use std::time::Duration;

use crate::field::{self, Field, HQ, Machine, count};
use crate::pg::{self, Database};
use crate::program::Home;

/// Rows of an import that is killed.
const MANY: usize = 3_000;
/// Tries to kill one in its middle: how far it gets meanwhile is for the machine to say.
const TRIES: usize = 5;

/// A project with headquarters, and a machine that has its rows.
async fn project() -> (Database, Field, Machine) {
    let db = pg::database().await;
    field::account(&db).await;
    Home::new(&db).run(&["supabase", "init", "--email", HQ]).await.well();
    let field = Field::of(&db).await;
    let machine = field.machine(&db);
    machine.json(&["sign-in"]).await;
    (db, field, machine)
}

fn drones(prefix: &str, many: usize) -> String {
    let rows: Vec<String> = (0..many).map(|n| format!("{prefix}-{n},FlyOS_MQ5,STANDBY\n")).collect();
    format!("id,model,status\n{}", rows.concat())
}

/// Every one of these drones is there, and was made once.
async fn made_once(db: &Database, prefix: &str, many: usize) {
    let many = i64::try_from(many).unwrap();
    assert_eq!(count(db, &format!("public.drones where id like '{prefix}-%'")).await, many);
    let booked = format!("sync.row_state where tbl = 'drones' and pk like '{prefix}-%' and ver = 1");
    let sql = db.superuser().await;
    assert_eq!(
        sql.value(&format!("select count(*) from {booked}")).await.unwrap(),
        many,
        "no row was written again"
    );
    let lines = format!("public.activity where tbl = 'drones' and kind = 'insert' and pk like '{prefix}-%'");
    assert_eq!(sql.value(&format!("select count(*) from {lines}")).await.unwrap(), many);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_with_its_line_and_the_rest_is_in_once() {
    let (db, field, machine) = project().await;
    // Rules that no console knows of.
    let rules = "alter table public.drones add constraint no_thirteen check (id not like '%-13');
        alter table public.drones add constraint no_seventeen check (id not like '%-17')";
    db.superuser().await.batch_execute(rules).await.unwrap();
    machine.write("d.csv", &drones("d", 20));
    let import = ["import", "d.csv", "--kind", "drones", "--wait", "60"];
    let told = machine.run(&import).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("20 rows in the file: 20 new.")
        .says("line 15, d-13: refused: A rule of this project refuses it: no_thirteen (edit ")
        .says("line 19, d-17: refused: A rule of this project refuses it: no_seventeen (edit ")
        .says("The server did not take 2 edits.")
        .says("flyos conflicts list");
    assert_eq!(count(&db, "public.drones").await, 18);
    // Once more: the two wait for a decision, and no second edit is made behind them.
    let told = machine.run(&[&import[..], &["--json"]].concat()).await;
    let again = told.json();
    assert_eq!((told.code, &again["same"], &again["saved"]), (4, &18.into(), &0.into()), "{again}");
    assert_eq!((&again["wrong"][0]["line"], &again["wrong"][1]["line"]), (&15.into(), &19.into()), "{again}");
    assert!(again["wrong"][0]["message"].as_str().unwrap().contains("needs your decision first"), "{again}");
    let conflicts = machine.json(&["conflicts", "list"]).await;
    assert_eq!(conflicts["totalCount"], 2, "{conflicts}");
    for card in conflicts["conflicts"].as_array().unwrap() {
        machine.json(&["conflicts", "discard", &card["edit"].to_string(), "--yes"]).await;
    }
    // As one group: the one that is refused keeps all of it out.
    machine.write("g.csv", &drones("g", 14));
    let told = machine
        .run(&["import", "g.csv", "--kind", "drones", "--all-or-nothing", "--json", "--wait", "60"])
        .await;
    let answer = told.json();
    assert_eq!((told.code, &answer["saved"]), (4, &14.into()), "{answer}");
    assert_eq!(answer["notTaken"].as_array().unwrap().len(), 1, "{answer}");
    assert!(answer["notTaken"][0]["message"].as_str().unwrap().contains("no_thirteen"), "{answer}");
    assert_eq!(count(&db, "public.drones where id like 'g-%'").await, 0);

    // Without a line, while somebody else takes a name: it is told once there is one, and the others are in.
    field.line(false);
    machine.write(
        "u.csv",
        "username,full_name,email,role,status\nann_lee,A,ann@unit.mil,OPERATOR,ACTIVE\nbob_ray,B,bob@unit.mil,OPERATOR,ACTIVE\n",
    );
    let saved = machine.json(&["import", "u.csv", "--kind", "users"]).await;
    assert_eq!((&saved["saved"], &saved["sent"]), (&2.into(), &false.into()), "{saved}");
    let taken = "insert into public.profiles (id, username, full_name, email, role, status)
        values (gen_random_uuid(), 'Ann_Lee', 'Another', 'other@unit.mil', 'OPERATOR', 'ACTIVE')";
    db.migrate(taken).await.unwrap();
    field.line(true);
    let told = machine.run(&["sync", "--wait", "60", "--json"]).await;
    assert_eq!(told.code, 13, "{told:?}");
    let synced = told.json();
    assert_eq!(
        (&synced["waiting"], &synced["needsYou"]),
        (&0.into(), &2.into()),
        "the group, and the name: {synced}"
    );
    let conflicts = machine.run(&["conflicts", "list"]).await.well();
    conflicts.says("Username ann_lee is taken");
    // The name is somebody else's row now, which stays as it is.
    let again = machine.run(&["import", "u.csv", "--kind", "users", "--insert-only", "--json"]).await.json();
    assert_eq!((&again["saved"], &again["left"]), (&0.into(), &1.into()), "{again}");
    assert_eq!(count(&db, "public.profiles where username ilike any (array['ann_lee', 'bob_ray'])").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_goes_on_where_it_was_and_makes_each_row_once() {
    let (db, _field, machine) = project().await;
    for attempt in 0.. {
        assert!(attempt < TRIES, "none could be killed in its middle");
        let prefix = format!("k{attempt}");
        machine.write("k.csv", &drones(&prefix, MANY));
        let import = ["import", "k.csv", "--kind", "drones", "--wait", "60"];
        let mut child = machine.command(&import).stdout(std::process::Stdio::null()).spawn().unwrap();
        let arrived = format!("public.drones where id like '{prefix}-%'");
        while count(&db, &arrived).await == 0 && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let before = usize::try_from(count(&db, &arrived).await).unwrap();
        let came = machine.json(&import).await;
        let rows = came["new"].as_u64().unwrap() + came["same"].as_u64().unwrap();
        let sent = came["saved"].as_u64() > Some(0);
        assert_eq!((rows, &came["sent"]), (MANY as u64, &sent.into()), "{came}");
        made_once(&db, &prefix, MANY).await;
        if (1..MANY).contains(&before) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restored_on_two_machines_sends_what_waited_once() {
    let (db, field, machine) = project().await;
    field.line(false);
    machine.write("w.csv", &drones("w", 50));
    assert_eq!(machine.json(&["import", "w.csv", "--kind", "drones"]).await["sent"], false);
    let made = machine.json(&["backup", "one.backup", "--passphrase-file", "passphrase"]).await;
    assert_eq!(made["edits"], 50, "{made}");
    let other = field.machine(&db);
    std::fs::copy(machine.path("one.backup"), other.path("one.backup")).unwrap();
    let back = other.json(&["restore", "one.backup", "--passphrase-file", "passphrase"]).await;
    assert_eq!(back["edits"], 50, "{back}");
    field.line(true);
    let (one, two) = (["sync", "--wait", "60"], ["sync", "--wait", "60"]);
    let (one, two) = tokio::join!(machine.json(&one), other.json(&two));
    for synced in [one, two] {
        assert_eq!((&synced["waiting"], &synced["needsYou"]), (&0.into(), &0.into()), "{synced}");
    }
    made_once(&db, "w", 50).await;
}
