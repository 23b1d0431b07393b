//! Deliberate bugs, for showing that the simulator finds them (`./tests/bugs`). Without the feature `bugs`, which no
//! release can have, `bug` is a constant and what it guards is not built.
//!
//! One at a time, named by the environment: a build serves them all.

/// Each is asked for once or more, where it lives.
pub const ALL: &[&str] = &[
    // The console: when to go.
    "failure_drops_the_wish",
    "put_off_is_forgotten",
    "two_in_flight",
    "success_stays_in_flight",
    // The console: what goes out, what comes of it.
    "pull_never_ends",
    "page_of_anybody",
    "deps_forgotten",
    "drops_forgotten",
    "replay_is_no_answer",
    "conflict_is_taken",
    "gone_is_taken",
    "silence_is_taken",
    "cascades_unseen",
    "first_speaks_for_all",
    // The console: what it keeps.
    "sync_skipped",
    "saved_in_memory_first",
    "sent_not_written",
    "cursor_before_page",
    "cache_left_behind",
    "reused_ids_kept",
    "results_write_the_base",
    "discard_undone",
    "narrow_keeps_rows",
    "shut_ignored",
    "reload_keeps_rows",
    "reload_forgotten_at_start",
    "start_trusts_the_cache",
    "blocked_is_sent",
    "waiting_is_overtaken",
    "any_pull_settles",
    "taken_is_not_shown",
    "light_edit_not_laid",
    "restored_is_not_offered",
    "answer_of_an_old_life",
    "decided_keeps_ids",
    // The server.
    "exit_lost",
    "window_too_far",
    "bulk_base_moves",
    "claim_not_kept",
    "hash_holds_deps",
    "scope_change_ignored",
    "added_scope_not_loaded",
    "epoch_ignored",
    "age_ignored",
    "merge_is_blind",
    "group_half_undone",
    "failed_row_ignored",
    "uid_ignored",
];

#[cfg(all(feature = "bugs", not(debug_assertions)))]
compile_error!("deliberate bugs are for the simulator's profile, which has debug assertions");

/// Is this the bug that is switched on?
#[cfg(feature = "bugs")]
pub fn bug(name: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    debug_assert!(ALL.contains(&name), "{name} is in the list");
    ON.get_or_init(|| std::env::var("FLYOS_BUG").ok()).as_deref() == Some(name)
}

#[cfg(not(feature = "bugs"))]
pub const fn bug(_: &str) -> bool {
    false
}
