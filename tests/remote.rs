//! The Supabase client against small servers of this very process: every shape of error, the rules of the
//! headers, the bounds of time and size, lines that fail, and the realtime socket.

#[path = "remote/fixtures.rs"]
mod fixtures;
#[path = "remote/http.rs"]
mod http;
#[path = "remote/passes.rs"]
mod passes;
#[path = "remote/server.rs"]
mod server;
#[path = "remote/socket.rs"]
mod socket;
