//! What the console says of its own accord. What it says about data, errors and the state comes from the
//! service; titles of keys are in the table of keys.

mod asked;
mod held;
mod line;
mod sealed;

pub use asked::*;
pub use held::*;
pub use line::*;
pub use sealed::*;

use std::fmt::Display;

use crate::domain::Kind;

pub const PROJECT_NEEDED: &str = "No project is known on this machine yet. Which one?";
pub const PROJECT_NAME_HINT: &str = "What you call it here, such as field or training";
pub const PROJECT_URL_HINT: &str = "https://… of the project: Project Settings, API";
pub const PROJECT_KEY_HINT: &str = "The publishable key; never the secret one";
pub const IN_PLACE_OF_EMAIL: &str = "In place of an email: forgot sets a password by a mailed code, project takes another project or adds one.";
pub const PASTE_DROPPED: &str = "Pasted text was dropped: there is no text field here.";
pub const INTERRUPT_AGAIN: &str = "Ctrl+C again leaves the console.";
pub fn project_added(name: &str) -> String {
    format!("Project {name} is known now.")
}

pub const NOTHING_SELECTED: &str = "Nothing is selected.";
/// A column that a person does not set.
pub fn not_set(column: &str) -> String {
    format!("{column} is not set by hand.")
}

pub const NO_TRAINING: &str = "Only the training server has a line to take away.";
pub const NO_WAY_BACK: &str = "There is nothing to go back to.";
pub const LIST_COMING: &str = "Loading the list.";
pub const WINDOW_TOO_SMALL: &str = "window too small";
pub const SAVING: &str = "Saving …";
pub const LINE_UP: &str = "The line is back.";
pub const LINE_DOWN: &str = "The line is gone. Work on: edits are kept and sent when it is back.";
pub const STOPPED_WAITING: &str = "No longer waiting. If the answer comes all the same, you are signed in.";

pub const MISSING: &str = "Something is to be typed here.";
pub const NOT_ALIKE: &str = "This is not the same as above.";
pub const ASKING: &str = "Asking the server …";
pub const EMAIL_MISSING: &str = "an e-mail address is needed";
pub const PASSWORD_MISSING: &str = "the password is needed";
pub const EMAIL_HINT: &str = "the address you sign in with";
pub const CODE_HINT: &str = "the six digits that your authenticator app shows now";
pub const MAILED_CODE_HINT: &str = "the code from the mail";
pub const NEW_PASSWORD_HINT: &str = "8 characters or more";
pub const WHY_HINT: &str = "a reason that history shows, if you like";
pub const WHY_PROMPT: &str = "Why, if you like: ";
pub const WHY_ASKED: &str = "Why, Enter for no reason:";
pub const AGAIN_HINT: &str = "the same once more";

pub const ACCOUNT_TITLE: &str = "Your sign-in";
pub const CODE_TITLE: &str = "Your second factor";
pub const CODE_ABOUT: &str =
    "The server wants a code of your authenticator app before it takes or gives anything.";
pub const CODE_TAKEN: &str = "The code was taken.";
pub const FACTORS_TITLE: &str = "Your second factor";
pub const NO_FACTOR: &str = "Your password alone opens your account. With an authenticator app on your phone, its code is asked for as well.";
pub const ENROL_TITLE: &str = "Set up a second factor";
pub const ENROL_ABOUT: &str = "Scan this with an authenticator app, or type this secret into it:";
pub const ENROL_BY_HAND: &str = "Type this secret into an authenticator app:";
pub const ENROL_THEN: &str = "Then type the code that it shows. Until then nothing changes.";
pub const NO_ROOM_FOR_PICTURE: &str =
    "This window is too small for the picture, so the secret has to be typed.";
pub const ENROLLED: &str =
    "Set up. From now on the code is asked for when you sign in; other sessions have ended.";
pub const UNENROL_TITLE: &str = "Take the second factor away?";
pub const UNENROL_ABOUT: &str =
    "Its codes are not asked for any more. Without another one, the password alone opens your account.";
pub const UNENROLLED: &str = "Taken away.";
pub const PASSWORD_TITLE: &str = "Change the password";
pub const PASSWORD_ABOUT: &str = "Your sessions on other machines end. There, the old password is asked for once more, to open what they hold.";
pub const PASSWORD_CHANGED: &str = "The password was changed, on the server and here.";
pub const OTHERS_TITLE: &str = "Sign out the others?";
pub const OTHERS_ABOUT: &str = "Your sessions on other machines end at once. What those machines hold stays sealed there; unsent edits go out when you sign in there again.";
pub const OTHERS_OUT: &str = "Your sessions on other machines have ended.";
pub const EVERYWHERE_TITLE: &str = "Sign out everywhere?";
pub const EVERYWHERE_ABOUT: &str =
    "Your sessions on all machines end at once, this one too. What they hold stays sealed there.";
pub const NO_PASSWORD_TITLE: &str = "No password?";
pub const MAIL_TITLE: &str = "Have a code mailed";
pub const REDEEM_TITLE: &str = "A new password";
pub const INVITED_TITLE: &str = "Your first password";
pub const OLD_TITLE: &str = "The old password";
pub const CHANGED_TITLE: &str = "Your password was changed elsewhere";
pub const SET_ASIDE_TITLE: &str = "Keep what is here aside?";
pub const SET_ASIDE: [&str; 2] = [
    "It is renamed and stays on this disk, sealed; nothing is deleted. Its unsent edits are not sent; whoever finds a way in can take them over later.",
    "You begin with an empty cache, which is loaded anew.",
];
pub const LEFT_AS_IT_IS: &str = "Nothing was changed or deleted.";

pub const READ_ONLY: &str = "This is a read-only session: nothing is changed.";
pub const MOUSE_ON: &str = "The mouse is taken: clicks and the wheel work. Shift+drag selects text.";
pub const MOUSE_OFF: &str = "The mouse is the terminal's own.";
pub const TERMINAL_TITLE: &str = "This terminal";
pub const TERMINAL_CHANGE: &str =
    "Other: --colors, --ascii, --unicode, --theme, --plain, or the table [screen] of config.toml.";

/// The count of a list whose order is being made.
pub fn looking_through(total: &str) -> String {
    format!("looking through {total}")
}

/// A text went to the terminal; whether it keeps it, it does not say.
pub fn copied(bytes: usize) -> String {
    format!("Given to the terminal's clipboard: {bytes} bytes. A terminal that forbids it keeps nothing.")
}

/// A text was too long for a clipboard.
pub fn copied_to(path: &str) -> String {
    format!("Too long for a clipboard: written into {path}, in the clear.")
}

pub fn not_copied(why: &str) -> String {
    format!("Too long for a clipboard, and no file could be written: {why}. Nothing was copied.")
}

pub const DAMAGED_TITLE: &str = "What is here does not open";

/// A code is on its way; in training it is told.
pub fn code_mailed(email: &str, told: Option<&str>) -> String {
    match told {
        Some(code) => format!("In training nothing is mailed: the code for {email} is {code}."),
        None => {
            format!("If {email} has an account, a code is on its way there. It is good for an hour at most.")
        }
    }
}

/// What becomes of unsent edits until the code is given.
pub fn goes_after(edits: usize) -> Option<String> {
    match edits {
        0 => None,
        1 => Some("1 edit waits for that; it is saved here.".to_owned()),
        _ => Some(format!("{edits} edits wait for that; they are saved here.")),
    }
}

/// What becomes of unsent edits at a sign-out.
pub fn stays_sealed(edits: usize) -> Option<String> {
    match edits {
        0 => None,
        1 => Some(
            "1 edit is unsent: it stays sealed on this machine and goes out at your next sign-in.".to_owned(),
        ),
        _ => Some(format!(
            "{edits} edits are unsent: they stay sealed on this machine and go out at your next sign-in."
        )),
    }
}

pub const IN_USE: &str = "This account is open already";
pub const LEFT_ALONE: &str = "The other console was left alone.";
pub const TAKEN_OVER: &str = "Taken over. The bottom line says what waits to be sent.";

/// Where the session went, and what of the edits that wait; the last words of a console that was taken over from.
pub fn moved(time: &str, place: &str, edits: usize) -> String {
    let along = match edits {
        0 => "Everything that was saved here is there.".to_owned(),
        1 => "1 edit waits; it is saved and went along.".to_owned(),
        _ => format!("{edits} edits wait; they are saved and went along."),
    };
    format!("At {time} the console on {place} took this session over. {along}")
}

pub fn signing_in(email: &str) -> String {
    format!("Signing in {email} … Esc stops waiting.")
}

pub fn training_accounts(password: &str) -> String {
    format!("Training: password {password}. Up and Down pick one.")
}

/// `offline`: opened with what the machine has. Whether there is a line is not known yet, so nothing is said of it.
pub fn signed_in(offline: bool) -> &'static str {
    if offline {
        "Opened what this machine has. The bottom line says whether the server answers."
    } else {
        "Signed in."
    }
}

/// How many edits wait, and that they are safe.
pub fn waiting(edits: usize) -> Option<String> {
    match edits {
        0 => None,
        1 => Some("1 edit waits; it is saved here and is sent next time.".to_owned()),
        _ => Some(format!("{edits} edits wait; they are saved here and are sent next time.")),
    }
}

pub fn saved(edits: usize, summary: &str) -> String {
    if edits == 0 { summary.to_owned() } else { format!("Saved: {summary}") }
}

pub fn not_for(kind: Kind) -> String {
    format!("There is no such action for a {kind}.")
}

/// So many of a kind.
pub fn rows(count: usize, what: impl Display) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Somebody changed what a form that is open is about to change.
pub const SAVE_OVER: &str = "Save once more to put yours over it; Esc leaves it as it is.";

pub const NOT_POSSIBLE: &str = "Not possible";

/// A range of marks was begun; the keys are those that end it.
pub fn range_begun(range: &str, mark: &str) -> String {
    format!("A range begins here: move, then {range} or {mark} marks it. Esc leaves it.")
}
pub const MARK_DRONES: &str =
    "With several rows marked, assigning is done in the list of drones. c takes the marks away.";
pub const NOTHING_TOUCHED: &str = "No field was set, so there is nothing to change.";
pub const AS_IT_IS: &str = "as it is";
pub const LOOKING: &str = "Looking at what each row would come to …";
pub const SIGN_IN_AGAIN: &str =
    "SIGN IN AGAIN: the server ended the session. Sign out and in again; unsent edits are kept";
pub const STAYS_MARKED: &str = "What is not saved stays marked.";
pub const TURN_HOW: &str = "Left, Right: another way";
pub const NOTHING_YET: &str = "Nothing is changed yet.";
pub const FILTER_LANGUAGE: &str = "What a filter understands";
pub const NO_WAY_FORWARD: &str = "There is nothing to go forward to.";
pub const VIEWS: &str = "Views of this list";
pub const DROP_VIEW: &str = "Take a view away";
pub const NO_VIEWS: &str = "There is no view of this list yet: F keeps it as it is now, under a name.";
/// No more views are kept; the key takes one away.
pub fn views_full(drop: &str) -> String {
    format!("There are 100 views already: {drop} takes one away first.")
}
pub const KEEP_VIEW: &str = "Keep this list as a view";
pub const KEEP_VIEW_ABOUT: &str =
    "Filter, order and columns are kept under a name, sealed on this machine; the list opens so from now on.";
pub const ALL_ROWS: &str = "all rows";
pub const AS_IT_COMES: &str = "As it comes";
pub const EACH: &str = "each for itself: what can be done is done";
pub const TOGETHER: &str = "one group: all or nothing";
pub const FORM_OPEN: &str = "A form is open; what is typed in it is not saved.";
pub const NOTHING_MARKED: &str = "No row is marked.";
pub const UNFINISHED: &str = "Not finished";

/// What of changes to several rows was cut short, and what to do; the key takes marks away.
pub fn unfinished(title: &str, saved: usize, all: usize, kind: Kind, clear: &str) -> (String, Vec<String>) {
    let told = format!("{title}: the console ended before all of it was made.");
    let left = all - saved.min(all);
    let how = format!("{saved} of {all} are saved. The other {left} {kind}s are marked.");
    let next = format!(
        "To go on, do it again for those: what is so already is passed over. {clear} takes the marks away."
    );
    (told, vec![how, next])
}

pub const BULK_OPEN: &str =
    "Several changes are being made: those that are saved stay, the others are not made.";

pub fn view_kept(name: &str) -> String {
    format!("Kept as {name}; f lists the views.")
}

pub fn view_gone(name: &str) -> String {
    format!("The view {name} is gone; the list stays as it is.")
}

pub fn taste_not_kept(why: &str) -> String {
    format!("How the list looks could not be kept for the next time: {why}")
}

/// What the list is sorted by already.
pub fn sorted_by(at: usize, descending: bool) -> String {
    let way = if descending { "descending" } else { "ascending" };
    match at {
        0 => format!("now: {way}"),
        _ => format!("then, {}.: {way}", at + 1),
    }
}

/// No more rows can be marked.
pub fn marks_full(most: usize) -> String {
    format!("At most {most} rows are marked at once; the others are not.")
}

pub fn marked(count: usize) -> String {
    format!("{count} marked")
}

pub fn delete_title(kind: Kind, label: &str) -> String {
    format!("Delete {kind} {label}?")
}

/// `deed`: what is done then.
pub fn type_to(deed: &str, name: &str) -> String {
    format!("Type {name} to {deed}:")
}

/// The same where that is too long.
pub fn too_small_for(state: &str) -> String {
    format!("{WINDOW_TOO_SMALL} · {state}")
}

/// A window that takes no more than one line.
pub fn too_small(state: &str) -> String {
    format!("{state} · {WINDOW_TOO_SMALL}")
}

pub const NOTHING_TO_DECIDE: &str = "Nothing needs a decision.";
pub const DECIDE: &str = "What needs you";
pub const INITIAL_TITLE: &str = "This project is empty";
pub const INITIAL: [&str; 2] = [
    "Load the initial data set: 2 regions, 17 users, 32 drones and who flies what?",
    "Its users cannot sign in until headquarters makes accounts for them. z takes it back.",
];
pub const LOST: &str = "The journal was damaged. These cannot be read any more:";
pub const LOST_THEN: &str = "Unsent edits among them are gone: look through what you did last.";
pub const SEEN: &str = "seen";
pub const LOST_CHOICES: [(&str, &str, &str); 2] =
    [("", "Tell me again", "at the next start"), (SEEN, "I have seen it", "it is not told again")];

pub fn lost(entries: u64) -> String {
    if entries == 1 { "1 entry is lost".to_owned() } else { format!("{entries} entries are lost") }
}

pub fn more_lost(gaps: usize) -> String {
    format!("And {gaps} more such gaps; flyos doctor tells all of them.")
}

pub const RUNS: &str = "What the line was used for";
pub const TRAFFIC: &str = "Use of the line";

pub const LOCKED: &str = "This console is locked.";
pub const LOCKED_SHUT: &str = "What it has is shut and sealed, and nothing is synced meanwhile. Saved edits are safe. \
                               Recovery words open it as well.";
pub const LOCKED_SYNCING: &str = "It syncs on, as configured, so the account's key stays in this machine's memory. \
                                  Recovery words open it as well.";
pub const LOCKED_FORM: &str =
    "The form that was open is there again once you unlock; signing out or quitting drops it.";
pub const UNLOCKING: &str = "Unlocking …";
pub const UNLOCKED: &str = "Unlocked.";
pub const WORKING: &str = "Working …";

/// Later edits wait for a decision.
pub fn behind(count: usize) -> String {
    if count == 1 {
        "1 later edit waits for this.".to_owned()
    } else {
        format!("{count} later edits wait for this.")
    }
}

/// What became of several edits at once.
pub fn bulk(saved: usize, refused: usize) -> String {
    if refused == 0 {
        format!("Saved: {saved} edits")
    } else {
        format!("Saved: {saved} edits; {refused} were refused")
    }
}

// ---- the places beside the lists ----

pub const COUNTING: &str = "Counting.";
/// As the service calls the group.
pub const SINCE: &str = "Since you were here";
pub const NEEDS_YOU: &str = "Needs you";
pub const ON_THEIR_WAY: &str = "On their way";
pub const NO_RUNS: &str = "Nothing yet.";
pub const HELD_LINE: &str = "HELD: nothing goes out but what is asked for";
pub const READING_ACTIVITY: &str = "reading …";
pub const NO_ACTIVITY: &str = "Nothing was done yet that you may see.";
pub const NO_SUCH_ACTIVITY: &str = "Nothing of what is here matches. Esc clears the filter.";
pub const ACTIVITY_ONLINE: &str =
    "Who did what is kept by the server, and it has not been read yet: it is read when there is a line.";
pub const HISTORY: &str = "History";
pub const HISTORY_ONLINE: &str = "Not read yet: it comes from the server.";
pub const HISTORY_MORE: &str = "There is more, further back than is read here.";
pub const MORE_ACTIVITY: &str = "Enter reads further back";
pub const YOU_UNSENT: &str = "you, not sent";

pub const MESSAGES: &str = "Messages";
pub const MESSAGE: &str = "Message";
pub const NO_MESSAGES: &str = "Nothing was said yet.";
pub const DISMISS_ALL: &str = "Put all of them away";

pub const ACCOUNTS_HQ: &str = "Sign-in accounts of others are for MAIN_HQ alone.";
pub const ACCOUNT_ONLINE: &str =
    "Done by the server at once, or not at all: nothing of it is kept for later.";
pub const ACCOUNT_NEW: &str = "A sign-in account";
pub const ACCOUNT_PASSWORD: &str = "A new password";
pub const ACCOUNT_ADDRESS: &str = "Another address";
pub const ACCOUNT_INVITE: &str = "An invitation by mail";
pub const ACCOUNT_UNBAN: &str = "Lift the bar";
pub const ACCOUNT_ADDRESS_HINT: &str = "an address like name@unit.mil";

pub fn account_why(label: &str) -> String {
    format!("For {label}. The reason stands in the activity.")
}

pub fn account_of(label: &str) -> String {
    format!("For {label}. The reason stands in the activity, a password is written down nowhere.")
}
