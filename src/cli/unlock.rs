//! `flyos unlock` and `flyos lock`: the account's key is kept by the kernel for a while, so that commands ask for no
//! password; and it is let go of.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::door::{Door, Place};
use super::out::Out;
use crate::service::beside::consoles;
use crate::service::kept;
use crate::service::{Action, ErrorKind, ServiceError};

/// Keep an account unlocked for a while: commands then need no password
///
/// The account's key is kept in the memory of the kernel, in the keyring of this user of the machine, and is gone after
/// that time, with `flyos lock`, by signing out, or when the machine is turned off. It is never written to a file. Other
/// programs of the same user could read it there.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: flyos unlock --for 8h --email east@flyos.mil")]
pub struct Unlock {
    /// For how long, such as 30m or 8h; at most 7d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Duration,
}

/// `90s`, `30m`, `8h`, `2d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number and s, m, h or d, such as 30m or 8h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let time = number.parse::<u32>().ok().and_then(|number| u64::from(number).checked_mul(seconds));
    let time = time.map(Duration::from_secs).ok_or_else(wrong)?;
    if time.is_zero() || time > kept::KEPT_TIME_MAX {
        return Err(format!(
            "it is more than nothing and at most {} days",
            kept::KEPT_TIME_MAX.as_secs() / 86_400
        ));
    }
    Ok(time)
}

impl Unlock {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let Door::Alone(alone) = Door::open(place)? else {
            let message = "A console has this account open: commands ask that one, and need no password.";
            return Err(ServiceError::new(ErrorKind::Locked, message)
                .hint("Quit it first if commands are to go on without it. Nothing was kept."));
        };
        alone.service().keep_unlocked(self.time)?;
        let minutes = self.time.as_secs().div_ceil(60);
        let email = alone.service().status().account.map(|account| account.email).unwrap_or_default();
        out.told(
            &format!("{email} is unlocked for {minutes} min; flyos lock ends it."),
            json!({ "email": email, "seconds": self.time.as_secs() }),
        )
    }
}

/// Lets go of the keys that are kept, and locks the consoles that are open.
pub(super) fn lock(place: &Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let folders = &place.settings.folders;
    let forgotten = kept::accounts(folders)?.iter().filter(|kept| kept.forget()).count();
    let mut locked = 0;
    for console in consoles(folders)?.open {
        if !console.whois.locked && !console.whois.command {
            console.act(Action::Lock)?;
            locked += 1;
        }
    }
    let words = match (forgotten, locked) {
        (0, 0) => "Nothing was unlocked, and no console is open.".to_owned(),
        _ => format!("Keys let go of: {forgotten}. Consoles locked: {locked}."),
    };
    out.told(&words, json!({ "forgotten": forgotten, "locked": locked }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let seconds = |text: &str| duration(text).map(|time| time.as_secs()).ok();
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("8h"), Some(8 * 3600));
        assert_eq!(seconds("7d"), Some(7 * 86_400));
        for wrong in ["", "h", "8", "0m", "8d", "-1h", "1.5h", "8 h", "9999999999d", "é"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
