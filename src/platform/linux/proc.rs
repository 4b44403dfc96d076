//! Readings from /proc, /sys and the system calls beside them.
//!
//! Everything here blocks, for microseconds (`/proc/stat`) up to as long as a disk takes ([`filesystems`]); the callers
//! choose the thread. What cannot be read is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use procfs::process::{MountInfo, Process as ProcProcess};
use procfs::{Current, CurrentSI, ProcError};

use crate::platform::reading::{CpuSample, CpuTimes, Filesystem, IpCounters, Load, Mac, Machine, Memory, Process};
use crate::time::Timestamp;
use crate::value::Text;

/// Filesystems that hold data on this machine. Network filesystems are left out: asking one whose server is gone blocks.
const LOCAL_FILESYSTEMS: &[&str] = &[
    "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jffs2", "ntfs", "ntfs3",
    "overlay", "squashfs", "tmpfs", "ubifs", "vfat", "xfs", "zfs",
];

/// Trees of the kernel, in which mounts hold no data.
const PSEUDO_TREES: &[&str] = &["/proc", "/sys"];

/// Processes listed at most, those with the lowest numbers: it bounds what a reading costs.
const PROCESSES_MAX: usize = 4096;

/// Times of the processors.
pub(super) fn cpu() -> Result<CpuSample, ProcError> {
    let stat = procfs::KernelStats::current()?;
    Ok(CpuSample { total: cpu_times(&stat.total), cores: stat.cpu_time.iter().map(cpu_times).collect() })
}

fn cpu_times(times: &procfs::CpuTime) -> CpuTimes {
    CpuTimes {
        user: times.user_duration(),
        nice: times.nice_duration(),
        system: times.system_duration(),
        idle: times.idle_duration(),
        wait: times.iowait_duration().unwrap_or_default(),
        hardware_interrupt: times.irq_duration().unwrap_or_default(),
        software_interrupt: times.softirq_duration().unwrap_or_default(),
        steal: times.steal_duration().unwrap_or_default(),
    }
}

/// Memory.
pub(super) fn memory() -> Result<Memory, ProcError> {
    let info = procfs::Meminfo::current()?;
    Ok(Memory {
        total: info.mem_total,
        free: info.mem_free,
        available: info.mem_available,
        buffers: info.buffers,
        cached: info.cached,
    })
}

/// Load averages.
pub(super) fn load() -> Result<Load, ProcError> {
    let text = read(Path::new("/proc/loadavg"))?;
    parse_load(&text).ok_or_else(|| ProcError::Other(format!("/proc/loadavg holds '{}'", text.trim())))
}

/// `0.20 0.18 0.12 1/80 11206`. Parsed here because the figures are hundredths, which a binary fraction is not.
fn parse_load(text: &str) -> Option<Load> {
    let mut words = text.split_whitespace();
    let mut hundredths = || {
        let (whole, fraction) = words.next()?.split_once('.')?;
        Some(
            whole.parse::<u32>().ok()?.checked_mul(100)?
                + fraction.parse::<u32>().ok().filter(|_| fraction.len() == 2)?,
        )
    };
    let (one, five, fifteen) = (hundredths()?, hundredths()?, hundredths()?);
    let (running, tasks) = words.next()?.split_once('/')?;
    Some(Load { one, five, fifteen, running: running.parse().ok()?, tasks: tasks.parse().ok()? })
}

/// Time since boot.
pub(super) fn uptime() -> Result<Duration, ProcError> {
    Ok(procfs::Uptime::current()?.uptime_duration())
}

/// What the machine is.
pub(super) fn machine(version: Option<Text>) -> Machine {
    let names = rustix::system::uname();
    let release = read(Path::new("/etc/os-release")).unwrap_or_default();
    let os = |name: &str| os_release(&release, name);
    let dmi = |name: &str| identity(Path::new("/sys/class/dmi/id"), name);
    Machine {
        hostname: names.nodename().to_string_lossy().into(),
        architecture: names.machine().to_string_lossy().into(),
        kernel: names.release().to_string_lossy().into(),
        system: os("PRETTY_NAME"),
        system_version: os("VERSION_ID"),
        model: dmi("product_name"),
        maker: dmi("sys_vendor"),
        serial: dmi("product_serial"),
        uuid: dmi("product_uuid"),
        cpu_model: procfs::CpuInfo::current().ok().and_then(|info| Some(info.model_name(0)?.trim().into())),
        base_mac: base_mac(Path::new("/sys/class/net")),
        version,
        boot: boot(),
    }
}

/// Link address of the network device with the lowest index. Links without a device, such as bridges, do not count.
fn base_mac(class: &Path) -> Option<Mac> {
    let links = fs::read_dir(class).ok()?.filter_map(|link| Some(link.ok()?.path()));
    let first = links.filter(|link| link.join("device").exists()).min_by_key(|link| {
        let index = read(&link.join("ifindex")).ok();
        index.and_then(|index| index.trim().parse().ok()).unwrap_or(u32::MAX)
    })?;
    let text = read(&first.join("address")).ok()?;
    let bytes: Option<Vec<u8>> = text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

fn boot() -> Option<Timestamp> {
    let seconds = procfs::KernelStats::current().ok()?.btime;
    Some(Timestamp::EPOCH.plus(Duration::from_secs(seconds)))
}

fn identity(directory: &Path, name: &str) -> Option<Text> {
    let text = read(&directory.join(name)).ok()?;
    Some(text.trim()).filter(|text| !text.is_empty()).map(Text::from)
}

fn os_release(text: &str, name: &str) -> Option<Text> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim().trim_matches(['"', '\'']).into())
}

/// IPv6 counters by index of the link; empty where there is no IPv6. Netlink has them too, but in an order that differs
/// from kernel to kernel, while here each has its name.
pub(super) fn ipv6_counters() -> BTreeMap<u32, IpCounters> {
    let Ok(files) = fs::read_dir("/proc/net/dev_snmp6") else { return BTreeMap::new() };
    let texts = files.filter_map(|file| read(&file.ok()?.path()).ok());
    texts.filter_map(|text| parse_snmp6(&text)).collect()
}

fn parse_snmp6(text: &str) -> Option<(u32, IpCounters)> {
    let find = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '\t']))?;
        line.trim().parse::<u64>().ok()
    };
    let counters = IpCounters {
        in_packets: find("Ip6InReceives")?,
        in_octets: find("Ip6InOctets")?,
        out_packets: find("Ip6OutRequests")?,
        out_octets: find("Ip6OutOctets")?,
        out_discards: find("Ip6OutDiscards")?,
    };
    Some((find("ifIndex")?.try_into().ok()?, counters))
}

/// Mounted local filesystems, each device once, at the place it was mounted first.
pub(super) fn filesystems() -> Result<Vec<Filesystem>, ProcError> {
    let mounts = ProcProcess::myself()?.mountinfo()?;
    let mut known = BTreeSet::new();
    let pseudo = |mount: &MountInfo| PSEUDO_TREES.iter().any(|tree| mount.mount_point.starts_with(tree));
    let local = mounts.iter().filter(|mount| LOCAL_FILESYSTEMS.contains(&&*mount.fs_type) && !pseudo(mount));
    let found = local.filter(|mount| known.insert(mount.majmin.clone())).filter_map(|mount| {
        let size = rustix::fs::statvfs(&mount.mount_point).ok().filter(|size| size.f_blocks > 0)?;
        Some(Filesystem {
            mount_point: mount.mount_point.to_str()?.into(),
            device: mount.mount_source.as_deref().unwrap_or_default().into(),
            kind: mount.fs_type.as_str().into(),
            size: size.f_blocks.saturating_mul(size.f_frsize),
            used: size.f_blocks.saturating_sub(size.f_bfree).saturating_mul(size.f_frsize),
            available: size.f_bavail.saturating_mul(size.f_frsize),
        })
    });
    Ok(found.collect())
}

/// All processes, by number. Those that end while they are read are left out.
pub(super) fn processes(boot: Option<Timestamp>) -> Result<Vec<Process>, ProcError> {
    let ticks = procfs::ticks_per_second();
    let page = procfs::page_size();
    let all = procfs::process::all_processes()?;
    let mut found: Vec<Process> =
        all.filter_map(Result::ok).filter_map(|process| read_process(&process, boot, ticks, page)).collect();
    found.sort_by_key(|process| process.pid);
    found.truncate(PROCESSES_MAX);
    Ok(found)
}

fn read_process(process: &ProcProcess, boot: Option<Timestamp>, ticks: u64, page: u64) -> Option<Process> {
    let stat = process.stat().ok()?;
    let time = |count: u64| Duration::from_millis(count.saturating_mul(1000) / ticks.max(1));
    Some(Process {
        pid: u32::try_from(stat.pid).ok()?,
        name: stat.comm.as_str().into(),
        start: boot.map(|boot| boot.plus(time(stat.starttime))),
        user: time(stat.utime),
        system: time(stat.stime),
        memory: stat.rss.saturating_mul(page),
        threads: u32::try_from(stat.num_threads).unwrap_or_default(),
        state: stat.state,
        cpu_hundredths: None,
    })
}

fn read(path: &Path) -> Result<String, ProcError> {
    fs::read_to_string(path).map_err(|error| ProcError::Io(error, Some(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_read_in_hundredths() {
        let load = parse_load("0.20 12.08 0.12 1/80 11206\n");
        assert_eq!(load, Some(Load { one: 20, five: 1208, fifteen: 12, running: 1, tasks: 80 }));
        assert_eq!(parse_load("0.2"), None);
        assert_eq!(parse_load(""), None);
    }

    #[test]
    fn the_name_of_the_system_loses_its_quotes() {
        let text = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n";
        assert_eq!(os_release(text, "PRETTY_NAME").as_deref(), Some("Debian GNU/Linux 13 (trixie)"));
        assert_eq!(os_release(text, "ID").as_deref(), Some("debian"));
        assert_eq!(os_release(text, "VERSION_ID"), None);
    }

    #[test]
    fn ipv6_counters_are_found_by_name() {
        let text = "ifIndex                         \t4\nIp6InReceives                   \t30\nIp6InOctets\t2288\n\
                    Ip6OutForwDatagrams \t7\nIp6OutRequests\t29\nIp6OutOctets\t2160\nIp6OutDiscards\t1\n";
        let counters =
            IpCounters { in_packets: 30, in_octets: 2288, out_packets: 29, out_octets: 2160, out_discards: 1 };
        assert_eq!(parse_snmp6(text), Some((4, counters)));
        assert_eq!(parse_snmp6("ifIndex 4\n"), None);
    }

    #[test]
    fn this_machine_can_be_read() {
        assert!(cpu().is_ok_and(|sample| !sample.cores.is_empty()));
        assert!(memory().is_ok_and(|memory| memory.total > memory.free));
        assert!(load().is_ok());
        assert!(uptime().is_ok_and(|uptime| !uptime.is_zero()));
        let machine = machine(None);
        assert!(machine.boot.is_some());
        let own = std::process::id();
        assert!(processes(machine.boot).is_ok_and(|all| all.iter().any(|process| process.pid == own)));
    }
}
