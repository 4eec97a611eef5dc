//! The thread beside those that carry traffic: makes the proxy's identity ready, and answers on the admin port.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};

use super::{DataPlane, RunError, Shared, identity};
use crate::agent::health::HealthCounters;
use crate::agent::status::Status;
use crate::config::Config;
use crate::drain::Drain;
use crate::listener::bind;
use crate::observe::admin::{self, Admin};
use crate::program::Program;

pub(super) struct Side {
    end: Drain,
    thread: JoinHandle<()>,
}

pub(super) fn start(
    config: &Config,
    plane: &mut DataPlane,
    shared: &Shared,
    status: &Arc<Status>,
    health: &HealthCounters,
) -> Result<Side, RunError> {
    let socket = match config.admin {
        Some(at) => bind(at, NonZeroUsize::MIN)?.pop(),
        None => None,
    };
    plane.bound.admin = socket.as_ref().and_then(|socket| socket.local_addr().ok());
    plane.bound.admin.iter().for_each(|address| plane.own.add(*address));
    let admin = Admin {
        metrics: Arc::clone(&shared.metrics),
        logs: shared.logs.clone(),
        health: health.clone(),
        status: Arc::clone(status),
        gate: Arc::clone(&plane.gate),
        live: shared.live.clone(),
        world: shared.world.clone(),
        drain: plane.drain.clone(),
    };
    let end = Drain::default();
    let (until, shared) = (end.clone(), shared.clone());
    let thread = std::thread::Builder::new().name("mesh-side".to_owned());
    let thread = thread.spawn(move || run(socket, admin, shared, &until))?;
    Ok(Side { end, thread })
}

fn run(socket: Option<std::net::TcpListener>, admin: Admin<Program>, shared: Shared, end: &Drain) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "a thread cannot serve"),
    };
    runtime.block_on(async {
        tokio::task::spawn_local(identity::follow(shared));
        if let Some(listener) = socket.and_then(|socket| TcpListener::from_std(socket).ok()) {
            tokio::task::spawn_local(admin::serve(listener, admin, end.clone()));
        }
        end.begun().await;
    });
}

impl Side {
    pub(super) fn end(self) {
        self.end.begin();
        let _ = self.thread.join();
    }
}
