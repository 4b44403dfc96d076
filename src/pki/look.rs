//! A look at the files of profiles.
//!
//! Invariant: one look reads the files of each authority once, however many profiles stand on it, so all of them find the
//! same. The next look reads again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Authority, Files, Standing};
use crate::time::Timestamp;

/// The files of one commit's profiles, as they are at a time.
#[derive(Debug)]
pub struct Look<'a> {
    pub(super) files: &'a Files,
    now: Timestamp,
    /// By path of the authority.
    standings: RefCell<BTreeMap<String, Rc<Standing>>>,
}

impl<'a> Look<'a> {
    /// A look at these files at this time.
    pub fn new(files: &'a Files, now: Timestamp) -> Self {
        Self { files, now, standings: RefCell::default() }
    }

    /// How an authority is.
    pub(super) fn at(&self, authority: &Authority) -> Rc<Standing> {
        let mut standings = self.standings.borrow_mut();
        let known = standings.entry(authority.path.clone());
        known.or_insert_with(|| Rc::new(authority.stand(self.files, self.now))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::FileRef;

    /// A file that changes under a look is another one for the next.
    #[test]
    fn reads_once() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::new(data.path());
        let named = |name: &str| Some(FileRef { leaf: format!("/ca/{name}"), name: name.to_owned() });
        let (path, certificate, list) = ("/ca".to_owned(), named("ca.crt"), named("ca.crl"));
        let authority = Authority { path, enabled: true, certificate, list, list_optional: true };
        let first = Look::new(&files, Timestamp::default());
        let reason = |look: &Look<'_>| look.at(&authority).refusal().unwrap().reason.clone();
        let gone = reason(&first);
        assert!(gone.contains("No such file"), "{gone}");
        std::fs::write(data.path().join("ca.crt"), "").unwrap();
        assert_eq!(reason(&first), gone);
        let now = reason(&Look::new(&files, Timestamp::default()));
        assert!(now.contains("is no certificate that can be read"), "{now}");
    }
}
