//! Killed at any moment, and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mesh_control::conductor::{Moment, Probe};
use mesh_control::rollout::Record;

use crate::real::mesh::{all_serve, join_all, prepare_folder};
use crate::real::runtime::{Running, config};
use crate::real::shop::publish;
use crate::real::soon;

/// Kills the control runtime before and after every record of a rollout. All proxies end on the publication that was
/// acknowledged, or came to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_durable_step_loses_nothing() {
    let steps = (1..=6).flat_map(|step| [(step, Moment::Before), (step, Moment::After)]);
    let killed: Vec<_> = steps.map(|(step, moment)| tokio::spawn(crash_at(step, moment))).collect();
    let mut hit = 0;
    for killed in killed {
        hit += usize::from(killed.await.unwrap());
    }
    assert!(hit >= 10, "{hit} of the steps were met");
}

/// Whether there was such a step before all was done.
async fn crash_at(step: usize, moment: Moment) -> bool {
    let folder = prepare_folder();
    let releases = folder.path().join("releases");
    let mut control = Running::start(config(folder.path()));
    let mut proxies = join_all(&control, folder.path()).await;
    let one = publish(&releases, "one", 1);
    all_serve(&mut proxies, one).await;
    let (probe, mut frozen) = freeze_at(step, moment);
    control.restart(config(folder.path()), Some(probe));
    let two = publish(&releases, "two", 2);
    let hit = tokio::select! {
        () = soon(async { frozen.recv().await.unwrap(); }) => true,
        () = all_serve(&mut proxies, two) => false,
    };
    control.restart(config(folder.path()), None);
    all_serve(&mut proxies, two).await;
    hit
}

/// Stops everything at the `step`-th record, counted from the start.
fn freeze_at(step: usize, moment: Moment) -> (Probe, tokio::sync::mpsc::Receiver<()>) {
    let (tell, frozen) = tokio::sync::mpsc::channel(1);
    let count = Arc::new(AtomicUsize::new(0));
    let probe: Probe = Arc::new(move |at, _| {
        let met = at == moment && count.fetch_add(1, Ordering::SeqCst) + 1 == step;
        let tell = tell.clone();
        Box::pin(async move {
            if met {
                tell.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }
        })
    });
    (probe, frozen)
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_goes_on_without_the_control_runtime_and_a_trial_ends() {
    let folder = prepare_folder();
    let releases = folder.path().join("releases");
    let mut control = Running::start(config(folder.path()));
    let mut proxies = join_all(&control, folder.path()).await;
    let one = publish(&releases, "one", 1);
    all_serve(&mut proxies, one).await;
    let mut short = config(folder.path());
    short.policy.confirm_within = std::time::Duration::from_millis(300);
    short.policy.soak = std::time::Duration::from_mins(1);
    control.restart(short, None);
    let two = publish(&releases, "two", 2);
    control.record(|record| matches!(record, Record::Wave { .. })).await;
    let tries = proxies.iter_mut().map(|proxy| proxy.until(|seen| seen.served.contains(&two)));
    futures_any(tries.collect()).await;
    control.kill();
    all_serve(&mut proxies, one).await;
}

/// When the first of them is done.
async fn futures_any<T>(futures: Vec<impl Future<Output = T>>) {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let ready = futures.iter_mut().any(|future| future.as_mut().poll(context).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
