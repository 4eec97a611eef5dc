//! WebSockets: the one protocol that a client may switch to. Source: Istio's listeners, `upgrade_configs`.

use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response, StatusCode};

use crate::http::{Body, Side, Tunnel, Upgrade, is_unasked_switch};
use crate::stream::{CopyLimits, Meter};

/// What a client would like to switch to, and its end of the connection.
pub(crate) struct Switch {
    upgrade: Upgrade,
    client: Side,
}

/// Source: Envoy, `stream_idle_timeout` as for TCP: an hour.
const IDLE: Duration = Duration::from_hours(1);

impl Switch {
    /// Lets the server be asked for it too. What is no WebSocket stays HTTP.
    pub(crate) fn wanted(request: &mut Request<Body>) -> Option<Self> {
        let upgrade = Upgrade::wanted(request)?;
        if !upgrade.protocol().as_bytes().eq_ignore_ascii_case(b"websocket") {
            return None;
        }
        let client = Side::of_client(request);
        request.extensions_mut().insert(upgrade.clone());
        Some(Self { upgrade, client })
    }

    /// Whether the answer of the server can be passed on.
    pub(crate) fn allows(switch: Option<&Self>, response: &Response<Body>) -> bool {
        !is_unasked_switch(response, switch.map(|switch| &switch.upgrade))
    }

    /// Begins the tunnel, if the server agrees. It ends by itself, and what the answer's body holds ends with it.
    pub(crate) fn begin(self, response: &mut Response<Body>, meter: &Rc<Meter>) {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let tunnel = Tunnel::new(self.client, response);
        let meter = Rc::clone(meter);
        tokio::task::spawn_local(async move {
            let limits = CopyLimits { idle: Some(IDLE), duration: None };
            // How it ended is told by its meter; that one side went away is no news.
            let _ = tunnel.run(limits, &meter).await;
        });
    }
}
