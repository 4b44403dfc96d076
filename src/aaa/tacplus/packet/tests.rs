//! Packets laid out by hand, and anything that may come.

use proptest::prelude::*;

use super::*;

const SUBJECT: Subject<'static> = Subject { user: "ann", port: "grpc", address: "192.0.2.1" };

fn session(secret: &[u8]) -> Session<'_> {
    Session { kind: Kind::Authentication, id: 0x01020304, secret, minor: 1 }
}

#[test]
fn lays_requests_out() {
    let head = |bytes: &[u8]| [bytes, &[3, 4, 9]].concat();
    let texts = b"anngrpc192.0.2.1";
    let expected = [&head(&[1, 1, 2, 1])[..], &[2], texts, b"pw"].concat();
    assert_eq!(start(SUBJECT, Proof::Pap(b"pw")), expected);
    assert_eq!(start(SUBJECT, Proof::Ascii), [&head(&[1, 1, 1, 1])[..], &[0], texts].concat());
    assert_eq!(carry_on(b"pw"), [&[0, 2, 0, 0, 0][..], b"pw"].concat());
    let arguments = ["service=shell".to_owned(), "cmd=".to_owned()];
    let expected = [&head(&[6, 1, 1, 1])[..], &[2, 13, 4], texts, b"service=shellcmd="].concat();
    assert_eq!(authorization(SUBJECT, &arguments), expected);
    assert_eq!(accounting(SUBJECT, METHOD_TACACS, true, &arguments), [&[2][..], &expected].concat());
    assert_eq!(accounting(SUBJECT, METHOD_TACACS, false, &arguments), [&[4][..], &expected].concat());
}

#[test]
fn only_the_secret_shows_a_body() {
    let body = b"a body that is longer than one digest of sixteen bytes".to_vec();
    let packet = session(b"secret").packet(1, body.clone());
    assert_eq!(packet[..12], [0xc1, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 54]);
    let read = |secret: &[u8], sequence| {
        let mut read = packet[12..].to_vec();
        session(secret).obfuscate(packet[0], sequence, &mut read);
        read
    };
    assert_ne!(packet[12..], body);
    assert_eq!(read(b"secret", 1), body);
    assert_ne!(read(b"other", 1), body);
    assert_ne!(read(b"secret", 2), body);
}

#[test]
fn takes_only_headers_that_answer() {
    let good = [0xc1, 1, 2, 0, 1, 2, 3, 4, 0, 0, 1, 0];
    let check = |place: usize, byte: u8, expected: Result<usize, Broken>| {
        let mut header = good;
        header[place] = byte;
        assert_eq!(session(b"s").body_length(2, header), expected, "{place} {byte}");
    };
    check(0, 0xc1, Ok(256));
    check(0, 0xc0, Ok(256));
    check(0, 0xb1, Err(Broken::Header));
    check(1, 2, Err(Broken::Header));
    check(2, 4, Err(Broken::Header));
    check(7, 5, Err(Broken::Header));
    check(3, 1, Err(Broken::Clear));
    check(3, 4, Ok(256));
    check(9, 1, Err(Broken::Long));
    check(8, 0xff, Err(Broken::Long));
}

#[test]
fn reads_replies() {
    let authentication = |body: &[u8]| authentication_reply(body).map(|(standing, text)| (standing, text.to_vec()));
    assert_eq!(authentication(&[1, 0, 0, 0, 0, 0]), Ok((Standing::Pass, vec![])));
    assert_eq!(authentication(&[2, 0, 0, 2, 0, 1, b'n', b'o', b'd']), Ok((Standing::Fail, b"no".to_vec())));
    assert_eq!(authentication(&[5, 1, 0, 0, 0, 0]), Ok((Standing::GetPassword, vec![])));
    assert_eq!(authentication(&[0x21, 0, 0, 0, 0, 0]), Ok((Standing::Fail, vec![])));
    assert_eq!(authentication(&[7, 0, 0, 0, 0, 0]), Ok((Standing::Error, vec![])));
    for broken in [&[][..], &[1], &[9, 0, 0, 0, 0, 0], &[1, 0, 0, 1, 0, 0], &[1, 0, 0, 0, 0, 0, 7]] {
        assert_eq!(authentication(broken), Err(Broken::Body), "{broken:?}");
    }
    let levels = Verdict::Pass { replaces: false, arguments: vec!["priv-lvl=7".to_owned(), "x".to_owned()] };
    assert_eq!(authorization_reply(&[&[1, 2, 0, 1, 0, 0, 10, 1][..], b"mpriv-lvl=7x"].concat()), Ok(levels));
    assert_eq!(authorization_reply(&[0x10, 0, 0, 0, 0, 0]), Ok(Verdict::Fail));
    assert_eq!(authorization_reply(&[0x11, 0, 0, 0, 0, 0]), Ok(Verdict::Error));
    assert_eq!(authorization_reply(&[1, 3, 0, 0, 0, 0, 1]), Err(Broken::Body));
    assert_eq!(accounting_reply(&[0, 0, 0, 0, 1]), Ok(true));
    assert_eq!(accounting_reply(&[0, 0, 0, 0, 2]), Ok(false));
    assert_eq!(accounting_reply(&[0, 1, 0, 0, 1]), Err(Broken::Body));
}

proptest! {
    /// Whatever comes is read without leaving it.
    #[test]
    fn reads_anything(body in proptest::collection::vec(any::<u8>(), 0..300), header in any::<[u8; 12]>()) {
        let _ = (authentication_reply(&body), authorization_reply(&body), accounting_reply(&body));
        if let Ok(length) = session(b"s").body_length(2, header) {
            prop_assert!(length <= BODY_BYTES_MAX);
        }
    }
}
