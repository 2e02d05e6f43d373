//! The machine's network as it is configured. The daemon may not change it: it writes down what is wanted, and a program
//! with that right, which does nothing else, has systemd-networkd take it.
//!
//! ```text
//!  the daemon ─▶ /run/alcove/network ─▶ alcove-network.path ─▶ alcove network apply ─▶ 05-alcove.network ─▶ networkd
//!      ▲                                                               │
//!      └───────────────── /run/alcove-network/answer ◀─────────────────┘
//! ```
//! The file of networkd lasts, so that the machine comes back with its address even when the daemon does not.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use nix::libc;
use zbus::{Connection, proxy};

use super::files::{self, Readers};
use crate::config::{Address, Network};

/// Where the daemon says what it wants: its `RuntimeDirectory=` in alcove.service.
const WISH: &str = "/run/alcove/network";

/// Where it is told what came of it: whether it worked, in a line, and what it was that was wanted.
const ANSWER: &str = "/run/alcove-network/answer";

/// What systemd-networkd reads (`systemd.network(5)`); it goes before those of the system.
const FILE: &str = "/etc/systemd/network/05-alcove.network";

/// The first line of an answer when it worked.
const DONE: &str = "done";

/// The longest wish and answer, in bytes.
const BYTES_MAX: u64 = 4096;

/// How long networkd may take to read its files.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// How it stands with what is wanted of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is to be as it is.
    NotAsked,
    /// The machine has not said anything yet.
    Awaited,
    /// It is so.
    Done,
    /// It is not, and this is why: one sentence.
    Failed(String),
}

/// What the daemon has to do with the machine's network.
#[derive(Debug, Clone)]
pub struct MachineNetwork {
    /// Where the wish is written; none for a daemon that systemd has not started, which leaves the machine alone.
    wish: Option<PathBuf>,
    answer: PathBuf,
    file: PathBuf,
}

impl MachineNetwork {
    /// That of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let is_ours = |folder: &OsStr| Path::new(WISH).parent() == Some(Path::new(folder));
        let wish =
            std::env::var_os("RUNTIME_DIRECTORY").filter(|folder| is_ours(folder)).map(|_| WISH.into());
        Self { wish, answer: ANSWER.into(), file: FILE.into() }
    }

    /// Asks the machine for it. Whoever wants nothing, and has never wanted anything, does not ask.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn ask(&self, wanted: &Network) -> io::Result<()> {
        match &self.wish {
            Some(wish) if self.answer(wanted) != Answer::NotAsked => {
                files::replace(wish, &wanted.text(), Readers::Everybody)
            }
            _ => Ok(()),
        }
    }

    /// What came of it.
    #[must_use]
    pub fn answer(&self, wanted: &Network) -> Answer {
        let Some(wish) = &self.wish else {
            return if wanted.address.is_none() { Answer::NotAsked } else { Answer::Failed(no_unit()) };
        };
        let asked = read(wish).ok().flatten();
        let is_never_asked = asked.is_none() && !self.file.exists();
        if wanted.address.is_none() && is_never_asked {
            return Answer::NotAsked;
        }
        let told = read(&self.answer).ok().flatten().unwrap_or_default();
        let (outcome, about) = told.split_once('\n').unwrap_or_default();
        if asked.as_deref() != Some(wanted.text().as_str()) || asked.as_deref() != Some(about) {
            return Answer::Awaited;
        }
        match outcome {
            DONE => Answer::Done,
            why => Answer::Failed(why.to_owned()),
        }
    }
}

fn no_unit() -> String {
    "network.address is for a daemon that systemd has started; set the address where the machine's network is set"
        .to_owned()
}

/// Has the machine take what the daemon has asked for last, and tells it what came of it.
///
/// # Errors
/// When the machine has not taken it: one sentence, which the daemon is told, too.
pub fn apply() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    loop {
        let Some(wish) = read(Path::new(WISH)).context("the wish cannot be read")? else { return Ok(()) };
        let outcome = Network::parse(&wish)
            .map_err(anyhow::Error::msg)
            .and_then(|wanted| runtime.block_on(take(&wanted)));
        let told = outcome.as_ref().map_or_else(|error| format!("{error:#}"), |()| DONE.to_owned());
        // Only what was understood is repeated.
        let about = Network::parse(&wish).map(|wanted| wanted.text()).unwrap_or_default();
        let text = told.replace('\n', " ") + "\n" + &about;
        files::replace(Path::new(ANSWER), &text, Readers::Everybody)
            .with_context(|| format!("cannot write {ANSWER}"))?;
        // Whoever has asked anew meanwhile does not start this again.
        if read(Path::new(WISH)).context("the wish cannot be read")?.as_ref() == Some(&wish) {
            return outcome;
        }
    }
}

/// Reads a small file that somebody else may have made, as it is.
fn read(path: &Path) -> io::Result<Option<String>> {
    let mut options = OpenOptions::new();
    let file = match options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let is_file = file.metadata()?.is_file();
    let mut text = String::new();
    File::take(file, BYTES_MAX + 1).read_to_string(&mut text)?;
    if is_file && text.len() as u64 <= BYTES_MAX {
        Ok(Some(text))
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[proxy(
    interface = "org.freedesktop.network1.Manager",
    default_service = "org.freedesktop.network1",
    default_path = "/org/freedesktop/network1"
)]
trait Networkd {
    fn reload(&self) -> zbus::Result<()>;
}

/// Has networkd take it; when it does not, its file is as it was.
async fn take(wanted: &Network) -> anyhow::Result<()> {
    let file = Path::new(FILE);
    let before = files::read(file)?;
    let after = match wanted.address {
        None => None,
        Some(address) => Some(text_of(&interface(wanted)?, address, wanted)),
    };
    if before == after {
        // networkd reads its files when it starts.
        return Ok(());
    }
    let reloading = tokio::time::timeout(RELOAD_MAX, networkd());
    let networkd =
        reloading.await.map_err(|_| anyhow::anyhow!("the system bus (D-Bus) does not answer"))??;
    put(file, after.as_deref()).with_context(|| format!("cannot change {FILE}"))?;
    let outcome = match tokio::time::timeout(RELOAD_MAX, networkd.reload()).await {
        Ok(outcome) => outcome.context("systemd-networkd does not read its files"),
        Err(_) => Err(anyhow::anyhow!("systemd-networkd does not answer; see its log")),
    };
    if outcome.is_err() {
        put(file, before.as_deref()).with_context(|| format!("cannot change {FILE} back"))?;
    }
    outcome
}

async fn networkd() -> anyhow::Result<NetworkdProxy<'static>> {
    let bus = Connection::system().await.context("the system bus (D-Bus) cannot be asked")?;
    let name = "org.freedesktop.network1".try_into().context("the name is well-formed")?;
    let runs = zbus::fdo::DBusProxy::new(&bus).await?.name_has_owner(name).await?;
    // It would be started, and take other networks over that somebody else cares for.
    ensure!(runs, "systemd-networkd does not run here; set the address where the machine's network is set");
    Ok(NetworkdProxy::new(&bus).await?)
}

fn put(file: &Path, text: Option<&str>) -> io::Result<()> {
    match text {
        Some(text) => files::replace(file, text, Readers::Everybody),
        None => match fs::remove_file(file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        },
    }
}

/// The card that is meant.
fn interface(wanted: &Network) -> anyhow::Result<String> {
    let cards = Path::new("/sys/class/net");
    match &wanted.interface {
        Some(name) if cards.join(name).exists() => Ok(name.clone()),
        Some(name) => bail!("there is no network card {name}; see network.interface"),
        None => {
            first_wired(cards).context("there is no wired network card; say which one in network.interface")
        }
    }
}

/// The first by name of those that are Ethernet (`ARPHRD_ETHER`), a device, and no Wi-Fi.
fn first_wired(cards: &Path) -> Option<String> {
    let is_wired = |name: &String| {
        let card = cards.join(name);
        let is_ethernet = fs::read_to_string(card.join("type")).is_ok_and(|kind| kind.trim() == "1");
        is_ethernet && card.join("device").exists() && !card.join("phy80211").exists()
    };
    let names = fs::read_dir(cards).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(is_wired).min()
}

/// What networkd reads. An address of one family leaves the other one to DHCP or to the routers.
fn text_of(interface: &str, address: Address, wanted: &Network) -> String {
    let (dhcp, ip) = match address {
        Address::Dhcp => ("yes", None),
        Address::Static { ip, .. } if ip.is_ipv4() => ("no", Some(ip)),
        Address::Static { ip, .. } => ("ipv4", Some(ip)),
    };
    let mut text = format!(
        "# Written by alcove-network.service: change network.address of Alcove's configuration.\n\
         [Match]\nName={interface}\n\n[Network]\nDHCP={dhcp}\nMulticastDNS=yes\n"
    );
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        writeln!(text, "{key}={value}").expect("a String takes everything");
    };
    if ip.is_some() {
        line("Address", &address);
        wanted.gateway.iter().for_each(|gateway| line("Gateway", gateway));
    }
    wanted.dns.iter().for_each(|dns| line("DNS", dns));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    fn machine(folder: &Path) -> MachineNetwork {
        let [wish, answer, file] = ["wish", "answer", "file"].map(|name| folder.join(name));
        MachineNetwork { wish: Some(wish), answer, file }
    }

    #[test]
    fn the_machine_is_asked_when_something_is_wanted_and_answers_for_that_alone() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path());
        let (nothing, first, second) =
            (Network::default(), wanted("address = \"192.0.2.10/24\""), wanted("address = \"dhcp\""));
        machine.ask(&nothing).unwrap();
        assert!(!folder.path().join("wish").exists(), "nothing was ever wanted");
        assert_eq!(machine.answer(&nothing), Answer::NotAsked);

        assert_eq!(machine.answer(&first), Answer::Awaited);
        machine.ask(&first).unwrap();
        assert_eq!(machine.answer(&first), Answer::Awaited);
        let answer = |outcome: &str, about: &Network| {
            fs::write(folder.path().join("answer"), format!("{outcome}\n{}", about.text())).unwrap();
        };
        answer("no card", &first);
        assert_eq!(machine.answer(&first), Answer::Failed("no card".to_owned()));
        answer(DONE, &first);
        assert_eq!(machine.answer(&first), Answer::Done);
        assert_eq!(machine.answer(&second), Answer::Awaited, "that was for something else");
        assert_eq!(machine.answer(&nothing), Answer::Awaited, "it has an address, and is to have none");
        machine.ask(&nothing).unwrap();
        answer(DONE, &nothing);
        assert_eq!(machine.answer(&nothing), Answer::Done);
    }

    #[test]
    fn what_an_earlier_start_has_set_is_taken_back_by_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path());
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(machine.answer(&Network::default()), Answer::Awaited);
        machine.ask(&Network::default()).unwrap();
        assert_eq!(wanted(&fs::read_to_string(folder.path().join("wish")).unwrap()), Network::default());
    }

    #[test]
    fn a_daemon_that_systemd_has_not_started_leaves_the_machine_alone_and_says_so() {
        let machine = MachineNetwork { wish: None, ..machine(Path::new("/nowhere")) };
        assert_eq!(machine.answer(&Network::default()), Answer::NotAsked);
        let wanted = wanted("address = \"dhcp\"");
        machine.ask(&wanted).unwrap();
        assert!(matches!(machine.answer(&wanted), Answer::Failed(why) if why.contains("systemd")));
    }

    #[test]
    fn networkd_is_told_the_card_the_address_the_router_and_the_servers() {
        let text = |text: &str| {
            let wanted = wanted(text);
            text_of("eth0", wanted.address.unwrap(), &wanted)
        };
        let all = text(
            "address = \"192.0.2.10/24\"\ngateway = \"192.0.2.1\"\ndns = [\"192.0.2.1\", \"2001:db8::1\"]",
        );
        let said = "[Match]\nName=eth0\n\n[Network]\nDHCP=no\nMulticastDNS=yes\nAddress=192.0.2.10/24\n\
                    Gateway=192.0.2.1\nDNS=192.0.2.1\nDNS=2001:db8::1\n";
        assert!(all.ends_with(said), "{all}");
        let six = text("address = \"2001:db8::10/64\"");
        assert!(six.ends_with("DHCP=ipv4\nMulticastDNS=yes\nAddress=2001:db8::10/64\n"), "{six}");
        let dhcp = text("address = \"dhcp\"\ngateway = \"192.0.2.1\"");
        assert!(dhcp.ends_with("DHCP=yes\nMulticastDNS=yes\n"), "{dhcp}");
    }

    #[test]
    fn the_first_wired_card_is_a_device_and_no_wifi() {
        let folder = tempfile::tempdir().unwrap();
        let card = |name: &str, kind: &str, folders: &[&str]| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("type"), kind).unwrap();
            folders.iter().for_each(|inner| fs::create_dir(folder.path().join(name).join(inner)).unwrap());
        };
        card("lo", "772\n", &[]);
        card("br0", "1\n", &[]);
        card("a-wlan0", "1\n", &["device", "phy80211"]);
        assert_eq!(first_wired(folder.path()), None);
        card("eth1", "1\n", &["device"]);
        card("eth0", "1\n", &["device"]);
        assert_eq!(first_wired(folder.path()).as_deref(), Some("eth0"));
    }

    #[test]
    fn a_wish_is_a_small_file_and_nothing_that_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").unwrap();
        fs::write(path("large"), " ".repeat(4097)).unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
        assert_eq!(read(&path("file")).unwrap().as_deref(), Some("text"));
        assert_eq!(read(&path("none")).unwrap(), None);
        for wrong in ["large", "link", "fifo", "."] {
            assert!(read(&path(wrong)).is_err(), "{wrong}");
        }
    }
}
