//! A project: its address and its key, judged before anything is sent.
//!
//! Every request carries a key and most carry a pass, so the address must be https unless it is this very
//! machine. People paste what they have at hand (the dashboard's address, the API's, the database's): each
//! of those is named for what it is, with the right address where it can be told. What a person typed is
//! never repeated where it may hold a password.

use std::fmt;
use std::net::Ipv4Addr;

use reqwest::Url;

use super::key::{ApiKey, KeyProblem};

/// Paths of the API itself, as the dashboard shows them: the project's address is what stands before.
const API_PATHS: [&str; 5] = ["/rest/v1", "/auth/v1", "/realtime/v1", "/storage/v1", "/functions/v1"];

/// Why a text cannot be a project's address, in words: what happened, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    #[error("No address was given. The project's looks like https://abc.supabase.co.")]
    Empty,
    #[error("This is no address. The project's looks like https://abc.supabase.co.")]
    NotUrl,
    #[error("The address does not begin with https://. Write {0}.")]
    NoScheme(String),
    #[error("The address is not secure: keys and passwords would travel in the clear. Write {0}.")]
    PlainHttp(String),
    #[error("This address is not of the web. The project's looks like https://abc.supabase.co.")]
    OtherScheme,
    #[error("{}", dashboard_words(.0.as_deref()))]
    Dashboard(Option<String>),
    #[error("{}", database_words(.0.as_deref()))]
    Database(Option<String>),
    #[error("The address holds a name or a password. Write it without: https://abc.supabase.co.")]
    Credentials,
    #[error("The address has a part after ? or #. Write it without: https://abc.supabase.co.")]
    Extra,
}

fn dashboard_words(right: Option<&str>) -> String {
    match right {
        Some(right) => format!("That is the dashboard's address; the project's is {right}."),
        None => "That is the dashboard's address; the project's looks like https://abc.supabase.co and \
                 stands in the project's API settings."
            .to_owned(),
    }
}

fn database_words(right: Option<&str>) -> String {
    match right {
        Some(right) => format!("That is the database's address; the project's is {right}."),
        None => "That is the database's address; the project's looks like https://abc.supabase.co and \
                 stands in the project's API settings."
            .to_owned(),
    }
}

/// Why address and key make no project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectProblem {
    #[error(transparent)]
    Url(#[from] UrlProblem),
    #[error(transparent)]
    Key(#[from] KeyProblem),
}

/// A project: where it is and the key that opens its door.
#[derive(Clone)]
pub struct Project {
    /// Without a slash at the end.
    base: String,
    host: String,
    key: ApiKey,
}

impl Project {
    pub fn new(url: &str, key: &str) -> Result<Self, ProjectProblem> {
        Ok(Self::with_key(url, ApiKey::parse(key)?)?)
    }

    pub fn with_key(url: &str, key: ApiKey) -> Result<Self, UrlProblem> {
        let url = parse_url(url)?;
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), host, key })
    }

    /// The address as it should be stored: no slash at the end, no API path.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The host, with its port where that is not the usual one: what messages name.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Whether it is a server on this very machine.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.base).is_ok_and(|url| is_loopback(&url))
    }

    /// Whether the line is secure; else the server is on this very machine.
    pub fn is_secure(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// The address of the realtime socket, without its query: `wss://…/realtime/v1/websocket`.
    pub(super) fn socket_url(&self) -> String {
        let rest = self.base.strip_prefix("http").unwrap_or(&self.base);
        format!("ws{rest}/realtime/v1/websocket")
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Project({}, {:?})", self.base, self.key)
    }
}

fn parse_url(text: &str) -> Result<Url, UrlProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UrlProblem::Empty);
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Err(no_scheme(text)) };
    let scheme = scheme.to_ascii_lowercase();
    if matches!(scheme.as_str(), "postgres" | "postgresql") {
        return Err(UrlProblem::Database(database_project(rest)));
    }
    if !matches!(scheme.as_str(), "https" | "http") {
        return Err(UrlProblem::OtherScheme);
    }
    let mut url = Url::parse(text).map_err(|_| UrlProblem::NotUrl)?;
    judge(&url, &scheme)?;
    let path = url.path().trim_end_matches('/').to_owned();
    let kept = API_PATHS.iter().find_map(|api| path.find(api).and_then(|at| path.get(..at)));
    url.set_path(kept.unwrap_or(&path));
    Ok(url)
}

fn judge(url: &Url, scheme: &str) -> Result<(), UrlProblem> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(UrlProblem::NotUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::Credentials);
    }
    if matches!(host, "supabase.com" | "www.supabase.com" | "app.supabase.com" | "app.supabase.io") {
        return Err(UrlProblem::Dashboard(dashboard_project(url)));
    }
    if let Some(name) = host.strip_prefix("db.").and_then(|rest| rest.strip_suffix(".supabase.co")) {
        return Err(UrlProblem::Database(project_address(name)));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlProblem::Extra);
    }
    if scheme == "http" && !is_loopback(url) {
        return Err(UrlProblem::PlainHttp(url.as_str().trim_end_matches('/').replacen("http", "https", 1)));
    }
    Ok(())
}

fn no_scheme(text: &str) -> UrlProblem {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '/' | '[' | ']' | '_');
    if !text.chars().all(sound) {
        return UrlProblem::NotUrl;
    }
    let secure = format!("https://{text}");
    match Url::parse(&secure) {
        Ok(url) if is_loopback(&url) => UrlProblem::NoScheme(format!("http://{text}")),
        // The right spelling of a wrong address would only lead to the next refusal.
        Ok(url) => match judge(&url, "https") {
            Err(problem) => problem,
            Ok(()) if text.contains('.') => UrlProblem::NoScheme(secure),
            Ok(()) => UrlProblem::NotUrl,
        },
        Err(_) => UrlProblem::NotUrl,
    }
}

/// The reference in `https://supabase.com/dashboard/project/<ref>/settings/api`.
fn dashboard_project(url: &Url) -> Option<String> {
    let mut parts = url.path_segments()?.skip_while(|part| *part != "project");
    parts.next()?;
    parts.next().and_then(project_address)
}

/// The reference in a connection string: `db.<ref>.supabase.co`, or the user `postgres.<ref>` of a pooler.
fn database_project(rest: &str) -> Option<String> {
    let (login, place) = rest.rsplit_once('@')?;
    let host = place.split([':', '/', '?']).next()?;
    let direct = host.strip_prefix("db.").and_then(|rest| rest.strip_suffix(".supabase.co"));
    let user = login.split(':').next()?;
    direct.or_else(|| user.strip_prefix("postgres.")).and_then(project_address)
}

/// A project's address, where the name can be a project's: shown only then, so that nothing odd is echoed.
fn project_address(name: &str) -> Option<String> {
    let sound = !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric());
    sound.then(|| format!("https://{name}.supabase.co"))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        matches!(host, "localhost" | "[::1]") || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<String, UrlProblem> {
        let key = ApiKey::parse("sb_publishable_x").expect("a key");
        Project::with_key(text, key).map(|project| project.url().to_owned())
    }

    #[test]
    fn addresses_are_brought_to_one_form() {
        for (text, base) in [
            ("https://abc.supabase.co", "https://abc.supabase.co"),
            (" https://abc.supabase.co/ ", "https://abc.supabase.co"),
            ("HTTPS://ABC.supabase.co:443//", "https://abc.supabase.co"),
            ("https://abc.supabase.co/rest/v1/", "https://abc.supabase.co"),
            ("https://abc.supabase.co/auth/v1/health", "https://abc.supabase.co"),
            ("https://fly.example/base/", "https://fly.example/base"),
            ("http://localhost:54321", "http://localhost:54321"),
            ("http://127.8.9.1:54321/", "http://127.8.9.1:54321"),
            ("http://[::1]:54321", "http://[::1]:54321"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn wrong_addresses_are_named_for_what_they_are() {
        let right = || Some("https://abc.supabase.co".to_owned());
        for (text, problem) in [
            ("", UrlProblem::Empty),
            ("hello", UrlProblem::NotUrl),
            ("two words", UrlProblem::NotUrl),
            ("https://", UrlProblem::NotUrl),
            ("abc.supabase.co", UrlProblem::NoScheme("https://abc.supabase.co".to_owned())),
            ("localhost:54321", UrlProblem::NoScheme("http://localhost:54321".to_owned())),
            ("http://abc.supabase.co", UrlProblem::PlainHttp("https://abc.supabase.co".to_owned())),
            (
                "http://127.0.0.1.example.com",
                UrlProblem::PlainHttp("https://127.0.0.1.example.com".to_owned()),
            ),
            ("http://10.0.0.1:54321", UrlProblem::PlainHttp("https://10.0.0.1:54321".to_owned())),
            ("ftp://abc.supabase.co", UrlProblem::OtherScheme),
            ("https://supabase.com/dashboard/project/abc", UrlProblem::Dashboard(right())),
            ("https://supabase.com/dashboard/project/abc/settings/api?x=1", UrlProblem::Dashboard(right())),
            ("supabase.com/dashboard/project/abc", UrlProblem::Dashboard(right())),
            ("https://supabase.com/dashboard", UrlProblem::Dashboard(None)),
            ("postgresql://postgres:pw@db.abc.supabase.co:5432/postgres", UrlProblem::Database(right())),
            ("postgres://postgres.abc:pw@aws-0.pooler.supabase.com/x", UrlProblem::Database(right())),
            ("https://db.abc.supabase.co", UrlProblem::Database(right())),
            ("https://me:pw@abc.supabase.co", UrlProblem::Credentials),
            ("https://abc.supabase.co/?apikey=x", UrlProblem::Extra),
        ] {
            assert_eq!(address(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_dashboards_address_is_answered_with_the_projects() {
        assert_eq!(
            address("https://supabase.com/dashboard/project/abc").map_err(|problem| problem.to_string()),
            Err("That is the dashboard's address; the project's is https://abc.supabase.co.".to_owned())
        );
    }

    #[test]
    fn the_socket_is_beside_the_rest() {
        let key = || ApiKey::parse("sb_publishable_x").expect("a key");
        let socket = |url: &str| Project::with_key(url, key()).map(|project| project.socket_url());
        assert_eq!(
            socket("https://abc.supabase.co").as_deref(),
            Ok("wss://abc.supabase.co/realtime/v1/websocket")
        );
        assert_eq!(socket("http://[::1]:9/").as_deref(), Ok("ws://[::1]:9/realtime/v1/websocket"));
    }
}
