//! Files that load, files that do not, and what each of them says.

use std::path::Path;

use super::*;
use crate::path::RawPath;

fn refused(text: &str) -> String {
    parse("ganymede.toml", text).map_or_else(|error| error.to_string(), |config| config.print())
}

/// AUTH-025: how large the files of the security log get and how many there are, up to the ends of the ranges.
#[test]
fn the_security_log_has_its_limits() {
    for (key, least, most) in [("security-file-bytes", 4096_u64, 1 << 30), ("security-files", 1, 100)] {
        let set = |value: u64| refused(&format!("[log]\n{key} = {value}"));
        for value in [least, most] {
            assert!(set(value).contains(&format!("{key} = {value}\n")), "{}", set(value));
        }
        for value in [least - 1, most + 1] {
            assert!(set(value).starts_with(&format!("ganymede.toml:2: key 'log.{key}' = {value}: ")), "{}", set(value));
        }
    }
}

#[test]
fn the_example_states_every_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ganymede.toml");
    let mut example = load(&path).unwrap();
    example.models = ModelTables::default();
    assert_eq!(example.print(), Config::default().print());
    // Every key that is printed stands in the example, at least as a comment.
    let text = std::fs::read_to_string(path).unwrap();
    for line in Config::default().print().lines().filter(|line| !line.is_empty() && !line.starts_with('[')) {
        let key = line.trim_start_matches("# ").split(' ').next().unwrap();
        let stated = text.contains(&format!("\n{key} = ")) || text.contains(&format!("\n# {key} = "));
        assert!(stated || text.contains(&format!("linux.{key}]")), "{key}");
    }
}

#[test]
fn every_file_of_the_project_loads() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        load(file).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(!files.is_empty());
}

#[test]
fn what_is_printed_reads_back() {
    let text = r#"
        data-dir = "/srv/g \"quoted\""
        release = "25.10.R2"
        [listen]
        address = "127.0.0.1"
        port = 0
        [log]
        format = "json"
        security-file = "/tmp/s.log"
        [limits]
        channels = 10
        send-stall-ms = 2000
        [tls]
        certificate = "c.pem"
        key = "k.pem"
        versions = ["1.3"]
        [yang]
        dirs = ["a", "b"]
        features.openconfig-system = ["one", "two"]
        [platform.linux.ports]
        "1/1/1" = "eth0"
        [configure.system]
        name = "x"
        location = "line\nbreak"
        [[configure.list]]
        id = 18446744073709551615
        [models."openconfig-interfaces:interfaces"]
        ratio = 1.5
    "#;
    let printed = parse("a", text).unwrap().print();
    assert_eq!(parse("b", &printed).unwrap().print(), printed, "{printed}");
    for line in [
        "data-dir = '/srv/g \"quoted\"'",
        "address = \"127.0.0.1\"",
        "port = 0",
        "channels = 10",
        "send-stall-ms = 2000",
        "features = { openconfig-system = [\"one\", \"two\"] }",
        "ports = { \"1/1/1\" = \"eth0\" }",
        "sessions = 8",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}

/// A profile brings its facts and its release; single keys go before it, whatever their order in the file.
#[test]
fn a_profile_brings_its_facts() {
    let profile = |text: &str| parse("a", text).unwrap();
    let old = profile("release-profile = \"16.0\"");
    assert_eq!((old.profile.name, old.release.as_str()), ("16.0", "16.0.r1"));
    let printed = old.print();
    for line in [
        "release-profile = \"16.0\"",
        "version = \"0.4.0\"",
        "initial-sample = \"after-interval\"",
        "sample-deletes = false",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert_eq!(profile(&printed).print(), printed);
    let text = "release = \"16.0.R4\"\nrelease-profile = \"16.0\"\n[gnmi]\nsample-deletes = true\nversion = \"0.4.1\"";
    let changed = profile(text);
    assert_eq!(changed.release.as_str(), "16.0.R4");
    assert!(changed.profile.rules.sample_deletes);
    assert_eq!(changed.profile.gnmi_version.as_deref(), Some("0.4.1"));
    assert_eq!(profile("").profile, crate::profile::Profile::LATEST);
}

#[test]
fn plain_passwords_are_not_printed() {
    let hash = crate::aaa::local::hash_password(b"secret").unwrap();
    let text = format!(
        "[[configure.user]]\npassword = \"secret\"\n[[configure.user]]\npassword = \"{hash}\"\nsecret = \"secret\""
    );
    let printed = parse("a", &text).unwrap().print();
    assert!(printed.contains("password = \"(hidden)\"") && printed.contains(&hash), "{printed}");
    assert!(printed.contains("secret = \"(hidden)\"") && printed.matches("secret").count() == 1, "{printed}");
}

/// A bad file gets one line that names the place, the key and the rule.
#[test]
fn bad_files() {
    let check = |text: &str, expected: &str| {
        let line = refused(text);
        assert_eq!(line, expected, "{text}");
        assert_eq!(line.lines().count(), 1, "{line}");
    };
    check("[listen]\nadress = \"::\"", "ganymede.toml:2: unknown key 'adress' in [listen], did you mean 'address'?");
    check("[lisen]\naddress = \"::\"", "ganymede.toml:1: unknown key 'lisen', did you mean 'listen'?");
    check("\n\nxyzzy = 1", "ganymede.toml:3: unknown key 'xyzzy'");
    check(
        "platform.linux.interval = 5",
        "ganymede.toml:1: unknown key 'interval' in [platform.linux], did you mean 'interval-ms'?",
    );
    let appliers = "hostname, admin-state, mtu, description, addresses, static-routes, dns, ntp";
    check(
        "[platform.linux]\napply = [\"dns\", \"adresses\"]",
        &format!(
            "ganymede.toml:2: key 'platform.linux.apply' = \"adresses\": no such applier, did you mean 'addresses'?; \
             there are {appliers}"
        ),
    );
    check("[limits]\nsessions = 9", "ganymede.toml:2: key 'limits.sessions' = 9: must be from 1 to 8");
    check("[limits]\nchannels = 226", "ganymede.toml:2: key 'limits.channels' = 226: must be from 1 to 225");
    check("[limits]\nchannels = -1", "ganymede.toml:2: key 'limits.channels' = -1: must be from 1 to 225");
    check("[limits]\nchannels = \"9\"", "ganymede.toml:2: key 'limits.channels' must be an integer, not a string");
    check("[limits]\nchannels = 1.5", "ganymede.toml:2: key 'limits.channels' must be an integer, not a float");
    check("limits = 3", "ganymede.toml:1: key 'limits' must be a table, not an integer");
    check(
        "[limits]\nsend-stall-ms = 5",
        "ganymede.toml:2: key 'limits.send-stall-ms' = 5: must be from 1000 to 3600000",
    );
    check("[listen]\nport = 65536", "ganymede.toml:2: key 'listen.port' = 65536: must be from 0 to 65535");
    check(
        "[listen]\naddress = \"localhost\"",
        "ganymede.toml:2: key 'listen.address' = \"localhost\": invalid IP address syntax",
    );
    check(
        "[log]\nlevel = \"loud\"",
        "ganymede.toml:2: key 'log.level' = \"loud\": must be error, warn, info, debug or trace",
    );
    check("[log]\nformat = true", "ganymede.toml:2: key 'log.format' must be a string, not a boolean");
    check(
        "release-profile = \"16.1\"",
        "ganymede.toml:1: key 'release-profile' = \"16.1\": the release profiles are 15.0, 16.0 and latest",
    );
    check(
        "release = \"26.3.r1\"",
        "ganymede.toml:1: key 'release' = \"26.3.r1\": a release reads major.minor.Rn, for example 26.3.R1",
    );
    check(
        "[gnmi]\nversion = \"0.8\"",
        "ganymede.toml:2: key 'gnmi.version' = \"0.8\": a version of gNMI reads major.minor.patch, for example 0.8.0",
    );
    check(
        "[gnmi]\ninitial-sample = \"soon\"",
        "ganymede.toml:2: key 'gnmi.initial-sample' = \"soon\": must be immediate or after-interval",
    );
    check(
        "[platform.linux.ports]\n\"1/1/1\" = \"eth0\"\n\"1/1/2\" = \"eth0\"",
        "ganymede.toml:1: key 'platform.linux.ports': interface 'eth0' is given to the ports 1/1/1 and 1/1/2",
    );
    check(
        "[platform.linux.ports]\n\"\" = \"eth0\"",
        "ganymede.toml:1: key 'platform.linux.ports': a port and its interface need names",
    );
    check("[tls]\nkey = \"k\"", "ganymede.toml:2: key 'tls.key': needs tls.certificate beside it");
    check(
        "[tls]\ncertificate = \"c\"\nkey = \"k\"\nself-signed = true",
        "ganymede.toml:4: key 'tls.self-signed': cannot be true beside tls.certificate",
    );
    check(
        "[tls]\nversions = [\"1.2\",\n \"1.1\"]",
        "ganymede.toml:3: key 'tls.versions' = \"1.1\": the TLS versions are 1.2 and 1.3",
    );
    check("[tls]\nversions = []", "ganymede.toml:2: key 'tls.versions': needs at least one of 1.2 and 1.3");
    check("[yang]\ndirs = \"a\"", "ganymede.toml:2: key 'yang.dirs' must be an array of strings, not a string");
    check("configure = 3", "ganymede.toml:1: key 'configure' must be a table, not an integer");
    assert!(refused("a = [1,\n2").starts_with("ganymede.toml:2: not valid TOML: "), "{}", refused("a = [1,\n2"));
    assert!(refused("a = 1\na = 2").starts_with("ganymede.toml:2: not valid TOML: "), "{}", refused("a = 1\na = 2"));
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("/nowhere/ganymede.toml")).unwrap_err().to_string();
    assert_eq!(error, "/nowhere/ganymede.toml: No such file or directory (os error 2)");
}

#[test]
fn places_lead_back_to_lines() {
    let text = "[configure.system]\nname = \"x\"\n[[configure.router]]\nrouter-name = \"Base\"\n\
                [[configure.router]]\nrouter-name = \"two\"\nid = 5\n[models.interfaces]\nx = 1\n";
    let tables = parse("g.toml", text).unwrap().models;
    let line = |path: &str| tables.line_of(&RawPath::parse(path).unwrap());
    assert_eq!(line("/configure/system/name").as_deref(), Some("g.toml:2"));
    assert_eq!(line("/configure/router[router-name=two]/id").as_deref(), Some("g.toml:7"));
    assert_eq!(line("/configure/router[router-name=two]/other").as_deref(), Some("g.toml:5"));
    assert_eq!(line("/interfaces/x").as_deref(), Some("g.toml:9"));
    assert_eq!(line("/other"), None);
    let again = parse("other.toml", &format!("\n\n{text}")).unwrap().models;
    assert_eq!(tables.fingerprint(), again.fingerprint());
    let changed = parse("g.toml", &text.replace("id = 5", "id = 6")).unwrap().models;
    assert_ne!(tables.fingerprint(), changed.fingerprint());
}

#[test]
fn settings_go_by_their_dotted_keys() {
    let text =
        "[limits]\nsessions = 5\n[platform.linux.ports]\n\"1/1/1\" = \"eth0\"\n[configure.system]\nname = \"a\"\n";
    let (settings, defaults) = (parse("a", text).unwrap().settings(), Config::default().settings());
    let differing: Vec<_> = settings.iter().filter(|(key, value)| defaults.get(*key) != Some(value)).collect();
    let text = differing.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>();
    assert_eq!(text, ["limits.sessions = 5", r#"platform.linux.ports."1/1/1" = "eth0""#]);
    assert!(!defaults.contains_key("security-log.path"), "it has no value");
    assert_eq!(defaults["limits.sessions"], "8");
}
