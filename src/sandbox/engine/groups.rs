//! The groups of a push: edits that stand side by side under one name, and the bounds of a call.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Fault;
use crate::remote::wire::{GROUP_BYTES_MAX, GROUP_OPS_MAX, OpWire, PUSH_GROUPS_MAX};

/// Cuts the edits into groups, and refuses a call that holds too much.
pub(super) fn groups(ops: &[OpWire]) -> Result<Vec<&[OpWire]>, Fault> {
    let groups: Vec<_> = ops.chunk_by(|a, b| a.group.is_some() && a.group == b.group).collect();
    if groups.len() > PUSH_GROUPS_MAX {
        return Err(Fault::TooLarge(format!("A call takes at most {PUSH_GROUPS_MAX} groups.")));
    }
    let mut names: Vec<_> = groups.iter().filter_map(|group| group.first()?.group).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::Malformed("The edits of a group must stand side by side.".to_owned()));
    }
    for group in &groups {
        if group.len() > GROUP_OPS_MAX {
            return Err(Fault::TooLarge(format!("A group takes at most {GROUP_OPS_MAX} edits.")));
        }
        let bytes: usize = group.iter().map(|op| serde_json::to_vec(op).map_or(0, |json| json.len())).sum();
        if bytes > GROUP_BYTES_MAX {
            return Err(Fault::TooLarge(format!("A group takes at most {GROUP_BYTES_MAX} bytes.")));
        }
    }
    Ok(groups)
}

/// The ids that stand more than once.
pub(super) fn doubled(ops: &[OpWire]) -> HashMap<Uuid, Option<String>> {
    let mut seen = HashSet::with_capacity(ops.len());
    ops.iter().filter(|op| !seen.insert(op.id)).map(|op| (op.id, None)).collect()
}
