//! SetRequest from any bytes: edits or a refusal, and edits that hold the law of [`ganymede_fuzz::sets`].

#![cfg_attr(fuzzing, no_main)]

use ganymede::pb::gnmi::SetRequest;
use prost::Message;

fn run(data: &[u8]) {
    if let Ok(request) = SetRequest::decode(data) {
        ganymede_fuzz::sets::judge(&request);
    }
}

ganymede_fuzz::target!(run);
