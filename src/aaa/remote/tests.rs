//! What is known of servers.

use std::net::Ipv4Addr;

use super::super::settings::Secret;
use super::*;
use crate::schema::{Sources, load};

/// A server is up or down by what it does, not by what it was not asked.
#[tokio::test]
async fn a_server_that_was_not_asked_has_not_answered() {
    // Held and deaf: nobody else gets the port, and whoever connects is refused.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let server = Server { index: 1, address: deaf.local_addr().unwrap(), secret: Secret(b"x".to_vec().into()) };
    let servers = Servers {
        servers: vec![Configured::Server(server.clone())],
        timeout: Duration::from_secs(60),
        attempts: 1,
        rest: None,
        round_robin: false,
        interactive: false,
        accounting_port: 0,
        ignores_unknown: false,
        tells_deletes: false,
    };
    let schema = load(&Sources::default()).unwrap().schema;
    let remote = Remote::new(&schema, Arc::new(Vault::new(&[7; 32]).unwrap()), 1);
    let client = Ipv4Addr::LOCALHOST.into();
    let login = async |password: &[u8]| {
        let question = Question { user: "ann", password, client, element: "it", wants_level: false };
        let answer = remote.ask_servers(Method::Tacplus, &servers, Errand::Login(question)).await;
        (answer, remote.tacplus.is_down(&server))
    };
    assert_eq!(login(b"x").await, (Answer::Unreachable, true));
    assert_eq!(login(&[b'x'; 256]).await, (Answer::Rejected, true));
    let long = "x".repeat(256);
    let command = Command { user: "ann", client, arguments: &[long] };
    assert_eq!(remote.ask_servers(Method::Tacplus, &servers, Errand::Command(command)).await, Answer::Denied);
}
