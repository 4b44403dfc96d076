//! House rules that the compiler does not know: which module may use which, and how long a file may get.
//!
//! The layer table below is the one of docs/ARCHITECTURE.md; a new module has to be entered here before it compiles
//! into a green test run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules it may use. Tests inside `src` follow the same rule.
const LAYERS: &[(&str, &str)] = &[
    // Words.
    ("time", ""),
    ("value", ""),
    ("schema", "value path"),
    ("path", "value schema"),
    // State.
    ("store", "time value schema path"),
    // Behaviour.
    ("telemetry", "time value schema path store"),
    ("aaa", "time value schema path store"),
    ("platform", "time value schema path store"),
    ("pki", "time value schema path store"),
    // Rim.
    ("pb", "codec"),
    ("codec", "time value schema path store telemetry pb"),
    ("feed", "time value schema path store telemetry codec"),
    ("monitor", "time value schema path store telemetry aaa platform pki codec feed admission"),
    // Its tests open sessions, which write to the security log.
    ("net", "time pki admission log"),
    ("admission", "time value schema path store aaa log"),
    // Services.
    ("profile", "schema telemetry codec"),
    ("rpc", "profile time value schema path store telemetry aaa pb codec feed admission"),
    // Process.
    ("log", "time"),
    ("config", "profile time value schema path store platform pki net admission log rpc codec telemetry aaa"),
    (
        "agent",
        "time value schema path store telemetry aaa platform pki pb codec feed monitor net admission rpc log config \
         control profile",
    ),
    ("control", "telemetry feed admission"),
    ("signals", "agent fleet"),
    ("fleet", "agent config"),
    ("cli", "aaa codec config control fleet path schema value"),
];

const LINES_MAX: usize = 600;

fn sources(root: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().map(|entry| entry.path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

/// The top-level module a file of `src` belongs to; none for the crate's own files.
fn module_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix("src").ok()?;
    let first = below.iter().next()?.to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

#[test]
fn imports_point_down() {
    let layers: BTreeMap<&str, Vec<&str>> =
        LAYERS.iter().map(|&(module, used)| (module, used.split_whitespace().collect())).collect();
    let mut wrong = Vec::new();
    for file in sources("src") {
        let Some(module) = module_of(&file) else { continue };
        let Some(allowed) = layers.get(&*module) else {
            wrong.push(format!("{}: module '{module}' is in no layer", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1) {
                let name: String =
                    used.chars().take_while(|&symbol| symbol.is_alphanumeric() || symbol == '_').collect();
                if !name.is_empty() && name != module && layers.contains_key(&*name) && !allowed.contains(&&*name) {
                    wrong.push(format!("{}:{}: '{module}' may not use '{name}'", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = ["src", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(|root| sources(root))
        .filter(|file| !file.iter().any(|part| part == "target"))
        .filter_map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn modules_say_what_they_are() {
    let silent: Vec<String> = sources("src")
        .into_iter()
        .filter(|file| !fs::read_to_string(file).unwrap().starts_with("//!"))
        .map(|file| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files without an opening `//!`:\n{}", silent.join("\n"));
}

#[test]
fn unsafe_code_stays_in_its_room() {
    let outside: Vec<String> = sources("src")
        .into_iter()
        .filter(|file| !file.starts_with("src/schema/libyang") && file != Path::new("src/schema/libyang.rs"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe ") || code.contains("allow(unsafe_code")
            })
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(outside.is_empty(), "unsafe code outside src/schema/libyang:\n{}", outside.join("\n"));
}

/// What can panic needs its reason at the place: clippy refuses it in the daemon (`[lints]` in Cargo.toml), and nothing
/// switches that off for a file or a module.
#[test]
fn panics_have_a_reason_at_the_place() {
    const LINTS: [&str; 8] = [
        "unwrap_used",
        "expect_used",
        "panic",
        "unreachable",
        "todo",
        "unimplemented",
        "indexing_slicing",
        "string_slice",
    ];
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    for lint in LINTS {
        let set = |level: &&str| manifest.lines().any(|line| line == format!("{lint} = \"{level}\""));
        assert!(["warn", "deny"].iter().any(set), "clippy's {lint} is off");
    }
    let mut wrong = Vec::new();
    for file in sources("src").into_iter().filter(|file| file != Path::new("src/pb.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let silences = LINTS.iter().any(|lint| line.contains(&format!("clippy::{lint}")));
            if silences && !(line.starts_with("#[expect(") && line.contains("reason = \"")) {
                wrong.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not `#[expect(..., reason = \"...\")]` on one line at a function:\n{}",
        wrong.join("\n")
    );
}
