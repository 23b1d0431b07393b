//! A person's own keys, from the table `keys` of the configuration file: presses by the name of an action, which take
//! the place of the built-in ones wherever the action has keys. Enter, Esc, Tab and the arrows keep what they do, so
//! that everything can still be reached. Where characters are typed, a wish for a character changes nothing. What does
//! not work out is told with its line, and then the built-in keys hold, all of them: half a table would mislead.

use std::collections::BTreeMap;

use super::{Act, Binding, Context, Fault, Keymap, all, faults};
use crate::domain::field::harmless;
use crate::tui::press::{Code, Press};

/// Presses that one action can have: more than anybody remembers.
const PRESSES_MAX: usize = 8;
/// Of what is wrong, so many are told.
const TOLD_MAX: usize = 3;

/// Presses that cannot be given or taken away.
pub(super) fn is_fixed(press: Press) -> bool {
    use Code::{BackTab, Down, Enter, Esc, Left, Right, Tab, Up};
    let moves = matches!(press.code, Enter | Esc | Tab | BackTab | Up | Down | Left | Right);
    (moves && !press.ctrl) || press == Press::ctrl('c')
}

/// The table with a person's keys in it; else what is wrong with them, in words. `lines`: where the names stand.
pub fn with_own(
    wishes: &BTreeMap<String, Vec<String>>,
    lines: &BTreeMap<String, usize>,
) -> Result<Keymap, String> {
    if wishes.is_empty() {
        return Ok(Keymap::default());
    }
    let at = |name: &str| lines.get(name).map(|line| format!("line {line}: ")).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut own = BTreeMap::new();
    for (name, presses) in wishes {
        match read(name, presses) {
            Ok((act, presses)) => drop(own.insert(act.name(), presses)),
            Err(why) => wrong.push(format!("{}{why}", at(name))),
        }
    }
    let table = apply(&own);
    if wrong.is_empty() {
        let told = |fault: &Fault| {
            let named = fault.acts.iter().map(|act| act.name()).find(|name| own.contains_key(name));
            format!("{}{}", at(&named.unwrap_or_default()), fault.words)
        };
        wrong = faults(&table).iter().map(told).collect();
    }
    if wrong.is_empty() {
        // Made once, and needed until the program ends.
        return Ok(Keymap(Vec::leak(table)));
    }
    let more = wrong.len().saturating_sub(TOLD_MAX);
    wrong.truncate(TOLD_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(format!(
        "The keys of the configuration file are not used: {}{more}. The usual keys hold.",
        wrong.join("; ")
    ))
}

/// An action by its name, and its presses.
fn read(name: &str, presses: &[String]) -> Result<(Act, Vec<Press>), String> {
    let short = |text: &str| harmless(text).chars().take(32).collect::<String>();
    let found = all().iter().map(|binding| binding.act).find(|act| act.name() == name);
    let Some(act) = found else {
        return Err(format!("there is no action `{}`; flyos keys lists them", short(name)));
    };
    if presses.is_empty() || presses.len() > PRESSES_MAX {
        return Err(format!("{name} has one to {PRESSES_MAX} keys"));
    }
    let mut read = Vec::new();
    for text in presses {
        let press: Press = text.parse().map_err(|why| format!("`{}` of {name}: {why}", short(text)))?;
        if is_fixed(press) {
            return Err(format!("{press} keeps what it does, and cannot be given to {name}"));
        } else if read.contains(&press) {
            return Err(format!("{press} stands twice at {name}"));
        }
        read.push(press);
    }
    Ok((act, read))
}

/// The built-in table with those presses, by the names of actions.
fn apply(own: &BTreeMap<String, Vec<Press>>) -> Vec<Binding> {
    let mut table = Vec::new();
    for binding in all() {
        let Some(wish) = own.get(&binding.act.name()) else {
            table.push(*binding);
            continue;
        };
        let (typing, browsing): (Vec<Context>, Vec<Context>) =
            binding.contexts.iter().partition(|context| context.takes_text());
        for (contexts, for_text) in [(browsing, false), (typing, true)] {
            if !contexts.is_empty() {
                let keys = presses(binding, wish, for_text).leak();
                table.push(Binding { keys, contexts: contexts.leak(), ..*binding });
            }
        }
    }
    table
}

fn presses(binding: &Binding, wish: &[Press], for_text: bool) -> Vec<Press> {
    let mut keys: Vec<Press> =
        wish.iter().copied().filter(|press| !for_text || press.text().is_none()).collect();
    let fixed = binding.keys.iter().copied().filter(|press| is_fixed(*press));
    if keys.is_empty() || binding.keys.iter().all(|press| is_fixed(*press)) {
        // Keys that move and close have no letters beside them where text is typed.
        return binding.keys.to_vec();
    }
    keys.extend(fixed);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    type Wish<'a> = (&'a str, &'a [&'a str]);

    fn own(wishes: &[Wish<'_>]) -> Result<Keymap, String> {
        let texts = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        let wishes: BTreeMap<String, Vec<String>> =
            wishes.iter().map(|(name, keys)| ((*name).to_owned(), texts(keys))).collect();
        let lines = wishes.keys().cloned().zip(7..).collect();
        with_own(&wishes, &lines)
    }

    #[test]
    fn a_wish_takes_the_place_of_the_keys_everywhere_they_are() {
        let keys = own(&[("edit", &["Ctrl+E", "x"]), ("help", &["F11"])]).expect("sound");
        let act = |context, text: &str| keys.act(context, text.parse().expect("a key"));
        assert_eq!(act(Context::List, "x"), Some(Act::Edit));
        assert_eq!(act(Context::Detail, "Ctrl+E"), Some(Act::Edit));
        assert_eq!(act(Context::List, "e"), None);
        assert_eq!((act(Context::Form, "F11"), act(Context::List, "?")), (Some(Act::Help), None));
        assert_eq!(keys.binding(Context::List, Act::Edit).map(Binding::key_text).as_deref(), Some("Ctrl+E"));
        // A letter is never taken from a text field.
        let keys = own(&[("training-line", &["x"])]).expect("sound");
        assert_eq!(keys.act(Context::List, Press::char('x')), Some(Act::TrainingLine));
        assert_eq!(keys.act(Context::SignIn, Press::char('x')), None);
        assert_eq!(keys.act(Context::SignIn, Press::f(8)), Some(Act::TrainingLine));
    }

    #[test]
    fn what_does_not_work_out_is_told_with_its_line() {
        let table: &[(&[Wish<'_>], &str)] = &[
            (&[("edti", &["e"])], "line 7: there is no action `edti`"),
            (&[("edit", &["Alt+E"])], "line 7: `Alt+E` of edit: it is no key"),
            (&[("edit", &["Ctrl+M"])], "sends Ctrl+M as another key"),
            (&[("edit", &["Enter"])], "Enter keeps what it does"),
            (&[("edit", &["s"])], "line 7: s is a key of edit and of set-status"),
            (&[("copy", &["b"]), ("edit", &["b"])], "b is a key of edit and of copy"),
            (&[("menu", &["b"])], "line 7: menu needs a key that is no letter"),
            (&[("edit", &[])], "edit has one to 8 keys"),
            (&[("edit", &["b", "b"])], "b stands twice at edit"),
            (&[("\u{1b}[31m", &["b"])], "no action `.[31m`"),
        ];
        for (wishes, expected) in table {
            let told = own(wishes).expect_err(expected);
            assert!(told.contains(expected) && told.ends_with("The usual keys hold."), "{told}");
        }
        let many: Vec<Wish<'_>> = vec![("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[])];
        assert!(own(&many).expect_err("wrong").contains("; and 2 more."));
    }

    #[test]
    fn swapped_keys_are_no_conflict() {
        let keys = own(&[("edit", &["s", "F6"]), ("set-status", &["e", "F4"])]).expect("sound");
        assert_eq!(keys.act(Context::List, Press::char('s')), Some(Act::Edit));
    }
}
