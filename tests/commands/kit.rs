//! Commands as scripts run them: the real program, its exit code and both outputs, in a home of its own beside a
//! training server; and a console open at the same home.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::common::{Console, FLYOS, PASSWORD, Server, Start, own_port};

pub const MAIN: &str = "main@flyos.mil";
pub const EAST: &str = "east@flyos.mil";
pub const OPERATOR: &str = "operator1@flyos.mil";

/// A home, and a training server to go with it.
pub struct Field {
    pub home: tempfile::TempDir,
    data: tempfile::TempDir,
    server: Option<Server>,
    address: String,
    url: String,
    key: String,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Field {
    pub fn new() -> Self {
        Self::with_rows(0)
    }

    /// The server has about so many rows.
    pub fn with_rows(rows: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start_at(&own_port(), data.path(), &["--rows", &rows.to_string()]);
        let (address, url, key) = (server.address(), server.url.clone(), server.publishable_key.clone());
        Self { home: tempfile::tempdir().unwrap(), data, server: Some(server), address, url, key }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Where the server listens, or did.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Takes the line away.
    pub fn stop_server(&mut self) {
        self.server.take().unwrap().stop();
    }

    /// Gives it back, with what the server had.
    pub fn start_server(&mut self) {
        self.server = Some(Server::start_at(&self.address, self.data.path(), &[]));
    }

    fn env<'a>(&'a self, home: &'a Path) -> [(&'a str, &'a str); 6] {
        [
            ("FLYOS_HOME", home.to_str().unwrap()),
            ("SUPABASE_URL", &self.url),
            ("SUPABASE_PUBLISHABLE_KEY", &self.key),
            ("TZ", "UTC"),
            ("LANG", "C.UTF-8"),
            ("PATH", "/usr/bin:/bin"),
        ]
    }

    /// A command that runs.
    pub fn running(&self, home: &Path, args: &[&str]) -> Child {
        self.command(home, args).spawn().unwrap()
    }

    fn command(&self, home: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(FLYOS);
        command.args(args).env_clear().envs(self.env(home)).current_dir(home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A command, with this text as its input.
    pub fn fed(&self, args: &[&str], input: &str) -> Ended {
        self.fed_at(self.home.path(), args, input)
    }

    /// The same on another machine.
    pub fn fed_at(&self, home: &Path, args: &[&str], input: &str) -> Ended {
        Ended::fed(self.running(home, args), input)
    }

    /// A command of that person, with this in its environment as well.
    pub fn with_env(&self, email: &str, args: &[&str], name: &str, value: &str) -> Ended {
        let (home, args) = (self.home.path(), [args, &["--email", email, "--password-stdin"]].concat());
        let child = self.command(home, &args).env(name, value).spawn().unwrap();
        Ended::fed(child, &format!("{PASSWORD}\n"))
    }

    /// A command that is given nothing.
    pub fn bare(&self, args: &[&str]) -> Ended {
        self.fed(args, "")
    }

    /// A command of that person, who gives the password by the input.
    pub fn by(&self, email: &str, args: &[&str]) -> Ended {
        self.by_at(self.home.path(), email, args)
    }

    /// The same on another machine.
    pub fn by_at(&self, home: &Path, email: &str, args: &[&str]) -> Ended {
        let args = [args, &["--email", email, "--password-stdin"]].concat();
        self.fed_at(home, &args, &format!("{PASSWORD}\n"))
    }

    /// The same, which goes well and answers in JSON.
    #[track_caller]
    pub fn json(&self, email: &str, args: &[&str]) -> Value {
        self.by(email, &[args, &["--json"]].concat()).well()
    }

    /// A console at the same home, in sync.
    pub fn console(&self, email: &str) -> Console {
        let mut console =
            Console::start(&Start { args: &[], env: &self.env(self.home.path())[..3], size: (100, 30) });
        console.sign_in(email, PASSWORD);
        console.expect("ONLINE · up to date");
        console
    }
}

impl Ended {
    pub fn fed(mut child: Child, input: &str) -> Self {
        // One that asks for nothing may have ended already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        Self::of(&child.wait_with_output().unwrap())
    }

    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// It went well; its answer as JSON.
    #[track_caller]
    pub fn well(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        let answer: Value = serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!(answer["success"], true, "{self:?}");
        assert_eq!(odd_key(&answer), None, "{self:?}");
        answer
    }

    /// It ended with that code, and its answer in JSON says so.
    #[track_caller]
    pub fn badly(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        let answer: Value = serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!((&answer["success"], &answer["exitCode"]), (&false.into(), &code.into()), "{self:?}");
        assert!(answer["message"].as_str().is_some_and(|message| message.ends_with('.')), "{self:?}");
        assert_eq!(odd_key(&answer), None, "{self:?}");
        answer
    }

    /// It ended with that code and said that on the error output.
    #[track_caller]
    pub fn says(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(words), "{words:?} is not in {self:?}");
    }
}

/// A key of the answer that is not in camelCase, or is no name but data, such as `drone-001`.
fn odd_key(answer: &Value) -> Option<String> {
    match answer {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let sound = key.starts_with(|c: char| c.is_ascii_lowercase())
                && key.chars().all(|c| c.is_ascii_alphanumeric());
            if sound { odd_key(value) } else { Some(key.clone()) }
        }),
        Value::Array(values) => values.iter().find_map(odd_key),
        _ => None,
    }
}

/// A password in a file.
pub fn password_file(folder: &Path, text: &str) -> String {
    private_file(&folder.join("password"), text)
}

/// A file with a secret, which its owner alone may read; its name.
pub fn private_file(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}
