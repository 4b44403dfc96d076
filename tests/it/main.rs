//! Tests through the public door of the library, in one binary: real clients against a real agent on a loopback port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod authority;
mod harness;
mod lab;
mod proto_bytes;
mod request;
mod text;

mod aaa;
mod aaa_commands;
mod aaa_rights;
mod aaa_servers;
mod admission;
mod arbitration;
mod authz;
mod bundling;
mod bytes;
mod bytes_laws;
mod capabilities;
mod certificate_login;
mod certificate_state;
mod client_certificates;
mod codes;
mod commit_confirmed;
mod commit_history;
mod compression;
mod config_commands;
mod config_lag;
mod config_subscription;
mod door;
mod encodings;
mod ending;
mod extensions;
mod families;
mod get;
mod grpc_knobs;
mod history;
mod http2;
mod kill_loop;
mod limits;
mod models;
mod net;
mod on_change;
mod on_change_paths;
mod once;
mod openconfig;
mod path_limit;
mod paths;
mod profile_15_0;
mod profile_16_0;
mod profile_latest;
mod proto_version;
mod replay;
mod sample;
mod secrets;
mod services;
mod set;
mod set_rules;
mod set_values;
mod sharing;
mod state;
mod storms;
mod subscribe;
mod subscriptions;
mod target_defined;
mod tls_profiles;
mod union_replace;
mod use_models;
mod users;
#[path = "../../benches/load/verbatim.rs"]
mod verbatim;
mod wire;
