//! What the system tells: of the machine, and of a running process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// `USER_HZ`: the unit of the times in `/proc/PID/stat`; 100 a second on every Linux we know.
const TICKS_PER_S: u64 = 100;

/// One line on what the figures were measured on.
pub fn describe(temporary: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let value = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    format!(
        "{}, {cores} cores, {} MiB memory, Linux {}, {} under the homes, load {}",
        field(&read("/proc/cpuinfo"), "model name"),
        memory >> 10,
        read("/proc/sys/kernel/osrelease").trim(),
        file_system(&read("/proc/mounts"), temporary),
        read("/proc/loadavg").split(' ').next().unwrap_or("unknown"),
    )
}

/// The kind of file system that a folder is on: how long fdatasync takes depends on it.
fn file_system(mounts: &str, folder: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let best = mounts.filter(|(place, _)| folder.starts_with(place)).max_by_key(|(place, _)| place.len());
    best.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// What one thread of a process has used so far.
#[derive(Clone, Default)]
struct Thread {
    cpu_ms: f64,
    /// Voluntary and involuntary.
    switches: u64,
}

/// What the threads of a process have used so far, by thread.
#[derive(Default)]
pub struct Usage(BTreeMap<String, Thread>);

/// What was used between two looks. A thread that ended in between is left out.
#[derive(Default)]
pub struct Used {
    pub cpu_ms: f64,
    pub switches: u64,
}

pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let status = read("status");
        let switches =
            number(&status, "voluntary_ctxt_switches") + number(&status, "nonvoluntary_ctxt_switches");
        let thread = Thread { cpu_ms: cpu_ms(&read), switches };
        threads.insert(task.file_name().to_string_lossy().into_owned(), thread);
    }
    Ok(Usage(threads))
}

impl Usage {
    pub fn since(&self, before: &Self) -> Used {
        let mut used = Used::default();
        for (id, now) in &self.0 {
            let then = before.0.get(id).cloned().unwrap_or_default();
            used.cpu_ms += (now.cpu_ms - then.cpu_ms).max(0.0);
            used.switches += now.switches.saturating_sub(then.switches);
        }
        used
    }
}

/// Time on a processor: the scheduler's own count, else utime and stime in steps of 10 ms.
fn cpu_ms(read: &impl Fn(&str) -> String) -> f64 {
    let word =
        |text: &str, at: usize| text.split_whitespace().nth(at).and_then(|word| word.parse::<u64>().ok());
    if let Some(nanos) = word(&read("schedstat"), 0) {
        return crate::report::float(nanos) / 1e6;
    }
    // The name may hold anything but ends with the last bracket; the two are the 12th and 13th word after it.
    let stat = read("stat");
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = word(rest, 11).unwrap_or(0) + word(rest, 12).unwrap_or(0);
    crate::report::float(ticks * 1000 / TICKS_PER_S)
}

/// Resident memory now, and the most there was, in MB (10^6 bytes).
pub fn memory(pid: u32) -> anyhow::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let megabytes = |name| crate::report::float(number(&status, name) * 1024) / 1e6;
    Ok((megabytes("VmRSS"), megabytes("VmHWM")))
}

fn number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
