//! `ganymede config` and `ganymede reload` against an agent, as an administrator types them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ganymede::pb::gnmi::get_request::DataType;

use crate::harness::{Client, Harness};
use crate::lab::{Lab, PLAIN};
use crate::request::*;
use crate::text::*;

const LOCATION: &str = "/configure/system/location";

/// What a command ended with: exit code, output and error.
type Ended = (i32, String, String);

/// Runs `ganymede` beside the tasks of this test.
async fn ganymede(arguments: Vec<String>, input: &str) -> Ended {
    let input = input.to_owned();
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganymede"));
        command.args(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who refuses before it has read everything closes its side.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), out, error)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// The file by which the commands find the agent.
fn file(directory: &Path) -> PathBuf {
    let file = directory.join("command.toml");
    std::fs::write(&file, format!("data-dir = {:?}\n", directory.to_str().unwrap())).unwrap();
    file
}

/// `ganymede config --config FILE arguments...`, which has to succeed.
async fn config(harness: &Harness, arguments: &[&str]) -> String {
    let (code, out, error) = try_config(harness, arguments, "").await;
    assert_eq!((code, &*error), (0, ""), "{arguments:?}");
    out
}

async fn try_config(harness: &Harness, arguments: &[&str], input: &str) -> Ended {
    let file = file(harness.data_dir());
    let words = ["config", "--config", file.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
    ganymede(words.map(str::to_owned).collect(), input).await
}

/// Everything configured, as the exact text that clients get.
async fn configuration(client: &Client) -> Vec<String> {
    let mut texts = Vec::new();
    for path in ["/configure", "/interfaces", "/system", "/test"] {
        let mut request = get([path]);
        request.set_type(DataType::Config);
        texts.extend(client.get(request).await.map(|response| get_text(&response)).unwrap_or_default());
    }
    texts
}

/// A leaf of every type, and lists in the order of their user.
const TYPES: &str = r#"{"int8":-8,"int16":-16,"int32":-32,"int64":"-9223372036854775808","uint8":8,"uint16":16,
    "uint32":4294967295,"uint64":"18446744073709551615","decimal":"-1.500","string":"abc","text":"1 = \"[x]\" # y",
    "boolean":false,"enumeration":"minus","bits":"first fifth","binary":"AP8=","empty":[null],
    "identity":"ganymede-test:red","instance":"/ganymede-test:test/types","leafref":"1 = \"[x]\" # y",
    "union-string-first":"5","union-number-first":5,"union-enum-number":"never","union-identity-string":"free",
    "strings":["b","a"],"numbers":[3,1,2],"big-numbers":["18446744073709551615"],"with-default":7}"#;

/// A configuration with a leaf of most kinds, of all families, with orders, defaults that were said, and a password.
fn everything() -> ganymede::pb::gnmi::SetRequest {
    set()
        .update(LOCATION, json(r#""a \"quoted\" roof\nwith a line more""#))
        .update("/configure/system/telemetry/notification-bundling/max-msg-count", json("100"))
        .update(
            "/configure/system/security/user-params/local-user/user[user-name=second]",
            json(r#"{"password":"plain","access":{"grpc":true},"console":{"member":["administrative"]}}"#),
        )
        .update("/test/types", ietf(TYPES))
        .update("/test/ordered", ietf(r#"[{"name":"z","value":"1"},{"name":"a","value":"2"}]"#))
        .update("/test/b[key1=x y][key2=a]/c[key1=k]/value", json(r#""deep""#))
        .update("/test/presence", ietf("{}"))
        .update("/test/choices/secure-port", ietf("8443"))
        .update("/test/mixed[name=m]/config", ietf(r#"{"name":"m","enabled":false}"#))
        .update(
            "/interfaces/interface[name=eth9]/config",
            json(r#"{"name":"eth9","type":"iana-if-type:ethernetCsmacd"}"#),
        )
}

/// What a running node exports, in either form, makes a fresh one exactly what the first one is.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_makes_an_equal_node() {
    let first = Harness::start().await;
    let client = first.client("admin").await;
    client.apply(everything()).await;
    let wanted = configuration(&client).await;
    assert!(wanted.iter().any(|text| text.contains("second")), "{wanted:?}");
    for format in ["toml", "json"] {
        let exported = config(&first, &["export", "--format", format]).await;
        assert!(!exported.contains("\"plain\""), "a password in clear: {exported}");
        let fresh = Harness::start().await;
        let client = fresh.client("admin").await;
        client.apply(update("/configure/system/contact", r#""to be gone""#)).await;
        let (code, out, error) = try_config(&fresh, &["import", "-", "--format", format], &exported).await;
        assert_eq!((code, &*error), (0, ""), "{format}");
        assert!(out.contains("- /configure/system/contact: to be gone"), "{out}");
        assert!(out.contains("/password: (hidden)"), "{out}");
        assert_eq!(configuration(&client).await, wanted, "{format}");
        // And the same again is no change.
        let (_, out, _) = try_config(&fresh, &["import", "-", "--format", format], &exported).await;
        assert_eq!(out, "no difference\n", "{format}");
    }
    // As `[configure]` of a node that has never run.
    let exported = config(&first, &["export"]).await;
    let fresh = Harness::start_alone(&exported).await;
    assert_eq!(configuration(&fresh.client("admin").await).await, wanted);
}

/// History, what a commit did, the way back and differences.
#[tokio::test(flavor = "multi_thread")]
async fn goes_through_the_history() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(LOCATION, r#""one""#)).await;
    client.apply(update(LOCATION, r#""two""#).update("/configure/system/contact", json(r#""noc""#))).await;
    let listed = config(&harness, &["history"]).await;
    let rows: Vec<Vec<_>> = listed.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    let told: Vec<_> = rows.iter().map(|row| (row[0], row[2], row[3])).collect();
    assert_eq!(told, [("1", "system", "startup"), ("2", "admin", "gnmi"), ("3", "admin", "gnmi")]);
    let shown = config(&harness, &["show", "3"]).await;
    assert!(shown.starts_with("Commit 3 of "), "{shown}");
    let lines: Vec<_> = shown.lines().skip(1).collect();
    assert_eq!(lines, ["+ /configure/system/contact: noc", "~ /configure/system/location: one -> two"]);
    let back = config(&harness, &["rollback", "2", "--comment", "back to one"]).await;
    assert_eq!(back, "~ /configure/system/location: two -> one\n- /configure/system/contact: noc\ncommit 4\n",);
    client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"one\"")]).await;
    assert!(config(&harness, &["history"]).await.ends_with("  back to one\n"));
    assert_eq!(config(&harness, &["diff", "2"]).await, "no difference\n");
    assert_eq!(config(&harness, &["diff", "1", "2"]).await, "+ /configure/system/location: one\n");
    let (code, _, error) = try_config(&harness, &["rollback", "9"], "").await;
    assert_eq!((code, error.trim()), (64, "ganymede: Commit 9 is not kept, those from 1 to 4 are"));
    let (code, _, error) = try_config(&harness, &["rollback", "2", "--comment", &"é".repeat(513)], "").await;
    assert_eq!((code, error.trim()), (64, "ganymede: the comment has 513 characters, more than 512"));
    let old = config(&harness, &["export", "--at", "3"]).await;
    assert!(old.contains("location = \"two\""), "{old}");
}

/// What a file would change is shown without changing it, and a bad file changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn compares_and_merges_files() {
    let harness = Harness::start().await;
    let client = harness.client("admin").await;
    client.apply(update(LOCATION, r#""one""#)).await;
    let patch = "[configure.system]\ncontact = \"noc\"\n";
    let would = try_config(&harness, &["diff", "--file", "-", "--merge"], patch).await;
    assert_eq!(would, (0, "+ /configure/system/contact: noc\n".to_owned(), String::new()));
    assert!(client.get(get(["/configure/system/contact"])).await.is_err(), "a diff changed something");
    let json = r#"{"nokia-conf:configure":{"system":{"contact":"noc"}}}"#;
    let made = try_config(&harness, &["import", "-", "--format", "json", "--merge", "--comment", "c"], json).await;
    assert_eq!(made, (0, "+ /configure/system/contact: noc\ncommit 3\n".to_owned(), String::new()));
    for (text, format, part) in [
        ("[configure.system]\nlocaton = \"x\"\n", "toml", "-:2: "),
        ("[configure.system]\nname = \"\"\n", "toml", "-:2: "),
        ("{\"nokia-conf:configure\":{\"sistem\":{}}}", "json", "sistem"),
        ("{", "json", "-: "),
        ("[configure.system.grpc]\ntls-server-profile = \"none\"\n", "toml", "tls-server-profile"),
    ] {
        let (code, out, error) = try_config(&harness, &["import", "-", "--format", format, "--merge"], text).await;
        assert_eq!((code, &*out), (64, ""), "{text}");
        assert!(error.contains(part), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(config(&harness, &["diff", "3"]).await, "no difference\n");
}

/// A reload says what it changed, masks secrets, and a bad file changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_tells_what_changed() {
    let lab = Lab::start(&format!("{PLAIN}[configure.system]\nlocation = \"one\"\n")).await;
    let client = lab.client().await;
    let reload = async || {
        let words = ["reload", "--config"].map(str::to_owned).into_iter();
        ganymede(words.chain([lab.file().to_str().unwrap().to_owned()]).collect(), "").await
    };
    assert_eq!(reload().await, (0, "nothing has changed\n".to_owned(), String::new()));
    // Set over gNMI, and not by the file: it stays, because the file does not speak of it.
    client.apply(update("/configure/system/contact", r#""noc""#)).await;
    client.apply(update(LOCATION, r#""elsewhere""#)).await;
    assert_eq!(reload().await.1, "nothing has changed\n", "the file has not changed, so it does not win");
    lab.write(&format!(
        "{PLAIN}[configure.system]\nlocation = \"two\"\n[limits]\nsessions = 5\n\
         [[configure.system.security.user-params.local-user.user]]\nuser-name = \"new\"\npassword = \"open\"\n"
    ));
    let (code, out, error) = reload().await;
    assert_eq!((code, &*error), (0, ""), "{out}");
    let lines: Vec<_> = out.lines().collect();
    let user = "/configure/system/security/user-params/local-user/user[user-name=new]";
    assert!(lines.contains(&"~ /configure/system/location: elsewhere -> two"), "{out}");
    assert!(lines.contains(&&*format!("+ {user}/password: (hidden)")), "{out}");
    assert!(lines.contains(&"~ limits.sessions: 8 -> 5 (at the next start)"), "{out}");
    assert!(!out.contains("user-name=admin"), "a password that has not changed: {out}");
    assert!(!out.contains("open") && !out.contains("argon2"), "{out}");
    client.check_get(get(["/configure/system/contact"]), &["/configure/system/contact = \"noc\""]).await;
    // A file that is wrong anywhere changes nothing at all.
    for (wrong, part) in [
        ("[configure.system]\nlocation = \"three\"\nnam = \"x\"\n", "nam"),
        ("[configure.system]\nlocation = \"three\"\n[limits]\nsesions = 1\n", "sesions"),
        (
            "[configure.system]\nlocation = \"three\"\n[configure.system.grpc]\ntls-server-profile = \"no\"\n",
            "tls-server-profile",
        ),
    ] {
        lab.write(wrong);
        let refused = lab.agent.reload(&lab.file()).unwrap_err().to_string();
        assert!(refused.contains(part), "{refused}");
        client.check_get(get([LOCATION]), &[&format!("{LOCATION} = \"two\"")]).await;
    }
}

/// Secrets of AAA servers are encrypted for their element: another one says so, naming the leaf, instead of taking what it
/// cannot use.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_another_node_is_refused() {
    const SECRET: &str = "/configure/system/security/aaa/remote-servers/tacplus/server[index=1]";
    let first = Harness::start().await;
    let client = first.client("admin").await;
    client.apply(update(SECRET, r#"{"address":"192.0.2.1","secret":"between-us"}"#)).await;
    let exported = config(&first, &["export"]).await;
    assert!(exported.contains("$gs1$") && !exported.contains("between-us"), "{exported}");
    // Its own export changes nothing there.
    let (code, out, error) = try_config(&first, &["import", "-", "--format", "toml"], &exported).await;
    assert_eq!((code, &*out, &*error), (0, "no difference\n", ""));
    let fresh = Harness::start().await;
    let (code, out, error) = try_config(&fresh, &["import", "-", "--format", "toml"], &exported).await;
    let reason = format!("{SECRET}/secret - this secret was encrypted by another element and opens on no other");
    assert!(code == 64 && out.is_empty() && error.contains(&reason), "{code} {error}");
    let clear: String = exported
        .lines()
        .map(|line| if line.contains("$gs1$") { "secret = \"between-us\"\n".to_owned() } else { format!("{line}\n") })
        .collect();
    let (code, out, error) = try_config(&fresh, &["import", "-", "--format", "toml"], &clear).await;
    assert_eq!((code, &*error), (0, ""));
    assert!(out.contains("tacplus/server[index=1]/address: 192.0.2.1"), "{out}");
    let exported_there = config(&fresh, &["export"]).await;
    assert!(exported_there.contains("$gs1$") && exported_there != exported, "{exported_there}");
}
