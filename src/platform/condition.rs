//! Whether something works, said in the log when that changes and not again.

use std::fmt::Display;

/// One thing that works or does not.
#[derive(Debug)]
pub(crate) struct Condition {
    name: &'static str,
    failed: bool,
}

impl Condition {
    /// Assumed to work.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, failed: false }
    }

    /// Takes note of an attempt, and gives what it brought.
    pub(crate) fn note<T>(&mut self, attempt: Result<T, impl Display>) -> Option<T> {
        match attempt {
            Ok(value) => {
                if std::mem::take(&mut self.failed) {
                    tracing::info!(collector = self.name, "works again");
                }
                Some(value)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::warn!(collector = self.name, %error, "cannot be read, retrying");
                }
                None
            }
        }
    }
}
