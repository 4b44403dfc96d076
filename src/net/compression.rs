//! When answers are compressed: for a client that compresses what it sends, and for no other.
//!
//! Most clients say that they could read gzip without anybody having asked for it. A stream that is compressed message
//! by message costs several times what it saves on the line, so the offer counts only with a request that is compressed
//! itself, as other servers handle it (TLS-033).

use http::header::HeaderName;
use http::{HeaderMap, Request};

pub(super) const SENT: HeaderName = HeaderName::from_static("grpc-encoding");
pub(super) const OFFERED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Takes the offer of compression out of a request that is not compressed.
pub fn in_kind<B>(mut request: Request<B>) -> Request<B> {
    if !is_compressed(request.headers()) {
        request.headers_mut().remove(OFFERED);
    }
    request
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(SENT).is_some_and(|encoding| encoding != "identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: Option<&str>, offer_stays: bool) {
        let request = Request::builder().header(OFFERED, "gzip");
        let request = sent.iter().fold(request, |request, sent| request.header(SENT, *sent));
        let answered = in_kind(request.body(()).unwrap());
        assert_eq!(answered.headers().contains_key(OFFERED), offer_stays, "{sent:?}");
    }

    /// TLS-033.
    #[test]
    fn the_offer_counts_with_a_compressed_request() {
        check(Some("gzip"), true);
        check(Some("identity"), false);
        check(None, false);
    }
}
