//! Is a pass the project's own? Looked at once, when somebody signs in: a pass that is not, or is somebody else's, comes
//! from a proxy or another project, and nothing is opened or sent under it.
//!
//! With a public key of the project's (ES256, RS256) the signature is checked here; where the project signs with a
//! shared secret, or with a key it does not publish, the server is asked about the pass (`GET /user`). Whose it is and
//! for whom it was made is looked at; when it ends is not, since this machine's clock may be wrong and the server
//! looks at its own. Nor is the issuer, which is another name of the project where it has a domain of its own. What
//! the claims say beside that is for showing: authority is the server's.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::remote::client::Client;
use crate::remote::error::{Cause, Doing, ErrorKind, RemoteError};
use crate::remote::wire::TokenReply;

/// How long keys are remembered; servers say the same.
const KEYS_GOOD: Duration = Duration::from_secs(600);
/// For a key that is not among them they are asked for anew, this seldom.
const KEYS_GAP: Duration = Duration::from_secs(120);
/// Keys that are looked at: those in use, those on standby and those of before.
const KEYS_MAX: usize = 16;

/// The project's public keys, as they were told last.
#[derive(Default)]
pub(in crate::remote) struct Keys(Mutex<Option<(Instant, Vec<Jwk>)>>);

#[derive(Deserialize)]
struct Claims {
    sub: Uuid,
}

/// What became of a look at the signature.
enum Look {
    Sound,
    Forged,
    /// Nobody here can tell.
    Unknown,
}

impl Client {
    /// The reply, if its pass is the project's and its account's.
    pub async fn checked(&self, reply: TokenReply) -> Result<TokenReply, RemoteError> {
        let look = match decode_header(&reply.access_token) {
            Err(_) => Look::Forged,
            Ok(header) => match (header.alg, &header.kid) {
                (Algorithm::ES256 | Algorithm::RS256, Some(kid)) => match self.key(kid).await? {
                    Some(key) => look(&reply, &key, header.alg),
                    None => Look::Unknown,
                },
                _ => Look::Unknown,
            },
        };
        let forged = || self.error(Doing::SigningIn, Cause::PassForged);
        match look {
            Look::Sound => Ok(reply),
            Look::Forged => Err(forged()),
            Look::Unknown => {
                let token = SecretString::from(reply.access_token.clone());
                match self.user(&token).await {
                    Ok(user) if user.value.id == reply.user.id => Ok(reply),
                    Ok(_) => Err(forged()),
                    Err(error) if matches!(error.cause, Cause::TokenBad | Cause::TokenExpired) => {
                        Err(forged())
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The key of that name. Asked for where none is remembered; and anew where it is not among them, but seldom.
    async fn key(&self, kid: &str) -> Result<Option<Jwk>, RemoteError> {
        let find = |keys: &[Jwk]| keys.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).cloned();
        let known = {
            let kept = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.as_ref().map(|(at, keys)| (at.elapsed(), find(keys)))
        };
        match known {
            Some((age, Some(key))) if age < KEYS_GOOD => return Ok(Some(key)),
            Some((age, None)) if age < KEYS_GAP => return Ok(None),
            _ => {}
        }
        let keys = match self.jwks().await {
            Ok(reply) => read(&reply.value),
            // A server without this page signs with a secret.
            Err(error) if error.kind != ErrorKind::TryAgain { unreachable: true } => Vec::new(),
            Err(error) => return Err(error),
        };
        let found = find(&keys);
        *self.keys.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), keys));
        Ok(found)
    }
}

/// The keys that can be read, one by one: others are not ours to judge by.
fn read(json: &Json) -> Vec<Jwk> {
    let each = |key: &Json| serde_json::from_value::<Jwk>(key.clone()).ok();
    let keys = json.get("keys").and_then(Json::as_array);
    keys.into_iter().flatten().take(KEYS_MAX).filter_map(each).collect()
}

fn look(reply: &TokenReply, key: &Jwk, algorithm: Algorithm) -> Look {
    let Ok(key) = DecodingKey::from_jwk(key) else { return Look::Unknown };
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.set_audience(&["authenticated"]);
    validation.set_required_spec_claims(&["aud", "sub"]);
    match decode::<Claims>(&reply.access_token, &key, &validation) {
        Ok(token) if token.claims.sub == reply.user.id => Look::Sound,
        _ => Look::Forged,
    }
}
