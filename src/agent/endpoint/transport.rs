//! What the port speaks: plaintext, or TLS with the certificates of a profile or of the file.
//!
//! Invariant: what is in use stays until something else is asked for, files may have other contents, or a certificate or
//! list has run out. New files that cannot be used change nothing, unless what is in use has run out.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::wish::{Security, Settings};
use crate::agent::StartError;
use crate::net::{Tls, Transport, local_addresses};
use crate::pki::{Files, Identity, Look, Offer, Tally, TlsProfile};
use crate::time::{Clock, Timestamp};

/// Longest time until the clock is asked again whether a certificate or list has run out: clocks are set.
const CLOCK_CHECK: Duration = Duration::from_secs(60);

/// Makes what the port speaks, and keeps it.
#[derive(Debug)]
pub(super) struct Transports {
    /// Certificates of clients that were judged.
    checks: Tally,
    clock: Clock,
    made: Option<Made>,
}

/// What was made last.
#[derive(Debug)]
struct Made {
    /// What it was made from.
    from: Security,
    /// It, or why there is none.
    transport: Result<Transport, String>,
    /// When it has to be made anew because a certificate or list has run out.
    until: Option<Timestamp>,
}

impl Made {
    fn new(from: &Security, made: Result<(Transport, Option<Timestamp>), String>) -> Self {
        let (transport, until) = match made {
            Ok((transport, until)) => (Ok(transport), until),
            Err(reason) => (Err(reason), None),
        };
        Self { from: from.clone(), transport, until }
    }
}

impl Transports {
    pub(super) fn new(checks: Tally, clock: Clock) -> Self {
        Self { checks, clock, made: None }
    }

    /// Makes what the file asks for, which has to be possible.
    pub(super) async fn begin_with_file(&mut self, settings: &Settings) -> Result<(), StartError> {
        let transport = Ok(Transport::Tls(file_tls(settings, &self.clock).await?));
        self.made = Some(Made { from: Security::File, transport, until: None });
        Ok(())
    }

    /// When to look whether what is used has run out.
    pub(super) fn runs_out(&self) -> Option<Instant> {
        let until = self.made.as_ref()?.until?;
        Some(Instant::now() + until.since(self.clock.now()).min(CLOCK_CHECK))
    }

    /// What the port is to speak, made anew where that has changed, or where files may have, which `again` says.
    pub(super) async fn get(
        &mut self,
        security: &Security,
        settings: &Settings,
        again: bool,
    ) -> Result<Transport, String> {
        let now = self.clock.now();
        let before = self.made.take_if(|made| made.from == *security);
        let before = before.filter(|made| made.transport.is_ok() && made.until.is_none_or(|until| now < until));
        let made = match before {
            Some(before) if !again => before,
            before => {
                let made = Made::new(security, self.make(security, settings).await);
                match (&made.transport, before) {
                    (Err(reason), Some(before)) => {
                        tracing::error!("{reason}; the certificates in use stay");
                        before
                    }
                    _ => made,
                }
            }
        };
        self.made.insert(made).transport.clone()
    }

    async fn make(&self, security: &Security, settings: &Settings) -> Result<(Transport, Option<Timestamp>), String> {
        match security {
            Security::Plain => Ok((Transport::Plain, None)),
            Security::Impossible(reason) => Err(reason.clone()),
            Security::Profile(profile) => {
                let (profile, files) = (profile.clone(), settings.files.clone());
                let (checks, now) = (self.checks.clone(), self.clock.now());
                // It logs as the element that it is for.
                let span = Span::current();
                let make = move || span.in_scope(|| profile_tls(&profile, &files, &checks, now));
                let made = tokio::task::spawn_blocking(make).await;
                let (tls, until) = made.map_err(|error| error.to_string())??;
                Ok((Transport::Tls(tls), until))
            }
            Security::File => match file_tls(settings, &self.clock).await {
                Ok(tls) => Ok((Transport::Tls(tls), None)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// Says whether what the file says about TLS can be done, without doing it.
pub(super) fn check(settings: &Settings) -> Result<(), StartError> {
    let tls = &settings.tls;
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        Tls::new(&[Identity::from_files(certificate, key)?], &Offer::of(&tls.versions), None)?;
    }
    Ok(())
}

fn profile_tls(
    profile: &TlsProfile,
    files: &Files,
    checks: &Tally,
    now: Timestamp,
) -> Result<(Tls, Option<Timestamp>), String> {
    let loaded = profile.load(&Look::new(files, now), checks).map_err(|unusable| unusable.to_string())?;
    let clients = loaded.judge.map(|judge| judge as _);
    let tls = Tls::new(&loaded.identities, &profile.offer, clients);
    let tls = tls.map_err(|error| format!("{} - {error}", profile.path))?.named(&profile.path);
    loaded.identities.iter().for_each(tell_fingerprint);
    Ok((tls, loaded.until))
}

async fn file_tls(settings: &Settings, clock: &Clock) -> Result<Tls, StartError> {
    let identity = match (&settings.tls.certificate, &settings.tls.key) {
        (Some(certificate), Some(key)) => Identity::from_files(certificate, key)?,
        _ => {
            let mut addresses = local_addresses().await;
            addresses.push(settings.listen.address);
            Identity::self_signed(&settings.own, &addresses, clock.now())?
        }
    };
    tell_fingerprint(&identity);
    Ok(Tls::new(&[identity], &Offer::of(&settings.tls.versions), None)?)
}

fn tell_fingerprint(identity: &Identity) {
    tracing::info!("TLS certificate, SHA-256 fingerprint {}", identity.fingerprint());
}
