//! Packets against the examples of RFC 2865 section 7.1, and against anything that may come.

use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"xyzzy5461";
const AUTHENTICATOR: [u8; 16] =
    [0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4, 0x22, 0x7a];
/// The Access-Accept to nemo.
const ACCEPT: [u8; 38] = [
    0x02, 0x00, 0x00, 0x26, 0x86, 0xfe, 0x22, 0x0e, 0x76, 0x24, 0xba, 0x2a, 0x10, 0x05, 0xf6, 0xbf, 0x9b, 0x55, 0xe0,
    0xb2, 0x06, 0x06, 0x00, 0x00, 0x00, 0x01, 0x0f, 0x06, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x06, 0xc0, 0xa8, 0x01, 0x03,
];

fn request() -> Request {
    let mut draft = Draft::access(0, AUTHENTICATOR);
    draft.put(USER_NAME, b"nemo");
    draft.put_password(b"arctangent", SECRET);
    draft.signed(SECRET)
}

/// A reply as a server makes it, with a Message-Authenticator when `signed`.
fn reply(request: &Request, code: u8, attributes: &[u8], signed: bool) -> Vec<u8> {
    let mut all = attributes.to_vec();
    if signed {
        all.extend([MESSAGE_AUTHENTICATOR, 18]);
        all.extend([0; 16]);
    }
    let length = (HEADER_BYTES + all.len()) as u16;
    let mut header = vec![code, request.bytes[1]];
    header.extend(length.to_be_bytes());
    if signed {
        let digest = message_digest(SECRET, &[&header, request.authenticator(), &all]);
        let at = all.len() - 16;
        all[at..].copy_from_slice(&digest);
    }
    let digest = Md5::new().chain_update(&header).chain_update(request.authenticator()).chain_update(&all);
    let digest = digest.chain_update(SECRET).finalize();
    [&header[..], &digest[..], &all[..]].concat()
}

#[test]
fn a_password_is_hidden_as_in_the_example() {
    let request = request();
    let hidden = attributes(&request.bytes[HEADER_BYTES..]).find(|(kind, _)| *kind == USER_PASSWORD).unwrap().1;
    let expected = [0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a, 0x0a, 0xee];
    assert_eq!(hidden, expected);
    assert_eq!(request.bytes[2..4], [0, 62]);
    // Passwords of every length that is allowed take whole blocks, an empty one too.
    for (length, bytes) in [(0, 16), (1, 16), (16, 16), (17, 32), (128, 128)] {
        let mut draft = Draft::access(0, AUTHENTICATOR);
        draft.put_password(&vec![b'x'; length], SECRET);
        assert_eq!(draft.bytes.len(), HEADER_BYTES + 18 + 2 + bytes, "{length}");
    }
}

#[test]
fn believes_the_example_and_nothing_like_it() {
    let request = request();
    assert_eq!(Reply::read(&ACCEPT, &request, SECRET).unwrap().code, ACCESS_ACCEPT);
    let check = |bytes: &[u8], secret: &[u8], expected: Unbelievable| {
        assert_eq!(Reply::read(bytes, &request, secret).unwrap_err(), expected, "{bytes:?}");
    };
    check(&ACCEPT, b"other", Unbelievable::Forged);
    check(&ACCEPT[..37], SECRET, Unbelievable::Malformed);
    check(&ACCEPT[..3], SECRET, Unbelievable::Malformed);
    check(&[], SECRET, Unbelievable::Malformed);
    for place in 0..ACCEPT.len() {
        let mut wrong = ACCEPT;
        wrong[place] ^= 1;
        assert!(Reply::read(&wrong, &request, SECRET).is_err(), "byte {place}");
    }
    let mut stray = ACCEPT;
    stray[1] = 7;
    check(&stray, SECRET, Unbelievable::Stray);
    // Padding does not count.
    assert!(Reply::read(&[&ACCEPT[..], &[0; 9]].concat(), &request, SECRET).is_ok());
}

#[test]
fn a_message_authenticator_has_to_be_right() {
    let request = request();
    let good = reply(&request, ACCESS_ACCEPT, &[6, 6, 0, 0, 0, 1], true);
    assert!(Reply::read(&good, &request, SECRET).unwrap().is_signed);
    assert!(!Reply::read(&ACCEPT, &request, SECRET).unwrap().is_signed);
    // A wrong one below an authenticator that is right.
    let forged = reply(&request, ACCESS_ACCEPT, &[[MESSAGE_AUTHENTICATOR, 18].as_slice(), &[9; 16]].concat(), false);
    assert_eq!(Reply::read(&forged, &request, SECRET).unwrap_err(), Unbelievable::Forged);
    let short = reply(&request, ACCESS_ACCEPT, &[MESSAGE_AUTHENTICATOR, 4, 1, 2], false);
    assert_eq!(Reply::read(&short, &request, SECRET).unwrap_err(), Unbelievable::Forged);
}

#[test]
fn reads_the_attributes_of_a_vendor() {
    let request = request();
    let attributes = [
        &[1, 3, b'x'][..],
        &[26, 12, 0, 0, 25, 127, 1, 6, 0, 0, 0, 8],
        &[26, 12, 0, 0, 0, 9, 1, 6, 0, 0, 0, 8],
        &[26, 14, 0, 0, 25, 127, 4, 3, b'a', 4, 5, b'b', b'c', b'd'],
        // Cut off inside.
        &[26, 9, 0, 0, 25, 127, 4, 9, b'a'],
    ]
    .concat();
    let bytes = reply(&request, ACCESS_ACCEPT, &attributes, true);
    let reply = Reply::read(&bytes, &request, SECRET).unwrap();
    let found: Vec<_> = reply.of_vendor(6527).collect();
    assert_eq!(found, [(1, &[0, 0, 0, 8][..]), (4, b"a"), (4, b"bcd")]);
}

proptest! {
    /// Whatever comes is read without leaving it, and what a server could have signed has the attributes it says.
    #[test]
    fn reads_anything(bytes in proptest::collection::vec(any::<u8>(), 0..200), code in any::<u8>()) {
        let request = request();
        let _ = Reply::read(&bytes, &request, SECRET);
        let signed = reply(&request, code, &bytes, false);
        if let Ok(reply) = Reply::read(&signed, &request, SECRET) {
            prop_assert!(reply.of_vendor(6527).count() <= bytes.len());
        }
    }
}
