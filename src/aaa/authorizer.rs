//! Asking TACACS+ servers whether a user may make a change: command authorization (RFC 8907 section 6), where
//! `tacplus authorization` is configured without `use-priv-lvl`.
//!
//! Invariant: servers are asked outside of every lock and commit, about at most [`INQUIRIES_MAX`] places for one Set and a
//! few at a time; so who waits for a server is the Set that needs it. Without an answer nothing is permitted.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::remote::{Answer, Command, Errand, Remote};
use super::settings::{Method, Servers};
use crate::path::DataPath;
use crate::schema::Schema;
use crate::store::{Inquiry, Tree, Verdicts};

/// Places that servers are asked about for one Set.
const INQUIRIES_MAX: usize = 1000;
/// Those that are asked about at a time.
const AT_ONCE: usize = 8;

/// Asks servers about changes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authorizer(Arc<Remote>);

/// Why nothing can be said about a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// There is no server, or none answers.
    #[error("Permission denied - no authorization server answers")]
    NoServer,
    /// More would be asked than is reasonable.
    #[error(
        "Permission denied - {places} changes would have to be authorized, at most {INQUIRIES_MAX} can be in one Set"
    )]
    TooMany {
        /// The places that change.
        places: usize,
    },
}

impl Authorizer {
    pub(super) fn new(remote: Arc<Remote>) -> Self {
        Self(remote)
    }

    /// Asks about each change, as this commit says whom to ask and how.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`] when there is no verdict.
    pub async fn decide(
        &self,
        (schema, tree): (&Schema, &Tree),
        (user, client): (&str, IpAddr),
        inquiries: Vec<Inquiry>,
    ) -> Result<Verdicts, Unauthorized> {
        if inquiries.len() > INQUIRIES_MAX {
            return Err(Unauthorized::TooMany { places: inquiries.len() });
        }
        let servers = self.0.servers(tree, Method::Tacplus).ok_or(Unauthorized::NoServer)?;
        let ask = async |inquiry: Inquiry| {
            let arguments = arguments(schema, &servers, &inquiry);
            let command = Command { user, client, arguments: &arguments };
            match self.0.ask_servers(Method::Tacplus, &servers, Errand::Command(command)).await {
                Answer::Permitted => Ok((inquiry, true)),
                Answer::Denied => Ok((inquiry, false)),
                _ => Err(Unauthorized::NoServer),
            }
        };
        stream::iter(inquiries).map(ask).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// A change as a command: `configure` and a word for each element and key on the way. Values are not told, which may be
/// secrets.
fn arguments(schema: &Schema, servers: &Servers, inquiry: &Inquiry) -> Vec<String> {
    let operation = (inquiry.deletes && servers.tells_deletes).then(|| "delete".to_owned());
    let mut words = operation.into_iter().chain(words(schema, &inquiry.place));
    let command = format!("cmd={}", words.next().unwrap_or_default());
    ["service=shell".to_owned(), command].into_iter().chain(words.map(|word| format!("cmd-arg={word}"))).collect()
}

fn words(schema: &Schema, place: &DataPath) -> Vec<String> {
    let mut words = Vec::new();
    for step in place.steps() {
        words.push(schema.node(step.node).name.to_string());
        words.extend(step.key.iter().flat_map(|key| key.iter()).map(|value| value.key_text().to_string()));
    }
    words
}
