//! Time servers: for chrony where it is installed, else for systemd-timesyncd.
//!
//! Which files are read is asked of the program's own configuration: chrony names its directories in `chrony.conf`, and
//! timesyncd has one by definition.

use std::path::{Path, PathBuf};

use super::{FileTask, HEADER};
use crate::platform::linux::apply::wanted::{Association, Ntp, NtpServer, Wish};
use crate::value::Text;

/// The configuration of chrony, Debian's and everybody else's.
const CHRONY_CONF: [&str; 2] = ["etc/chrony/chrony.conf", "etc/chrony.conf"];
const CHRONY_SOURCES_TELL: &[&str] = &["chronyc", "reload", "sources"];
const CHRONY_CONF_TELL: &[&str] = &["systemctl", "try-restart", "chronyd.service"];

/// The program of timesyncd, and where it looks for settings.
const TIMESYNCD: [&str; 2] = ["usr/lib/systemd/systemd-timesyncd", "lib/systemd/systemd-timesyncd"];
const TIMESYNCD_DROP_IN: &str = "etc/systemd/timesyncd.conf.d/ganymede.conf";
const TIMESYNCD_TELL: &[&str] = &["systemctl", "try-restart", "systemd-timesyncd.service"];

/// Who keeps the clock.
#[derive(Debug, PartialEq)]
enum Service {
    /// chrony, with a directory of files that name servers. It rereads them without a restart.
    ChronySources(PathBuf),
    /// chrony, with a directory of further configuration.
    ChronyConf(PathBuf),
    Timesyncd,
}

/// The file as it is to be; none when nobody is there and nothing is asked for.
pub(super) fn task(
    wish: Option<&Wish<Ntp>>,
    root: &Path,
    refused: &mut Vec<(Text, String)>,
) -> Result<Option<FileTask>, String> {
    let service = match service(root) {
        Ok(service) => service,
        Err(_) if wish.is_none() => return Ok(None),
        Err(reason) => return Err(reason),
    };
    let (file, tell) = match &service {
        Service::ChronySources(directory) => (directory.join("ganymede.sources"), CHRONY_SOURCES_TELL),
        Service::ChronyConf(directory) => (directory.join("ganymede.conf"), CHRONY_CONF_TELL),
        Service::Timesyncd => (root.join(TIMESYNCD_DROP_IN), TIMESYNCD_TELL),
    };
    let content = wish.map(|wish| match service {
        Service::Timesyncd => timesyncd(&wish.value, refused),
        _ => chrony(&wish.value),
    });
    Ok(Some(FileTask { file, content, tell: Some(tell) }))
}

fn service(root: &Path) -> Result<Service, String> {
    for file in CHRONY_CONF.map(|file| root.join(file)) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let named = |directive: &str| -> Vec<PathBuf> {
            let words = text.lines().map(str::split_whitespace);
            let directories = words.filter_map(|mut words| (words.next()? == directive).then_some(words));
            directories.flatten().map(PathBuf::from).collect()
        };
        // A directory below /run belongs to whoever fills it anew at each boot.
        let lasting = |all: Vec<PathBuf>| all.into_iter().find(|directory| !directory.starts_with("/run"));
        let inside = |directory: PathBuf| root.join(directory.strip_prefix("/").unwrap_or(&directory));
        return match (lasting(named("sourcedir")), lasting(named("confdir"))) {
            (Some(sources), _) => Ok(Service::ChronySources(inside(sources))),
            (None, Some(configuration)) => Ok(Service::ChronyConf(inside(configuration))),
            (None, None) => Err(format!("{} names no sourcedir and no confdir", file.display())),
        };
    }
    match TIMESYNCD.iter().any(|program| root.join(program).exists()) {
        true => Ok(Service::Timesyncd),
        false => Err("neither chrony nor systemd-timesyncd is installed".to_owned()),
    }
}

fn chrony(ntp: &Ntp) -> String {
    let mut content = HEADER.to_owned();
    for Wish { value: server, .. } in &ntp.servers {
        let word = match server.association {
            Association::Server => "server",
            Association::Peer => "peer",
            Association::Pool => "pool",
        };
        content.push_str(&format!("{word} {}", server.host));
        if let Some(port) = server.port {
            content.push_str(&format!(" port {port}"));
        }
        if let Some(version) = server.version {
            content.push_str(&format!(" version {version}"));
        }
        for (word, _) in [("iburst", server.iburst), ("prefer", server.prefer)].iter().filter(|(_, on)| *on) {
            content.push_str(&format!(" {word}"));
        }
        content.push('\n');
    }
    content
}

/// Servers in the order they are tried, the preferred ones first.
fn timesyncd(ntp: &Ntp, refused: &mut Vec<(Text, String)>) -> String {
    let mut hosts: Vec<&NtpServer> = Vec::new();
    for Wish { value: server, path } in &ntp.servers {
        let lacks = match server {
            NtpServer { association: Association::Peer, .. } => Some("peers"),
            NtpServer { port: Some(_), .. } => Some("ports"),
            NtpServer { version: Some(_), .. } => Some("versions"),
            _ => None,
        };
        match lacks {
            Some(what) => refused.push((path.clone(), format!("systemd-timesyncd knows no {what}"))),
            None => hosts.push(server),
        }
    }
    hosts.sort_by_key(|server| !server.prefer);
    let hosts: Vec<&str> = hosts.iter().map(|server| &*server.host).collect();
    format!("{HEADER}[Time]\nNTP={}\n", hosts.join(" "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn servers() -> Wish<Ntp> {
        let server = |host: &str| NtpServer {
            host: host.into(),
            association: Association::Server,
            port: None,
            version: None,
            iburst: false,
            prefer: false,
        };
        let all = [
            server("192.0.2.1"),
            NtpServer { prefer: true, iburst: true, ..server("2001:db8::1") },
            NtpServer { association: Association::Pool, port: Some(1123), version: Some(3), ..server("pool.example") },
        ];
        Wish::new(Ntp { servers: all.map(|server| Wish::new(server.clone(), server.host)).into() }, "/ntp")
    }

    #[test]
    fn chrony_says_where() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        assert!(task(Some(&servers()), root.path(), &mut Vec::new()).unwrap_err().contains("installed"));
        assert_eq!(task(None, root.path(), &mut Vec::new()), Ok(None));
        fs::create_dir_all(root.path().join("etc/chrony"))?;
        let conf = root.path().join("etc/chrony/chrony.conf");
        fs::write(&conf, "pool 2.debian.pool.ntp.org iburst\n")?;
        assert!(task(Some(&servers()), root.path(), &mut Vec::new()).unwrap_err().contains("no sourcedir"));
        fs::write(&conf, "confdir /etc/chrony/conf.d\nsourcedir /run/chrony-dhcp\nsourcedir /etc/chrony/sources.d\n")?;
        let made = task(Some(&servers()), root.path(), &mut Vec::new()).unwrap().unwrap();
        assert_eq!(made.file, root.path().join("etc/chrony/sources.d/ganymede.sources"));
        assert_eq!(
            made.content.unwrap().strip_prefix(HEADER).unwrap(),
            "server 192.0.2.1\nserver 2001:db8::1 iburst prefer\npool pool.example port 1123 version 3\n"
        );
        Ok(())
    }

    #[test]
    fn timesyncd_takes_what_it_can() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        fs::create_dir_all(root.path().join("usr/lib/systemd"))?;
        fs::write(root.path().join(TIMESYNCD[0]), "")?;
        let mut refused = Vec::new();
        let made = task(Some(&servers()), root.path(), &mut refused).unwrap().unwrap();
        assert_eq!(made.content.unwrap().strip_prefix(HEADER).unwrap(), "[Time]\nNTP=2001:db8::1 192.0.2.1\n");
        assert_eq!(refused, [("pool.example".into(), "systemd-timesyncd knows no ports".to_owned())]);
        let gone = task(None, root.path(), &mut refused).unwrap().unwrap();
        assert_eq!(gone.content, None);
        Ok(())
    }
}
