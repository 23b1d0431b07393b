//! Sign-in accounts of others: done by the server at once, and by headquarters alone.

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{AccountDeed, Administer, Done, ErrorKind, Event, Front, ServiceError};
use uuid::Uuid;

use super::Server;
use super::door::{PASSWORD, PATIENCE, Person, home};

fn administer(person: &Person, user: Uuid, deed: AccountDeed) -> Result<String, ServiceError> {
    let ctx = person.service.ctx(Front::Test);
    person.service.administer(&ctx, Administer { user, deed });
    loop {
        match person.events.recv_timeout(PATIENCE).expect("an end of it") {
            Event::Done { op, result } if op == ctx.op => {
                return result.map(|done| match done {
                    Done::Account { summary } => summary,
                    other => unreachable!("{other:?}"),
                });
            }
            _ => {}
        }
    }
}

#[test]
fn headquarters_makes_changes_and_bars_accounts() {
    let server = Server::start();
    let homes = [home(), home(), home()];
    let hq = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
    // A profile that the server does not know yet has no account.
    server.line(false);
    let id = Uuid::now_v7();
    let text = |text: &str| Some(text.to_owned());
    let region = hq.key(Kind::Region, "name=Eastern");
    let fields = Fields::from([
        ("username".to_owned(), text("new_one")),
        ("full_name".to_owned(), text("New One")),
        ("email".to_owned(), text("new.one@flyos.mil")),
        ("role".to_owned(), text("OPERATOR")),
        ("region_id".to_owned(), Some(region)),
        ("status".to_owned(), text("ACTIVE")),
    ]);
    hq.edit(Intent::Create { key: Key::user(id), fields }).unwrap();
    let early = administer(&hq, id, AccountDeed::Invite).unwrap_err();
    assert!(early.message.contains("does not know this profile yet"), "{early:?}");
    server.line(true);
    hq.service.run(&hq.service.ctx(Front::Test), flyos::service::Action::SyncNow).unwrap();
    hq.up_to_date();

    let weak = administer(&hq, id, AccountDeed::Create("short".into())).unwrap_err();
    assert_eq!(weak.field.as_deref(), Some("new"), "{weak:?}");
    let made = administer(&hq, id, AccountDeed::Create(PASSWORD.into())).unwrap();
    assert!(made.contains("new_one can sign in now, as new.one@flyos.mil"), "{made}");
    hq.wait("the account on the profile", |_| hq.field(&Key::user(id), "auth_user_id").is_some());
    let other = Person::in_sync(homes[1].path(), &server, "new.one@flyos.mil");
    drop(other);
    administer(&hq, id, AccountDeed::SetEmail("newer@flyos.mil".into())).unwrap();
    hq.wait("the new address", |_| hq.field(&Key::user(id), "email").as_deref() == Some("newer@flyos.mil"));
    administer(&hq, id, AccountDeed::Ban).unwrap();
    let barred = Person::at(homes[2].path(), &server);
    assert!(barred.sign_in("newer@flyos.mil", PASSWORD).is_err());
    administer(&hq, id, AccountDeed::Unban).unwrap();
    administer(&hq, id, AccountDeed::SetPassword("another-password".into())).unwrap();
    assert_eq!(barred.sign_in("newer@flyos.mil", "another-password"), Ok(false));
    administer(&hq, id, AccountDeed::SignOut).unwrap();
}

#[test]
fn nobody_else_reaches_an_account_and_nothing_is_kept_for_later() {
    let server = Server::start();
    let homes = [home(), home()];
    let east = Person::in_sync(homes[0].path(), &server, "east@flyos.mil");
    let user = Uuid::parse_str(&east.key(Kind::User, "username:operator1")).unwrap();
    let refused = administer(&east, user, AccountDeed::Ban).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    let hq = Person::in_sync(homes[1].path(), &server, "main@flyos.mil");
    server.line(false);
    assert!(administer(&hq, user, AccountDeed::SetPassword(PASSWORD.into())).is_err());
    assert_eq!(hq.service.status().waiting, 0, "it does not wait for a line");
}
