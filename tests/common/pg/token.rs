//! Access tokens with any claims.
//!
//! One key for the process, which every front takes beside its training server's own: so a test can be anybody,
//! with a second factor, anonymous, expired, without signing in first.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Value as Json, json};

const KID: &str = "00000000-0000-4000-8000-00000000f1e5";

static OURS: LazyLock<SecretKey> = LazyLock::new(|| key(0x21));
static FOREIGN: LazyLock<SecretKey> = LazyLock::new(|| key(0x42));

/// No secret: these keys open test databases alone.
fn key(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a number below the order of the curve")
}

/// A token with these claims, as they are: what is missing stays missing.
pub fn mint(claims: &Json) -> String {
    sign(claims, &OURS)
}

/// The same from a key that nobody trusts, under the name of the trusted one.
pub fn forge(claims: &Json) -> String {
    sign(claims, &FOREIGN)
}

fn sign(claims: &Json, key: &SecretKey) -> String {
    let der = key.to_pkcs8_der().expect("a key can be written");
    let header = Header { kid: Some(KID.to_owned()), ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(der.as_bytes()))
        .expect("claims can be signed")
}

/// Our public key, as a member of a JWKS.
pub(super) fn public() -> Json {
    let point = OURS.public_key().to_encoded_point(false);
    let part = |bytes: Option<&p256::FieldBytes>| BASE64.encode(bytes.expect("it is no point at infinity"));
    json!({
        "kty": "EC", "crv": "P-256", "x": part(point.x()), "y": part(point.y()), "kid": KID,
        "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true,
    })
}

/// What a token says, without looking at its signature.
pub(super) fn read(token: &str) -> Option<Json> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
}

/// Now, in unix seconds, for `exp` and `iat`.
pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970");
    i64::try_from(since.as_secs()).expect("a time of this age")
}
