//! Every key of the configuration: its range, its unit, its meaning, when it takes effect; the one table behind checks,
//! texts, schema and forms.

use crate::meeting::PARTICIPANTS_MAX;

/// One key.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// With its section.
    pub name: &'static str,
    /// What may stand there.
    pub range: Range,
    /// When it takes effect.
    pub applies: Applies,
    /// Who may set it.
    pub setter: Setter,
    /// A secret: it is taken, used, and never shown.
    pub is_private: bool,
    /// A wrong value can cut off whoever has set it: a change undoes itself unless it is confirmed.
    pub is_guarded: bool,
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// A whole number from the first to the second, in the unit.
    Number(u32, u32, &'static str),
    /// `true` or `false`.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text, said in words; what else it has to be is checked one by one.
    Text(&'static str),
    /// A list of texts, said in words.
    List(&'static str),
}

/// When a changed key takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applies {
    /// At once, in living meetings too.
    Live,
    /// When a device was closed and another one opened, which takes less than a second.
    Media,
    /// When the daemon has started anew, which takes some seconds and cuts everybody off for as long.
    Restart,
}

/// Who may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setter {
    /// Administrators, by file or over the API.
    Administrators,
    /// Whoever writes files on the machine: the value names another file there.
    Files,
}

impl Applies {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Media => "media",
            Self::Restart => "restart",
        }
    }
}

impl Setter {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrators => "administrators",
            Self::Files => "files",
        }
    }
}

impl Range {
    /// What is wrong with a number; nothing with a value of another type.
    pub(super) fn excludes(self, number: Option<i64>) -> Option<String> {
        let (Self::Number(least, most, unit), Some(number)) = (self, number) else { return None };
        let is_inside = (i64::from(least)..=i64::from(most)).contains(&number);
        (!is_inside).then(|| format!("{number} is out of range; give {least} to {most} {unit}"))
    }

    /// What may stand there, in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Number(least, most, unit) => format!("{least} to {most} ({unit})"),
            Self::Switch => "true or false".to_owned(),
            Self::OneOf(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                quoted.join(", ")
            }
            Self::Text(words) | Self::List(words) => words.to_owned(),
        }
    }
}

const DEVICE: Range = Range::Text("\"auto\", \"none\", \"simulated\", or a part of a device's name");
const PORT: Range = Range::Number(0, 65_535, "port number");
const FILE: Range = Range::Text("the path of a file");
const ROLES: &[&str] = &["owner", "admin", "integrator", "room-control", "viewer"];
const SECRET: Range = Range::Text("1 to 512 bytes; it is never shown");

/// All keys, in the order of the document.
pub const KEYS: &[Key] = &[
    restart("room.name", Range::Text("1 to 64 characters"), "Names the room, and its standing meeting after it."),
    media("room.camera", DEVICE, "Chooses the camera; `alcove devices` lists them."),
    media("room.microphone", DEVICE, "Chooses the microphone."),
    media("room.speaker", DEVICE, "Chooses the loudspeaker."),
    media("room.display", DEVICE, "Chooses the display that shows the scene."),
    live("room.show_chat", Range::Switch, "Shows on the room's screen what people write to everybody; everybody in the room reads it."),
    restart("http.https_port", PORT, "Serves the page, the API and the WebSocket by HTTPS, and takes media over TCP; 0 takes a free port.").guarded(),
    restart("http.http_port", PORT, "Serves plain HTTP, which has no microphone or camera; 0 takes a free port.").guarded(),
    live("network.interface", Range::Text("the name of a network card, such as \"eth0\""), "Is the network card that network.address is for; unset: the first wired one.").guarded(),
    live("network.address", Range::Text("\"dhcp\", or address and prefix such as \"192.0.2.10/24\""), "Is the address of the machine, which systemd-networkd gives it; unset: the machine's network is left alone.").guarded(),
    live("network.gateway", Range::Text("an IP address in the same network"), "Is the router that a static address reaches other networks by.").guarded(),
    live("network.dns", Range::List("a list of at most 4 IP addresses"), "Names the servers that names are asked of; with \"dhcp\", besides those that it brings.").guarded(),
    restart("media.port", PORT, "Is the first port of sound and pictures, UDP and TCP, one per worker; 0 takes free ports."),
    restart("media.workers", Range::Number(1, 64, "threads"), "Sets how many threads forward packets; unset: one less than the machine has cores."),
    restart("media.people_per_worker", Range::Number(1, 256, "people"), "Sets how many people of one meeting a thread carries before another thread helps."),
    restart("media.announce", Range::List("a list of IP addresses"), "Adds addresses at which browsers reach the media ports, such as that of a router."),
    restart("turn.server", Range::Text("turn:host or turn:host:port, over UDP"), "Names the TURN server that relays media to guests who cannot reach the appliance."),
    restart("turn.username", Range::Text("1 to 508 bytes"), "Is the user name for the TURN server."),
    restart("turn.password_file", FILE, "Names the file whose first line is the password for the TURN server; it is read at the start.").in_files(),
    restart("turn.password", SECRET, "Is the password for the TURN server, instead of turn.password_file.").private(),
    restart("tls.certificate", Range::Text("the path of a PEM file"), "Uses this certificate chain instead of the appliance's own; needs tls.key.").in_files().guarded(),
    restart("tls.key", Range::Text("the path of a PEM file"), "Is the private key of tls.certificate.").in_files().guarded(),
    restart("tls.names", Range::List("a list of host names"), "Adds names to the appliance's own certificate.").guarded(),
    restart("tls.client_authority", Range::Text("the path of a PEM file"), "Lets in programs that show a certificate which this authority has signed; browsers sign in otherwise.").in_files(),
    restart("tls.client_role", Range::OneOf(ROLES), "Is what whoever shows such a certificate may do, as the roles of tokens say."),
    live("acme.directory", Range::Text("an https address"), "Is the directory of the authority that issues a certificate by ACME, such as https://acme-v02.api.letsencrypt.org/directory; to set it is to agree to its terms."),
    live("acme.names", Range::List("a list of up to 16 host names"), "Are the names that this certificate is for, and for which it is shown."),
    live("acme.contact", Range::Text("mailto:…"), "Is how the authority reaches whoever runs this appliance."),
    live("acme.dns_server", Range::Text("dns:host or dns:host:port (RFC 2136), or the https address of acme-dns"), "Shows by records on this server whose the names are; unset: the authority asks the appliance over plain HTTP, on port 80 of each name."),
    live("acme.dns_username", Range::Text("1 to 253 bytes"), "Is the name of the TSIG key (HMAC-SHA256) for acme.dns_server, or the user name for acme-dns."),
    live("acme.dns_password", SECRET, "Is that key in base64, or the password for acme-dns.").private(),
    live("acme.dns_subdomain", Range::Text("letters, digits and '-'"), "Is the subdomain that acme-dns has given out, to which _acme-challenge of each name leads."),
    live("acme.account", Range::Text("1 to 253 bytes"), "Is the number (key id) of an account with the authority, where it lets in none without (external account binding)."),
    live("acme.account_key", SECRET, "Is the key (HMAC) of that account, in base64url.").private(),
    live("acme.authority", Range::Text("the path of a PEM file"), "Vouches for a directory that is not of the public web, such as one of the house.").in_files(),
    live("meetings.max_participants", Range::Number(1, PARTICIPANTS_MAX, "participants"), "Limits meetings that are created without a limit of their own."),
    live("meetings.away_seconds", Range::Number(1, 3600, "seconds"), "Keeps the place of a participant whose network is cut."),
    live("meetings.idle_seconds", Range::Number(1, 86_400, "seconds"), "Ends a meeting in which nobody is any more."),
    live("meetings.records_days", Range::Number(0, 3650, "days"), "Keeps who was in a meeting and how its polls went; what was said in it is wiped at its end."),
    live("meetings.codec", Range::OneOf(&["auto", "vp8", "vp9", "av1"]), "Is what pages send where all can receive it; \"auto\" is H.264, and VP8 where that cannot be received."),
    restart("mail.server", Range::Text("smtps:host, smtp:host (STARTTLS) or smtp-plain:host, and :port where it is another"), "Names the server through which reports of meetings are sent."),
    restart("mail.from", Range::Text("a mail address"), "Is the address that mail comes from."),
    restart("mail.username", Range::Text("a user name"), "Is the user name for the mail server."),
    restart("mail.password_file", FILE, "Names the file whose first line is the password for the mail server; it is read at the start.").in_files(),
    restart("mail.password", SECRET, "Is the password for the mail server, instead of mail.password_file.").private(),
    live("calls.ring_seconds", Range::Number(5, 300, "seconds"), "Rings somebody for so long before it counts as no answer."),
    live("calls.ring_volume", Range::Number(0, 100, "percent"), "Sets how loud the room rings; at 0 its screen alone tells of calls."),
    restart("calls.nearby", Range::Switch, "Announces this appliance on the local network, and lists the others that do."),
    restart("calls.contact", Range::Text("mailto:… or https://…"), "Tells push services how to reach whoever runs this appliance; unset: the appliance's own address."),
    restart("calls.webhook", Range::Text("an http or https address"), "Is told by POST who is rung and signed in nowhere, and who has missed a call."),
    restart("calls.webhook_secret_file", FILE, "Names the file whose first line is the secret that the webhook is signed with; it is read at the start.").in_files(),
    restart("calls.webhook_secret", SECRET, "Is the secret that the webhook is signed with, instead of calls.webhook_secret_file.").private(),
    live("maintenance.window", Range::Text("from and to in UTC, such as \"22:30-04:00\""), "Is when changes take effect that were told to wait for it, and nobody is in a meeting; unset: at any hour."),
    live("fleet.source", Range::Text("a web address, or the path of a folder"), "Is where the appliance fetches what it is to be: BOX.toml or all.toml, and beside it the signature, .minisig."),
    live("fleet.key", Range::Text("a public key of minisign, RW…"), "Is the public key that is believed; whatever is signed with another one is refused."),
    live("fleet.interval_seconds", Range::Number(5, 86_400, "seconds"), "Sets how often is looked there; a server that holds its answer back until there is news is asked again at once."),
    live("fleet.report", Range::Text("a web address"), "Is told by POST how the appliance is: what is in effect, and its conditions."),
    live("fleet.report_token", SECRET, "Is the bearer token for fleet.report.").private(),
    restart("fleet.nats", Range::Text("tls://host or nats://host, several with commas between"), "Names the NATS servers over which the fleet sees and asks the appliance."),
    restart("fleet.nats_credentials_file", FILE, "Names the file (.creds) that lets the appliance in there.").in_files(),
    restart("fleet.nats_authority", Range::Text("the path of a PEM file"), "Names authorities by which the servers are believed, besides those that the machine knows.").in_files(),
    restart("fleet.nats_domain", Range::Text("1 to 64 letters, digits, '-' and '_'"), "Is the JetStream domain that keeps what the fleet knows, where the server is a leaf node; unset: the server's own."),
    restart("fleet.nats_role", Range::OneOf(ROLES), "Is what whoever asks over NATS may do, as the roles of tokens say."),
    restart("fleet.nats_calls", Range::Switch, "Puts the fleet's rooms that want it too into the directory, and lets them ring each other over NATS."),
];

/// The key of that name, with its section.
#[must_use]
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn live(name: &'static str, range: Range, meaning: &'static str) -> Key {
    let setter = Setter::Administrators;
    Key { name, range, applies: Applies::Live, setter, is_private: false, is_guarded: false, meaning }
}

const fn media(name: &'static str, range: Range, meaning: &'static str) -> Key {
    Key { applies: Applies::Media, ..live(name, range, meaning) }
}

const fn restart(name: &'static str, range: Range, meaning: &'static str) -> Key {
    Key { applies: Applies::Restart, ..live(name, range, meaning) }
}

impl Key {
    const fn in_files(self) -> Self {
        Self { setter: Setter::Files, ..self }
    }

    const fn private(self) -> Self {
        Self { is_private: true, ..self }
    }

    const fn guarded(self) -> Self {
        Self { is_guarded: true, ..self }
    }

    /// The section and the name in it.
    ///
    /// # Panics
    /// Never: every key stands in a section, as a test says.
    #[must_use]
    pub fn place(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').expect("every key stands in a section")
    }
}
