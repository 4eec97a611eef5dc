//! `mesh rollout`: what is rolled out, and what an operator does about it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::reach::{Reach, write_json};
use crate::operator::{AskError, Client, Named, view};
use crate::render::Terminal;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Where the rollout stands.
    Status,
    /// What happened, oldest first.
    History,
    /// Take no further step forward; harm is still taken back at once.
    Pause,
    /// Go on.
    Resume,
    /// Do not wait for the rest of this wave's soak, nor for its gate.
    Promote,
    /// Take back what is under way.
    Abort,
    /// Go back to a snapshot confirmed earlier.
    Undo {
        /// To which [default: the last one before].
        #[arg(long, value_name = "DIGEST")]
        to: Option<Named>,
    },
    /// Take a snapshot out of quarantine, and roll it out.
    Lift {
        /// Its digest, or as many of its first digits as tell it apart.
        #[arg(value_name = "DIGEST")]
        snapshot: Named,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let reach = &arguments.reach;
    reach.ask(async |client| match &arguments.verb {
        Verb::Status => status(client, reach).await,
        Verb::History => history(client, reach).await,
        Verb::Pause => tell(client, reach, "pause", None).await,
        Verb::Resume => tell(client, reach, "resume", None).await,
        Verb::Promote => tell(client, reach, "promote", None).await,
        Verb::Abort => tell(client, reach, "abort", None).await,
        Verb::Undo { to } => {
            let to = match to {
                Some(to) => json!({ "to": to.among(client.overview().await?.history)? }),
                None => json!({}),
            };
            tell(client, reach, "undo", Some(to)).await
        }
        Verb::Lift { snapshot } => {
            let quarantine = client.overview().await?.quarantine;
            let snapshot = snapshot.among(quarantine.into_keys())?;
            tell(client, reach, "lift", Some(json!({ "snapshot": snapshot }))).await
        }
    })
}

async fn status(client: Client, reach: &Reach) -> Result<(), AskError> {
    if reach.is_json() {
        write_json(&client.overview_as_json().await?);
    } else {
        let paint = Terminal::detect(reach.color).paint;
        super::write(&view::status(&client.overview().await?, paint));
    }
    Ok(())
}

async fn history(client: Client, reach: &Reach) -> Result<(), AskError> {
    let overview = client.overview().await?;
    if reach.is_json() {
        let records = &overview.records;
        write_json(&json!({ "schema": "mesh.dev/rollout-history/v1", "records": records }));
    } else {
        let paint = Terminal::detect(reach.color).paint;
        super::write(&view::history(&overview, mesh_control::clock::wall(), paint));
    }
    Ok(())
}

async fn tell(
    client: Client,
    reach: &Reach,
    verb: &str,
    arguments: Option<Value>,
) -> Result<(), AskError> {
    let outcome = client.tell(verb, arguments).await?.outcome;
    if reach.is_json() {
        write_json(&json!({ "schema": "mesh.dev/verb/v1", "verb": verb, "outcome": outcome }));
    } else {
        super::write(&format!("{verb}: {outcome}\n"));
    }
    Ok(())
}
