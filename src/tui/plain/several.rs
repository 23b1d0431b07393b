//! A verb on all rows that the filter leaves: what each would come to is told first, then they are changed in portions,
//! which are undone as one.

use super::{Action, Dialogue, Done, Said, texts};
use crate::domain::{Intent, Key, Kind};
use crate::service::{Answer, BULK_MAX, ListQuery, Query, Verb};
use crate::tui::bulk;
use crate::tui::popups::Form;
use crate::tui::popups::bulk::PORTION;

/// Rows that are told one by one; the others are counted.
const TOLD_MAX: usize = 10;

impl Dialogue {
    /// `all VERB`.
    pub(super) fn all(&mut self, said: &str) -> Said<()> {
        let kind = self.query.kind;
        let verb = match said.to_lowercase().as_str() {
            "status" => Verb::SetStatus,
            "edit" => Verb::Edit,
            "delete" => Verb::Delete,
            "assign" if kind == Kind::Drone => Verb::Assign,
            "unassign" if kind == Kind::Drone => Verb::Unassign,
            "assign" | "unassign" => return self.talk.say(texts::MARK_DRONES),
            _ => return self.talk.say("all takes one of: status, assign, unassign, edit, delete."),
        };
        let list = ListQuery { offset: 0, limit: BULK_MAX, ..self.query.clone() };
        let keys = match self.service.ask(&self.ctx(), &Query::Keys { list, between: None }) {
            Ok(Answer::Keys(keys)) => keys,
            Ok(_) => Vec::new(),
            Err(error) => return self.talk.fail(&error),
        };
        if keys.is_empty() {
            return self.talk.say(texts::NOTHING_SELECTED);
        }
        match self.wishes_of(verb, keys)? {
            Ok(wishes) if !wishes.is_empty() => self.several(verb, wishes),
            Ok(_) => self.talk.say("Nothing was changed."),
            Err(why) => self.talk.say(&why),
        }
    }

    /// What is wanted of each, nothing where it was left; or why it is possible for none of them.
    fn wishes_of(&mut self, verb: Verb, keys: Vec<Key>) -> Said<Result<Vec<Intent>, String>> {
        let kind = self.query.kind;
        match verb {
            Verb::Delete => return Ok(Ok(keys.into_iter().map(|key| Intent::Delete { key }).collect())),
            Verb::Edit => {
                let locked = match self.service.ask(&self.ctx(), &Query::Locked { keys: keys.clone() }) {
                    Ok(Answer::Locked(locked)) => locked,
                    Ok(_) => return Ok(Ok(Vec::new())),
                    Err(error) => return Ok(Err(error.message)),
                };
                let mut form = match Form::several(kind, keys.clone(), &locked) {
                    Ok(form) => form,
                    Err(why) => return Ok(Err(why)),
                };
                self.talk.say(&format!("{}. Enter leaves a field as it is in each.", form.title))?;
                self.fill_fields(&mut form)?;
                let set = form.touched();
                let wish = |key: Key| Intent::Update { key, set: set.clone() };
                let wishes = if set.is_empty() { Vec::new() } else { keys.into_iter().map(wish).collect() };
                return Ok(Ok(wishes));
            }
            _ => {}
        }
        let choices = match self.service.ask(&self.ctx(), &Query::ChoicesFor { verb, keys: keys.clone() }) {
            Ok(Answer::Choices(choices)) => choices,
            Ok(_) => Vec::new(),
            Err(error) => return Ok(Err(error.message)),
        };
        let choices: Vec<_> = choices.into_iter().filter(|choice| choice.value.is_some()).collect();
        let title = format!("For {}:", texts::rows(keys.len(), kind));
        let chosen = self.talk.choose(&title, &choices)?;
        let wish = |key: &Key| bulk::wish(verb, key, &chosen.as_ref()?.value);
        Ok(Ok(keys.iter().filter_map(wish).collect()))
    }

    fn several(&mut self, verb: Verb, wishes: Vec<Intent>) -> Said<()> {
        let ctx = self.ctx();
        let rows = match self.service.run(&ctx, Action::Rehearse { intents: wishes.clone() }) {
            Ok(Done::Rehearsed { rows }) => rows,
            Ok(_) => return Ok(()),
            Err(error) => return self.talk.fail(&error),
        };
        let refused =
            rows.iter().filter_map(|row| Some(format!("{}: no: {}", row.label, row.why_not.as_ref()?)));
        let changed =
            rows.iter().filter(|row| row.is_doable()).map(|row| format!("{}: {}", row.label, row.told()));
        let mut told: Vec<String> = refused.chain(changed).collect();
        let more = told.len().saturating_sub(TOLD_MAX);
        told.truncate(TOLD_MAX);
        if more > 0 {
            told.push(format!("and {} more like that.", texts::rows(more, self.query.kind)));
        }
        let count = rows.iter().filter(|row| row.is_doable()).count();
        let closed = rows.iter().filter(|row| row.why_not.is_some()).count();
        let same = rows.len() - count - closed;
        self.talk.say(&format!(
            "{}: {count} will be changed, {closed} cannot be done, already so: {same}.",
            texts::rows(rows.len(), "row")
        ))?;
        self.talk.say_all(told)?;
        let wishes: Vec<Intent> =
            wishes.into_iter().zip(&rows).filter(|(_, row)| row.is_doable()).map(|(wish, _)| wish).collect();
        let word = format!("delete {count}");
        let sure = match verb {
            _ if count == 0 => false,
            Verb::Delete => {
                self.talk.ask(&format!("Enter keeps them. {}", texts::type_to("delete", &word)))? == word
            }
            _ => self.talk.sure("Do it?")?,
        };
        if !sure {
            return self.talk.say("Nothing was changed.");
        }
        let why = self.talk.ask(texts::WHY_ASKED)?;
        self.make(&wishes, Some(why.as_str()).filter(|why| !why.is_empty()))
    }

    fn make(&mut self, wishes: &[Intent], reason: Option<&str>) -> Said<()> {
        let deed = Some(uuid::Uuid::now_v7());
        let mut all = 0;
        for portion in wishes.chunks(PORTION) {
            let (intents, reason, ctx) = (portion.to_vec(), reason.map(str::to_owned), self.ctx());
            match self.service.run(&ctx, Action::Bulk { intents, reason, together: false, deed }) {
                Ok(Done::Bulk { saved, refused }) => {
                    all += saved;
                    self.talk.say_all(refused.iter().map(|(label, why)| format!("{label}: no: {why}")))?;
                    self.talk.say(&format!("Saved {all} of {}.", wishes.len()))?;
                }
                Ok(_) => {}
                Err(error) => return self.talk.fail(&error),
            }
        }
        Ok(())
    }
}
