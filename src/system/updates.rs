//! Updates of the image: bundles are handed to RAUC over D-Bus, which checks who signed them and writes them to the
//! slot that is not running.
//!
//! ```text
//!  a bundle arrives ──▶ looked at ──▶ written to the other slot ──▶ restart ──▶ the other slot runs ──▶ confirmed
//!        │                 │                   │                                      │
//!        ▼                 ▼                   ▼                                      ▼  not healthy
//!   cut short       a stranger's, or     no longer readable                  restart: this slot runs again
//!                   for another board
//! ```
//! What happens after the restart is seen to outside the daemon (`alcove-confirm.service` of the image), since it is
//! the daemon that may not start.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use zbus::{Connection, OwnedVariant, Variant, proxy};

use super::machine;

/// The largest bundle that is taken, in bytes.
pub const BUNDLE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How much of a bundle is gathered before it goes to the disk, in bytes: pieces arrive in some thousands.
const WRITE_BYTES: usize = 1024 * 1024;

/// Where the image records what it has seen of its slots: `proven-A`; and `failed`, when an update did not start or
/// was not healthy.
const SLOTS: &str = "/data/slots";

/// Why an update is not possible: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no slots.
    #[error(
        "this machine cannot be updated as a whole: {0}; it is not an image with two slots, update its package"
    )]
    Unsupported(String),
    /// What would come back if the update fails has not been seen to work.
    #[error("the system that runs has not been seen healthy yet; wait some minutes after a start")]
    TooEarly,
    /// Another update is on its way.
    #[error("another update is being installed; wait until it is done")]
    Busy,
    /// The bundle is not one for this machine.
    #[error("the bundle is refused: {0}")]
    Refused(String),
    /// It could not be kept.
    #[error("the bundle cannot be kept: {0}; free some space")]
    NotKept(#[from] io::Error),
}

/// How the machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Which boards' bundles it takes.
    pub compatible: String,
    /// What RAUC is doing, in its own word: `idle` or `installing`.
    pub operation: String,
    /// How far that is, in percent, and what is being done.
    pub progress: (i32, String),
    /// Why the last installation failed; empty when it did not.
    pub last_error: String,
    /// The slots, as they were before an installation that is under way; empty when it began before the daemon did.
    pub slots: Vec<Slot>,
    /// Whether the other slot is what the next start takes; not while it is being written.
    pub restart_needed: bool,
    /// Whether an update did not start or was not healthy, and this slot runs instead.
    pub went_back: bool,
}

/// An installation that has begun.
pub struct Begun {
    /// Of the bundle.
    pub version: String,
    /// How it has ended, or why it failed.
    pub ended: oneshot::Receiver<Result<(), String>>,
}

/// One of the two systems on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `A` or `B`.
    pub name: String,
    /// Whether it runs now.
    pub booted: bool,
    /// `good` or `bad`.
    pub state: String,
    /// The version of the bundle that it was written from; empty for the one that the disk came with.
    pub version: String,
}

#[proxy(
    interface = "de.pengutronix.rauc.Installer",
    default_service = "de.pengutronix.rauc",
    default_path = "/"
)]
trait Installer {
    fn info(&self, bundle: &str) -> zbus::Result<(String, String)>;
    fn install_bundle(&self, source: &str, args: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;
    fn get_slot_status(&self) -> zbus::Result<Vec<(String, HashMap<String, OwnedVariant>)>>;
    fn get_primary(&self) -> zbus::Result<String>;
    #[zbus(signal)]
    fn completed(&self, result: i32) -> zbus::Result<()>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn operation(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn last_error(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn progress(&self) -> zbus::Result<(i32, String, i32)>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn compatible(&self) -> zbus::Result<String>;
}

/// Takes bundles, one at a time.
pub struct Updates {
    folder: PathBuf,
    turn: Arc<Mutex<()>>,
    /// As last seen: RAUC tells nothing of them while it is installing.
    seen: Mutex<Seen>,
}

/// What RAUC tells of the slots.
#[derive(Debug, Clone, Default)]
struct Seen {
    slots: Vec<Slot>,
    restart_needed: bool,
}

/// A bundle that is arriving.
pub struct Arriving {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
    /// Nobody else's bundle is taken until this one is dropped.
    _turn: OwnedMutexGuard<()>,
}

impl Updates {
    /// `state` is the state directory on the disk, below which bundles are kept while they are being installed. What
    /// an earlier start has left of one is removed: RAUC holds on to what it still reads.
    #[must_use]
    pub fn open(state: &Path) -> Self {
        let folder = state.join("updates");
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!("what was left of an update stays in {}: {error}", folder.display());
            }
            Ok(()) | Err(_) => {}
        }
        Self { folder, turn: Arc::default(), seen: Mutex::default() }
    }

    /// How the machine stands.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no RAUC.
    pub async fn view(&self) -> Result<View, Error> {
        let installer = installer().await?;
        let told = async {
            let (percent, doing, _) = installer.progress().await?;
            let Seen { slots, restart_needed } = self.look(&installer).await?;
            zbus::Result::Ok(View {
                compatible: installer.compatible().await?,
                operation: installer.operation().await?,
                progress: (percent, doing),
                last_error: installer.last_error().await?,
                restart_needed,
                slots,
                went_back: is_recorded("failed").await,
            })
        };
        told.await.map_err(unsupported)
    }

    /// The slots as RAUC tells them now, or as it did before it began to install.
    async fn look(&self, installer: &InstallerProxy<'_>) -> zbus::Result<Seen> {
        let mut seen = self.seen.lock().await;
        match look(installer).await {
            Ok(now) => *seen = now,
            // Asked now rather than before: an installation may have begun since.
            Err(_) if installer.operation().await? != "idle" => seen.restart_needed = false,
            Err(cause) => return Err(cause),
        }
        Ok(seen.clone())
    }

    /// A place for a bundle that is about to arrive.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no RAUC, [`Error::Busy`] while another bundle is arriving or being
    /// installed, [`Error::TooEarly`] after a start.
    pub async fn expect(&self) -> Result<Arriving, Error> {
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(|_| Error::Busy)?;
        let installer = installer().await?;
        if installer.operation().await.map_err(unsupported)? != "idle" {
            return Err(Error::Busy);
        }
        self.look(&installer).await.map_err(unsupported)?;
        if !is_confirmed().await {
            return Err(Error::TooEarly);
        }
        fs::create_dir_all(&self.folder).await?;
        let path = self.folder.join("bundle.raucb");
        let file = BufWriter::with_capacity(WRITE_BYTES, File::create(&path).await?);
        Ok(Arriving { file, path, bytes: 0, _turn: turn })
    }
}

impl Arriving {
    /// The next piece of it.
    ///
    /// # Errors
    /// [`Error::NotKept`] when the disk is full, [`Error::Refused`] when it is too long to be a bundle.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.bytes += piece.len() as u64;
        if self.bytes > BUNDLE_BYTES_MAX {
            return Err(Error::Refused(format!("it has more than {BUNDLE_BYTES_MAX} bytes")));
        }
        Ok(self.file.write_all(piece).await?)
    }

    /// It is all there: looks at it, and has it installed. Returns once that has begun.
    ///
    /// # Errors
    /// [`Error::NotKept`] when the disk is full, [`Error::Refused`] with RAUC's reason.
    pub async fn install(mut self) -> Result<Begun, Error> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        let installer = installer().await?;
        let path = self.path.display().to_string();
        let Ok((its, version)) = installer.info(&path).await else {
            return Err(self.why_refused(&installer, &path).await);
        };
        let ours = installer.compatible().await.map_err(unsupported)?;
        if its != ours {
            return Err(Error::Refused(format!("it is for {its}, and this is {ours}")));
        }
        let mut completed = installer.receive_completed().await.map_err(unsupported)?;
        installer.install_bundle(&path, HashMap::new()).await.map_err(refused)?;
        log::info!("the update to {version} is being installed");
        let (tell, ended) = oneshot::channel();
        let begun = Begun { version: version.clone(), ended };
        tokio::spawn(async move {
            let outcome = match completed.next().await.as_ref().map(Completed::args) {
                Some(Ok(outcome)) if *outcome.result() == 0 => {
                    log::info!("the update to {version} is installed; the next start takes it");
                    Ok(())
                }
                _ => {
                    let cause = installer.last_error().await.unwrap_or_default();
                    log::warn!("the update to {version} was not installed: {cause}");
                    Err(cause)
                }
            };
            // Nobody may want to know.
            let _ = tell.send(outcome);
            // Its place and its turn are kept until RAUC has read it.
            drop(self);
        });
        Ok(begun)
    }

    /// RAUC says why it takes no bundle only when it is told to install it.
    async fn why_refused(&self, installer: &InstallerProxy<'_>, path: &str) -> Error {
        let asked = async {
            let mut completed = installer.receive_completed().await?;
            installer.install_bundle(path, HashMap::new()).await?;
            completed.next().await;
            installer.last_error().await
        };
        Error::Refused(asked.await.unwrap_or_else(words))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::debug!("the bundle {} stays: {error}", self.path.display());
        }
    }
}

async fn installer() -> Result<InstallerProxy<'static>, Error> {
    let bus = Connection::system().await.map_err(unsupported)?;
    let installer = InstallerProxy::new(&bus).await.map_err(unsupported)?;
    installer.operation().await.map_err(unsupported)?;
    Ok(installer)
}

async fn look(installer: &InstallerProxy<'_>) -> zbus::Result<Seen> {
    let slots = installer.get_slot_status().await?;
    let primary = installer.get_primary().await?;
    let next_is_booted =
        slots.iter().any(|(name, status)| *name == primary && text(status, "state") == "booted");
    let bootable = slots.iter().filter(|(_, status)| status.contains_key("bootname"));
    Ok(Seen { slots: bootable.map(|(_, status)| slot(status)).collect(), restart_needed: !next_is_booted })
}

/// Whether the running slot was seen healthy since it was written, as the image records it.
async fn is_confirmed() -> bool {
    let told = fs::read_to_string(machine::RUNNING_SLOT).await.unwrap_or_default();
    let slot = told.trim().trim_start_matches("SLOT=");
    is_recorded(&format!("proven-{slot}")).await
}

/// Whether the image has that record of its slots.
async fn is_recorded(name: &str) -> bool {
    fs::try_exists(Path::new(SLOTS).join(name)).await.unwrap_or(false)
}

fn slot(status: &HashMap<String, OwnedVariant>) -> Slot {
    Slot {
        name: text(status, "bootname"),
        booted: text(status, "state") == "booted",
        state: text(status, "boot-status"),
        version: text(status, "bundle.version"),
    }
}

fn text(status: &HashMap<String, OwnedVariant>, key: &str) -> String {
    let value = status.get(key).and_then(|value| value.downcast_ref::<&str>().ok());
    value.unwrap_or_default().to_owned()
}

fn unsupported(error: zbus::Error) -> Error {
    Error::Unsupported(words(error))
}

fn refused(error: zbus::Error) -> Error {
    Error::Refused(words(error))
}

/// What the other side said, without the name of its error.
fn words(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(_, Some(said), _) => said,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_power_cut_has_left_of_a_bundle_is_removed_at_the_next_start() {
        let state = tempfile::tempdir().expect("a folder");
        let updates = Updates::open(state.path());
        std::fs::create_dir(&updates.folder).expect("a folder for bundles");
        std::fs::write(updates.folder.join("bundle.raucb"), "half a bundle").expect("a bundle");
        let _ = Updates::open(state.path());
        assert!(!updates.folder.exists());
        assert!(state.path().exists());
    }
}
