//! The resolver: `/etc/resolv.conf`, or systemd-resolved where that file is its link.

use std::path::Path;

use super::{FileTask, Files, HEADER, read};
use crate::platform::linux::apply::record::Record;
use crate::platform::linux::apply::wanted::{Dns, Wish};
use crate::value::Text;

/// Where systemd-resolved keeps what the link points to, and where it looks for settings.
const RESOLVED: &str = "run/systemd/resolve";
const RESOLVED_DROP_IN: &str = "etc/systemd/resolved.conf.d/ganymede.conf";
const RESOLVED_TELL: &[&str] = &["systemctl", "try-reload-or-restart", "systemd-resolved.service"];

/// How many servers the C library asks.
const SERVERS_MAX: usize = 3;

/// The file as it is to be; none when it is to be left alone.
pub(super) fn task(
    wish: Option<&Wish<Dns>>,
    files: &Files,
    record: &mut Record,
    refused: &mut Vec<(Text, String)>,
) -> Result<Option<FileTask>, String> {
    let drop_in = files.root.join(RESOLVED_DROP_IN);
    if let Ok(target) = std::fs::read_link(&files.resolv_conf) {
        let target = files.resolv_conf.parent().unwrap_or(Path::new("/")).join(target);
        let target = std::fs::canonicalize(&target).unwrap_or(target);
        if target.starts_with(files.root.join(RESOLVED)) {
            let content = wish.map(|wish| resolved(&wish.value));
            return Ok(Some(FileTask { file: drop_in, content, tell: Some(RESOLVED_TELL) }));
        }
        return match wish {
            None => Ok(None),
            Some(_) => Err(format!(
                "{} is a link to {}, which another program keeps; see platform.linux.resolv-conf",
                files.resolv_conf.display(),
                target.display()
            )),
        };
    }
    let file = files.resolv_conf.clone();
    let present = read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let is_ours = present.as_ref().is_some_and(|content| content.starts_with(HEADER));
    let Some(wish) = wish else {
        // Somebody else may have written it since: then it stays as it is. Ours without a record is nobody's to put back.
        if !is_ours {
            record.files.remove(&file);
        }
        let before = record.files.get(&file).cloned();
        return Ok(before.map(|content| FileTask { file, content, tell: None }));
    };
    if !is_ours {
        record.files.insert(file.clone(), present);
    }
    let before = record.files.get(&file).cloned().flatten().unwrap_or_default();
    for server in &wish.value.servers {
        if let Some(port) = server.value.1 {
            refused.push((server.path.clone(), format!("{} has no place for port {port}", file.display())));
        }
    }
    for server in wish.value.servers.iter().filter(|server| server.value.1.is_none()).skip(SERVERS_MAX) {
        refused.push((server.path.clone(), format!("of a resolv.conf only the first {SERVERS_MAX} servers are asked")));
    }
    Ok(Some(FileTask { file, content: Some(resolv_conf(&wish.value, &before)), tell: None }))
}

/// The file: what is configured in place of what was there, and the rest of what was there.
fn resolv_conf(dns: &Dns, before: &str) -> String {
    let mut content = HEADER.to_owned();
    let servers: Vec<_> = dns.servers.iter().filter(|server| server.value.1.is_none()).collect();
    if !dns.search.is_empty() {
        content.push_str(&format!("search {}\n", dns.search.join(" ")));
    }
    for server in &servers {
        content.push_str(&format!("nameserver {}\n", server.value.0));
    }
    let replaced = |word: &str| match word {
        "nameserver" => !servers.is_empty(),
        "search" | "domain" => !dns.search.is_empty(),
        _ => false,
    };
    for line in before.lines() {
        if line.split_whitespace().next().is_some_and(|word| !replaced(word) && !word.starts_with(['#', ';'])) {
            content.push_str(line);
            content.push('\n');
        }
    }
    content
}

fn resolved(dns: &Dns) -> String {
    let mut content = format!("{HEADER}[Resolve]\n");
    let servers = dns.servers.iter().map(|server| match server.value {
        (ip, None) => ip.to_string(),
        (ip, Some(port)) => std::net::SocketAddr::new(ip, port).to_string(),
    });
    let servers: Vec<String> = servers.collect();
    for (key, values) in [("DNS", servers.join(" ")), ("Domains", dns.search.join(" "))] {
        if !values.is_empty() {
            content.push_str(&format!("{key}={values}\n"));
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn wish(servers: &[&str], search: &[&str]) -> Wish<Dns> {
        let servers = servers.iter().map(|ip| Wish::new((ip.parse().unwrap(), None), *ip)).collect();
        Wish::new(Dns { servers, search: search.iter().map(|name| (*name).into()).collect() }, "/system/dns")
    }

    fn content(task: Option<FileTask>) -> String {
        task.unwrap().content.unwrap()
    }

    #[test]
    fn takes_only_what_is_configured() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        let file = root.path().join("resolv.conf");
        let files = Files { resolv_conf: file.clone(), root: root.path().into() };
        let before = "# by hand\nnameserver 192.0.2.9\nsearch old.example\noptions edns0\n";
        fs::write(&file, before)?;
        let mut record = Record::default();
        let mut refused = Vec::new();
        let servers = wish(&["192.0.2.1", "2001:db8::1"], &[]);
        let made = content(task(Some(&servers), &files, &mut record, &mut refused).unwrap());
        assert_eq!(
            made.strip_prefix(HEADER).unwrap(),
            "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch old.example\noptions edns0\n"
        );
        fs::write(&file, &made)?;
        // The same again is the same, also when the record is all that knows what was there.
        assert_eq!(content(task(Some(&servers), &files, &mut record, &mut refused).unwrap()), made);
        let search = wish(&[], &["new.example"]);
        let other = content(task(Some(&search), &files, &mut record, &mut refused).unwrap());
        assert_eq!(other.strip_prefix(HEADER).unwrap(), "search new.example\nnameserver 192.0.2.9\noptions edns0\n");
        // Nothing asked for: as it was.
        let back = task(None, &files, &mut record, &mut refused).unwrap().unwrap();
        assert_eq!(back.content.as_deref(), Some(before));
        assert!(refused.is_empty());
        // What somebody else wrote meanwhile stays.
        fs::write(&file, "nameserver 198.51.100.1\n")?;
        assert_eq!(task(None, &files, &mut record, &mut refused).unwrap(), None);
        assert!(record.files.is_empty());
        Ok(())
    }

    #[test]
    fn a_link_belongs_to_somebody() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        let file = root.path().join("resolv.conf");
        let files = Files { resolv_conf: file.clone(), root: root.path().canonicalize()? };
        let servers = wish(&["192.0.2.1"], &["a.example"]);
        std::os::unix::fs::symlink("run/other/resolv.conf", &file)?;
        let refused = task(Some(&servers), &files, &mut Record::default(), &mut Vec::new()).unwrap_err();
        assert!(refused.contains("is a link to"), "{refused}");
        fs::remove_file(&file)?;
        fs::create_dir_all(root.path().join(RESOLVED))?;
        fs::write(root.path().join(RESOLVED).join("stub-resolv.conf"), "")?;
        std::os::unix::fs::symlink("run/systemd/resolve/stub-resolv.conf", &file)?;
        let made = task(Some(&servers), &files, &mut Record::default(), &mut Vec::new()).unwrap().unwrap();
        assert_eq!(made.file, files.root.join(RESOLVED_DROP_IN));
        assert_eq!(
            made.content.unwrap().strip_prefix(HEADER).unwrap(),
            "[Resolve]\nDNS=192.0.2.1\nDomains=a.example\n"
        );
        Ok(())
    }
}
