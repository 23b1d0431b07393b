//! A filter's words: `!`, a column, a comparison, a value that may stand in quotes. Every text has a reading; what it
//! means for a kind is told by `test`.

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `:`, or a word without a column: has it as a part.
    Has,
    /// `=`: is it.
    Is,
    /// `~`: has its letters in order.
    Like,
    Less,
    LessOrIs,
    More,
    MoreOrIs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub negated: bool,
    /// As typed, in lower case.
    pub column: Option<String>,
    pub op: Op,
    pub value: String,
    /// The value stood in quotes: it is meant as it is.
    pub quoted: bool,
}

/// The words of a filter. One whose value is not typed yet is left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut rest = text.trim_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, left) = word(rest);
        if !word.value.is_empty() || word.quoted {
            words.push(word);
        }
        rest = left.trim_start();
    }
    words
}

fn word(text: &str) -> (Word, &str) {
    let (negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let name_ends = text.find(|c: char| c.is_whitespace() || "\":=<>~".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_ends);
    let named = if name.is_empty() { None } else { operator(rest) };
    let (column, op, rest) = match (named, text.strip_prefix('~')) {
        (Some((op, rest)), _) => (Some(name.to_lowercase()), op, rest),
        (None, Some(rest)) => (None, Op::Like, rest),
        (None, None) => (None, Op::Has, text),
    };
    let (value, quoted, rest) = value(rest);
    (Word { negated, column, op, value: value.to_owned(), quoted }, rest)
}

fn operator(text: &str) -> Option<(Op, &str)> {
    let all = [
        (":~", Op::Like),
        ("<=", Op::LessOrIs),
        (">=", Op::MoreOrIs),
        (":", Op::Has),
        ("=", Op::Is),
        ("<", Op::Less),
        (">", Op::More),
    ];
    all.into_iter().find_map(|(sign, op)| Some((op, text.strip_prefix(sign)?)))
}

/// Up to the next blank, or what stands in quotes; quotes that are not closed yet go to the end.
fn value(text: &str) -> (&str, bool, &str) {
    if let Some(inside) = text.strip_prefix('"') {
        let (value, rest) = inside.split_once('"').unwrap_or((inside, ""));
        return (value, true, rest);
    }
    let ends = text.find(char::is_whitespace).unwrap_or(text.len());
    let (value, rest) = text.split_at(ends);
    (value, false, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let tell = |word: Word| {
            let not = if word.negated { "not " } else { "" };
            let column = word.column.map(|name| format!("{name} ")).unwrap_or_default();
            format!("{not}{column}{:?} {}{}", word.op, word.value, if word.quoted { " quoted" } else { "" })
        };
        words(text).into_iter().map(tell).collect()
    }

    #[test]
    fn every_form_is_read() {
        let cases: &[(&str, &[&str])] = &[
            ("  west  east ", &["Has west", "Has east"]),
            ("!west", &["not Has west"]),
            ("Status:Maint", &["status Has Maint"]),
            ("name:\"ann lee\" x", &["name Has ann lee quoted", "Has x"]),
            ("\"ann lee\"", &["Has ann lee quoted"]),
            ("\"ann lee", &["Has ann lee quoted"]),
            ("drones>3 drones<=7", &["drones More 3", "drones LessOrIs 7"]),
            ("!operator:-", &["not operator Has -"]),
            ("~rdrgz operator:~ok id=d-7", &["Like rdrgz", "operator Like ok", "id Is d-7"]),
            ("status: ! drones> ~ x", &["Has x"]),
            ("a@b.mil :x", &["Has a@b.mil", "Has :x"]),
            ("x\"y", &["Has x\"y"]),
        ];
        for (text, words) in cases {
            assert_eq!(told(text), *words, "{text}");
        }
    }
}
