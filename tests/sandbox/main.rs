//! The training server over real HTTP and real websockets: what a client of Supabase meets.

mod auth;
mod faults;
mod kit;
mod realtime;
mod shapes;
mod sync;
mod tables;
