//! What somebody must know to use a local mesh.

use super::folders::Folders;
use super::station::{Edge, Side, Station};
use crate::render::{Paint, Table};

/// One line a port: which workload, where its applications listen and send, what gateways answer for.
pub(crate) fn stations(stations: &[Station], paint: Paint) -> String {
    let mut table = Table::default();
    table.row(
        ["WORKLOAD", "PORT", "APPLICATION LISTENS ON", "AND SENDS WITH"].map(|it| paint.dim(it)),
    );
    for station in stations {
        let Side::Sidecar { outbound, inbound } = &station.side else { continue };
        let sends = format!("http_proxy=http://{outbound}");
        let mut first = Some((paint.bold(&station.name()), sends));
        for inbound in inbound {
            let (name, sends) = first.take().unwrap_or_default();
            table.row([name, inbound.port.to_string(), inbound.application.to_string(), sends]);
        }
        if let Some((name, sends)) = first {
            table.row([name, "-".to_owned(), "-".to_owned(), sends]);
        }
    }
    table.to_string()
}

/// One line a port of a gateway, with how to call it.
pub(crate) fn edges(stations: &[Station], folders: &Folders, paint: Paint) -> String {
    let mut text = String::new();
    for station in stations {
        let Side::Gateway { edges } = &station.side else { continue };
        for edge in edges {
            let name = paint.bold(&station.name());
            let kind = if edge.tls { "TLS" } else { "plain" };
            text.push_str(&format!("{name} port {} at {} ({kind})\n", edge.port, edge.at));
            text.extend(curl(edge, folders).map(|line| format!("  {line}\n")));
        }
    }
    text
}

/// A command that gets an answer, for the first host.
pub(crate) fn curl(edge: &Edge, folders: &Folders) -> Option<String> {
    let host = edge.hosts.first()?;
    let host = match host.strip_prefix('*') {
        Some("") => "localhost".to_owned(),
        Some(rest) => format!("any{rest}"),
        None => host.clone(),
    };
    let port = edge.server_port;
    let connect = format!("--connect-to {host}:{port}:{}", edge.at);
    Some(if edge.tls {
        let authority = folders.edge_authority();
        let port = if port == 443 { String::new() } else { format!(":{port}") };
        format!("curl --cacert {} {connect} https://{host}{port}/", authority.display())
    } else {
        let port = if port == 80 { String::new() } else { format!(":{port}") };
        format!("curl {connect} http://{host}{port}/")
    })
}
