//! An instant as PostgreSQL keeps it: microseconds since 1970, always told in UTC.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01 UTC. Comes from the server; nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);

/// A stamp counts microseconds.
pub const MINUTE_MICROS: i64 = 60_000_000;
pub const DAY_MICROS: i64 = 24 * 60 * MINUTE_MICROS;

impl Stamp {
    /// Reads the forms servers send (`2026-11-21T13:16:05.1+00:00`, `…Z`).
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(at.as_microsecond()))
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// PostgreSQL's own form: `2026-11-21T13:16:05.1+00:00`, without trailing zeros.
    pub fn text(self) -> String {
        let at = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let whole = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let micros = self.0.rem_euclid(1_000_000);
        if micros == 0 {
            return format!("{whole}+00:00");
        }
        let digits = format!("{micros:06}");
        format!("{whole}.{}+00:00", digits.trim_end_matches('0'))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a time like 2026-11-21T13:16:05Z is needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_postgres_text() {
        for (text, out) in [
            ("2026-11-21T13:16:05.120000+00:00", "2026-11-21T13:16:05.12+00:00"),
            ("2026-11-21T13:16:05Z", "2026-11-21T13:16:05+00:00"),
            ("2026-11-21T15:16:05+02:00", "2026-11-21T13:16:05+00:00"),
            ("1969-12-31T23:59:59.999999+00:00", "1969-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(Stamp::parse(text).map(Stamp::text).as_deref(), Some(out));
        }
        assert_eq!(Stamp::parse("yesterday"), None);
    }
}
