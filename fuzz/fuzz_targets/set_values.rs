//! SetRequests made along the schema, so that values of every type and JSON of every shape are reached.

#![cfg_attr(fuzzing, no_main)]

use ganymede_fuzz::draw::Draw;

fn run(data: &[u8]) {
    ganymede_fuzz::sets::judge(&Draw::new(data).set_request());
}

ganymede_fuzz::target!(run);
