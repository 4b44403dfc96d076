//! Answers on their way: who asks the same meanwhile waits for the same one.
//!
//! Invariant: an answer is kept no longer than somebody waits for it, so questions that are given up fill no memory. Who
//! asks after an answer has come asks anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

type Answers<Q, A> = Vec<(Q, Arc<OnceCell<A>>)>;

/// Answers on their way, by their questions.
#[derive(Debug)]
pub(super) struct Pending<Q, A>(Mutex<Answers<Q, A>>);

impl<Q, A> Default for Pending<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: PartialEq, A> Pending<Q, A> {
    /// The answer to this question that others wait for, or a new one.
    pub(super) fn of(&self, question: Q) -> Arc<OnceCell<A>> {
        let mut answers = self.lock();
        // Those that nobody waits for any more.
        answers.retain(|(_, answer)| Arc::strong_count(answer) > 1);
        if let Some((_, answer)) = answers.iter().find(|(of, _)| *of == question) {
            return answer.clone();
        }
        let answer = Arc::new(OnceCell::new());
        answers.push((question, answer.clone()));
        answer
    }

    /// Takes out an answer that has come.
    pub(super) fn take(&self, answer: &Arc<OnceCell<A>>) {
        self.lock().retain(|(_, of)| !Arc::ptr_eq(of, answer));
    }

    fn lock(&self) -> MutexGuard<'_, Answers<Q, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_not_kept() {
        let pending = Pending::<u32, ()>::default();
        let first = pending.of(0);
        for question in 1..100 {
            drop(pending.of(question));
        }
        assert!(Arc::ptr_eq(&first, &pending.of(0)));
        assert_eq!(pending.lock().len(), 1);
        pending.take(&first);
        assert!(!Arc::ptr_eq(&first, &pending.of(0)));
    }
}
