//! Sign-in accounts of others: done by the server at once, by headquarters alone, and told in the activity.

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{
    AccountDeed, Administer, Answer, Done, ErrorKind, Event, Front, Query, Service, ServiceError,
};
use uuid::Uuid;

use super::Server;
use super::door::{PASSWORD, PATIENCE, Person, home};

fn administer(person: &Person, user: Uuid, deed: AccountDeed) -> Result<String, ServiceError> {
    administer_for(person, user, deed, None)
}

fn administer_for(
    person: &Person,
    user: Uuid,
    deed: AccountDeed,
    reason: Option<&str>,
) -> Result<String, ServiceError> {
    let ctx = person.service.ctx(Front::Test);
    person.service.administer(&ctx, Administer { user, deed, reason: reason.map(str::to_owned) });
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

#[test]
fn a_deed_is_read_in_the_rows_history_at_once_though_no_row_changed() {
    let server = Server::start();
    let homes = [home(), home()];
    let hq = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
    let deputy = Person::in_sync(homes[1].path(), &server, "deputy@flyos.mil");
    let user = Uuid::parse_str(&hq.key(Kind::User, "username:operator1")).unwrap();
    let key = Key::user(user);
    let history = |service: &Service| match service
        .ask(&service.ctx(Front::Test), &Query::History { key: key.clone() })
        .unwrap()
    {
        Answer::History(history) => history,
        other => unreachable!("{other:?}"),
    };
    for person in [&hq, &deputy] {
        let here = |service: &Service| history(service).as_of.is_some() && !history(service).asking;
        person.wait("the history", here);
    }
    let long = "x".repeat(201);
    let refused = administer_for(&hq, user, AccountDeed::SignOut, Some(&long)).unwrap_err();
    assert_eq!((refused.kind, refused.field.as_deref()), (ErrorKind::Usage, Some("reason")), "{refused:?}");
    administer_for(&hq, user, AccountDeed::SignOut, Some(" lost the laptop ")).unwrap();
    let stands = |service: &Service| {
        history(service).lines.iter().any(|line| {
            line.what == "ended all sessions"
                && line.who == "main_admin"
                && line.reason.as_deref() == Some("lost the laptop")
        })
    };
    hq.wait("the deed's line", stands);
    // Elsewhere it is there once somebody asks for what is new.
    deputy.service.run(&deputy.service.ctx(Front::Test), flyos::service::Action::SyncNow).unwrap();
    deputy.wait("the deed's line", stands);
    assert_eq!(history(&hq.service).lines.len(), 1, "what was refused is not there");
}
