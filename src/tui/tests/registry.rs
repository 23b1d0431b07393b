//! The table of keys, held to what it promises of the console as it is: what a letter does the menu does as well, for
//! whoever is there and wherever; help tells every key; nobody's own keys clash in any place.

use std::collections::BTreeMap;

use super::pictures::waiting;
use crate::domain::Role;
use crate::tui::keys::{self, Act, Binding, Context, Keymap, MENU, faults, with_own};
use crate::tui::popups::Popup;
use crate::tui::popups::menu::Goes;
use crate::tui::press::Press;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::Theme;

const ROLES: [Role; 3] = [Role::MainHq, Role::RegionalHq, Role::Operator];
/// Keys that lead to each place where no popup is open and nothing is typed, with its context.
const PLACES: [(&str, Context); 7] = [
    ("1", Context::List),
    ("2", Context::List),
    ("3", Context::List),
    ("Enter", Context::Detail),
    ("4", Context::Sync),
    ("5", Context::Activity),
    ("0", Context::Overview),
];

fn bench(role: Role, keys: &str, read_only: bool) -> Bench {
    let mut fake = Fake::of(role);
    waiting(&mut fake);
    fake.status.read_only = read_only;
    fake.status.training_line = Some(true);
    let mut bench = Bench::signed_in_with(80, 24, Theme::default(), fake);
    bench.keys(keys);
    bench
}

/// What is to be seen of an act: the window, what was asked of the service, and whether one has left.
fn outcome(bench: &Bench) -> (String, String) {
    let asked =
        format!("{:?} {:?} {:?} {:?}", bench.fake.actions, bench.fake.administered, bench.copied, bench.left);
    (bench.text(), asked)
}

/// Opens the menu by F10 and does that act with the arrows and Enter; `None`: the menu has it not.
fn by_menu(bench: &mut Bench, act: Act) -> Option<()> {
    bench.keys("F10");
    let Some(Popup::Menu(menu)) = bench.app.popups.last() else { return None };
    let place = menu.shown().iter().position(|entry| entry.goes == Goes::Act(act))?;
    bench.keys(&"Down ".repeat(place));
    bench.keys("Enter");
    Some(())
}

#[test]
fn what_a_letter_does_is_done_by_the_menu_too_or_told_why_not() {
    let mut compared = 0;
    for (role, read_only) in ROLES.into_iter().map(|role| (role, false)).chain([(Role::MainHq, true)]) {
        for (way, context) in PLACES {
            for binding in Keymap::default().bindings(context) {
                let what = format!("{:?} at {way} as {role:?}, read-only {read_only}", binding.act);
                let mut pressed = bench(role, way, read_only);
                assert_eq!(pressed.app.context(), context, "{what}");
                let press = |press: &Press| press.to_string();
                let key = binding.keys.first().map(press).unwrap_or_default();
                let needs_letter = binding.keys.iter().all(|press| press.text().is_some());
                let Some(letter) = binding.keys.iter().find_map(|press| press.text()) else { continue };
                if !MENU.contains(&binding.act) {
                    assert!(!needs_letter, "{what}: nothing but {key}");
                    continue;
                }
                let typed = if letter == ' ' { "\"_\"".to_owned() } else { letter.to_string() };
                pressed.keys(&typed);
                let mut chosen = bench(role, way, read_only);
                assert_eq!(by_menu(&mut chosen, binding.act), Some(()), "{what}: not in the menu");
                compared += 1;
                if let Some(Popup::Menu(menu)) = chosen.app.popups.last() {
                    // It is closed, and both say why.
                    let why = menu.selected().and_then(|entry| entry.why_not.clone());
                    assert!(why.is_some(), "{what}: the menu is still open");
                    assert_eq!((&pressed.app.toast, &chosen.app.toast), (&why, &why), "{what}");
                    continue;
                }
                assert_eq!(outcome(&pressed), outcome(&chosen), "{what}");
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn help_tells_every_key_of_every_place_to_everybody() {
    for role in ROLES {
        for (way, context) in PLACES {
            let mut bench = bench(role, way, false);
            bench.app.size = (110, 1000);
            bench.keys("F1");
            let text = bench.text();
            let first =
                text.lines().find_map(|line| Context::ALL.into_iter().find(|it| line.contains(it.title())));
            assert!(text.contains(context.title()) && first.is_some(), "{text}");
            for binding in keys::all() {
                let told =
                    |line: &str| line.contains(&*cut(&binding.keys_text())) && line.contains(words(binding));
                assert!(text.lines().any(told), "{} {:?}\n{text}", binding.keys_text(), binding.act);
            }
        }
    }
}

/// The keys as far as help has room for them.
fn cut(keys: &str) -> String {
    keys.chars().take(17).collect()
}

/// The first words of what help says.
fn words(binding: &Binding) -> &str {
    let end = binding.help.char_indices().nth(30).map_or(binding.help.len(), |(at, _)| at);
    binding.help.get(..end).unwrap_or_default()
}

/// Each action is given a key of its own in turn: the table stays sound, and the key does that and nothing else.
#[test]
fn any_one_action_can_be_moved_to_another_key_without_a_clash() {
    let names: std::collections::BTreeSet<String> =
        keys::all().iter().map(|binding| binding.act.name()).collect();
    for name in &names {
        let wishes = BTreeMap::from([(name.clone(), vec!["F11".to_owned()])]);
        let keys = with_own(&wishes, &BTreeMap::new()).unwrap_or_else(|why| unreachable!("{name}: {why}"));
        assert_eq!(faults(keys.all()), [], "{name}");
        for context in Context::ALL {
            let does = keys.act(context, Press::f(11)).map(Act::name);
            assert!(does.is_none() || does.as_ref() == Some(name), "{name}: {does:?} in {context:?}");
        }
    }
}
