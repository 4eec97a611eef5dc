//! Where snapshots come from: a folder, into which publishers rename `*.mesh` files.
//!
//! The newest publication is what the mesh should serve: that with the greatest serial by its signature, or, where
//! nobody signs, the file changed last. It is copied into the store before it is offered, so once the rollout
//! has acknowledged it the file is not needed any more. A file that cannot be taken is reported by its name,
//! and tried again when it changes. One that was taken is offered once: when a proxy
//! refuses it, the rollout ends, and it is tried again when its file is written anew while the control runtime looks on, be it with the
//! same content (`touch`).

mod folder;
mod verify;

pub use verify::{Signers, VerifyError};

use std::path::PathBuf;
use std::sync::Arc;

use mesh_snapshot::Digest;
use mesh_snapshot::container::{self, Bundle, FileError};

use crate::conductor::Conductor;
use crate::problems::Problems;
use crate::rollout::{Accepted, Event};
use crate::store::Store;
use crate::watch::Watch;
use folder::{Folder, Publication};

/// Takes what is published in `path`, for as long as it is polled.
pub async fn run(
    path: PathBuf,
    signers: Signers,
    store: Arc<Store>,
    conductor: Conductor,
    problems: Problems,
) {
    let mut watch = Watch::new(&path);
    let mut folder = Folder::new(path, signers, problems.clone());
    let mut taken: Option<Publication> = None;
    let mut first = true;
    loop {
        let scanned = tokio::task::spawn_blocking(move || {
            let newest = folder.scan();
            (folder, newest)
        });
        let Ok((scanned, newest)) = scanned.await else { return };
        folder = scanned;
        // What the rollout did not take, or could not be stored, is offered again at each look: an operator may have lifted it, or the disk has
        // room. What was taken is not, however its rollout ended: one that a proxy refused waits for its file to be written anew.
        if let Some((newest, bundle)) = newest.filter(|(newest, _)| taken.as_ref() != Some(newest))
        {
            let result = take(&newest, bundle, !first, &store, &conductor).await;
            if let Some(answer) = problems.note(&newest.place(), result) {
                let said = if answer == Accepted::Queued { "taken" } else { "nothing to do" };
                tracing::info!(file = %newest.path.display(), digest = %newest.digest, "{said}");
                taken = Some(newest);
            }
        }
        first = false;
        watch.changed().await;
    }
}

/// Why a verified publication was not taken.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Read(#[from] FileError),
    #[error("it changed while it was read: {0} was verified")]
    Changed(Digest),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Rejected(#[from] crate::rollout::Rejected),
    #[error("the control runtime is stopping")]
    Stopping,
}

/// `read`: its content, unless it must be read again. `anew`: it was not there when this control runtime began.
async fn take(
    publication: &Publication,
    read: Option<Bundle>,
    anew: bool,
    store: &Arc<Store>,
    conductor: &Conductor,
) -> Result<Accepted, TakeError> {
    let Publication { digest: snapshot, serial, .. } = *publication;
    // What would not be taken up is not stored again at each look.
    let considered = conductor.ask(Event::Considered { snapshot, serial, anew }).await;
    if considered.ok_or(TakeError::Stopping)?? == Accepted::AsItIs {
        return Ok(Accepted::AsItIs);
    }
    let (path, store) = (publication.path.clone(), store.clone());
    let stored = tokio::task::spawn_blocking(move || {
        let bundle = read.map_or_else(|| container::read_file(&path), Ok)?;
        if bundle.snapshot.digest() != snapshot {
            return Err(TakeError::Changed(snapshot));
        }
        Ok(store.put(bundle)?)
    });
    let _pin = stored.await.map_err(|_| TakeError::Stopping)??;
    let answer = conductor.ask(Event::Offered { snapshot, serial }).await;
    Ok(answer.ok_or(TakeError::Stopping)??)
}
