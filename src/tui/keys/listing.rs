//! The keys as `flyos keys` prints them: for reading, for a script, and as the part of the configuration file to start
//! one's own from.

use std::fmt::Write as _;

use serde::Serialize;

use super::own::is_fixed;
use super::{Binding, Keymap};
use crate::tui::press::Press;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Toml,
}

/// One line of the table as others read it.
#[derive(Serialize)]
struct Line {
    action: String,
    keys: Vec<String>,
    places: Vec<&'static str>,
    title: &'static str,
    help: &'static str,
}

/// All of them as scripts read them: `success` comes first, as in every answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    success: bool,
    total_count: usize,
    keys: Vec<Line>,
}

impl Line {
    fn new(binding: &Binding) -> Self {
        Self {
            action: binding.act.name(),
            keys: binding.keys.iter().map(Press::to_string).collect(),
            places: binding.contexts.iter().map(|context| context.title()).collect(),
            title: binding.title,
            help: binding.help,
        }
    }
}

/// The keys in that form.
pub fn listing(keys: Keymap, form: Form) -> String {
    match form {
        Form::Text => as_text(keys),
        Form::Json => {
            let keys: Vec<Line> = keys.all().iter().map(Line::new).collect();
            let lines = Lines { success: true, total_count: keys.len(), keys };
            // Words alone, which can always be written.
            format!("{}\n", serde_json::to_string(&lines).unwrap_or_default())
        }
        Form::Toml => as_toml(keys),
    }
}

fn as_text(keys: Keymap) -> String {
    let mut text = String::new();
    for context in super::Context::ALL {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", context.title());
        for binding in keys.bindings(context) {
            let _ =
                writeln!(text, "  {:<16} {:<18} {}", binding.act.name(), binding.keys_text(), binding.help);
        }
    }
    text
}

fn as_toml(keys: Keymap) -> String {
    let mut text =
        "# Put what you change into config.toml; what is left out stays as it is.\n[keys]\n".to_owned();
    let mut told = std::collections::BTreeSet::new();
    for binding in keys.all() {
        let own: Vec<String> = binding
            .keys
            .iter()
            .filter(|press| !is_fixed(**press))
            .map(|press| format!("{:?}", press.to_string()))
            .collect();
        let name = binding.act.name();
        // An action is told once: as in lists, which stand first in the table.
        if told.insert(name.clone()) && !own.is_empty() {
            let _ = writeln!(text, "{name} = [{}]  # {}", own.join(", "), binding.help);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Config;
    use crate::tui::keys::{Context, with_own};

    /// What is printed to start from is what holds already.
    #[test]
    fn the_printed_file_gives_the_same_keys() {
        let config: Config =
            toml::from_str(&listing(Keymap::default(), Form::Toml)).expect("a configuration");
        assert!(config.keys.len() > 30, "{:?}", config.keys);
        let again = with_own(&config.keys, &config.key_lines).expect("no conflicts");
        for context in Context::ALL {
            for binding in Keymap::default().bindings(context) {
                for press in binding.keys {
                    assert_eq!(again.act(context, *press), Some(binding.act), "{press} in {context:?}");
                }
            }
        }
    }

    #[test]
    fn each_form_has_every_action() {
        let text = listing(Keymap::default(), Form::Text);
        let json: serde_json::Value =
            serde_json::from_str(&listing(Keymap::default(), Form::Json)).expect("JSON");
        assert_eq!(json["keys"].as_array().map(Vec::len), Some(Keymap::default().all().len()));
        for binding in Keymap::default().all() {
            assert!(text.contains(&binding.act.name()) && text.contains(binding.help));
        }
    }
}
