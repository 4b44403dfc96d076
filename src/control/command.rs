//! The command line's part: what can be asked for, and answers as text.

use clap::Subcommand;

use super::{Answer, Question, SessionFacts, Subscription};

/// What to do with subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum SubscriptionAction {
    /// End one: its RPC ends with CANCELLED, its session stays
    End {
        /// Its number
        id: u32,
    },
    /// End all
    EndAll,
}

impl SubscriptionAction {
    /// What to ask the daemon.
    pub fn question(action: Option<Self>) -> Question {
        match action {
            None => Question::Subscriptions,
            Some(Self::End { id }) => Question::EndSubscription { id },
            Some(Self::EndAll) => Question::EndSubscriptions,
        }
    }
}

/// What to do with sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum SessionAction {
    /// End one: its subscriptions end with CANCELLED, then its connection is closed
    End {
        /// Its number
        id: u64,
    },
}

impl SessionAction {
    /// What to ask the daemon.
    pub fn question(action: Option<Self>) -> Question {
        match action {
            None => Question::Sessions,
            Some(Self::End { id }) => Question::EndSession { id },
        }
    }
}

/// An answer of the daemon, for people; as an error what it could not do.
pub fn print_answer(answer: &Answer) -> Result<String, String> {
    match answer {
        Answer::Subscriptions { subscriptions } => {
            let mut text = format!(
                "{:>10}  {:<16} {:<7} {:<10} {:<26} {:>13}  Paths\n",
                "Id", "User", "Mode", "Encoding", "Destination", "Notifications"
            );
            for Subscription { id, user, destination, mode, encoding, notifications, paths, .. } in subscriptions {
                let first = visible(paths.first().map(String::as_str).unwrap_or_default());
                let user = visible(user);
                let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
                text += &format!(
                    "{id:>10}  {user:<16} {mode:<7} {encoding:<10} {destination:<26} {notifications:>13}  {first}{more}\n"
                );
            }
            Ok(text)
        }
        Answer::Sessions { sessions, limit, others } => {
            let mut text = format!(
                "{:>10}  {:<16} {:<26} {:<4} {:<30} {:>6} {:>10}\n",
                "Id", "User", "Client", "TLS", "Since", "Active", "Total"
            );
            for SessionFacts { id, user, client, tls, since, active, total } in sessions {
                let (user, tls) = (visible(user), if *tls { "yes" } else { "no" });
                text += &format!("{id:>10}  {user:<16} {client:<26} {tls:<4} {since:<30} {active:>6} {total:>10}\n");
            }
            text += &format!("{} of {limit} sessions, {others} connections without one\n", sessions.len());
            Ok(text)
        }
        Answer::Ended { count } => Ok(format!("{count} ended\n")),
        Answer::Refused { reason } => Err(reason.clone()),
        _ => Err("the answer is to another question".to_owned()),
    }
}

/// What clients said may hold anything, and this goes to a terminal.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_fit_for_a_terminal() {
        let subscription = Subscription {
            id: 7,
            user: "ad\x1b[2Jmin".to_owned(),
            destination: "127.0.0.1:5".to_owned(),
            mode: "stream".to_owned(),
            encoding: "json-ietf".to_owned(),
            since: String::new(),
            notifications: 12,
            paths: vec!["/state/port".to_owned(), "/configure".to_owned()],
        };
        let text = print_answer(&Answer::Subscriptions { subscriptions: vec![subscription] }).unwrap();
        let (_, row) = text.split_once('\n').unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        let expected =
            ["7", "ad?[2Jmin", "stream", "json-ietf", "127.0.0.1:5", "12", "/state/port", "and", "1", "more"];
        assert_eq!(words, expected);
        let session = SessionFacts {
            id: 3,
            user: "ad\x07min".to_owned(),
            client: "127.0.0.1:5".to_owned(),
            tls: true,
            since: "now".to_owned(),
            active: 2,
            total: 9,
        };
        let text = print_answer(&Answer::Sessions { sessions: vec![session], limit: 8, others: 1 }).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let words: Vec<_> = lines[1].split_whitespace().collect();
        assert_eq!(words, ["3", "ad?min", "127.0.0.1:5", "yes", "now", "2", "9"]);
        assert_eq!(lines[2], "1 of 8 sessions, 1 connections without one");
        assert_eq!(print_answer(&Answer::Refused { reason: "no".to_owned() }), Err("no".to_owned()));
    }
}
