//! The journal: what people did here, durable when `append` returns, and never lost to what happens next.
//!
//! Segments `00000001.log`, `00000002.log`, … hold one frame per entry (see `frame`), numbered without gaps.
//! One writer, under the account's lock. An append is one write and one `fdatasync`. When either fails, that
//! descriptor is never trusted again: after a failed sync the system may have dropped the pages and call
//! them clean. The tail is cut, the numbers are rolled back, and a new segment is begun, after a failed sync at once,
//! whose first number makes void whatever the old one may still hold from there on. (If the cut fails too, and the
//! process dies before a new segment could be made, an edit that was called not saved may come back.)
//!
//! Opening never guesses: bytes that are no frame are copied to quarantine, told, and taken out; every sound
//! frame before and after them is kept. Another key, another account, or a newer format touches nothing.
//! Calls block.

use std::fs::{self, File};
use std::io;
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::disk;
use super::entry::Entry;
use super::error::{READING, StoreError};
use super::frame::{self, HEADER_BYTES, Header, Scan};
use crate::vault::Sealer;

pub use super::frame::FRAME_BYTES_MAX;

/// A segment takes no more than this: small enough to read, copy aside and delete as a whole.
pub const SEGMENT_BYTES_MAX: u64 = 4 << 20;
/// A file this much larger than any segment is not read into memory.
const READ_BYTES_MAX: u64 = 16 * SEGMENT_BYTES_MAX;

/// The journal of one account, open for appending.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    sealer: Sealer,
    /// The number the next entry gets.
    next: u64,
    /// The highest segment number ever tried here.
    number: u64,
    segments: Vec<Segment>,
    /// The last segment, while its descriptor can be trusted.
    active: Option<Active>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    /// The highest entry in it; before its first one, the number before that.
    last: u64,
}

#[derive(Debug)]
struct Active {
    file: File,
    len: u64,
}

/// What opening found.
#[derive(Debug, Default)]
pub struct Opened {
    /// Every entry, by rising number.
    pub entries: Vec<(u64, Entry)>,
    /// What was cut or skipped this time.
    pub damage: Vec<Damage>,
    /// Numbers that once were given and have no entry: those edits are lost. Told at every opening.
    pub missing: Vec<RangeInclusive<u64>>,
}

/// Bytes of a segment that are no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub segment: PathBuf,
    /// Where in the segment, in bytes.
    pub from: u64,
    pub bytes: u64,
    /// The end of the last segment: an append that never finished, so nobody was told it was saved.
    pub torn: bool,
    /// The copy of the segment as it was found; `None` where none could be made, and it was left alone.
    pub kept: Option<PathBuf>,
}

/// A segment as read.
struct Found<T = Entry> {
    path: PathBuf,
    number: u64,
    bytes: Vec<u8>,
    scan: Scan<T>,
}

impl<T> Found<T> {
    /// The number its first entry has or would have; 1 where nothing says so.
    fn first(&self) -> u64 {
        let entry = self.scan.entries.first().map_or(1, |(seq, _)| *seq);
        self.scan.header.map_or(entry, |header| header.first_seq)
    }

    /// Bytes of it that are no entry.
    fn damage(&self, bad: &Range<usize>, newest: bool, kept: Option<PathBuf>) -> Damage {
        let torn = newest && bad.end == self.bytes.len();
        Damage { segment: self.path.clone(), from: size(bad.start), bytes: size(bad.len()), torn, kept }
    }
}

impl Journal {
    /// Opens the journal in `dir`, mending what is damaged; copies of that go to `quarantine`.
    pub fn open(dir: &Path, quarantine: &Path, sealer: Sealer) -> Result<(Self, Opened), StoreError> {
        // First all is read, so that an answer for which nothing may be touched comes before any mending.
        let mut found = read_all(dir, |bytes, what| frame::scan(bytes, &sealer, what))?;
        void_overtaken(&mut found);
        let mut opened = Opened::default();
        let mut journal =
            Self { dir: dir.to_owned(), sealer, next: 1, number: 0, segments: Vec::new(), active: None };
        let count = found.len();
        let first = found.first().map_or(1, Found::first);
        for (nth, segment) in found.into_iter().enumerate() {
            journal.take_in(segment, nth + 1 == count, quarantine, &mut opened);
        }
        opened.missing = gaps(first, opened.entries.iter().map(|(seq, _)| *seq), journal.next);
        Ok((journal, opened))
    }

    /// Takes one segment in, oldest first.
    fn take_in(&mut self, mut found: Found, newest: bool, quarantine: &Path, opened: &mut Opened) {
        let first = found.first().max(self.next);
        let last = found.scan.entries.last().map_or(first.saturating_sub(1), |(seq, _)| *seq);
        self.number = found.number;
        let sound = found.scan.bad.is_empty() && found.scan.header.is_some();
        let len = if sound {
            u64::try_from(found.bytes.len()).ok()
        } else {
            mend(&found, first, newest, quarantine, &self.sealer, &mut opened.damage)
        };
        opened.entries.append(&mut found.scan.entries);
        self.next = self.next.max(last.saturating_add(1));
        if len == Some(0) {
            return; // Nothing was in it: it is gone.
        }
        self.active = len.filter(|_| newest).and_then(|len| reopen(&found.path, &self.dir, len));
        self.segments.push(Segment { path: found.path, last });
    }

    /// The number the next entry will get.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Never gives numbers up to `seq` (again): for when the cache has seen more than the journal holds, as
    /// after an older copy of the folder was put back.
    pub fn skip_past(&mut self, seq: u64) {
        if seq >= self.next {
            self.next = seq.saturating_add(1);
            // The next segment's header says where numbering goes on.
            self.active = None;
        }
    }

    /// Puts the entries on disk, in order: they are durable when this returns `Ok`, and they have the numbers
    /// it returns. On an error none of them counts, and the same call may be made again.
    pub fn append(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError> {
        let first = self.next;
        let mut bytes = Vec::new();
        for (seq, entry) in (first..).zip(entries) {
            frame::encode(&mut bytes, seq, entry, &self.sealer)?;
        }
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let end = first.saturating_add(count);
        if count > 0 {
            self.write(&bytes, end - 1)?;
            self.next = end;
        }
        Ok(first..=end.saturating_sub(1))
    }

    /// One write and one sync, at the end of a segment with room for it.
    fn write(&mut self, bytes: &[u8], last: u64) -> Result<(), StoreError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let room = SEGMENT_BYTES_MAX - HEADER_BYTES as u64;
        if size > room {
            let what = "what is to be saved at once".to_owned();
            let limit = usize::try_from(room).unwrap_or(usize::MAX);
            return Err(StoreError::TooLarge { what, bytes: bytes.len(), limit });
        }
        let mut active = match self.active.take() {
            Some(active) if active.len + size <= SEGMENT_BYTES_MAX => active,
            _ => self.begin()?,
        };
        let Some(segment) = self.segments.last_mut() else {
            return Err(StoreError::corrupt("the journal has no segment to write to"));
        };
        let written = put(&active.file, bytes, active.len);
        let was_written = written.is_ok();
        if let Err(error) = written.and_then(|()| active.file.sync_data()) {
            // From here on this descriptor is out of use: `active` stays empty.
            let error = StoreError::from_io("writing", &segment.path, error);
            drop(active.file);
            cut(&segment.path, active.len);
            if was_written {
                // It was the sync that failed: what the file holds in memory is not what the disk has, and no later
                // process can know. A newer segment keeps it from going on in this one.
                self.active = self.begin().ok();
            }
            return Err(error);
        }
        active.len += size;
        segment.last = last;
        self.active = Some(active);
        Ok(())
    }

    /// A new segment: on disk with its name before anything is written to it.
    fn begin(&mut self) -> Result<Active, StoreError> {
        self.number = self.number.saturating_add(1);
        let path = self.dir.join(format!("{:08}.log", self.number));
        let header = Header { account: self.sealer.account(), first_seq: self.next }.encode();
        let made = disk::options().write(true).create_new(true).open(&path);
        let file = made.map_err(StoreError::io("making", &path))?;
        let made = put(&file, &header, 0)
            .and_then(|()| file.sync_all())
            .map_err(StoreError::io("making", &path))
            .and_then(|()| disk::sync_dir(&self.dir));
        if let Err(error) = made {
            // A leftover is told apart by its number and its missing header, so failing here does no harm.
            drop(fs::remove_file(&path));
            return Err(error);
        }
        self.segments.push(Segment { path, last: self.next.saturating_sub(1) });
        Ok(Active { file, len: HEADER_BYTES as u64 })
    }

    /// Deletes the oldest segments that hold only entries below `below`, and says how many. The newest stays,
    /// since it says where numbering goes on. The caller knows what is no longer needed.
    pub fn retire(&mut self, below: u64) -> Result<usize, StoreError> {
        let old = self.segments.iter().take_while(|segment| segment.last < below).count();
        let old = old.min(self.segments.len().saturating_sub(1));
        for _ in 0..old {
            // One at a time, so that a failure leaves the list as the folder is.
            let Some(segment) = self.segments.first() else { break };
            match fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::from_io("deleting", &segment.path, error));
                }
                _ => {}
            }
            self.segments.remove(0);
        }
        if old > 0 {
            disk::sync_dir(&self.dir)?;
        }
        Ok(old)
    }
}

/// Every segment in the folder, by number.
fn read_all<T>(
    dir: &Path,
    scan: impl Fn(&[u8], &str) -> Result<Scan<T>, StoreError>,
) -> Result<Vec<Found<T>>, StoreError> {
    let mut paths = Vec::new();
    for item in fs::read_dir(dir).map_err(StoreError::io(READING, dir))? {
        let path = item.map_err(StoreError::io(READING, dir))?.path();
        let number =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".log"));
        if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
            paths.push((number, path));
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for (number, path) in paths {
        let Some(bytes) = disk::read_bounded(&path, READ_BYTES_MAX)? else { continue };
        let scan = scan(&bytes, &path.display().to_string())?;
        found.push(Found { path, number, bytes, scan });
    }
    Ok(found)
}

/// Takes out entries that a later segment's first number makes void: their append had failed.
fn void_overtaken<T>(found: &mut [Found<T>]) {
    let mut limit = u64::MAX;
    for segment in found.iter_mut().rev() {
        segment.scan.entries.retain(|(seq, _)| *seq < limit);
        if segment.scan.header.is_some() || !segment.scan.entries.is_empty() {
            limit = limit.min(segment.first());
        }
    }
}

/// The numbers from `first` up to `next`, the one to be given, that have no entry.
fn gaps(first: u64, numbers: impl Iterator<Item = u64>, next: u64) -> Vec<RangeInclusive<u64>> {
    let mut expected = first;
    let mut gaps = Vec::new();
    for seq in numbers.chain([next]) {
        if seq > expected {
            gaps.push(expected..=seq - 1);
        }
        expected = seq.saturating_add(1);
    }
    gaps
}

/// What a journal looks like from outside, with nothing mended.
#[derive(Debug, Default)]
pub struct Examined {
    pub segments: usize,
    pub bytes: u64,
    pub frames: usize,
    /// The number the next entry would get.
    pub next: u64,
    /// Bytes that are no entry; what is torn was never acknowledged.
    pub damage: Vec<Damage>,
    /// Numbers without an entry.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Every entry; only with the key.
    pub entries: Vec<(u64, Entry)>,
}

/// Looks at the journal in `dir` and leaves it as it is: with the key at each entry, without it at the sums alone.
pub fn examine(dir: &Path, sealer: Option<&Sealer>) -> Result<Examined, StoreError> {
    match sealer {
        Some(sealer) => {
            let (mut examined, entries) =
                judge(read_all(dir, |bytes, what| frame::scan(bytes, sealer, what))?);
            examined.entries = entries;
            Ok(examined)
        }
        None => Ok(judge(read_all(dir, frame::survey)?).0),
    }
}

fn judge<T>(mut found: Vec<Found<T>>) -> (Examined, Vec<(u64, T)>) {
    void_overtaken(&mut found);
    let mut examined = Examined { segments: found.len(), next: 1, ..Examined::default() };
    let (first, count) = (found.first().map_or(1, Found::first), found.len());
    let mut entries = Vec::new();
    for (nth, mut segment) in found.into_iter().enumerate() {
        examined.bytes += size(segment.bytes.len());
        examined.frames += segment.scan.frames.len();
        examined
            .damage
            .extend(segment.scan.bad.iter().map(|bad| segment.damage(bad, nth + 1 == count, None)));
        let last = segment.scan.entries.last().map_or(segment.first().saturating_sub(1), |(seq, _)| *seq);
        examined.next = examined.next.max(last.saturating_add(1));
        entries.append(&mut segment.scan.entries);
    }
    examined.missing = gaps(first, entries.iter().map(|(seq, _)| *seq), examined.next);
    (examined, entries)
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Copies a damaged segment aside and takes the bad bytes out. Returns its length then (0: it held nothing
/// and is gone), or `None` where it had to be left as it is, which costs nothing but room: its sound
/// entries are known, and new ones go to a new segment.
fn mend(
    found: &Found,
    first: u64,
    newest: bool,
    quarantine: &Path,
    sealer: &Sealer,
    damage: &mut Vec<Damage>,
) -> Option<u64> {
    let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or("segment");
    let kept =
        if found.bytes.is_empty() { None } else { disk::set_aside(quarantine, name, &found.bytes).ok() };
    damage.extend(found.scan.bad.iter().map(|bad| found.damage(bad, newest, kept.clone())));
    if kept.is_none() && !found.bytes.is_empty() {
        return None;
    }
    if found.scan.frames.is_empty() && found.scan.header.is_none() {
        return fs::remove_file(&found.path).ok().map(|()| 0);
    }
    let header = Header { account: sealer.account(), first_seq: first }.encode();
    let frames = found.scan.frames.iter().filter_map(|place| found.bytes.get(place.clone()));
    let sound: Vec<u8> = [&header[..]].into_iter().chain(frames).flatten().copied().collect();
    if found.bytes.starts_with(&sound) {
        cut(&found.path, size(sound.len())).then_some(size(sound.len()))
    } else {
        disk::replace(&found.path, &sound).ok().map(|()| size(sound.len()))
    }
}

/// The newest segment, opened to go on. What a process that died wrote without syncing is readable but not
/// yet durable, so it is synced before anything is built on it. `None`: go on in a new segment.
fn reopen(path: &Path, dir: &Path, len: u64) -> Option<Active> {
    let file = disk::options().write(true).open(path).ok()?;
    file.sync_all().ok()?;
    disk::sync_dir(dir).ok()?;
    Some(Active { file, len })
}

/// Writes in one call. A short write means that there is no room: a second call would say so, but this descriptor is
/// done with anyway.
fn put(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let written = file.write_at(bytes, at)?;
    if written < bytes.len() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// Cuts a file to `len` by a descriptor of its own; whether that is durable.
fn cut(path: &Path, len: u64) -> bool {
    let cut = disk::options().write(true).open(path).and_then(|file| {
        file.set_len(len)?;
        file.sync_all()
    });
    cut.is_ok()
}
