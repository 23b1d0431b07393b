//! The realtime socket beside the runner: opened once it is known who listens, joined to the topics of the
//! account's scopes, kept in fresh tokens. What it hears becomes events of the engine; it never moves data.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::engine::{Event, Line};
use super::runner::Context;
use crate::domain::scope;
use crate::remote::realtime::{self, Command, SocketEvent};
use crate::store::Replica;

/// Commands that may wait for the socket's task.
const COMMANDS_MAX: usize = 8;

/// The realtime socket, once it is known who listens.
#[derive(Default)]
pub(super) struct Listener {
    topics: Vec<String>,
    commands: Option<mpsc::Sender<Command>>,
}

impl Listener {
    /// Opens the socket with the first good line, and joins other topics when the scopes changed.
    pub(super) fn follow(&mut self, context: &Arc<Context>, line: &Line, events: &mpsc::Sender<Event>) {
        if *line != Line::Up {
            return;
        }
        let Some(topics) = context.read(topics) else { return };
        // A listener that found no token has ended: another one is started.
        let listening = self.commands.as_ref().filter(|commands| !commands.is_closed());
        if listening.is_some() && topics == self.topics {
            return;
        }
        self.topics.clone_from(&topics);
        match listening {
            Some(commands) => drop(commands.try_send(Command::Topics(topics))),
            None => self.commands = Some(listen(context, topics, events.clone())),
        }
    }

    pub(super) fn stop(self) {
        if let Some(commands) = self.commands {
            drop(commands.try_send(Command::Stop));
        }
    }
}

/// The topics of who is signed in: one per scope, and the one that everybody hears.
fn topics(replica: &Replica) -> Option<Vec<String>> {
    let actor = replica.actor()?;
    let own = scope::of_actor(&actor).into_iter().map(|scope| format!("sync:{scope}"));
    Some(own.chain(["sync:all".to_owned()]).collect())
}

fn listen(context: &Arc<Context>, topics: Vec<String>, events: mpsc::Sender<Event>) -> mpsc::Sender<Command> {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (context, forward) = (Arc::clone(context), commands.clone());
    tokio::spawn(async move {
        let mut fresh = context.keeper.watch();
        let Ok(token) = context.keeper.token().await else { return };
        fresh.mark_unchanged();
        let config =
            realtime::Config::new(context.keeper.client().project().clone(), env!("CARGO_PKG_VERSION"));
        let told = move |event: SocketEvent| {
            let event = match event {
                SocketEvent::Up | SocketEvent::Rejoined => Event::SocketUp,
                SocketEvent::Down { .. } => Event::SocketDown,
                SocketEvent::Nudge => Event::Nudge,
            };
            // A full inbox means that a pull is due anyway.
            drop(events.try_send(event));
        };
        let socket = realtime::Socket::run(config, topics, token, inbox, told);
        let pass_on = async {
            while fresh.changed().await.is_ok() {
                let token = fresh.borrow_and_update().clone();
                if let Some(token) = token
                    && forward.send(Command::Token(token)).await.is_err()
                {
                    break;
                }
            }
        };
        tokio::select! { () = socket => {}, () = pass_on => {} }
    });
    commands
}
