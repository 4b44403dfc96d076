//! Who gets service, and how much of it.

mod limits;
pub use limits::*;
/// stub
#[derive(Debug)]
pub struct Caller {
    /// u
    pub user: String,
    /// s
    pub session: Sess,
}
/// stub
#[derive(Debug)]
pub struct Sess;
impl Sess {
    /// p
    pub fn peer(&self) -> String {
        String::new()
    }
    /// i
    pub fn id(&self) -> u64 {
        0
    }
}
impl Caller {
    /// x
    pub fn user_changed(&self) -> tokio_util::sync::CancellationToken {
        Default::default()
    }
}
