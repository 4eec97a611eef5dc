//! `mesh proxies`: what each proxy serves.

use clap::Args;
use serde_json::json;

use super::Exit;
use super::reach::{Reach, write_json};
use crate::operator::view;
use crate::render::Terminal;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let reach = &arguments.reach;
    reach.ask(async |client| {
        let overview = client.overview().await?;
        if reach.is_json() {
            let proxies = &overview.proxies;
            write_json(&json!({ "schema": "mesh.dev/proxies/v1", "proxies": proxies }));
        } else {
            let paint = Terminal::detect(reach.color).paint;
            super::write(&view::proxies(&overview, paint));
        }
        Ok(())
    })
}
