//! Values and rules, as tables of inputs and verdicts.

use proptest::prelude::*;

use super::super::TextPattern;
use super::super::pattern::Syntax;
use super::*;

const ALL: [Rule; 3] = [Rule::Rfc7951, Rule::Lenient, Rule::Text];

fn range<N>(min: N, max: N) -> Range<N> {
    Range { min, max }
}

fn integer(bits: u8, signed: bool) -> Type {
    let values = 1_i128 << bits;
    let all = if signed { range(-values / 2, values / 2 - 1) } else { range(0, values - 1) };
    Type::Integer { bits, signed, ranges: [all].into() }
}

fn decimal(scale: u8) -> Type {
    Type::Decimal { scale, ranges: [range(i64::MIN, i64::MAX)].into() }
}

fn string() -> Type {
    Type::Text { lengths: [].into(), patterns: [].into() }
}

fn pattern(source: &str, inverted: bool) -> TextPattern {
    TextPattern::new(source, Syntax::XmlSchema, inverted).unwrap()
}

fn enumeration() -> Type {
    Type::Enum([("enable".into(), 1), ("disable".into(), 2)].into())
}

fn flags() -> Type {
    Type::Bits([("sync".into(), 0), ("urgent".into(), 3), ("push".into(), 7)].into())
}

fn identities(names: &[(&str, &str)]) -> Type {
    let mut made: Vec<_> =
        names.iter().map(|&(module, name)| Arc::new(Identity { module: module.into(), name: name.into() })).collect();
    made.sort_by_key(|identity| (identity.name.clone(), identity.module.clone()));
    Type::Identity(made.into())
}

fn protocols() -> Type {
    identities(&[("home", "BGP"), ("types", "BGP"), ("types", "ISIS"), ("one", "STATIC"), ("two", "STATIC")])
}

fn union(members: impl IntoIterator<Item = Type>) -> Type {
    Type::Union(members.into_iter().map(Arc::new).collect())
}

/// Checks one value: canonical text, or the error.
#[track_caller]
fn check(ty: &Type, rules: &[Rule], input: Input<'_>, expected: Result<&str, &str>) {
    for &rule in rules {
        let found = ty.accept(input, rule, "home").map(|value| value.to_string()).map_err(|error| error.to_string());
        let found = found.as_deref().map_err(String::as_str);
        assert_eq!(found, expected, "{input:?} by {rule:?} as {ty:?}");
    }
}

const SMALL: Result<&str, &str> = Err("out of range 0..255");

#[test]
fn judges_small_integers() {
    let ty = integer(8, false);
    // SET-034: protobuf scalars with range checks.
    check(&ty, &ALL, Input::Uint(255), Ok("255"));
    check(&ty, &ALL, Input::Int(0), Ok("0"));
    check(&ty, &ALL, Input::Int(-1), SMALL);
    check(&ty, &ALL, Input::Uint(256), SMALL);
    check(&ty, &ALL, Input::Uint(u64::MAX), SMALL);
    // C-37: numbers in every form of JSON, quoted ones only where it is lenient.
    for (text, expected) in [
        ("7", Ok("7")),
        ("-0", Ok("0")),
        ("7.0", Ok("7")),
        ("0.7e1", Ok("7")),
        ("2e2", Ok("200")),
        ("2E+2", Ok("200")),
        ("2550e-1", Ok("255")),
        ("256", SMALL),
        ("1e9", SMALL),
        ("7.5", Err("expected a whole number, got the number 7.5")),
        ("1e400", Err("expected a whole number, got the number 1e400")),
    ] {
        check(&ty, &ALL, Input::Number(text), expected);
    }
    check(&ty, &[Rule::Lenient, Rule::Text], Input::Text("7"), Ok("7"));
    check(&ty, &[Rule::Rfc7951], Input::Text("7"), Err(r#"expected a whole number, got the string "7""#));
    check(&ty, &ALL, Input::Bool(true), Err("expected a whole number, got true"));
    // SET-022.
    check(&ty, &ALL, Input::Null, Err("expected a whole number, got null"));
    check(&ty, &ALL, Input::Double(7.0), Err("expected a whole number, got the number 7"));
}

#[test]
fn reads_integers_from_text() {
    let ty = integer(16, true);
    for (text, expected) in [
        ("+5", Ok("5")),
        ("-5", Ok("-5")),
        ("-0", Ok("0")),
        ("007", Ok("7")),
        ("32767", Ok("32767")),
        ("-32768", Ok("-32768")),
        ("32768", Err("out of range -32768..32767")),
        ("99999999999999999999999999999999999999999999", Err("out of range -32768..32767")),
        ("", Err(r#"expected a whole number, got the string """#)),
        ("-", Err(r#"expected a whole number, got the string "-""#)),
        ("--5", Err(r#"expected a whole number, got the string "--5""#)),
        ("5 ", Err(r#"expected a whole number, got the string "5 ""#)),
        ("1.0", Err(r#"expected a whole number, got the string "1.0""#)),
        ("٣", Err(r#"expected a whole number, got the string "٣""#)),
    ] {
        check(&ty, &[Rule::Text, Rule::Lenient], Input::Text(text), expected);
    }
    check(&ty, &[Rule::Text], Input::Text("0x1f"), Ok("31"));
    check(&ty, &[Rule::Text], Input::Text("-0x1F"), Ok("-31"));
    check(&ty, &[Rule::Lenient], Input::Text("0x1f"), Err(r#"expected a whole number, got the string "0x1f""#));
    let ports = Type::Integer { bits: 32, signed: false, ranges: [range(22, 22), range(1000, 9999)].into() };
    check(&ports, &ALL, Input::Uint(22), Ok("22"));
    check(&ports, &ALL, Input::Uint(23), Err("out of range 22 | 1000..9999"));
}

#[test]
fn judges_64_bit_integers() {
    let (signed, unsigned) = (integer(64, true), integer(64, false));
    check(&signed, &ALL, Input::Text("-9223372036854775808"), Ok("-9223372036854775808"));
    check(&unsigned, &ALL, Input::Text("18446744073709551615"), Ok("18446744073709551615"));
    check(&unsigned, &ALL, Input::Uint(u64::MAX), Ok("18446744073709551615"));
    check(&signed, &ALL, Input::Uint(u64::MAX), Err("out of range -9223372036854775808..9223372036854775807"));
    let relaxed = [Rule::Lenient, Rule::Text];
    check(&unsigned, &relaxed, Input::Number("18446744073709551615"), Ok("18446744073709551615"));
    // SET-033: strings only.
    check(&unsigned, &[Rule::Rfc7951], Input::Number("5"), Err("expected a number as a string, got the number 5"));
}

#[test]
fn judges_decimals_exactly() {
    let ty = decimal(2);
    for (text, expected) in [
        ("1", Ok("1.0")),
        ("+1.5", Ok("1.5")),
        ("-0.05", Ok("-0.05")),
        ("-0", Ok("0.0")),
        ("1.5000", Ok("1.5")),
        ("92233720368547758.07", Ok("92233720368547758.07")),
        ("0.1", Ok("0.1")),
        ("0.001", Err("more than 2 digits after the decimal point")),
        ("92233720368547758.08", Err("out of range -92233720368547758.08..92233720368547758.07")),
        (
            "1000000000000000000000000000000000000000000000",
            Err("out of range -92233720368547758.08..92233720368547758.07"),
        ),
    ] {
        check(&ty, &ALL, Input::Text(text), expected);
        if !text.starts_with('+') {
            check(&ty, &[Rule::Lenient, Rule::Text], Input::Number(text), expected);
        }
    }
    for text in ["", ".5", "5.", "1e2", "1,5", "0x1", "-"] {
        assert!(ty.accept(Input::Text(text), Rule::Text, "home").is_err(), "{text}");
    }
    check(&ty, &[Rule::Lenient], Input::Number("1.5e1"), Ok("15.0"));
    check(&ty, &[Rule::Lenient], Input::Int(-3), Ok("-3.0"));
    check(&ty, &[Rule::Lenient], Input::Double(0.29), Ok("0.29"));
    check(&ty, &[Rule::Lenient], Input::Double(1e15), Ok("1000000000000000.0"));
    check(&ty, &[Rule::Lenient], Input::Double(f64::NAN), Err("expected a decimal number, got the number NaN"));
    check(&ty, &[Rule::Lenient], Input::Double(f64::INFINITY), Err("expected a decimal number, got the number inf"));
    check(&ty, &[Rule::Lenient], Input::Double(0.1 + 0.2), Err("more than 2 digits after the decimal point"));
    check(
        &ty,
        &[Rule::Rfc7951],
        Input::Number("1.5"),
        Err("expected a decimal number as a string, got the number 1.5"),
    );
    let percent = Type::Decimal { scale: 2, ranges: [range(0, 10_000)].into() };
    check(&percent, &ALL, Input::Text("100.01"), Err("out of range 0.0..100.0"));
}

#[test]
fn judges_strings() {
    let ty = Type::Text {
        lengths: [range(2, 4)].into(),
        patterns: [pattern("[a-zé]*", false), pattern("xx.*", true)].into(),
    };
    check(&ty, &ALL, Input::Text("éé"), Ok("éé"));
    check(&ty, &ALL, Input::Text("a"), Err("length 2..4 expected, got 1"));
    check(&ty, &ALL, Input::Text("ééééé"), Err("length 2..4 expected, got 5"));
    check(&ty, &ALL, Input::Text("A1"), Err(r#"does not match pattern "[a-zé]*""#));
    check(&ty, &ALL, Input::Text("xxa"), Err(r#"must not match pattern "xx.*""#));
    // C-37: a number is no string.
    check(&string(), &ALL, Input::Number("5"), Err("expected a string, got the number 5"));
    check(&string(), &ALL, Input::Uint(5), Err("expected a string, got the number 5"));
    check(&string(), &ALL, Input::Bool(true), Err("expected a string, got true"));
    check(&string(), &ALL, Input::Bytes(b"x"), Err("expected a string, got bytes"));
    check(&string(), &ALL, Input::Text(""), Ok(""));
    check(&string(), &ALL, Input::Text("tab\tline\r\n\u{10FFFD}"), Ok("tab\tline\r\n\u{10FFFD}"));
    for (text, code) in [("\0", "0000"), ("a\u{1B}", "001B"), ("\u{FFFE}", "FFFE"), ("\u{1FFFF}", "1FFFF")] {
        let expected = format!("character U+{code} is not allowed in a string");
        check(&string(), &ALL, Input::Text(text), Err(&expected));
    }
}

#[test]
fn judges_truth_values_and_empty() {
    check(&Type::Bool, &ALL, Input::Bool(true), Ok("true"));
    check(&Type::Bool, &[Rule::Text], Input::Text("false"), Ok("false"));
    check(&Type::Bool, &[Rule::Text], Input::Text("1"), Err(r#"expected true or false, got the string "1""#));
    let strict = [Rule::Rfc7951, Rule::Lenient];
    check(&Type::Bool, &strict, Input::Text("true"), Err(r#"expected true or false, got the string "true""#));
    check(&Type::Empty, &ALL, Input::Null, Ok(""));
    check(&Type::Empty, &[Rule::Lenient, Rule::Text], Input::Bool(true), Ok(""));
    check(&Type::Empty, &[Rule::Lenient, Rule::Text], Input::Text(""), Ok(""));
    check(&Type::Empty, &ALL, Input::Bool(false), Err("expected [null], got false"));
    check(&Type::Empty, &[Rule::Rfc7951], Input::Bool(true), Err("expected [null], got true"));
}

#[test]
fn judges_names() {
    check(&enumeration(), &ALL, Input::Text("enable"), Ok("enable"));
    check(&enumeration(), &ALL, Input::Text("Enable"), Err("'Enable' is not one of enable, disable"));
    check(&enumeration(), &ALL, Input::Uint(1), Err("expected the name of an enumeration value, got the number 1"));
    let many = Type::Enum((0..25).map(|number| (format!("e{number}").into(), number)).collect());
    let listed = many.accept(Input::Text("x"), Rule::Text, "home").unwrap_err().to_string();
    assert!(listed.ends_with("e18, e19 and 5 more"), "{listed}");
    // ENC-023: schema order, whatever order they came in.
    check(&flags(), &ALL, Input::Text("push sync"), Ok("sync push"));
    check(&flags(), &ALL, Input::Text(" urgent  "), Ok("urgent"));
    check(&flags(), &ALL, Input::Text(""), Ok(""));
    check(&flags(), &ALL, Input::Text("push push"), Err(r#"bit "push" is set twice"#));
    check(&flags(), &ALL, Input::Text("pull"), Err(r#"bit "pull" is not one of sync, urgent, push"#));
}

#[test]
fn judges_identities() {
    let ty = protocols();
    check(&ty, &ALL, Input::Text("types:ISIS"), Ok("types:ISIS"));
    check(&ty, &ALL, Input::Text("BGP"), Ok("home:BGP"));
    check(&ty, &ALL, Input::Text("types:BGP"), Ok("types:BGP"));
    check(&ty, &[Rule::Lenient, Rule::Text], Input::Text("ISIS"), Ok("types:ISIS"));
    // ENC-052: the prefix is needed outside of the home module.
    let unqualified = Err("identity has to be written with its module: types:ISIS");
    check(&ty, &[Rule::Rfc7951], Input::Text("ISIS"), unqualified);
    let ambiguous = Err("identity has to be written with its module: one:STATIC, two:STATIC");
    check(&ty, &ALL, Input::Text("STATIC"), ambiguous);
    for text in ["home:ISIS", "RIP", ""] {
        let expected = format!("'{text}' is not one of the identities BGP, BGP, ISIS, STATIC, STATIC");
        check(&ty, &ALL, Input::Text(text), Err(&expected));
    }
}

#[test]
fn judges_binary() {
    let ty = Type::Binary { lengths: [range(0, 4)].into() };
    check(&ty, &ALL, Input::Text("Zm9v"), Ok("Zm9v"));
    check(&ty, &ALL, Input::Bytes(b"foo"), Ok("Zm9v"));
    check(&ty, &ALL, Input::Text(""), Ok(""));
    check(&ty, &ALL, Input::Text("Zm9"), Err("not base64 (RFC 4648 section 4)"));
    check(&ty, &ALL, Input::Text("Zm9vYmFy"), Err("length 0..4 expected, got 6"));
}

#[test]
fn judges_instance_identifiers() {
    let ty = Type::Instance { require_instance: false };
    for text in [
        "/a:b",
        "/a:b/c",
        "/a:b/a:c[k='1']/d",
        r#"/a:b[k="]'/"]"#,
        "/a:b[.='x']",
        "/a:b[3]",
        "/a:b[ k = 'v' ][m:l='w']/_x.y-z",
    ] {
        check(&ty, &ALL, Input::Text(text), Ok(text));
    }
    for text in ["", "/", "a:b", "/b", "/a:b/", "/a:b//c", "/a:b[", "/a:b[k]", "/a:b[k=v]", "/a:b[k='v'", "/a:b c"] {
        check(&ty, &ALL, Input::Text(text), Err("not an instance-identifier (RFC 7951 6.11)"));
    }
}

#[test]
fn unions_take_the_first_member_that_fits() {
    let ports = union([integer(16, false), enumeration(), string()]);
    check(&ports, &ALL, Input::Number("80"), Ok("80"));
    assert_eq!(ports.accept(Input::Text("80"), Rule::Text, "home"), Ok(Value::Uint(80)));
    assert_eq!(ports.accept(Input::Text("80"), Rule::Rfc7951, "home"), Ok(Value::text("80")));
    assert_eq!(ports.accept(Input::Text("enable"), Rule::Rfc7951, "home"), Ok(Value::Enum("enable".into())));
    // ENC-040: a string first in the union keeps what looks like a number.
    let texts = union([string(), integer(16, false)]);
    assert_eq!(texts.accept(Input::Text("80"), Rule::Lenient, "home"), Ok(Value::text("80")));
    assert_eq!(texts.accept(Input::Number("80"), Rule::Lenient, "home"), Ok(Value::Uint(80)));
    // A quoted number is a number only when nothing takes text.
    assert_eq!(ports.accept(Input::Text("80"), Rule::Lenient, "home"), Ok(Value::text("80")));
    let numbers = union([enumeration(), integer(16, false)]);
    assert_eq!(numbers.accept(Input::Text("80"), Rule::Lenient, "home"), Ok(Value::Uint(80)));
    let wide = union([integer(64, false), integer(8, false)]);
    assert_eq!(wide.accept(Input::Number("80"), Rule::Lenient, "home"), Ok(Value::Uint(80)));
    assert_eq!(wide.accept(Input::Number("800"), Rule::Lenient, "home"), Ok(Value::Uint64(800)));
    let named = union([protocols(), string()]);
    assert_eq!(named.accept(Input::Text("ISIS"), Rule::Lenient, "home").unwrap().to_string(), "types:ISIS");
    let expected = Err("no member of the union takes it: '300' is not one of enable, disable; out of range 0..255");
    let narrow = union([integer(8, false), enumeration(), integer(8, false)]);
    check(&narrow, &[Rule::Lenient], Input::Text("300"), expected);
    let through = Type::Leafref { target: None, path: "../x".into(), real: Arc::new(narrow), require_instance: true };
    check(&through, &[Rule::Lenient], Input::Text("300"), expected);
}

/// Any type with any text that is canonical for it.
fn canonical() -> impl Strategy<Value = (Type, String)> {
    let number = |bits: u8, signed: bool| {
        any::<i64>().prop_map(move |value| {
            let shift = 64 - bits;
            let text = if signed { (value >> shift).to_string() } else { ((value as u64) >> shift).to_string() };
            (integer(bits, signed), text)
        })
    };
    let name = proptest::sample::select(vec!["enable", "disable"]);
    let identity = proptest::sample::select(vec!["home:BGP", "types:ISIS", "types:BGP", "two:STATIC"]);
    prop_oneof![
        number(8, true),
        number(16, true),
        number(32, true),
        number(64, true),
        number(8, false),
        number(16, false),
        number(32, false),
        number(64, false),
        (1_u8..=18, any::<i64>()).prop_map(|(scale, digits)| (decimal(scale), Decimal { digits, scale }.to_string())),
        "[ -~é☃]{0,20}".prop_map(|text| (string(), text)),
        any::<bool>().prop_map(|value| (Type::Bool, value.to_string())),
        Just(String::new()).prop_map(|text| (Type::Empty, text)),
        name.prop_map(|text| (enumeration(), text.to_owned())),
        proptest::sample::subsequence(vec!["sync", "urgent", "push"], 0..=3)
            .prop_map(|names| (flags(), names.join(" "))),
        proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| (Type::Binary { lengths: [].into() }, STANDARD.encode(bytes))),
        identity.prop_map(|text| (protocols(), text.to_owned())),
        "(/[a-z]{1,5}:[a-z]{1,5}(\\[[a-z]='[^']{0,5}'\\])?){1,4}"
            .prop_map(|text| (Type::Instance { require_instance: true }, text)),
    ]
}

proptest! {
    /// Canonical text comes back as it went in, alone, in a union, and behind a leafref.
    #[test]
    fn keeps_canonical_text((ty, text) in canonical()) {
        let value = ty.accept(Input::Text(&text), Rule::Text, "home").map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(value.to_string(), text.clone());
        let real = Arc::new(ty);
        let through = Type::Leafref { target: None, path: "../x".into(), real: real.clone(), require_instance: true };
        prop_assert_eq!(through.accept(Input::Text(&text), Rule::Text, "home"), Ok(value.clone()));
        prop_assert_eq!(Type::Union([real].into()).accept(Input::Text(&text), Rule::Text, "home"), Ok(value));
    }

    /// What is accepted is canonical: accepting its text again changes nothing.
    #[test]
    fn accepting_twice_changes_nothing(
        (ty, _) in canonical(),
        text in "[-+]?(0x)?[0-9]{0,12}(\\.[0-9]{0,4})?|(push|sync| ){0,4}|[A-Za-z+/=]{0,12}|(types:|home:)?[A-Z]{3,6}",
        rule in proptest::sample::select(ALL.to_vec()),
    ) {
        for input in [Input::Text(&text), Input::Number(&text)] {
            if let Ok(value) = ty.accept(input, rule, "home") {
                let again = ty.accept(Input::Text(&value.to_string()), Rule::Text, "home");
                prop_assert_eq!(again, Ok(value));
            }
        }
    }

    /// No input whatever makes it panic.
    #[test]
    fn never_panics((ty, _) in canonical(), text in any::<String>(), bytes in any::<Vec<u8>>(), double in any::<f64>()) {
        for rule in ALL {
            for input in [Input::Text(&text), Input::Number(&text), Input::Bytes(&bytes), Input::Double(double)] {
                let _ = ty.accept(input, rule, "home");
            }
        }
    }
}
