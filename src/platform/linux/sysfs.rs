//! Temperatures and fans, from the hwmon and thermal classes of /sys.
//!
//! Everything here blocks. Machines without such chips, most virtual ones, give empty lists.

use std::fs;
use std::path::Path;

use crate::platform::reading::{Fan, Sensor};

/// Temperatures and fans of all chips under a /sys tree. Thermal zones are listed when no chip has a temperature: on
/// most machines they repeat one.
pub(super) fn sensors(sys: &Path) -> (Vec<Sensor>, Vec<Fan>) {
    let (mut sensors, mut fans) = (Vec::new(), Vec::new());
    for chip in directories(&sys.join("class/hwmon")) {
        let name = text(&chip.join("name")).unwrap_or_else(|| "chip".to_owned());
        for input in inputs(&chip, "temp") {
            let Some(millidegrees) = number(&chip.join(format!("{input}_input"))) else { continue };
            let label = text(&chip.join(format!("{input}_label"))).unwrap_or_else(|| input.clone());
            let high = number(&chip.join(format!("{input}_max")));
            let critical = number(&chip.join(format!("{input}_crit")));
            sensors.push(Sensor { name: format!("{name}/{label}").into(), millidegrees, high, critical });
        }
        for input in inputs(&chip, "fan") {
            let rpm = number(&chip.join(format!("{input}_input"))).and_then(|rpm| u32::try_from(rpm).ok());
            let Some(rpm) = rpm else { continue };
            let label = text(&chip.join(format!("{input}_label"))).unwrap_or_else(|| input.clone());
            fans.push(Fan { name: format!("{name}/{label}").into(), rpm });
        }
    }
    if sensors.is_empty() {
        sensors = directories(&sys.join("class/thermal")).iter().filter_map(|zone| thermal_zone(zone)).collect();
    }
    (sensors, fans)
}

fn thermal_zone(zone: &Path) -> Option<Sensor> {
    let millidegrees = number(&zone.join("temp"))?;
    let zone_name = zone.file_name()?.to_str()?;
    let name = text(&zone.join("type")).map_or_else(|| zone_name.into(), |kind| format!("{zone_name}/{kind}").into());
    Some(Sensor { name, millidegrees, high: None, critical: None })
}

/// Names such as `temp1` that have a `temp1_input`, in order.
fn inputs(chip: &Path, kind: &str) -> Vec<String> {
    let Ok(files) = fs::read_dir(chip) else { return Vec::new() };
    let mut found: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix("_input").map(str::to_owned))
        .filter(|name| name.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok()))
        .collect();
    found.sort();
    found
}

fn directories(class: &Path) -> Vec<std::path::PathBuf> {
    let Ok(files) = fs::read_dir(class) else { return Vec::new() };
    let mut found: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    found.sort();
    found
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}

fn number(path: &Path) -> Option<i64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_read() -> std::io::Result<()> {
        let sys = tempfile::tempdir()?;
        let chip = sys.path().join("class/hwmon/hwmon0");
        fs::create_dir_all(&chip)?;
        for (file, content) in [
            ("name", "coretemp\n"),
            ("temp1_input", "41000\n"),
            ("temp1_label", "Package id 0\n"),
            ("temp1_crit", "100000\n"),
            ("temp2_input", "nonsense\n"),
            ("fan1_input", "1200\n"),
            ("in0_input", "1024\n"),
        ] {
            fs::write(chip.join(file), content)?;
        }
        let (sensors, fans) = super::sensors(sys.path());
        let name = "coretemp/Package id 0".into();
        let expected = Sensor { name, millidegrees: 41_000, high: None, critical: Some(100_000) };
        assert_eq!(sensors, [expected]);
        assert_eq!(fans, [Fan { name: "coretemp/fan1".into(), rpm: 1200 }]);
        Ok(())
    }

    #[test]
    fn thermal_zones_stand_in_for_chips() -> std::io::Result<()> {
        let sys = tempfile::tempdir()?;
        let zone = sys.path().join("class/thermal/thermal_zone0");
        fs::create_dir_all(&zone)?;
        fs::write(zone.join("temp"), "38500")?;
        fs::write(zone.join("type"), "acpitz")?;
        let (sensors, fans) = super::sensors(sys.path());
        assert_eq!(
            sensors,
            [Sensor { name: "thermal_zone0/acpitz".into(), millidegrees: 38_500, high: None, critical: None }]
        );
        assert!(fans.is_empty());
        Ok(())
    }
}
