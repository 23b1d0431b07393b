//! The codes of an authenticator app.

#![allow(clippy::unwrap_used, dead_code, reason = "each test binary uses its own part of this")]

use totp_rs::{Builder, Secret};

/// The code that an app with that secret shows now.
pub fn code(secret: &str) -> String {
    at(secret, 0)
}

/// The code of so many seconds from now. Where its step is about to end, of the next one: it is yet to be given.
pub fn at(secret: &str, seconds: i64) -> String {
    const STEP: i64 = 30;
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    let now = || jiff::Timestamp::now().as_second();
    while now() % STEP >= STEP - 5 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    totp.generate((now() + seconds).unsigned_abs()).to_string()
}
