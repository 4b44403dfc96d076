//! Master arbitration: which of several controllers may write (master-arbitration 3.2).
//!
//! Invariant: within a role the largest election id ever seen wins, and a Set of the master before is either done when
//! a larger id is accepted or refused: a Set holds its mandate until it is committed, and a larger id waits for those.
//! Elections are kept in memory; after a restart the first claim of a role is the largest.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::pb::gnmi_ext::{MasterArbitration, Uint128};

/// Longest name of a role, in bytes. Names are kept, so they cannot be of any length.
const ROLE_BYTES_MAX: usize = 256;

/// A claim to be the master of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Name of the role; empty for the default one (EXT-023).
    role: Box<str>,
    election_id: u128,
}

/// Why an extension claims nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// No election id (EXT-021).
    #[error("Field election_id is missing")]
    NoElectionId,
    /// A role whose name is too long to be remembered.
    #[error("Name of the role has {bytes} bytes, more than {ROLE_BYTES_MAX}")]
    LongRole {
        /// Its length.
        bytes: usize,
    },
}

/// Why a claim is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArbitrationError {
    /// Somebody claimed the role with a larger id (EXT-020).
    #[error("Election id {} is smaller than {}, the largest one seen of {}", halves(*.asked), halves(*.largest), role_name(.role))]
    NotMaster {
        /// The role.
        role: Box<str>,
        /// The id of this claim.
        asked: u128,
        /// The id of the master.
        largest: u128,
    },
    /// A role too many.
    #[error("Elections of {limit} roles are remembered, no further role can be claimed")]
    TooManyRoles {
        /// How many there may be.
        limit: usize,
    },
}

fn halves(id: u128) -> String {
    format!("{id} (high {}, low {})", id >> 64, id & u128::from(u64::MAX))
}

fn role_name(role: &str) -> String {
    if role.is_empty() { "the default role".to_owned() } else { format!("role '{role}'") }
}

impl Claim {
    /// Reads the extension.
    pub(super) fn read(arbitration: &MasterArbitration) -> Result<Self, ClaimError> {
        let Some(Uint128 { high, low }) = arbitration.election_id else { return Err(ClaimError::NoElectionId) };
        let role = arbitration.role.as_ref().map_or("", |role| &role.id);
        if role.len() > ROLE_BYTES_MAX {
            return Err(ClaimError::LongRole { bytes: role.len() });
        }
        // The high half decides before the low one (EXT-025).
        Ok(Self { role: role.into(), election_id: u128::from(high) << 64 | u128::from(low) })
    }
}

/// The largest election id of each role.
type Largest = BTreeMap<Box<str>, u128>;

/// The right to write, held by a Set until it is done.
pub(super) type Mandate = OwnedRwLockReadGuard<Largest>;

/// What is remembered of all elections.
#[derive(Debug)]
pub(super) struct Elections {
    largest: Arc<RwLock<Largest>>,
    roles_max: usize,
}

impl Elections {
    /// No election yet.
    pub(super) fn new(roles_max: usize) -> Self {
        Self { largest: Arc::default(), roles_max }
    }

    /// Grants a claim that is as large as any before it, and remembers it (EXT-020, EXT-024). What becomes of the Set
    /// afterwards does not matter (EXT-026).
    pub(super) async fn grant(&self, claim: &Claim) -> Result<Mandate, ArbitrationError> {
        let Claim { role, election_id } = claim;
        let known = self.largest.clone().read_owned().await;
        if known.get(role) == Some(election_id) {
            return Ok(known);
        }
        refuse_smaller(&known, claim)?;
        drop(known);
        let mut known = self.largest.clone().write_owned().await;
        refuse_smaller(&known, claim)?;
        if !known.contains_key(role) && known.len() >= self.roles_max {
            return Err(ArbitrationError::TooManyRoles { limit: self.roles_max });
        }
        known.insert(role.clone(), *election_id);
        Ok(known.downgrade())
    }
}

fn refuse_smaller(known: &Largest, claim: &Claim) -> Result<(), ArbitrationError> {
    let Claim { role, election_id } = claim;
    match known.get(role) {
        Some(&largest) if largest > *election_id => {
            Err(ArbitrationError::NotMaster { role: role.clone(), asked: *election_id, largest })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::gnmi_ext::Role;

    fn claim(role: &str, high: u64, low: u64) -> Claim {
        let role = Some(Role { id: role.to_owned() });
        Claim::read(&MasterArbitration { role, election_id: Some(Uint128 { high, low }) }).unwrap()
    }

    /// EXT-020, EXT-025: the high half counts first, equal ids are the same master, and no half is cut off.
    #[tokio::test]
    async fn the_larger_id_wins() {
        let elections = Elections::new(8);
        for (high, low, granted) in [
            (0, u64::MAX, true),
            (0, u64::MAX, true),
            (0, 7, false),
            (1, 0, true),
            (0, u64::MAX, false),
            (1, 1, true),
            (1, 0, false),
            (u64::MAX, u64::MAX, true),
            (u64::MAX, u64::MAX - 1, false),
        ] {
            assert_eq!(elections.grant(&claim("", high, low)).await.is_ok(), granted, "{high} {low}");
        }
    }

    /// EXT-020: a larger id is accepted only once the Set of the master before is done.
    #[tokio::test]
    async fn a_new_master_waits_for_the_set_of_the_old_one() {
        let elections = Arc::new(Elections::new(8));
        let running = elections.grant(&claim("", 0, 1)).await.unwrap();
        let new = tokio::spawn({
            let elections = elections.clone();
            async move { elections.grant(&claim("", 0, 2)).await.map(drop) }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!new.is_finished());
        drop(running);
        new.await.unwrap().unwrap();
        assert!(elections.grant(&claim("", 0, 1)).await.is_err());
    }
}
