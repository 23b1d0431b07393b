//! The state line, from one table of words.

use super::{Account, DiskState, Gap, Link, News, Status, Traffic};
use crate::domain::Stamp;
use crate::domain::stamp::{DAY_MICROS, MINUTE_MICROS};

/// The whole line, in words. `zone` is the person's.
pub fn line(status: &Status, now: Stamp, zone: &jiff::tz::TimeZone) -> String {
    brief(status, now, zone, 0)
}

/// The levels of `brief`.
pub const BRIEF_MAX: u8 = 3;

/// The line for a place that may be too narrow for all of it: from level to level it leaves out more of since when it is
/// so, and never what waits or needs somebody.
pub fn brief(status: &Status, now: Stamp, zone: &jiff::tz::TimeZone, level: u8) -> String {
    let clock = |at: Stamp| at_text(at, now, zone);
    let as_of = status.as_of.filter(|_| level < 2);
    let as_of = as_of.map(|at| format!("{} {}", if level == 0 { "data as of" } else { "as of" }, clock(at)));
    let waiting = (status.waiting > 0).then(|| format!("{} waiting", status.waiting));
    let kept = (status.waiting > 0).then(|| format!("{} waiting, kept", status.waiting));
    let mut parts: Vec<Option<String>> = match &status.link {
        Link::Connecting
        | Link::Online
        | Link::Loading { .. }
        | Link::Offline { .. }
        | Link::ServerFault { .. }
            if status.traffic == Traffic::Held =>
        {
            vec![Some("HELD".to_owned()), as_of, waiting]
        }
        Link::SignedOut => vec![Some("SIGNED OUT".to_owned())],
        Link::Idle { syncing: false } => vec![Some("LOCKED".to_owned()), kept],
        Link::Idle { syncing: true } => vec![Some("LOCKED, syncing on".to_owned()), waiting],
        Link::Connecting => vec![Some("CONNECTING".to_owned()), as_of, waiting],
        Link::Loading { done, total } => {
            let percent = (done * 100).checked_div(*total).unwrap_or(0).min(100);
            let rows = format!("{} of {}", thousands(*done), thousands(*total));
            vec![Some("ONLINE".to_owned()), Some(format!("loading {percent} %")), Some(rows), waiting]
        }
        Link::Online if status.sending > 0 => {
            vec![Some("ONLINE".to_owned()), Some(format!("sending {}", status.sending))]
        }
        Link::Online if status.waiting > 0 => vec![Some("ONLINE".to_owned()), waiting],
        Link::Online if status.needs_you > 0 => {
            vec![Some("ONLINE".to_owned()), Some("up to date".to_owned())]
        }
        Link::Online => {
            vec![Some("ONLINE".to_owned()), Some("up to date".to_owned()), status.as_of.map(clock)]
        }
        Link::Offline { .. } if level == BRIEF_MAX => vec![Some("OFFLINE".to_owned()), waiting],
        Link::Offline { since, .. } => vec![Some(format!("OFFLINE {}", span(*since, now))), as_of, waiting],
        Link::ServerFault { next_try_s } => {
            vec![
                Some("SERVER NOT ANSWERING".to_owned()),
                Some(format!("next try {next_try_s} s")),
                as_of,
                waiting,
            ]
        }
        Link::SignInAgain => vec![Some("SIGN IN AGAIN".to_owned()), as_of, kept],
        Link::SecondFactor => vec![Some("CODE NEEDED: A gives it".to_owned()), as_of, kept],
        Link::Blocked => vec![Some("YOUR ACCOUNT IS BLOCKED: ask headquarters".to_owned()), as_of, kept],
        Link::CannotSync { why } => vec![Some(format!("CANNOT SYNC: {why}")), kept],
        Link::Inactive => vec![
            Some("YOUR ACCOUNT IS INACTIVE: ask headquarters".to_owned()),
            (status.waiting > 0).then(|| format!("{} unsent, kept", status.waiting)),
        ],
        Link::Locked { days } => vec![
            Some(format!("LOCKED: no contact for {days} days")),
            Some("connect to a network".to_owned()),
            (status.waiting > 0).then(|| format!("{} unsent, kept", status.waiting)),
        ],
        Link::NoProfile => vec![Some("NO PROFILE: ask headquarters to make yours".to_owned()), kept],
    };
    parts.push(needs(status));
    let spent = || format!("sparing, {} so far", super::line::bytes(status.bytes));
    parts.push((status.traffic == Traffic::Sparing).then(spent));
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let line = match &status.not_saved {
        Some(why) => format!("NOT SAVED: {why} · {line}"),
        None => line,
    };
    let news = status.news.iter().map(news);
    disk(&status.disk).into_iter().chain(news).chain([line]).collect::<Vec<_>>().join(" · ")
}

/// The part of the line that says what needs somebody.
pub fn needs(status: &Status) -> Option<String> {
    let verb = if status.needs_you == 1 { "needs" } else { "need" };
    (status.needs_you > 0).then(|| format!("{} {verb} you", status.needs_you))
}

/// `1 edit needs`, `3 edits need`.
pub fn edits_need(count: usize) -> String {
    if count == 1 { "1 edit needs".to_owned() } else { format!("{count} edits need") }
}

fn news(news: &News) -> String {
    let reloading = if news.reloading { " · reloading" } else { "" };
    format!("{}{reloading}", news.text)
}

/// Who is signed in: `east@flyos.mil (REGIONAL_HQ, Eastern Region), project field`.
pub fn who(account: &Account) -> String {
    let role = account.role.map_or("role not known yet", |role| role.as_str());
    let region = account.region.as_ref().map(|region| format!(", {region}")).unwrap_or_default();
    format!("{} ({role}{region}), project {}", account.email, account.project)
}

/// What is wrong with this machine's own files.
fn disk(disk: &DiskState) -> Vec<String> {
    let of = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let parts = [
        disk.full.then(|| "DISK FULL: make room".to_owned()),
        (disk.lost > 0).then(|| format!("LOST: {} (!)", of(disk.lost, "entry", "entries"))),
        (disk.held > 0).then(|| format!("HELD BACK: {} (!)", of(disk.held as u64, "edit", "edits"))),
    ];
    parts.into_iter().flatten().collect()
}

/// Lost entries in words: their numbers, and when they were made, where that is known.
pub fn lost(gap: &Gap, now: Stamp, zone: &jiff::tz::TimeZone) -> String {
    let numbers = match (gap.first, gap.last) {
        (first, last) if first == last => format!("Entry {first}"),
        (first, last) => format!("Entries {first} to {last}"),
    };
    let clock = |at: Stamp| at_text(at, now, zone);
    let made = match (gap.after, gap.before) {
        (Some(after), Some(before)) => format!(", made between {} and {}", clock(after), clock(before)),
        (Some(after), None) => format!(", made after {}", clock(after)),
        (None, Some(before)) => format!(", made before {}", clock(before)),
        (None, None) => String::new(),
    };
    let arrived = match gap.arrived {
        0 => String::new(),
        arrived if arrived == gap.count() => "; the server has what was in it".to_owned(),
        arrived => format!("; {arrived} of them the server has"),
    };
    format!("{numbers}{made}{arrived}.")
}

/// Does the line need a person (and is shown reversed)?
pub fn is_loud(status: &Status, now: Stamp) -> bool {
    status.not_saved.is_some()
        || status.disk != DiskState::default()
        || status.news.is_some()
        || matches!(
            status.link,
            Link::SignInAgain
                | Link::SecondFactor
                | Link::Blocked
                | Link::CannotSync { .. }
                | Link::Inactive
                | Link::NoProfile
                | Link::Locked { .. }
        )
        || status.as_of.is_some_and(|at| now.0 - at.0 > DAY_MICROS && status.link != Link::Online)
}

/// `2 h 14 min`, `3 min`, `3 d 2 h`: never seconds, so that nothing ticks.
pub fn span(since: Stamp, now: Stamp) -> String {
    let minutes = (now.0 - since.0).max(0) / MINUTE_MICROS;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "just now".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// `3 h ago`, `just now`.
pub fn ago(since: Stamp, now: Stamp) -> String {
    let minutes = (now.0 - since.0).max(0) / MINUTE_MICROS;
    match minutes {
        0 => "just now".to_owned(),
        1..=59 => format!("{minutes} min ago"),
        60..=1439 => format!("{} h ago", minutes / 60),
        _ => format!("{} d ago", minutes / 1440),
    }
}

/// How long nobody was at the keys: `idle 25 min`, `in use just now`.
pub fn idle(last_key: Stamp, now: Stamp) -> String {
    if now.0 - last_key.0 < MINUTE_MICROS {
        "in use just now".to_owned()
    } else {
        format!("idle {}", span(last_key, now))
    }
}

/// An age as lists show it: `now`, `3 min`, `2 h`, then a date: `12 Nov`, `12 Nov 25` of another year.
pub fn age(at: Stamp, now: Stamp, zone: &jiff::tz::TimeZone) -> String {
    let minutes = (now.0 - at.0) / MINUTE_MICROS;
    match minutes {
        i64::MIN..=0 => "now".to_owned(),
        1..=59 => format!("{minutes} min"),
        60..=1439 => format!("{} h", minutes / 60),
        _ => {
            let (at, now) = (zoned(at, zone), zoned(now, zone));
            let form = if at.year() == now.year() { "%d %b" } else { "%d %b %y" };
            at.strftime(form).to_string()
        }
    }
}

/// A clock time today, else with its day: `13:16`, `Tue 18 Nov 13:16`.
pub fn at_text(at: Stamp, now: Stamp, zone: &jiff::tz::TimeZone) -> String {
    let (at, now) = (zoned(at, zone), zoned(now, zone));
    let form = if at.date() == now.date() { "%H:%M" } else { "%a %d %b %H:%M" };
    at.strftime(form).to_string()
}

fn zoned(at: Stamp, zone: &jiff::tz::TimeZone) -> jiff::Zoned {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone())
}

/// `51,000`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    const NOW: &str = "2026-11-21T15:30:00Z";

    fn at(text: &str) -> Stamp {
        Stamp::parse(text).expect("a time")
    }

    fn status(link: Link, (waiting, sending, needs_you): (usize, usize, usize)) -> Status {
        let as_of = Some(at("2026-11-21T13:16:40Z"));
        Status {
            account: None,
            link,
            as_of,
            waiting,
            sending,
            needs_you,
            blocked: 0,
            confirmed: 0,
            not_saved: None,
            news: None,
            disk: DiskState::default(),
            training_line: None,
            empty: false,
            traffic: Traffic::Normal,
            bytes: 12_400,
            read_only: false,
        }
    }

    #[test]
    fn a_brief_line_leaves_out_since_when_and_never_what_waits() {
        let down = Link::Offline { since: at("2026-11-21T13:16:00Z"), why: String::new() };
        let (now, zone) = (at("2026-11-21T15:30:00Z"), TimeZone::UTC);
        let line = |level| brief(&status(down.clone(), (3, 0, 1)), now, &zone, level);
        assert_eq!(line(1), "OFFLINE 2 h 14 min · as of 13:16 · 3 waiting · 1 needs you");
        assert_eq!(line(2), "OFFLINE 2 h 14 min · 3 waiting · 1 needs you");
        assert_eq!(line(BRIEF_MAX), "OFFLINE · 3 waiting · 1 needs you");
    }

    #[test]
    fn the_line_is_always_in_words() {
        let down = Link::Offline { since: at("2026-11-21T13:16:00Z"), why: String::new() };
        let table = [
            (status(Link::Online, (0, 0, 0)), "ONLINE · up to date · 13:16"),
            (
                status(Link::Loading { done: 51_000, total: 120_000 }, (0, 0, 0)),
                "ONLINE · loading 42 % · 51,000 of 120,000",
            ),
            (
                status(Link::Loading { done: 0, total: 0 }, (2, 0, 0)),
                "ONLINE · loading 0 % · 0 of 0 · 2 waiting",
            ),
            (status(Link::Online, (3, 3, 0)), "ONLINE · sending 3"),
            (status(Link::Online, (0, 0, 2)), "ONLINE · up to date · 2 need you"),
            (status(Link::SignInAgain, (3, 0, 0)), "SIGN IN AGAIN · data as of 13:16 · 3 waiting, kept"),
            (
                status(Link::SecondFactor, (3, 0, 0)),
                "CODE NEEDED: A gives it · data as of 13:16 · 3 waiting, kept",
            ),
            (
                status(Link::Blocked, (0, 0, 0)),
                "YOUR ACCOUNT IS BLOCKED: ask headquarters · data as of 13:16",
            ),
            (status(down.clone(), (0, 0, 0)), "OFFLINE 2 h 14 min · data as of 13:16"),
            (
                status(down.clone(), (3, 0, 1)),
                "OFFLINE 2 h 14 min · data as of 13:16 · 3 waiting · 1 needs you",
            ),
            (
                status(Link::ServerFault { next_try_s: 40 }, (3, 0, 0)),
                "SERVER NOT ANSWERING · next try 40 s · data as of 13:16 · 3 waiting",
            ),
            (
                status(Link::CannotSync { why: "the project refuses this key".to_owned() }, (3, 0, 0)),
                "CANNOT SYNC: the project refuses this key · 3 waiting, kept",
            ),
            (
                status(Link::Inactive, (3, 0, 0)),
                "YOUR ACCOUNT IS INACTIVE: ask headquarters · 3 unsent, kept",
            ),
            (
                status(Link::Locked { days: 16 }, (3, 0, 0)),
                "LOCKED: no contact for 16 days · connect to a network · 3 unsent, kept",
            ),
            (
                Status { traffic: Traffic::Held, ..status(down.clone(), (3, 0, 0)) },
                "HELD · data as of 13:16 · 3 waiting",
            ),
            (
                Status {
                    traffic: Traffic::Held,
                    ..status(Link::Loading { done: 18, total: 100 }, (3, 0, 0))
                },
                "HELD · data as of 13:16 · 3 waiting",
            ),
            (
                Status { traffic: Traffic::Sparing, ..status(Link::Online, (0, 0, 0)) },
                "ONLINE · up to date · 13:16 · sparing, 12 kB so far",
            ),
            (
                Status { not_saved: Some("the disk is full".to_owned()), ..status(down, (1, 0, 0)) },
                "NOT SAVED: the disk is full · OFFLINE 2 h 14 min · data as of 13:16 · 1 waiting",
            ),
            (
                Status {
                    news: Some(News { text: "YOUR REGION IS NOW Western".to_owned(), reloading: true }),
                    ..status(Link::Online, (1, 0, 0))
                },
                "YOUR REGION IS NOW Western · reloading · ONLINE · 1 waiting",
            ),
            (
                Status {
                    disk: DiskState { full: true, lost: 1, held: 2 },
                    ..status(Link::Online, (2, 0, 0))
                },
                "DISK FULL: make room · LOST: 1 entry (!) · HELD BACK: 2 edits (!) · ONLINE · 2 waiting",
            ),
        ];
        for (status, words) in table {
            assert_eq!(line(&status, at(NOW), &TimeZone::UTC), words);
        }
    }

    #[test]
    fn only_what_needs_a_person_is_loud() {
        let now = at(NOW);
        let down = |as_of: &str| {
            let link = Link::Offline { since: at(as_of), why: String::new() };
            Status { as_of: Some(at(as_of)), ..status(link, (1, 0, 0)) }
        };
        assert!(!is_loud(&status(Link::Online, (0, 0, 2)), now));
        assert!(!is_loud(&down("2026-11-21T13:16:00Z"), now), "offline is calm");
        assert!(is_loud(&down("2026-11-18T13:16:00Z"), now), "old data is not");
        assert!(
            line(&down("2026-11-18T13:16:00Z"), now, &TimeZone::UTC).contains("data as of Wed 18 Nov 13:16")
        );
        assert!(is_loud(&status(Link::SignInAgain, (0, 0, 0)), now));
        assert!(is_loud(&Status { not_saved: Some("x".to_owned()), ..status(Link::Online, (0, 0, 0)) }, now));
        let lost = DiskState { lost: 1, ..DiskState::default() };
        assert!(is_loud(&Status { disk: lost, ..status(Link::Online, (0, 0, 0)) }, now));
    }

    #[test]
    fn ages_and_spans_never_tick_seconds() {
        let now = at(NOW);
        for (then, aged, spanned) in [
            ("2026-11-21T15:29:59Z", "now", "just now"),
            ("2026-11-21T15:27:00Z", "3 min", "3 min"),
            ("2026-11-21T13:16:00Z", "2 h", "2 h 14 min"),
            ("2026-11-12T10:00:00Z", "12 Nov", "9 d 5 h"),
            ("2025-02-12T10:00:00Z", "12 Feb 25", "647 d 5 h"),
            ("2026-11-21T15:31:00Z", "now", "just now"),
        ] {
            assert_eq!(age(at(then), now, &TimeZone::UTC), aged, "{then}");
            assert_eq!(span(at(then), now), spanned, "{then}");
        }
        for (then, told, unused) in [
            ("2026-11-21T15:29:30Z", "just now", "in use just now"),
            ("2026-11-21T15:05:00Z", "25 min ago", "idle 25 min"),
            ("2026-11-21T12:10:00Z", "3 h ago", "idle 3 h 20 min"),
            ("2026-11-18T12:10:00Z", "3 d ago", "idle 3 d 3 h"),
            ("2026-11-21T15:31:00Z", "just now", "in use just now"),
        ] {
            assert_eq!((ago(at(then), now).as_str(), idle(at(then), now).as_str()), (told, unused), "{then}");
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }
}
