//! The server's keys: the two API keys of the gateway and the pair that signs tokens (ES256).
//!
//! Whoever has the secret key or the signing key is the server's owner, so neither is ever logged; at rest
//! they stand in the data folder's owner-only snapshot.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::SandboxError;

/// What must be kept to be the same server after a restart.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyMaterial {
    publishable: String,
    secret: String,
    /// The private scalar, base64url.
    signing: String,
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], SandboxError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SandboxError::Keys(error.to_string()))?;
    Ok(bytes)
}

impl KeyMaterial {
    pub fn generate() -> Result<Self, SandboxError> {
        let signing = loop {
            // A scalar outside the curve's order has a chance of 1 in 2^32.
            if let Ok(key) = SecretKey::from_slice(&random::<32>()?) {
                break BASE64.encode(key.to_bytes());
            }
        };
        Ok(Self {
            publishable: format!("sb_publishable_{}", BASE64.encode(random::<24>()?)),
            secret: format!("sb_secret_{}", BASE64.encode(random::<24>()?)),
            signing,
        })
    }
}

/// Which API key a request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKey {
    Publishable,
    Secret,
}

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    pub exp: i64,
    pub iat: i64,
    pub email: String,
    pub phone: String,
    pub role: String,
    pub aal: String,
    pub amr: Json,
    pub session_id: Uuid,
    pub is_anonymous: bool,
    pub app_metadata: Json,
    pub user_metadata: Json,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It has this many parts, not three.
    Parts(usize),
    Expired,
    /// Another key signed it, or it does not say what a token of ours says.
    Forged,
}

/// A key's name: made of the key, so that it stays the same.
fn key_id(x: &str) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(Sha256::digest(x)).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(bytes).to_string()
}

pub struct Keys {
    pub material: KeyMaterial,
    encoding: EncodingKey,
    decoding: DecodingKey,
    kid: String,
    x: String,
    y: String,
}

impl Keys {
    pub fn new(material: KeyMaterial) -> Result<Self, SandboxError> {
        let wrong = |what: &str| SandboxError::Keys(what.to_owned());
        let bytes = BASE64.decode(&material.signing).map_err(|_| wrong("the signing key is no base64"))?;
        let key = SecretKey::from_slice(&bytes).map_err(|_| wrong("the signing key is no P-256 key"))?;
        let der = key.to_pkcs8_der().map_err(|_| wrong("the signing key cannot be written as PKCS#8"))?;
        let point = key.public_key().to_encoded_point(false);
        let part =
            |bytes: Option<&p256::FieldBytes>| BASE64.encode(bytes.map_or(&[][..], |bytes| &bytes[..]));
        let (x, y) = (part(point.x()), part(point.y()));
        let decoding =
            DecodingKey::from_ec_components(&x, &y).map_err(|_| wrong("the public key cannot be read"))?;
        let kid = key_id(&x);
        Ok(Self { encoding: EncodingKey::from_ec_der(der.as_bytes()), decoding, kid, x, y, material })
    }

    pub fn publishable(&self) -> &str {
        &self.material.publishable
    }

    pub fn secret(&self) -> &str {
        &self.material.secret
    }

    pub fn api_key(&self, text: &str) -> Option<ApiKey> {
        if same(text, &self.material.publishable) {
            Some(ApiKey::Publishable)
        } else {
            same(text, &self.material.secret).then_some(ApiKey::Secret)
        }
    }

    pub fn sign(&self, claims: &Claims) -> Result<String, SandboxError> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map_err(|error| SandboxError::Keys(format!("a token could not be signed: {error}")))
    }

    /// Reads a token; `now` in unix seconds.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, BadToken> {
        let parts = token.split('.').count();
        if parts != 3 {
            return Err(BadToken::Parts(parts));
        }
        let mut validation = Validation::new(Algorithm::ES256);
        // Without the 30 s of grace that `PostgREST` gives: short-lived tokens must expire when they say so.
        validation.validate_exp = false;
        validation.set_audience(&["authenticated"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => BadToken::Expired,
                _ => BadToken::Forged,
            })?
            .claims;
        if claims.exp <= now {
            return Err(BadToken::Expired);
        }
        Ok(claims)
    }

    /// `/.well-known/jwks.json`.
    pub fn jwks(&self) -> Json {
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y, "kid": self.kid,
            "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true,
        }]})
    }
}

/// Compares in a time that does not tell how much of the text was right.
pub fn same(a: &str, b: &str) -> bool {
    let differ = a.bytes().zip(b.bytes()).fold(0_u8, |sum, (x, y)| sum | (x ^ y));
    a.len() == b.len() && differ == 0
}
