//! Credentials in the metadata of an RPC.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::aaa::Credentials;

/// Longest text of a stranger that goes into one field of a log, in characters. The model allows user names of 32.
const LOGGED_CHARS: usize = 128;

/// The credentials an RPC carries: `username` and `password` (AUTH-001), or over TLS also basic authorisation. None
/// unless both name and password are there (AUTH-002 to AUTH-004).
pub(super) fn read(headers: &HeaderMap, encrypted: bool) -> Option<Credentials> {
    if headers.contains_key("username") || headers.contains_key("password") {
        let user = headers.get("username")?.to_str().ok()?;
        let password = headers.get("password")?.as_bytes();
        return complete(user, password);
    }
    if !encrypted {
        return None;
    }
    let basic = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = basic.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let mut parts = decoded.splitn(2, |&byte| byte == b':');
    complete(std::str::from_utf8(parts.next()?).ok()?, parts.next()?)
}

/// Whether an RPC leaves it to the certificate of its client to say who makes it: it has no password of any kind, and no
/// name or this one (AUTH-038).
pub(super) fn leaves_to_certificate(headers: &HeaderMap, user: &str) -> bool {
    let same = headers.get("username").is_none_or(|name| name.as_bytes() == user.as_bytes());
    same && !headers.contains_key("password") && !headers.contains_key(AUTHORIZATION)
}

/// The user name an RPC claims, whatever else is missing.
pub(super) fn claimed_user(headers: &HeaderMap, encrypted: bool) -> String {
    let given = headers.get("username").map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    given.or_else(|| read(headers, encrypted).map(|credentials| credentials.user)).unwrap_or_default()
}

/// What of a stranger's text is written to a log.
pub(super) fn loggable(text: &str) -> String {
    text.chars().take(LOGGED_CHARS).collect()
}

fn complete(user: &str, password: &[u8]) -> Option<Credentials> {
    let given = !user.is_empty() && !password.is_empty();
    given.then(|| Credentials { user: user.to_owned(), password: password.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], encrypted: bool, expected: Option<(&str, &str)>) {
        let headers: HeaderMap =
            headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let found = read(&headers, encrypted);
        let found = found.map(|found| (found.user, String::from_utf8(found.password).unwrap()));
        let expected = expected.map(|(user, password)| (user.to_owned(), password.to_owned()));
        assert_eq!(found, expected, "{headers:?}");
    }

    /// AUTH-001 to AUTH-004.
    #[test]
    fn needs_both_name_and_password() {
        check(&[("username", "admin"), ("password", "p:w")], false, Some(("admin", "p:w")));
        check(&[], false, None);
        check(&[("username", "admin")], false, None);
        check(&[("password", "x")], false, None);
        check(&[("username", "admin"), ("password", "")], false, None);
        check(&[("username", ""), ("password", "x")], false, None);
    }

    #[test]
    fn basic_authorisation_is_for_tls() {
        let basic = ("authorization", "Basic YWRtaW46cDp3"); // admin:p:w
        check(&[basic], true, Some(("admin", "p:w")));
        check(&[basic], false, None);
        check(&[("authorization", "Bearer YWRtaW46cDp3")], true, None);
        check(&[("authorization", "Basic ???")], true, None);
        check(&[("authorization", "Basic YWRtaW4=")], true, None); // no colon
        // Metadata goes before it, and is not completed from it.
        check(&[basic, ("username", "ro")], true, None);
    }
}
