//! Which changes of a Set its author may make.
//!
//! Invariant: only differences are judged. What an author may not change and a delete or replace of something around it
//! takes out is put back before anybody sees the candidate (SET-038); any other difference there refuses the whole
//! commit (SET-037). So a protected element may be set to the value it has (SET-039), and to no other (SET-040).
//! Secrets, which nobody can read, survive a replace that does not mention them. Where a server has to permit each change,
//! it is asked outside of the commit's turn: what is judged here is what it has said.

mod secrets;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::grant::Grants;
use super::local::Users;
use super::rights::Rights;
use super::secrets::{SecretNodes, Vault};
use crate::path::{Access, DataPath, Pattern, PatternStep, Step};
use crate::schema::{CaseRef, Kind, NodeId, Schema};
use crate::store::{
    Branch, Change, Child, CommitError, Denied, Difference, Edit, Guard, Inquiry, Leaf, List, Tree, diff,
};
use crate::value::Value;

/// Judges commits by the profiles of their authors. The daemon itself, which has no session, may change everything.
/// Secrets are encrypted first, so that they are judged, kept and shown in that form.
#[derive(Debug)]
pub struct SetGuard {
    users: Users,
    grants: Arc<Grants>,
    secrets: SecretNodes,
    vault: Arc<Vault>,
}

impl SetGuard {
    /// A guard that looks authors up among these users and those whom servers have vouched for.
    pub fn new(schema: &Schema, users: Users, grants: Arc<Grants>, vault: Arc<Vault>) -> Self {
        Self { users, grants, secrets: SecretNodes::new(schema), vault }
    }
}

impl Guard for SetGuard {
    fn judge(&self, mut change: Change<'_>) -> Result<(), CommitError> {
        let sealed = self.secrets.seal(change.schema, &self.vault, change.base, change.candidate, change.time);
        sealed.map_err(|violation| CommitError::Constraints(vec![violation]))?;
        secrets::keep(&mut change);
        if change.author.session == 0 {
            return Ok(());
        }
        // Looked up here and not on admission: an earlier commit may have taken rights away.
        let author = change.author;
        let grant = self.grants.of(author.session, &author.user);
        let Some(user) = self.users.find(change.base, &author.user, grant.as_ref()) else {
            let (path, user) = ("/".to_owned(), change.author.user.clone());
            return Err(Denied { position: None, path, user, reason: "no such user".to_owned() }.into());
        };
        match user.rights.everything() && !user.asks {
            true => Ok(()),
            false => Judgement::new(change, &user.rights, user.asks).run(),
        }
    }
}

struct Judgement<'a> {
    change: Change<'a>,
    rights: &'a Rights,
    /// What a server has to be asked yet; none where the rights alone decide.
    inquiries: Option<RefCell<BTreeSet<Inquiry>>>,
}

/// Something that its author may not take out.
enum Kept {
    Leaf(DataPath, Leaf),
    /// A list entry or presence container.
    Branch(DataPath),
}

impl Kept {
    fn path(&self) -> &DataPath {
        match self {
            Self::Leaf(path, _) | Self::Branch(path) => path,
        }
    }
}

impl<'a> Judgement<'a> {
    fn new(change: Change<'a>, rights: &'a Rights, asks: bool) -> Self {
        Self { change, rights, inquiries: asks.then(RefCell::default) }
    }

    fn run(mut self) -> Result<(), CommitError> {
        let judged = self.judge();
        match self.inquiries.map(RefCell::into_inner) {
            // Until all has been said nothing is known for sure.
            Some(inquiries) if !inquiries.is_empty() => Err(CommitError::Inquiries(inquiries.into_iter().collect())),
            _ => Ok(judged?),
        }
    }

    fn judge(&mut self) -> Result<(), Denied> {
        self.check_named()?;
        let mut gone = Vec::new();
        let mut refused = None;
        let candidate = self.change.candidate.clone();
        diff(self.change.schema, self.change.base, &candidate, &Pattern::default(), &mut |at, difference| {
            let refusal = match difference {
                Difference::Leaf { node, new, old } => self.is_refused(at, node, new, old).then(|| extended(at, node)),
                Difference::Created => (!self.may_change(at, false)).then(|| DataPath::new(at)),
                Difference::Reordered => self.is_reordered(at, &candidate).then(|| DataPath::new(at)),
                Difference::Removed => {
                    self.collect(at, &mut gone);
                    None
                }
            };
            if refused.is_none() {
                refused = refusal;
            }
        });
        match refused {
            Some(path) => Err(self.denied(&path)),
            None => gone.into_iter().try_for_each(|kept| self.put_back(kept)),
        }
    }

    fn may_change(&self, place: &[Step], deletes: bool) -> bool {
        self.rights.rules().access(place) == Access::Write && self.is_permitted(deletes, || DataPath::new(place))
    }

    fn may_change_leaf(&self, at: &[Step], leaf: NodeId, deletes: bool) -> bool {
        self.rights.rules().child(at, leaf) == Access::Write && self.is_permitted(deletes, || extended(at, leaf))
    }

    /// What the server says; what it has not been asked yet is noted, and permitted for the time being.
    fn is_permitted(&self, deletes: bool, place: impl FnOnce() -> DataPath) -> bool {
        let Some(inquiries) = &self.inquiries else { return true };
        let inquiry = Inquiry { place: place(), deletes };
        let verdict = self.change.verdicts.get(&inquiry).copied();
        verdict.unwrap_or_else(|| {
            inquiries.borrow_mut().insert(inquiry);
            true
        })
    }

    /// A delete that names what its author may not change is refused, whether or not anything stands there (SET-041).
    /// One of many names nothing by itself: such are the root and names with wildcards (SET-053).
    fn check_named(&self) -> Result<(), Denied> {
        let schema = self.change.schema;
        for (position, edit) in self.change.edits.iter().enumerate() {
            let Edit::Delete(patterns) = edit else { continue };
            let [named] = &**patterns else { continue };
            let place = DataPath::new(named.steps().iter().map(PatternStep::as_written).collect::<Vec<_>>());
            let top = place.steps().len() <= 1;
            let spared = top && self.rights.rules().may_hold(schema, place.steps(), Access::Write);
            if !spared && !self.may_change(place.steps(), true) {
                let path = named.display(schema).to_string();
                return Err(Denied { position: Some(position), path, ..self.denied(&place) });
            }
        }
        Ok(())
    }

    fn is_refused(&self, at: &[Step], node: NodeId, new: &Leaf, old: Option<&Leaf>) -> bool {
        let said = match (old, &self.change.schema.node(node).kind) {
            (Some(old), _) => old.value == new.value,
            // Its entry has been judged.
            (None, Kind::Leaf(leaf)) if leaf.is_key => true,
            (None, Kind::Leaf(leaf)) => leaf.default.as_ref() == Some(&new.value),
            (None, Kind::LeafList(list)) => new.value == Value::List(list.defaults.to_vec().into()),
            (None, _) => false,
        };
        !said && !self.may_change_leaf(at, node, false)
    }

    /// Whether entries that stay stand in another order, in a list that the author may not change.
    fn is_reordered(&self, at: &[Step], candidate: &Tree) -> bool {
        let order = |tree: &Tree, other: &Tree| {
            let list = |tree| list_at(tree, at);
            let stays = |key: &_| list(other).is_some_and(|other| other.get(key).is_some());
            let keys = list(tree).into_iter().flat_map(|list| list.iter());
            keys.map(|(key, _)| key.clone()).filter(stays).collect::<Vec<_>>()
        };
        let base = self.change.base;
        order(base, candidate) != order(candidate, base) && !self.may_change(at, false)
    }

    /// Collects what of a removed place its author may not remove.
    fn collect(&self, at: &[Step], gone: &mut Vec<Kept>) {
        let Some((last, above)) = at.split_last() else { return };
        let mut place = at.to_vec();
        if let Some(branch) = self.change.base.branch(at) {
            self.collect_branch(&mut place, branch, gone);
        } else if let Some(leaf) = self.change.base.branch(above).and_then(|branch| branch.leaf(last.node)) {
            place.pop();
            self.collect_leaf(&place, last.node, leaf, gone);
        }
    }

    fn collect_branch(&self, at: &mut Vec<Step>, branch: &Branch, gone: &mut Vec<Kept>) {
        let schema = self.change.schema;
        let Some(node) = at.last().map(|step| step.node) else { return };
        if self.inquiries.is_none() && self.rights.rules().uniform(Some(node)) == Some(Access::Write) {
            return;
        }
        let counts = !matches!(schema.node(node).kind, Kind::Container { presence: false }) && !schema.is_mixed(node);
        if counts && !self.may_change(at, true) {
            gone.push(Kept::Branch(DataPath::new(&**at)));
        }
        for child in branch.children().iter().filter(|child| schema.node(child.node()).config) {
            match child {
                Child::Leaf(node, leaf) => self.collect_leaf(at, *node, leaf, gone),
                Child::Container(node, inner) => {
                    at.push(Step { node: *node, key: None });
                    self.collect_branch(at, inner, gone);
                    at.pop();
                }
                Child::List(node, list) => {
                    for (key, entry) in list.iter() {
                        at.push(Step { node: *node, key: Some(key.clone()) });
                        self.collect_branch(at, entry.branch(), gone);
                        at.pop();
                    }
                }
            }
        }
    }

    fn collect_leaf(&self, at: &[Step], node: NodeId, leaf: &Leaf, gone: &mut Vec<Kept>) {
        let is_key = matches!(&self.change.schema.node(node).kind, Kind::Leaf(leaf) if leaf.is_key);
        if !is_key && !leaf.is_default() && !self.may_change_leaf(at, node, true) {
            gone.push(Kept::Leaf(extended(at, node), leaf.clone()));
        }
    }

    /// Puts something back that went with what is around it. It went by itself when a replace names it, or when another
    /// case of its choice has come; that is refused.
    fn put_back(&mut self, kept: Kept) -> Result<(), Denied> {
        let path = kept.path();
        let names = |edit: &Edit| match edit {
            Edit::Replace(named, _) => named.contains(path) && !self.may_change(named.steps(), false),
            Edit::Delete(_) | Edit::Update(..) => false,
        };
        if self.change.edits.iter().any(names) || self.has_other_case(path) {
            return Err(self.denied(path));
        }
        let Change { schema, time, .. } = self.change;
        match kept {
            Kept::Branch(path) => {
                self.change.candidate.branch_mut(schema, path.steps(), time);
            }
            Kept::Leaf(path, leaf) => {
                if let Some((last, above)) = path.steps().split_last() {
                    self.change.candidate.branch_mut(schema, above, time).put_leaf(last.node, leaf);
                }
            }
        }
        Ok(())
    }

    /// Whether something of the candidate excludes what is to be put back (RFC 7950 7.9).
    fn has_other_case(&self, path: &DataPath) -> bool {
        let schema = self.change.schema;
        path.steps().iter().enumerate().any(|(depth, step)| {
            let ours = &schema.node(step.node).cases;
            let excludes = |child: &Child| {
                let mut theirs = schema.node(child.node()).cases.iter();
                let other =
                    |theirs: &CaseRef| ours.iter().any(|ours| ours.choice == theirs.choice && ours.case != theirs.case);
                theirs.any(other) && is_set(schema, child)
            };
            let branch = path.steps().get(..depth).and_then(|above| self.change.candidate.branch(above));
            !ours.is_empty() && branch.is_some_and(|branch| branch.children().iter().any(excludes))
        })
    }

    fn denied(&self, path: &DataPath) -> Denied {
        let touches = |edit: &Edit| match edit {
            Edit::Delete(patterns) => patterns.iter().any(|pattern| pattern.agrees(path.steps())),
            Edit::Replace(place, _) | Edit::Update(place, _) => place.contains(path) || path.contains(place),
        };
        let reason = match self.rights.rules().access(path.steps()) {
            Access::Write if self.inquiries.is_some() => "TACACS+ does not authorize it".to_owned(),
            _ => self.rights.origin(path.steps()).to_string(),
        };
        Denied {
            position: self.change.edits.iter().rposition(touches),
            path: path.display(self.change.schema).to_string(),
            user: self.change.author.user.clone(),
            reason,
        }
    }
}

fn extended(at: &[Step], node: NodeId) -> DataPath {
    DataPath::new(at.iter().cloned().chain([Step { node, key: None }]).collect::<Vec<_>>())
}

fn list_at<'a>(tree: &'a Tree, at: &[Step]) -> Option<&'a List> {
    let (last, above) = at.split_last()?;
    tree.branch(above)?.list(last.node)
}

/// Whether a child is there because somebody set it or something in it.
fn is_set(schema: &Schema, child: &Child) -> bool {
    match child {
        Child::Leaf(_, leaf) => !leaf.is_default(),
        Child::Container(node, inner) => {
            matches!(schema.node(*node).kind, Kind::Container { presence: true })
                || inner.children().iter().any(|child| is_set(schema, child))
        }
        Child::List(..) => true,
    }
}

#[cfg(test)]
mod tests;
