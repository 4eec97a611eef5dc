//! When to end: on SIGTERM and SIGINT, or with whoever started the program.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// Whether the program's life is bound to its standard input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leash {
    Free,
    /// It ends when standard input is closed, as it is when whoever started it is gone, however that ended.
    Stdin,
}

/// Returns when it is time to end.
///
/// # Errors
///
/// When signals cannot be heard.
pub(crate) async fn requested(leash: Leash) -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let let_go = async {
        match leash {
            Leash::Free => std::future::pending().await,
            Leash::Stdin => closed().await,
        }
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
        () = let_go => {}
    }
    Ok(())
}

async fn closed() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while matches!(input.read(&mut bytes).await, Ok(1..)) {}
}
