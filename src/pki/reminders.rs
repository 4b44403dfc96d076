//! When somebody is told that a certificate or a revocation list is about to end.
//!
//! Invariant: pure; what was said is kept by [`Reminders`], so that a reminder comes once, or once in each interval that
//! the operator asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::inventory::Expiry;
use crate::store::Named;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// `certificate-expiration-warning` and `crl-expiration-warning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryRules {
    certificates: Rule,
    lists: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    /// How long before the end; none means never.
    ahead: Option<Duration>,
    /// Time between two reminders; zero means that there is one.
    repeat: Duration,
}

impl ExpiryRules {
    pub(super) fn read(pki: &Named<'_>) -> Self {
        let rule = |name: &str| {
            let warning = pki.at(name);
            let hours = |leaf: &str| warning.number(leaf).and_then(|hours| u32::try_from(hours).ok());
            Rule {
                ahead: hours("hours").map(|hours| HOUR * hours),
                repeat: HOUR * hours("repeat-hours").unwrap_or_default(),
            }
        };
        Self { certificates: rule("certificate-expiration-warning"), lists: rule("crl-expiration-warning") }
    }
}

/// What was said already: the end that it was about, and when.
#[derive(Debug, Default)]
pub struct Reminders {
    said: BTreeMap<String, (Timestamp, Timestamp)>,
}

impl Reminders {
    /// The lines that are due now.
    pub fn due(&mut self, rules: &ExpiryRules, expiries: &[Expiry], now: Timestamp) -> Vec<String> {
        let before = std::mem::take(&mut self.said);
        let mut lines = Vec::new();
        for expiry in expiries {
            let rule = if expiry.is_list { rules.lists } else { rules.certificates };
            let said = before.get(&expiry.place).copied().filter(|(end, _)| *end == expiry.at);
            let near = rule.ahead.is_some_and(|ahead| now.plus(ahead) >= expiry.at);
            // What has ended is told otherwise.
            if !near || now >= expiry.at {
                self.said.extend(said.map(|said| (expiry.place.clone(), said)));
                continue;
            }
            let again = |at: Timestamp| !rule.repeat.is_zero() && now >= at.plus(rule.repeat);
            let is_due = said.is_none_or(|(_, at)| again(at));
            let at = said.filter(|_| !is_due).map_or(now, |(_, at)| at);
            self.said.insert(expiry.place.clone(), (expiry.at, at));
            if is_due {
                let what = if expiry.is_list { "revocation list" } else { "certificate" };
                lines.push(format!("{} - the {what} ends at {}", expiry.place, expiry.at));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u32) -> Timestamp {
        Timestamp::EPOCH.plus(HOUR * hours)
    }

    fn said_at(rule: Rule, times: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let rules = ExpiryRules { certificates: rule, lists: Rule { ahead: None, repeat: HOUR } };
        let expiry = |is_list| Expiry { place: format!("/file{is_list}"), is_list, at: hours(100) };
        let expiries = [expiry(false), expiry(true)];
        let mut reminders = Reminders::default();
        let mut due = |time: &u32| !reminders.due(&rules, &expiries, hours(*time)).is_empty();
        times.into_iter().filter(|time| due(time)).collect()
    }

    #[test]
    fn reminds_as_often_as_asked() {
        let rule = |ahead: Option<u32>, repeat| Rule { ahead: ahead.map(|hours| HOUR * hours), repeat: HOUR * repeat };
        assert!(said_at(rule(None, 1), 0..120).is_empty());
        assert_eq!(said_at(rule(Some(10), 0), 0..120), [90]);
        assert_eq!(said_at(rule(Some(10), 4), 0..120), [90, 94, 98]);
        assert_eq!(said_at(rule(Some(200), 50), 0..120), [0, 50]);
    }

    /// A new file starts anew.
    #[test]
    fn a_new_end_is_told_again() {
        let rule = Rule { ahead: Some(HOUR * 10), repeat: Duration::ZERO };
        let rules = ExpiryRules { certificates: rule, lists: rule };
        let expiry = |at| [Expiry { place: "/file".to_owned(), is_list: true, at: hours(at) }];
        let mut reminders = Reminders::default();
        let lines = reminders.due(&rules, &expiry(100), hours(95));
        assert_eq!(lines, [format!("/file - the revocation list ends at {}", hours(100))]);
        assert!(reminders.due(&rules, &expiry(100), hours(96)).is_empty());
        assert_eq!(reminders.due(&rules, &expiry(101), hours(97)).len(), 1);
    }
}
