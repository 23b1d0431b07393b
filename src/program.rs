//! The ways to run the program, put together from the rooms: the console, the demo, the training server.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::look::{self, Screen};
use anyhow::Context as _;
use clap::Args;
use flyos::domain::field::harmless;
use flyos::sandbox::{self, Faults, Sandbox, SentMail};
use flyos::service::{
    Clock, Config, Environment, ErrorKind, Folders, ProjectConfig, Service, ServiceError, Settings, Training,
    TrainingHint, doctor, log,
};
use flyos::sync::engine::Rhythm;
use flyos::tui::keys;
use flyos::vault::KdfParams;
use flyos::{cli, store, tui};
use secrecy::SecretString;

#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Where to listen; a loopback address
    #[arg(long, default_value = "127.0.0.1:54321")]
    listen: SocketAddr,
    /// Keep everything in this folder; without it all is gone at the end
    #[arg(long)]
    data: Option<PathBuf>,
    /// Generate users and drones up to about this many rows
    #[arg(long, default_value_t = 0)]
    rows: usize,
}

/// Says something beside the work.
pub fn warn(words: &str) {
    // Where nobody reads, there is nobody to tell.
    drop(writeln!(std::io::stderr(), "flyos: {words}"));
}

/// The console against a real project.
pub fn console(screen: &Screen, access: cli::Access) -> anyhow::Result<()> {
    let for_commands = access.has_password() || access.json || access.wait.is_some();
    anyhow::ensure!(
        !for_commands,
        ServiceError::new(
            ErrorKind::Usage,
            "The console asks for the password on its screen and answers there."
        )
        .hint(
            "--password-file, --password-stdin, --wait and --json are for commands: flyos help lists them."
        )
    );
    needs_terminal(screen)?;
    store::private_umask();
    let folders = folders()?;
    log::to(&folders.state);
    let (mut config, problem) = match Config::read(&folders) {
        Ok(config) => (config, None),
        Err(error) => (Config::default(), Some(error.message)),
    };
    config.read_only |= screen.read_only;
    let (look, wrong) = screen.look(&config, &folders);
    let problem: Vec<String> = problem.into_iter().chain(wrong).collect();
    let config = config.with_environment(Environment::read());
    let folder = folders.state.clone();
    let service = Service::open(settings(folders, config, look::told(&problem), None))?;
    run_console(service, (look, folder), (access.project, access.email), || {})
}

/// The training server and a console, in this process and a folder that goes at the end.
pub fn demo(screen: &Screen, rows: usize) -> anyhow::Result<()> {
    needs_terminal(screen)?;
    store::private_umask();
    let home = tempfile::Builder::new()
        .prefix("flyos-demo-")
        .tempdir()
        .context("a folder for the demo cannot be made")?;
    let server = Server::start(sandbox::Options { rows, ..sandbox::Options::default() })?;
    let here = Folders::under(home.path());
    log::to(&here.state);
    let project =
        ProjectConfig { url: server.url.clone(), key: server.publishable_key.clone(), accounts: Vec::new() };
    let config = Config {
        default_project: Some("training".to_owned()),
        projects: [("training".to_owned(), project)].into(),
        read_only: screen.read_only,
        ..look::own()
    };
    let own = folders().unwrap_or_else(|_| here.clone());
    let (look, wrong) = screen.look(&config, &own);
    let folder = here.state.clone();
    let service = Service::open(settings(here, config, look::told(&wrong), Some(server.training())))?;
    let (home, server) = (Mutex::new(Some(home)), Mutex::new(Some(server)));
    run_console(service, (look, folder), (Some("training".to_owned()), None), move || {
        drop(server.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(home.lock().unwrap_or_else(PoisonError::into_inner).take());
    })
}

/// The training server alone.
pub fn sandbox(args: &SandboxArgs) -> anyhow::Result<()> {
    store::private_umask();
    anyhow::ensure!(
        args.listen.ip().is_loopback(),
        ServiceError::new(
            ErrorKind::Usage,
            format!(
                "{} is not a loopback address: the training server has public passwords and stays on this machine.",
                args.listen
            ),
        )
    );
    let options = sandbox::Options {
        listen: args.listen,
        data: args.data.clone(),
        rows: args.rows,
        ..sandbox::Options::default()
    };
    let server = Server::start(options)?;
    let line = serde_json::json!({
        "url": server.url,
        "publishable_key": server.publishable_key,
        "service_role_key": server.service_role_key,
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("the server's address cannot be printed")?;
    let mut signals = signal_hook::iterator::Signals::new(signal_hook::consts::TERM_SIGNALS)?;
    signals.forever().next();
    drop(server);
    Ok(())
}

pub fn folders() -> Result<Folders, ServiceError> {
    Folders::find(std::env::var_os("FLYOS_HOME").map(PathBuf::from))
}

fn settings(
    folders: Folders,
    config: Config,
    problem: Option<String>,
    training: Option<Training>,
) -> Settings {
    Settings {
        folders,
        config,
        problem,
        training,
        clock: Clock::system(),
        rhythm: Rhythm::default(),
        kdf: KdfParams::default(),
    }
}

/// Runs the console; `clean_up` is called once, whichever way the console ends.
fn run_console(
    service: Service,
    (look, folder): (tui::Look, PathBuf),
    (start_project, start_email): (Option<String>, Option<String>),
    clean_up: impl FnOnce() + Send + 'static,
) -> anyhow::Result<()> {
    let clean_up = Arc::new(Mutex::new(Some(clean_up)));
    let shutdown = {
        let (service, clean_up) = (service.clone(), Arc::clone(&clean_up));
        move || {
            service.close();
            if let Some(clean_up) = clean_up.lock().unwrap_or_else(PoisonError::into_inner).take() {
                clean_up();
            }
        }
    };
    let last = shutdown.clone();
    let shutdown = Box::new(shutdown);
    let ended = if look.ladder.plain {
        let talk = talk(look.ladder.ascii);
        tui::plain::run(service, tui::plain::Options { talk, shutdown, start_email, start_project })
    } else {
        tui::run(service, tui::Options { look, folder, shutdown, start_email, start_project })
    };
    last();
    match ended? {
        Some(words) => Err(ServiceError::new(ErrorKind::Moved, words).into()),
        None => Ok(()),
    }
}

/// The line mode's two directions. A password is asked for unseen where somebody types, and read with the rest where
/// the input comes from elsewhere.
fn talk(ascii: bool) -> tui::plain::Talk {
    let secret = std::io::stdin()
        .is_terminal()
        .then(|| Box::new(|words: &str| cli::typed(words)) as tui::plain::Secret);
    let input = std::io::BufReader::new(std::io::stdin());
    tui::plain::Talk::new(Box::new(input), Box::new(std::io::stdout()), secret, ascii)
}

/// A command that goes through the door, or to the project.
pub fn work(
    screen: &Screen,
    access: cli::Access,
    run: impl FnOnce(cli::Place, &mut std::io::Stdout) -> Result<(), ServiceError>,
) -> anyhow::Result<()> {
    store::private_umask();
    let folders = folders()?;
    let mut config = Config::read(&folders)?.with_environment(Environment::read());
    config.read_only |= screen.read_only;
    let place = cli::Place { settings: settings(folders, config, None, None), access };
    Ok(run(place, &mut std::io::stdout())?)
}

/// How the consoles that are open stand.
pub fn status(json: bool) -> anyhow::Result<()> {
    Ok(cli::status(&folders()?, &mut cli::Out::new(json, std::io::stdout()))?)
}

/// Erases what this machine has of an account, or of all.
pub fn wipe(access: cli::Access, yes: bool) -> anyhow::Result<()> {
    store::private_umask();
    let asked = cli::Wipe { project: access.project, email: access.email, yes };
    Ok(cli::wipe(&folders()?, &asked, &mut cli::Out::new(access.json, std::io::stdout()))?)
}

/// Figures for whoever watches the machines.
pub fn metrics(asked: &cli::Metrics) -> anyhow::Result<()> {
    let folders = folders()?;
    Ok(cli::metrics(&folders, asked, &mut std::io::stdout())?)
}

/// One file for whoever helps.
pub fn support_bundle(screen: &Screen, asked: &cli::SupportBundle, json: bool) -> anyhow::Result<()> {
    let what = examination(None, true)?;
    let wishes = screen.wishes(&Config::read(&what.folders).unwrap_or_default().screen);
    let out = &mut cli::Out::new(json, std::io::stdout());
    Ok(cli::support_bundle(&what, &cli::Terminal::here(wishes), asked, out)?)
}

/// Whether everything on this machine is as it must be.
pub fn doctor(screen: &Screen, access: &cli::Access, ask: bool, offline: bool) -> anyhow::Result<()> {
    let password = if ask || access.has_password() { Some(access.password()?) } else { None };
    let what = examination(password, !offline)?;
    let wishes = screen.wishes(&Config::read(&what.folders).unwrap_or_default().screen);
    let out = &mut cli::Out::new(access.json, std::io::stdout());
    Ok(cli::doctor(&what, &cli::Terminal::here(wishes), out)?)
}

fn examination(password: Option<SecretString>, online: bool) -> anyhow::Result<doctor::Examination> {
    store::private_umask();
    let (folders, now) = (folders()?, Clock::system().now());
    Ok(doctor::Examination { folders, environment: Environment::read(), password, online, now })
}

/// Prints the keys as they hold on this machine.
pub fn keys(form: keys::Form) -> anyhow::Result<()> {
    let config = Config::read(&folders()?)?;
    let own = keys::with_own(&config.keys, &config.key_lines);
    if let Err(why) = &own {
        warn(why);
    }
    print(&keys::listing(own.unwrap_or_default(), form))
}

/// Prints a text as every command does: whoever has read enough of it may hang up.
fn print(text: &str) -> anyhow::Result<()> {
    Ok(cli::Out::new(false, std::io::stdout()).text(text)?)
}

/// A drawn screen needs a terminal; lines that were asked for may come from anywhere.
fn needs_terminal(screen: &Screen) -> Result<(), ServiceError> {
    if screen.plain || std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(ServiceError::new(ErrorKind::Usage, "The console needs a terminal for its screen and its keys.")
        .hint("Run it without redirecting its input or output, or line by line with --plain."))
}

/// The training server on a thread of its own, so that a busy console does not slow it.
struct Server {
    url: String,
    publishable_key: String,
    service_role_key: String,
    accounts: Vec<(String, String)>,
    password: String,
    faults: Faults,
    mailbox: Arc<dyn Fn() -> Vec<SentMail> + Send + Sync>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(options: sandbox::Options) -> anyhow::Result<Self> {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (told, started) = mpsc::channel();
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(serve(options, &told, stopped)),
                Err(error) => drop(told.send(Err(error.into()))),
            }
        })?;
        let mut server = started.recv().context("the training server ended before it began")??;
        (server.stop, server.thread) = (Some(stop), Some(thread));
        Ok(server)
    }

    fn training(&self) -> Training {
        let (faults, mailbox) = (self.faults.clone(), Arc::clone(&self.mailbox));
        Training {
            hint: TrainingHint { accounts: self.accounts.clone(), password: self.password.clone() },
            set_line: Box::new(move |up| faults.set_line_down(!up)),
            mailed: Box::new(move |email| {
                let mails = mailbox();
                mails.into_iter().find(|mail| mail.to.eq_ignore_ascii_case(email)).map(|mail| mail.code)
            }),
        }
    }
}

async fn serve(
    options: sandbox::Options,
    told: &mpsc::Sender<anyhow::Result<Server>>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let sandbox = match Sandbox::start(options).await {
        Ok(sandbox) => sandbox,
        Err(error) => return drop(told.send(Err(error.into()))),
    };
    let server = Server {
        url: sandbox.url(),
        publishable_key: sandbox.publishable_key(),
        service_role_key: sandbox.service_role_key(),
        accounts: sandbox.accounts(),
        password: sandbox.password().to_owned(),
        faults: sandbox.faults(),
        mailbox: Arc::new(sandbox.mailbox()),
        stop: None,
        thread: None,
    };
    if told.send(Ok(server)).is_ok() {
        drop(stopped.await);
    }
    sandbox.shutdown().await;
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What of the arguments is wrong, in one line, and the tips beside it; `words` go on with how it is used.
fn usage_words(words: &str) -> (String, Vec<String>) {
    let lines = words.lines().map(str::trim);
    let about =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let (tips, told): (Vec<&str>, Vec<&str>) =
        about.filter(|line| !line.is_empty()).partition(|line| line.starts_with("tip: "));
    let message = format!("{}.", told.join(" ").trim_start_matches("error: ").trim_end_matches('.'));
    (message, tips.into_iter().map(|tip| format!("{}.", tip.trim_start_matches("tip: "))).collect())
}

/// Arguments that are not understood, or a wish for help. For a script that wants JSON the first is JSON, too.
pub fn not_understood(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
    if json && error.use_stderr() {
        let (message, hints) = usage_words(&error.to_string());
        let told = hints.into_iter().fold(ServiceError::new(ErrorKind::Usage, message), ServiceError::hint);
        return explain(&told.hint("--help lists what can be said.").into(), true);
    }
    drop(error.print());
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What a shell needs to complete words.
pub fn completions(mut command: clap::Command, shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "flyos", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The manual page of the program; into a folder, those of all commands.
pub fn man(command: clap::Command, folder: Option<&Path>) -> anyhow::Result<()> {
    if let Some(folder) = folder {
        let written =
            std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        return Ok(written.map_err(|error| {
            let words = format!("The pages could not be written into {}: {error}.", folder.display());
            ServiceError::new(ErrorKind::Storage, words)
        })?);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("the page cannot be made")?;
    print(&String::from_utf8_lossy(&page))
}

/// Tells an error on standard error, or as JSON in the place of the answer (where that can be written), and gives the exit
/// code of its kind.
pub fn explain(error: &anyhow::Error, json: bool) -> ExitCode {
    let causes = error.chain().map(|cause| cause.to_string().trim_end_matches('.').to_owned());
    let own = ServiceError::new(ErrorKind::Fault, causes.collect::<Vec<_>>().join(": ") + ".");
    let told = error.downcast_ref::<ServiceError>().unwrap_or(&own);
    let is_told = json && writeln!(std::io::stdout().lock(), "{}", cli::error_json(told)).is_ok();
    if !is_told {
        let mut err = std::io::stderr().lock();
        // A server's words may be among them: nothing in them reaches the terminal as a code.
        drop(writeln!(err, "flyos: {}", told.message.lines().map(harmless).collect::<Vec<_>>().join("\n")));
        for hint in &told.hints {
            drop(writeln!(err, "hint: {}", harmless(hint)));
        }
    }
    ExitCode::from(told.kind.exit_code())
}
