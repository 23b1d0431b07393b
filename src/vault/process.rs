//! The process that holds the keys: nothing of its memory is written to a core file, and nobody else may attach to it.
//!
//! Both limits hold from the first line of `main` on, before any password is typed. They are no help against root.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// No core dumps, no tracing by others. Once, first thing in `main`.
///
/// Fails where the system refuses it; the program can go on, and should say so.
pub fn close_to_others() -> std::io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_process_is_dumped() {
        close_to_others().unwrap();
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
