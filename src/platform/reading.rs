//! What a producer has read of the element, as plain values.
//!
//! Invariant: a reading says only what was read; what could not be read is `None` or empty, never a guess. Nothing here
//! knows of YANG or of where the reading came from.

use std::net::IpAddr;
use std::time::Duration;

use crate::time::Timestamp;
use crate::value::Text;

/// Hardware address of an Ethernet-like link.
pub type Mac = [u8; 6];

/// State of a link as RFC 2863 names it, which is how the kernel keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oper {
    /// The driver does not tell.
    Unknown,
    /// Ready for packets.
    Up,
    /// Not ready.
    Down,
    /// In a test mode.
    Testing,
    /// Waiting for something outside, such as authentication.
    Dormant,
    /// A part is missing.
    NotPresent,
    /// Down because a link below it is.
    LowerLayerDown,
}

/// What kind of hardware, or lack of it, a link is. Decides types and identities in the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Ethernet framing, real or virtual.
    Ethernet,
    /// The loopback link.
    Loopback,
    /// Tunnels and everything else.
    Other,
}

/// One link: what changes rarely.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: Text,
    /// Framing.
    pub layer: Layer,
    /// Kind of a virtual link as the kernel names it: `veth`, `bridge`, `dummy`.
    pub kind: Option<Text>,
    /// Link address in use.
    pub mac: Option<Mac>,
    /// Link address of the hardware, when the driver tells.
    pub permanent_mac: Option<Mac>,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Whether the link is switched on by its administrator.
    pub admin_up: bool,
    /// State.
    pub oper: Oper,
    /// Whether a carrier is there, when the driver tells.
    pub carrier: Option<bool>,
    /// Alias given by the administrator.
    pub alias: Option<Text>,
}

/// Traffic counters of one link since it came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received bytes.
    pub in_octets: u64,
    /// Received packets.
    pub in_packets: u64,
    /// Received packets to one station. The kernel does not tell these from broadcast.
    pub in_unicast: Option<u64>,
    /// Received broadcast packets.
    pub in_broadcast: Option<u64>,
    /// Received multicast packets.
    pub in_multicast: Option<u64>,
    /// Received packets that were bad.
    pub in_errors: u64,
    /// Received packets dropped for lack of room or of a taker.
    pub in_discards: u64,
    /// Sent bytes.
    pub out_octets: u64,
    /// Sent packets.
    pub out_packets: u64,
    /// Sent packets to one station.
    pub out_unicast: Option<u64>,
    /// Sent broadcast packets.
    pub out_broadcast: Option<u64>,
    /// Sent multicast packets.
    pub out_multicast: Option<u64>,
    /// Packets that could not be sent for a fault.
    pub out_errors: u64,
    /// Packets dropped before sending.
    pub out_discards: u64,
    /// What only Ethernet has, when the driver tells.
    pub ethernet: Option<EthernetCounters>,
    /// How often the carrier came or went.
    pub carrier_changes: Option<u64>,
}

/// Error counters of an Ethernet medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EthernetCounters {
    /// Collisions.
    pub collisions: u64,
    /// Frames with a wrong check sum.
    pub crc_errors: u64,
    /// Frames that do not end on a byte.
    pub alignment_errors: u64,
    /// Frames of a wrong length.
    pub length_errors: u64,
    /// Frames the receiver missed for lack of buffers.
    pub missed: u64,
    /// Frames lost because the carrier was.
    pub carrier_errors: u64,
    /// Late collisions.
    pub late_collisions: u64,
    /// Frames given up after too many collisions.
    pub aborted: u64,
    /// Signal quality test errors.
    pub heartbeat_errors: u64,
}

/// Packet counters of one IP version on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpCounters {
    /// Received packets.
    pub in_packets: u64,
    /// Received bytes.
    pub in_octets: u64,
    /// Sent packets.
    pub out_packets: u64,
    /// Sent bytes.
    pub out_octets: u64,
    /// Packets dropped before sending.
    pub out_discards: u64,
}

/// How an Ethernet link runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ethernet {
    /// Speed in megabit per second.
    pub speed: Option<u32>,
    /// Full duplex, or half.
    pub full_duplex: Option<bool>,
    /// Whether speed and duplex are negotiated.
    pub autonegotiation: Option<bool>,
    /// Name of the driver.
    pub driver: Option<Text>,
}

/// One address of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Length of its prefix in bits.
    pub prefix_length: u8,
    /// Whether it is a further address of a prefix that has one.
    pub secondary: bool,
    /// Whether it may be used: duplicate address detection is over and found none.
    pub usable: bool,
    /// Whether duplicate address detection found a duplicate.
    pub duplicate: bool,
    /// Where it came from, when known.
    pub origin: Option<Origin>,
}

impl Address {
    /// Whether it is an IPv4 address.
    pub fn is_ipv4(&self) -> bool {
        self.ip.is_ipv4()
    }

    /// Whether it is an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        self.ip.is_ipv6()
    }

    /// Whether it is an IPv6 address of the link alone.
    pub fn is_link_local(&self) -> bool {
        matches!(self.ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
    }
}

/// Where an address came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Put there by hand or by a program, for good.
    Static,
    /// Leased for a time.
    Dynamic,
    /// Made from the link address.
    LinkLayer,
}

/// How many neighbours a link has, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// IPv4 (ARP) entries.
    pub ipv4: u32,
    /// IPv6 (ND) entries.
    pub ipv6: u32,
}

/// How many routes the main tables have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// IPv4 routes.
    pub ipv4: RouteCounts,
    /// IPv6 routes.
    pub ipv6: RouteCounts,
}

/// Routes of one IP version, by who put them there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCounts {
    /// All.
    pub total: u32,
    /// The kernel, for the networks of its own addresses.
    pub local: u32,
    /// An administrator, or a program at boot.
    pub fixed: u32,
    /// BGP.
    pub bgp: u32,
    /// IS-IS.
    pub isis: u32,
    /// OSPF.
    pub ospf: u32,
    /// RIP.
    pub rip: u32,
}

/// What the machine is. Read rarely.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Host name.
    pub hostname: Text,
    /// Machine architecture.
    pub architecture: Text,
    /// Release of the kernel.
    pub kernel: Text,
    /// Name and version of the operating system in words.
    pub system: Option<Text>,
    /// Its version alone.
    pub system_version: Option<Text>,
    /// Model of the computer, from its firmware.
    pub model: Option<Text>,
    /// Maker of the computer, from its firmware.
    pub maker: Option<Text>,
    /// Serial number of the computer, when it may be read.
    pub serial: Option<Text>,
    /// Identity of the machine as a UUID, from its firmware.
    pub uuid: Option<Text>,
    /// Model name of the processors.
    pub cpu_model: Option<Text>,
    /// Link address of the first network device.
    pub base_mac: Option<Mac>,
    /// Release of the software, as it is to be shown.
    pub version: Option<Text>,
    /// When the kernel started.
    pub boot: Option<Timestamp>,
}

/// Time spent by one processor, or by all, since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In programs.
    pub user: Duration,
    /// In programs of low priority.
    pub nice: Duration,
    /// In the kernel.
    pub system: Duration,
    /// Doing nothing.
    pub idle: Duration,
    /// Waiting for disks.
    pub wait: Duration,
    /// In hardware interrupts.
    pub hardware_interrupt: Duration,
    /// In software interrupts.
    pub software_interrupt: Duration,
    /// Taken by the hypervisor.
    pub steal: Duration,
}

/// Times of all processors at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuSample {
    /// Sum over all processors.
    pub total: CpuTimes,
    /// Each processor.
    pub cores: Vec<CpuTimes>,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All there is.
    pub total: u64,
    /// Used by nothing at all.
    pub free: u64,
    /// What programs could still get without swapping.
    pub available: Option<u64>,
    /// Buffers of block devices.
    pub buffers: u64,
    /// Page cache.
    pub cached: u64,
}

/// Load averages, in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Over one minute.
    pub one: u32,
    /// Over five minutes.
    pub five: u32,
    /// Over fifteen minutes.
    pub fifteen: u32,
    /// Tasks that want to run at the moment.
    pub running: u32,
    /// Tasks there are.
    pub tasks: u32,
}

/// One mounted filesystem of a disk or of memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount_point: Text,
    /// The device, or what the kernel says in its place.
    pub device: Text,
    /// Its type: `ext4`.
    pub kind: Text,
    /// Size in bytes.
    pub size: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes that a program without privileges can still have.
    pub available: u64,
}

/// One process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: Text,
    /// When it started.
    pub start: Option<Timestamp>,
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel on its behalf.
    pub system: Duration,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Threads.
    pub threads: u32,
    /// State letter of the kernel, such as `S`.
    pub state: char,
    /// Processor use since the last reading in hundredths of a percent of one processor.
    pub cpu_hundredths: Option<u32>,
}

/// One temperature sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// Name of chip and sensor.
    pub name: Text,
    /// Thousandths of a degree Celsius.
    pub millidegrees: i64,
    /// Where the chip calls it too hot, in thousandths of a degree.
    pub high: Option<i64>,
    /// Where the chip fears damage.
    pub critical: Option<i64>,
}

impl Sensor {
    /// The threshold to show where there is room for one.
    pub fn limit(&self) -> Option<i64> {
        self.critical.or(self.high)
    }
}

/// One fan.
#[derive(Clone, Debug, PartialEq)]
pub struct Fan {
    /// Name of chip and fan.
    pub name: Text,
    /// Turns per minute.
    pub rpm: u32,
}
