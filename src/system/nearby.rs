//! Other appliances on the local network: announced and found by multicast DNS (RFC 6762, RFC 6763).
//!
//! What is found is what somebody on the network says. Nobody is called by it: an administrator takes the link that the
//! other box has made out, and compares the fingerprint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};

/// The service of appliances.
const KIND: &str = "_alcove._tcp.local.";

/// The most appliances that are listed; the next one is passed over.
pub const FOUND_MAX: usize = 256;

/// The longest name and fingerprint that are listed, in bytes; longer ones are cut.
const TEXT_BYTES_MAX: usize = 255;

/// An appliance on the local network, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name of its room.
    pub name: String,
    /// Where it is reached: host and port of HTTPS.
    pub address: String,
    /// The SHA-256 of its authority's certificate, if it has an authority.
    pub fingerprint: Option<String>,
}

/// What is announced and found; nothing where it is switched off.
#[derive(Clone, Default)]
pub struct Nearby {
    found: Arc<Mutex<BTreeMap<String, Found>>>,
    daemon: Option<ServiceDaemon>,
}

impl Nearby {
    /// Announces this appliance, and looks for others from now on.
    ///
    /// # Errors
    /// One sentence, where the network does not let it.
    pub fn open(name: &str, port: u16, fingerprint: Option<&str>) -> Result<Self, String> {
        let fail = |error: mdns_sd::Error| {
            format!("other appliances on the network are not found, nor is this one by them: {error}")
        };
        let daemon = ServiceDaemon::new().map_err(fail)?;
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let host = format!("{}.local.", host.split('.').next().unwrap_or("alcove"));
        // Rooms may have the same name, machines on one network do not.
        let instance = format!("{name} ({})", host.trim_end_matches(".local."));
        let properties: Vec<(&str, &str)> = [("name", Some(name)), ("sha256", fingerprint)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        let own = ServiceInfo::new(KIND, &instance, &host, "", port, &properties[..])
            .map_err(fail)?
            .enable_addr_auto();
        let own_name = own.get_fullname().to_owned();
        daemon.register(own).map_err(fail)?;
        let events = daemon.browse(KIND).map_err(fail)?;
        let found: Arc<Mutex<BTreeMap<String, Found>>> = Arc::default();
        let kept = Arc::clone(&found);
        std::thread::Builder::new()
            .name("nearby".to_owned())
            .spawn(move || {
                // Ends with the daemon.
                while let Ok(event) = events.recv() {
                    follow(&mut lock(&kept), &event, &own_name);
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Self { found, daemon: Some(daemon) })
    }

    /// The appliances that are there now, in the order of their names.
    #[must_use]
    pub fn found(&self) -> Vec<Found> {
        lock(&self.found).values().cloned().collect()
    }

    /// Tells the network that this appliance is gone.
    pub fn close(&self) {
        if let Some(daemon) = &self.daemon {
            // Whether it is heard or not: announcements die by themselves.
            drop(daemon.shutdown());
        }
    }
}

fn lock(found: &Mutex<BTreeMap<String, Found>>) -> MutexGuard<'_, BTreeMap<String, Found>> {
    // Each change is one call of the map: it is whole after a panic elsewhere.
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(found: &mut BTreeMap<String, Found>, event: &ServiceEvent, own_name: &str) {
    match event {
        ServiceEvent::ServiceResolved(service) if service.fullname != own_name => {
            let is_known = found.contains_key(&service.fullname);
            if let Some(one) = read(service).filter(|_| is_known || found.len() < FOUND_MAX) {
                found.insert(service.fullname.clone(), one);
            }
        }
        ServiceEvent::ServiceRemoved(_, name) => drop(found.remove(name)),
        _ => {}
    }
}

fn read(service: &ResolvedService) -> Option<Found> {
    let text = |key: &str| service.get_property_val_str(key).map(printable);
    // Ours is the loopback of whoever reads this.
    let v4 = service.get_addresses_v4().into_iter().filter(|ip| !ip.is_loopback()).min();
    let v4 = v4.map(|ip| format!("{ip}:{}", service.port));
    let host = service.host.trim_end_matches('.');
    let address =
        v4.or_else(|| (!host.is_empty()).then(|| format!("{}:{}", printable(host), service.port)))?;
    Some(Found { name: text("name")?, address, fingerprint: text("sha256") })
}

/// What anybody on the network may have written, fit to be shown.
fn printable(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    while text.len() > TEXT_BYTES_MAX {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(instance: &str, name: &str) -> ServiceEvent {
        let properties = [("name", name), ("sha256", "AB:CD")];
        let info =
            ServiceInfo::new(KIND, instance, "birch.local.", "192.0.2.7", 8443, &properties[..]).unwrap();
        ServiceEvent::ServiceResolved(Box::new(info.as_resolved_service()))
    }

    #[test]
    fn who_is_there_is_listed_until_it_says_goodbye_and_this_one_is_not() {
        let mut found = BTreeMap::new();
        let own = format!("own.{KIND}");
        follow(&mut found, &resolved("own", "Aspen"), &own);
        assert!(found.is_empty());
        follow(&mut found, &resolved("birch", "Bi\u{7}rch"), &own);
        let birch = Found {
            name: "Birch".to_owned(),
            address: "192.0.2.7:8443".to_owned(),
            fingerprint: Some("AB:CD".to_owned()),
        };
        assert_eq!(found.values().collect::<Vec<_>>(), [&birch]);
        let gone = ServiceEvent::ServiceRemoved(KIND.to_owned(), format!("birch.{KIND}"));
        follow(&mut found, &gone, &own);
        assert!(found.is_empty());
    }

    #[test]
    fn a_crowd_of_announcements_fills_no_memory() {
        let mut found = BTreeMap::new();
        for number in 0..FOUND_MAX + 9 {
            follow(&mut found, &resolved(&format!("box {number}"), "x"), "own");
        }
        assert_eq!(found.len(), FOUND_MAX);
        assert!(printable(&"é".repeat(999)).len() <= TEXT_BYTES_MAX);
    }
}
