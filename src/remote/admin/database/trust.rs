//! How the line to the database is made secure, and what of it is verified.
//!
//! The server's certificate and its name are always looked at, by the machine's own roots or by those in a file: an
//! encrypted line to nobody knows whom would be no better than an open one. Supabase's databases show a certificate of
//! Supabase's own authority, which no machine knows by itself: its file is in the dashboard.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::DatabaseError;
use crate::remote::tls;

/// Bytes of a file of certificates, at most: a machine's whole store has some 200 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is known of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// Encrypted, to the server of that name by the certificates of `by`; `None`: the machine's own.
    Verified { by: Option<PathBuf> },
    /// A server on this machine: nothing leaves it.
    Here,
    /// Neither encrypted nor verified, as was asked for.
    Open,
}

/// Makes lines secure.
pub(super) fn connector(file: Option<&Path>) -> Result<MakeRustlsConnect, DatabaseError> {
    let unusable = |error: rustls::Error| DatabaseError::trust(format!("Trust cannot be set up: {error}."));
    let config = match file {
        None => tls::config().map_err(unusable)?.as_ref().clone(),
        Some(path) => {
            tls::install();
            let roots = roots(path)?;
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(path: &Path) -> Result<RootCertStore, DatabaseError> {
    let unread = |why: String| {
        DatabaseError::trust(format!(
            "The certificates in {} cannot be used: {why}. Nothing was sent.",
            path.display()
        ))
    };
    let meta = std::fs::metadata(path).map_err(|error| unread(error.to_string()))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(unread("it is larger than 1 MiB".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unread(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unread(error.to_string()))?;
        roots.add(certificate).map_err(|error| unread(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unread("there is none in it".to_owned()));
    }
    Ok(roots)
}
