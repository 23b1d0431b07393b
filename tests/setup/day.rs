//! A working day of the one who runs it: an empty project is set up, filled from files, backed up, lost, restored, compared
//! with the server, mended and cleaned up, by the commands that a script would use. `FLYOS_DAY_ROWS` says how many users
//! and how many drones; `./tests/day` takes 10,000.

use std::fmt::Write as _;
use std::time::Instant;

use crate::field::{self, Field, HQ, Machine, count};
use crate::pg;
use crate::program::Home;

/// Rows of the short day.
const USUAL: usize = 300;
const REGIONS: [&str; 4] = ["North", "East", "South", "West"];
/// No time of a day's: a busy machine is no fault of the program's.
const LONG: &str = "1800";

/// Says what a step took, for who runs it by hand.
struct Clock(Instant);

impl Clock {
    #[expect(clippy::print_stdout, reason = "for who runs it by hand, and nobody else sees it")]
    fn step(&mut self, what: &str) {
        println!("{:>8.1} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

fn users(many: usize) -> String {
    let mut text = "username,full_name,email,role,status,region_id\n".to_owned();
    for n in 0..many {
        let region = REGIONS[n % REGIONS.len()];
        let _written =
            writeln!(text, "user_{n:05},\"Doe, {n}\",user{n:05}@unit.mil,OPERATOR,ACTIVE,{region}");
    }
    text
}

/// Every second one has its operator.
fn drones(many: usize) -> String {
    let mut text = "id,model,status,region_id,operator_id\n".to_owned();
    for n in 0..many {
        let region = REGIONS[n % REGIONS.len()];
        let operator = if n % 2 == 0 { format!("user_{n:05}") } else { String::new() };
        let _written = writeln!(text, "drone-{n:05},FlyOS_MQ{},STANDBY,{region},{operator}", 5 + n % 3 * 2);
    }
    text
}

async fn taken_in(machine: &Machine, kind: &str, rows: usize) {
    let file = format!("{kind}.csv");
    let import = ["import", &file, "--kind", kind, "--wait", LONG];
    let dry = machine.json(&[&import[..], &["--dry-run"]].concat()).await;
    assert_eq!((&dry["new"], &dry["saved"]), (&rows.into(), &0.into()), "{dry}");
    let came = machine.json(&import).await;
    assert_eq!((&came["new"], &came["sent"]), (&rows.into(), &true.into()), "{came}");
    let again = machine.json(&import).await;
    assert_eq!((&again["same"], &again["saved"]), (&rows.into(), &0.into()), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_set_up_filled_lost_restored_compared_and_cleaned_up() {
    let rows = std::env::var("FLYOS_DAY_ROWS").map_or(USUAL, |rows| rows.parse().expect("a number"));
    let mut clock = Clock(Instant::now());
    let db = pg::skeleton().await;
    let office = Home::new(&db);
    assert_eq!(office.run(&["supabase", "verify"]).await.code, 13, "nothing is there yet");
    office.run(&["supabase", "migrate"]).await.well();
    office.run(&["supabase", "verify"]).await.well();
    field::account(&db).await;
    office.run(&["supabase", "init", "--email", HQ]).await.well().says("(MAIN_HQ, ACTIVE)");
    let status = office.run(&["accounts", "status", "--json"]).await.well().json();
    assert_eq!((&status["missing"], &status["automatic"]), (&0.into(), &true.into()), "{status}");
    clock.step("an empty project: migrate, verify, init");

    let field = Field::of(&db).await;
    let machine = field.machine(&db);
    machine.json(&["sign-in"]).await;
    let regions: Vec<String> = REGIONS.iter().map(|name| format!("{name},The {name},ACTIVE\n")).collect();
    machine.write("regions.csv", &format!("name,area,status\n{}", regions.concat()));
    machine.write("users.csv", &users(rows));
    machine.write("drones.csv", &drones(rows));
    for (kind, rows) in [("regions", REGIONS.len()), ("users", rows), ("drones", rows)] {
        taken_in(&machine, kind, rows).await;
        clock.step(&format!("{rows} {kind}: a dry run, taken in and sent, and once more for nothing"));
    }
    let assigned = rows.div_ceil(2);
    let all = REGIONS.len() + 1 + rows + rows + assigned;
    for (table, there) in [("profiles", rows + 1), ("drones", rows), ("user_drone_assignments", assigned)] {
        assert_eq!(count(&db, &format!("public.{table}")).await, i64::try_from(there).unwrap(), "{table}");
    }
    assert_eq!(
        count(&db, "public.drones where operator_id is not null").await,
        i64::try_from(assigned).unwrap()
    );

    std::fs::create_dir(machine.path("backups")).unwrap();
    let made = machine.json(&["backup", "backups", "--keep", "30d", "--passphrase-file", "passphrase"]).await;
    assert_eq!((&made["rows"], &made["edits"]), (&all.into(), &0.into()), "{made}");
    let file = made["path"].as_str().unwrap();
    machine.bare(&["wipe", "--yes"]).await.well().says("1 account was erased");
    machine.bare(&["wipe", "--yes"]).await.well().says("has nothing of it");
    field.line(false);
    assert_eq!(machine.run(&["drones", "list", "--json"]).await.code, 7, "neither rows nor a line");
    machine.run(&["restore", file, "--passphrase-file", "passphrase"]).await.well();
    let here = machine.json(&["drones", "list", "--filter", "operator:-"]).await;
    assert_eq!(here["totalCount"], rows - assigned, "without a line");
    field.line(true);
    clock.step("backed up, wiped, and restored without a line");

    // Behind the back of whatever books changes: no pull can tell of it.
    let lose = async |drone: &str| {
        let lose =
            format!("set session_replication_role = replica; delete from public.drones where id = '{drone}'");
        db.superuser().await.batch_execute(&lose).await.unwrap();
    };
    machine.json(&["sync", "--wait", LONG]).await;
    machine.json(&["sync", "verify", "--wait", LONG]).await;
    lose("drone-00001").await;
    let told = machine.run(&["sync", "verify", "--wait", LONG, "--json"]).await;
    assert_eq!(told.code, 13, "{told:?}");
    lose("drone-00003").await;
    machine.json(&["sync", "heal", "--wait", LONG]).await;
    let healed = machine.json(&["sync", "verify", "--wait", LONG]).await;
    assert_eq!(healed["differs"], false, "{healed}");
    machine.json(&["sync", "resync", "--wait", LONG]).await;
    assert_eq!(machine.json(&["drones", "list"]).await["totalCount"], rows - 2);
    // One that the server's own books lack: no load brings it, and it is not tried again and again.
    let unseen = "set session_replication_role = replica;
        insert into public.drones (id, model, status) values ('drone-unseen', 'FlyOS_MQ5', 'STANDBY')";
    db.superuser().await.batch_execute(unseen).await.unwrap();
    let told = machine.run(&["sync", "heal", "--wait", LONG]).await;
    assert_eq!(told.code, 13, "{told:?}");
    told.says("also after all were loaded anew").says("flyos supabase migrate --again");
    db.superuser().await.batch_execute("select sync.repair()").await.unwrap();
    machine.json(&["sync", "heal", "--wait", LONG]).await;
    assert_eq!(machine.json(&["drones", "list"]).await["totalCount"], rows - 1);
    machine.json(&["drones", "delete", "drone-unseen", "--yes"]).await;
    clock.step("compared, mended and loaded anew");

    // What cron looks at.
    let status = machine.bare(&["status", "--json"]).await;
    assert_eq!((status.code, &status.json()["exitCode"]), (12, &12.into()), "no console is open: {status:?}");
    let doctor = machine.bare(&["doctor", "--json"]).await.json();
    assert_eq!(doctor["troubles"], 0, "{doctor:#}");
    machine.bare(&["metrics", "--textfile", "flyos.prom"]).await.well();
    let figures = std::fs::read_to_string(machine.path("flyos.prom")).unwrap();
    assert!(
        figures.lines().any(|line| line.starts_with("flyos_console_open{") && line.ends_with(" 0")),
        "{figures}"
    );
    office.run(&["supabase", "verify"]).await.well();
    clock.step("looked at by cron");

    let names: Vec<String> =
        (0..rows).filter(|n| ![1, 3].contains(n)).map(|n| format!("drone-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let delete =
        [&["drones", "delete"], &names[..], &["--yes", "--wait", LONG, "--reason", "the end of the day"]];
    let gone = machine.json(&delete.concat()).await;
    assert_eq!((&gone["edits"], &gone["sent"]), (&names.len().into(), &true.into()), "{gone}");
    assert_eq!(count(&db, "public.drones").await + count(&db, "public.user_drone_assignments").await, 0);
    machine.bare(&["wipe", "--yes"]).await.well();
    office.run(&["supabase", "rollback", "--yes"]).await.well().says("was taken out");
    clock.step("cleaned up");
}
