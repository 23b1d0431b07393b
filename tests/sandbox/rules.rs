//! The list of rules, over HTTP, on the training server.

use flyos::sandbox::Sandbox;

use crate::cases::{self, Answer, Case};
use crate::kit::*;

fn administer(sandbox: &Sandbox, edits: &[cases::Edit]) {
    for edit in edits {
        let change = sandbox.with_world(|world| edit.change(world));
        sandbox.admin(&[change]).expect("a start that the rules allow");
    }
}

async fn answer(sandbox: &Sandbox, case: &Case) -> Answer {
    // Before the start is made: who is put out by it could not sign in afterwards.
    let person = sign_in(sandbox, &case.email()).await;
    administer(sandbox, &case.first);
    let seen = sandbox.with_world(Clone::clone);
    administer(sandbox, &case.meanwhile);
    let before = sandbox.with_world(Clone::clone);
    let reply = person.push_reply(&case.ops(&seen)).await;
    let (told, effects) = cases::read(&reply, case.edits.len());
    Answer { told, effects, before, after: sandbox.with_world(Clone::clone) }
}

#[tokio::test]
async fn every_rule_holds_on_the_training_server() {
    let start = cases::initial();
    let mut sandbox = start_with(flyos::sandbox::Options::default()).await;
    let mut wrong = Vec::new();
    for case in cases::all() {
        if sandbox.with_world(|world| *world != start) {
            sandbox.shutdown().await;
            sandbox = start_with(flyos::sandbox::Options::default()).await;
        }
        let answer = answer(&sandbox, &case).await;
        let faults = case.faults_beside(&answer, &cases::model::answer(&start, &case));
        if !faults.is_empty() {
            wrong.push((case.name, faults));
        }
    }
    sandbox.shutdown().await;
    cases::report("the training server", &wrong);
}
