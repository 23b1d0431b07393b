//! What can be seen of a project's database by the publishable key alone, which may do nothing there: what is not there
//! is told otherwise than what is and may not be touched. For whoever looks whether everything is in order.

use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::client::{Call, Client, body_of};
use super::error::{Cause, Doing, RemoteError};

/// What of a project's database can be seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Functions that this program calls, and that are not there.
    pub missing: Vec<&'static str>,
    /// Tables and functions that answer whoever has the publishable key.
    pub open: Vec<&'static str>,
}

const TABLES: [&str; 4] = ["profiles", "regions", "drones", "user_drone_assignments"];

impl Client {
    /// Knocks at each function and each table without a pass. Nothing is done by it: were one open, its arguments would
    /// be refused.
    pub async fn knock(&self) -> Result<Seen, RemoteError> {
        let nobody = Uuid::nil();
        let functions = [
            ("sync_pull", json!({"schema": 0, "cursor": null, "limit_rows": 0, "limit_bytes": 0})),
            ("sync_push", json!({"uid": nobody, "device": nobody, "schema": 0, "ops": [], "report": null})),
            ("sync_digest", json!({"tables": {}})),
            ("admin_caller", json!({})),
            ("device_key", json!({"device": nobody, "offered": ""})),
        ];
        let mut seen = Seen::default();
        for (name, arguments) in functions {
            let path = format!("/rest/v1/rpc/{name}");
            self.tried(Method::POST, &path, Some(&arguments), name, &mut seen).await?;
        }
        for name in TABLES {
            let path = format!("/rest/v1/{name}?select=*&limit=1");
            self.tried(Method::GET, &path, None, name, &mut seen).await?;
        }
        Ok(seen)
    }

    async fn tried(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        name: &'static str,
        seen: &mut Seen,
    ) -> Result<(), RemoteError> {
        let (limit, timeout) = (self.limits().other_bytes, self.limits().auth);
        let body = body.map(body_of);
        let call = Call { doing: Doing::Reading, method, path, token: None, body, limit, timeout };
        match self.bytes(call).await {
            Ok(_) => seen.open.push(name),
            Err(error) => match error.cause {
                // As it must be.
                Cause::TokenMissing | Cause::NotAllowed | Cause::GrantMissing => {}
                Cause::SchemaMissing => seen.missing.push(name),
                // It let somebody in who had no pass, and only then found fault with what was asked.
                Cause::CallWrong | Cause::Invalid | Cause::TooLarge | Cause::AuthMismatch => {
                    seen.open.push(name);
                }
                _ => return Err(error),
            },
        }
        Ok(())
    }
}
