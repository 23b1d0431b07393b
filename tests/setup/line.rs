//! What leaves this machine: no password but over a line that is verified, and nothing that anybody else can read.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::pg;
use crate::program::{Home, private};

const SECRET: &str = "hunter2-and-more";

#[tokio::test]
async fn a_password_in_an_argument_is_refused_and_not_repeated() {
    let home = Home::with("");
    let url = format!("postgresql://postgres:{SECRET}@db.abc.supabase.co:5432/postgres");
    let told = home.run_with(&["supabase", "migrate", "--database-url", &url], &[]).await;
    assert_eq!(told.code, 2);
    told.says("others on this machine can read arguments").says("--database-url-file FILE");
    assert!(!told.err.contains(SECRET) && !told.out.contains(SECRET));
    assert!(!home.path("state").exists(), "and nothing is logged");
}

#[tokio::test]
async fn a_server_that_shows_no_certificate_gets_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut line, _) = listener.accept().unwrap();
        let mut asked = [0; 8];
        line.read_exact(&mut asked).unwrap();
        // It has no TLS.
        line.write_all(b"N").unwrap();
        let mut more = Vec::new();
        let _cut = line.read_to_end(&mut more);
        more
    });
    let url = format!("postgresql://postgres:{SECRET}@127.0.0.1:{port}/postgres?sslmode=require");
    let told = Home::with(&url).run(&["supabase", "verify"]).await;
    assert_eq!(told.code, 6, "{told:?}");
    told.says("did not show who it is").says("--ca-file FILE");
    assert!(!told.err.contains(SECRET));
    assert_eq!(server.join().unwrap(), [0; 0], "not even the role's name was sent");
}

#[tokio::test]
async fn nobody_at_the_other_end_is_no_fault_of_the_project() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgresql://postgres:{SECRET}@127.0.0.1:{port}/postgres");
    let told = Home::with(&url).run(&["supabase", "migrate"]).await;
    assert_eq!(told.code, 7, "{told:?}");
    told.says("nothing listens there");
}

#[tokio::test]
async fn the_line_is_told_and_the_environment_will_do() {
    let db = pg::database().await;
    let home = Home::with("");
    let url = db.uri("postgres");
    let told = home.run_with(&["supabase", "verify"], &[("SUPABASE_DB_URL", &url)]).await.well();
    told.says("(on this machine)").says(&format!("{} as postgres", db.name()));
    let empty = private(home.path("ca.pem"), "no certificate");
    let words = ["supabase", "verify", "--ca-file", empty.to_str().unwrap()];
    let told = home.run_with(&words, &[("SUPABASE_DB_URL", "postgresql://me:x@127.0.0.1:1/x")]).await;
    assert_eq!(told.code, 6, "{told:?}");
    told.says("there is none in it");
}
