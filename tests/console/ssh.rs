//! Over SSH, as at a ground station: a private `sshd` on loopback, a line that is cut without a goodbye, and a second
//! session that takes over what the first one left open.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::{Console, FLYOS, PASSWORD, PATIENCE, Server, Start};
use super::takeover::{Address, YES};
use super::{Field, NARROW, given_back, quit, set_status};

const SSHD: &str = "/usr/sbin/sshd";
const OPERATOR: &str = "operator1@flyos.mil";

/// `sshd` with a host key, a port and a configuration of its own, for whoever runs the tests.
struct Sshd {
    child: Child,
    place: tempfile::TempDir,
    address: SocketAddr,
    user: String,
}

impl Sshd {
    fn start() -> Self {
        assert!(Path::new(SSHD).exists(), "there is no {SSHD}: ./tests/needs installs it");
        // Where it runs as root it wants this folder, which a boot script makes otherwise.
        drop(fs::create_dir_all("/run/sshd"));
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name).display().to_string();
        for name in ["host", "key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(name)])
                .status();
            assert!(made.unwrap().success());
        }
        fs::copy(path("key.pub"), path("authorized")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            path("host"),
            path("authorized")
        );
        fs::write(path("config"), config).unwrap();
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f", &path("config")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "sshd listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        Self { child, place, address, user }
    }

    /// The console at the far end of an SSH session through `address`.
    fn console(&self, through: SocketAddr, field: &Field, server: &Address) -> Console {
        let key = self.place.path().join("key").display().to_string();
        let far = format!(
            "exec env FLYOS_HOME={} SUPABASE_URL={} SUPABASE_PUBLISHABLE_KEY={} TZ=UTC LANG=C.UTF-8 {FLYOS}",
            field.home.path().display(),
            server.url,
            server.key
        );
        let (port, to) = (through.port().to_string(), format!("{}@127.0.0.1", self.user));
        let options =
            ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"];
        let mut args = vec!["-tt", "-F", "none", "-p", &port, "-i", &key];
        args.extend(options.iter().flat_map(|option| ["-o", option]));
        args.extend([to.as_str(), &far]);
        let home = self.place.path().display().to_string();
        Console::start_program("/usr/bin/ssh", &Start { args: &args, env: &[("HOME", &home)], size: NARROW })
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A line that can be cut: then nothing passes either way and neither end hears of it.
struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Wire {
    fn to(sshd: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, cut) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let is_cut = Arc::clone(&cut);
        std::thread::spawn(move || {
            let near = listener.accept().unwrap().0;
            let far = TcpStream::connect(sshd).unwrap();
            let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
            for (from, to) in ways {
                let is_cut = Arc::clone(&is_cut);
                std::thread::spawn(move || carry(from, to, &is_cut));
            }
        });
        Self { address, cut }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

#[test]
fn a_session_whose_line_was_cut_goes_on_in_another() {
    let sshd = Sshd::start();
    let field = Field::new();
    let server = Server::start(field.data.path());
    let address = Address::of(&server);
    let wire = Wire::to(sshd.address);
    let mut first = sshd.console(wire.address, &field, &address);
    first.sign_in(OPERATOR, PASSWORD);
    first.expect("ONLINE · up to date");
    server.stop();
    first.expect("OFFLINE");
    set_status(&mut first, "MAINTENANCE");
    first.expect("1 waiting");
    wire.cut.store(true, Ordering::SeqCst);

    let mut second = sshd.console(sshd.address, &field, &address);
    second.sign_in(OPERATOR, PASSWORD);
    second.expect("This account is open already");
    second.expect_words("over SSH from 127.0.0.1");
    second.expect_words("1 edit is unsent.");
    second.send(YES);
    second.expect("Taken over.");
    second.expect("1 waiting");
    second.expect("MAINTENANCE");
    assert!(!first.text().contains("took this session over"), "nothing comes through a line that is cut");

    // The line comes back after all: the first terminal is clean, and says where the session went.
    wire.cut.store(false, Ordering::SeqCst);
    assert_eq!(first.ended(), 11);
    given_back(&first);
    let words = first.last_words();
    assert!(words.contains("over SSH from 127.0.0.1 took this session over. 1 edit waits"), "{words}");
    address.delivers(&field, &mut second);
    quit(&mut second);
}
