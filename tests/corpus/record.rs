//! A life's system calls as `strace` saw them, in the order in which they ended, from all its threads; and the files
//! after any of them.
//!
//! What a disk may forget is by the book: a file's bytes are safe once that file was synced after they were written, a
//! name once its folder was. Everything else may be there or not, and the last write may be there in part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::script::{Life, live};

/// The calls that change files, make changes last, read, or tell.
const TRACED: &str = "openat,write,pwrite64,read,pread64,getdents64,flock,ftruncate,fallocate,fdatasync,fsync,\
                      sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";

/// One call that mattered.
#[derive(Clone, Debug)]
pub enum Op {
    /// Opened for writing; made where it was not there, emptied where it was to be.
    Open {
        path: PathBuf,
        create: bool,
        truncate: bool,
    },
    /// `at`: nothing where it goes on behind the last one.
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Cut {
        path: PathBuf,
        len: u64,
    },
    Sync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    Folder {
        path: PathBuf,
    },
    Say {
        text: String,
    },
}

/// A life, recorded.
pub struct Record {
    pub ops: Vec<Op>,
    pub life: Life,
    /// How often the busiest thread made each call on the store's files.
    pub calls: BTreeMap<String, u64>,
    /// Every path it used.
    pub paths: BTreeSet<PathBuf>,
}

/// Lives and records.
pub fn record(place: &Path, number: u64) -> Record {
    let log = tempfile::NamedTempFile::new().unwrap();
    let words = ["strace", "-f", "-qqq", "-y", "-xx", "-s", "9000000", "-e", "signal=none", "-e"];
    let mut wrap: Vec<String> = words.map(str::to_owned).into();
    wrap.extend([format!("trace={TRACED}"), "-o".to_owned(), log.path().display().to_string()]);
    let life = live(place, number, &wrap);
    assert!(life.lines.iter().any(|line| line.contains("ended")), "{:?}", life.lines);
    let text = fs::read_to_string(log.path()).unwrap();
    let (mut ops, mut counts, mut paths) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for (thread, call) in whole_lines(&text) {
        let Some(call) = Call::parse(&call) else { continue };
        if let Some(path) = call.on().filter(|path| path.starts_with(place)) {
            *counts.entry((call.name.clone(), thread)).or_insert(0_u64) += 1;
            paths.insert(path);
        }
        ops.extend(call.op(place));
    }
    let mut calls = BTreeMap::new();
    for ((name, _), count) in counts {
        let most = calls.entry(name).or_insert(0);
        *most = count.max(*most);
    }
    Record { ops, life, calls, paths }
}

/// The lines of the log, those that another thread's came between put together.
fn whole_lines(text: &str) -> Vec<(u64, String)> {
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut whole = Vec::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Ok(thread) = thread.parse::<u64>() else { continue };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            open.insert(thread, begun.to_owned());
        } else if call.starts_with("<...") {
            let rest = call.split_once("resumed>").map_or("", |(_, rest)| rest);
            if let Some(begun) = open.remove(&thread) {
                whole.push((thread, begun + rest));
            }
        } else {
            whole.push((thread, call.to_owned()));
        }
    }
    whole
}

/// `name(arguments) = result`, where it went well.
struct Call {
    name: String,
    arguments: Vec<String>,
}

impl Call {
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        // Where another thread's line came between, blanks stand before the result, to align it.
        let (inside, result) = rest.rsplit_once(" = ")?;
        let inside = inside.trim_end().strip_suffix(')')?;
        if result.trim_start().starts_with(['-', '?']) {
            return None;
        }
        // Texts are all in hexadecimal, so neither comma nor bracket stands in one; a folder's path may have blanks.
        let arguments = inside.split(", ").map(str::to_owned).collect();
        Some(Self { name: name.to_owned(), arguments })
    }

    /// What stands between the quotes.
    fn text(&self, nth: usize) -> Option<Vec<u8>> {
        let quoted = self.arguments.get(nth)?.split('"').nth(1)?;
        quoted.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    }

    /// The path of a descriptor: `7</tmp/x/db>`.
    fn of_descriptor(&self, nth: usize) -> Option<PathBuf> {
        let told = self.arguments.get(nth)?.split_once('<')?.1.strip_suffix('>')?;
        if !told.contains("\\x") {
            return Some(PathBuf::from(told));
        }
        let bytes: Option<Vec<u8>> =
            told.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        String::from_utf8(bytes?).ok().map(PathBuf::from)
    }

    fn path(&self, nth: usize) -> Option<PathBuf> {
        String::from_utf8(self.text(nth)?).ok().map(PathBuf::from)
    }

    /// The file or folder that it is about.
    fn on(&self) -> Option<PathBuf> {
        self.of_descriptor(0)
            .filter(|_| !self.name.ends_with("at"))
            .or_else(|| self.path(0))
            .or_else(|| self.path(1))
    }

    fn number(&self, nth: usize) -> Option<u64> {
        self.arguments.get(nth)?.parse().ok()
    }

    fn op(&self, place: &Path) -> Option<Op> {
        let at = self.name.ends_with("at") || self.name.ends_with("at2");
        let op = match self.name.as_str() {
            "openat" => {
                let flags = self.arguments.get(2)?;
                if !flags.contains("O_WRONLY") && !flags.contains("O_RDWR") {
                    return None;
                }
                let has = |flag: &str| flags.contains(flag);
                Op::Open { path: self.path(1)?, create: has("O_CREAT"), truncate: has("O_TRUNC") }
            }
            "write" if self.arguments.first()?.starts_with("1<") => {
                return Some(Op::Say { text: String::from_utf8(self.text(1)?).ok()? });
            }
            "write" => Op::Write { path: self.of_descriptor(0)?, at: None, bytes: self.text(1)? },
            "pwrite64" => {
                Op::Write { path: self.of_descriptor(0)?, at: Some(self.number(3)?), bytes: self.text(1)? }
            }
            "ftruncate" => Op::Cut { path: self.of_descriptor(0)?, len: self.number(1)? },
            "fdatasync" | "fsync" => Op::Sync { path: self.of_descriptor(0)? },
            "rename" => Op::Rename { from: self.path(0)?, to: self.path(1)? },
            "renameat" | "renameat2" => Op::Rename { from: self.path(1)?, to: self.path(3)? },
            "unlink" | "unlinkat" => Op::Unlink { path: self.path(usize::from(at))? },
            "mkdir" | "mkdirat" => Op::Folder { path: self.path(usize::from(at))? },
            _ => return None,
        };
        op.path().is_some_and(|path| path.starts_with(place) && !path.ends_with("reserve")).then_some(op)
    }
}

impl Op {
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Open { path, .. }
            | Self::Write { path, .. }
            | Self::Cut { path, .. }
            | Self::Sync { path }
            | Self::Rename { from: path, .. }
            | Self::Unlink { path }
            | Self::Folder { path } => Some(path),
            Self::Say { .. } => None,
        }
    }
}

/// One change of a file's bytes that is not known to be on the disk.
#[derive(Clone, Debug)]
enum Change {
    Put(u64, Vec<u8>),
    Cut(u64),
}

/// A file: what the disk has for certain, and what came since.
#[derive(Clone, Debug, Default)]
struct File {
    safe: Vec<u8>,
    since: Vec<Change>,
    /// Where the next write without a place goes.
    end: u64,
}

impl File {
    fn bytes(&self, fate: &mut impl FnMut(usize, usize) -> usize) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        for (nth, change) in self.since.iter().enumerate() {
            let left = self.since.len() - nth;
            match change {
                Change::Put(at, put) => {
                    let kept = fate(left, put.len()).min(put.len());
                    let at = usize::try_from(*at).unwrap();
                    if kept > 0 {
                        bytes.resize(bytes.len().max(at + kept), 0);
                        bytes[at..at + kept].copy_from_slice(&put[..kept]);
                    }
                }
                Change::Cut(len) if fate(left, 1) > 0 => bytes.resize(usize::try_from(*len).unwrap(), 0),
                Change::Cut(_) => {}
            }
        }
        bytes
    }
}

/// The files of a place while a life goes on.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// As the process sees them.
    names: BTreeMap<PathBuf, usize>,
    /// As the disk has them for certain.
    safe_names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    said: Vec<String>,
}

impl Disk {
    /// What lies there before a life; all of it is safe.
    pub fn of(place: &Path) -> Self {
        let mut disk = Self::default();
        disk.take(place);
        disk.safe_names = disk.names.clone();
        disk
    }

    fn take(&mut self, dir: &Path) {
        self.folders.insert(dir.to_owned());
        for item in fs::read_dir(dir).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                self.take(&path);
            } else if !path.ends_with("reserve") {
                let safe = fs::read(&path).unwrap();
                self.names.insert(path, self.files.len());
                self.files.push(File { end: 0, safe, since: Vec::new() });
            }
        }
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Open { path, create, truncate } => {
                if let Some(file) = self.names.get(path) {
                    let file = &mut self.files[*file];
                    file.end = 0;
                    if *truncate {
                        file.since.push(Change::Cut(0));
                    }
                } else if *create {
                    self.names.insert(path.clone(), self.files.len());
                    self.files.push(File::default());
                }
            }
            Op::Write { path, at, bytes } => {
                let file = self.file(path);
                let place = at.unwrap_or(file.end);
                file.since.push(Change::Put(place, bytes.clone()));
                file.end = place + bytes.len() as u64;
            }
            Op::Cut { path, len } => {
                let file = self.file(path);
                file.since.push(Change::Cut(*len));
                file.end = 0;
            }
            Op::Sync { path } => {
                if let Some(file) = self.names.get(path) {
                    let file = &mut self.files[*file];
                    file.safe = file.bytes(&mut |_, len| len);
                    file.since.clear();
                } else if self.folders.contains(path) {
                    let below = |name: &PathBuf| name.parent() == Some(path);
                    self.safe_names.retain(|name, _| !below(name));
                    let now = self.names.iter().filter(|(name, _)| below(name));
                    self.safe_names.extend(now.map(|(name, file)| (name.clone(), *file)));
                }
            }
            Op::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Op::Unlink { path } => drop(self.names.remove(path)),
            Op::Folder { path } => drop(self.folders.insert(path.clone())),
            Op::Say { text } => self.said.extend(text.lines().map(str::to_owned)),
        }
    }

    fn file(&mut self, path: &Path) -> &mut File {
        let file = self.names.get(path).unwrap_or_else(|| panic!("{} was opened", path.display()));
        &mut self.files[*file]
    }

    /// What was said up to here.
    pub fn life(&self) -> Life {
        Life::of(self.said.clone(), true)
    }

    /// The longest write that is not safe in a file of that folder.
    pub fn unsafe_bytes(&self, folder: &Path) -> usize {
        let files = self.names.iter().filter(|(name, _)| name.parent() == Some(folder));
        let changes = files.flat_map(|(_, file)| &self.files[*file].since);
        changes
            .map(|change| if let Change::Put(_, bytes) = change { bytes.len() } else { 1 })
            .max()
            .unwrap_or(0)
    }

    /// Puts the files down in `to`, for `from` in their paths. `safe_names`: names that the disk is not certain of are
    /// not there. `fate`: of a change that is not safe (so many are left in the file, this one among them; so long it
    /// is), how many bytes are there.
    pub fn put_down(
        &self,
        from: &Path,
        to: &Path,
        safe_names: bool,
        mut fate: impl FnMut(&Path, usize, usize) -> usize,
    ) {
        use std::os::unix::fs::DirBuilderExt as _;
        let there = |path: &Path| to.join(path.strip_prefix(from).unwrap());
        for folder in &self.folders {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(there(folder)).unwrap();
        }
        for (name, file) in if safe_names { &self.safe_names } else { &self.names } {
            let bytes = self.files[*file].bytes(&mut |left, len| fate(name, left, len));
            fs::write(there(name), bytes).unwrap();
        }
    }
}
