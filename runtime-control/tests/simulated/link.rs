//! Streams between proxies and control runtime: in order while they last, and they do not last.

use mesh_control::rollout::{Event, Order, ProxyName, Said};
use mesh_snapshot::Digest;

use super::shell::told;
use super::world::{Happening, World};

#[derive(Clone, Copy)]
pub(crate) enum ToProxy {
    Order { term: u64, order: Order },
    Objects(Digest),
}

/// One stream: messages in either direction arrive in order, up to where it breaks.
pub(crate) struct Link {
    pub(super) to_control: u64,
    pub(super) to_proxy: u64,
    /// What would arrive later does not.
    pub(super) cut: u64,
}

impl World {
    pub(super) fn connect(&mut self, proxy: usize, life: u64) {
        if self.proxies[proxy].life != life || self.proxies[proxy].memory.is_none() {
            return;
        }
        let possible =
            self.control.state.is_some() && self.control_reachable && self.reachable[proxy];
        if !possible {
            let delay = self.chance.between(100, 700);
            return self.after(delay, Happening::Connect { proxy, life });
        }
        self.connections += 1;
        let connection = self.connections;
        self.links.insert(connection, Link { to_control: 0, to_proxy: 0, cut: u64::MAX });
        let hello = self.liar.twist(self.now, self.proxies[proxy].hello());
        let repeated = self.proxies[proxy].serving().map(Said::Serving);
        if let Some(memory) = &mut self.proxies[proxy].memory {
            memory.stream = Some(connection);
        }
        self.send_to_control(proxy, hello);
        let health = self.proxies[proxy].health();
        self.send_to_control(proxy, health);
        if let (Some(said), true) = (repeated, self.chance.percent(20)) {
            self.send_to_control(proxy, said);
        }
    }

    pub(super) fn send_to_control(&mut self, proxy: usize, said: Said) {
        let stream = self.proxies[proxy].memory.as_ref().and_then(|memory| memory.stream);
        let Some(connection) = stream else { return };
        let delay = self.delay();
        let now = self.now;
        let Some(link) = self.links.get_mut(&connection) else { return };
        link.to_control = link.to_control.max(now + delay);
        if link.to_control <= link.cut {
            let delay = link.to_control - now;
            self.after(delay, Happening::ToControl { proxy, connection, said });
        }
    }

    pub(super) fn send_to_proxy(&mut self, proxy: usize, connection: u64, message: ToProxy) {
        let delay = self.delay();
        let now = self.now;
        let Some(link) = self.links.get_mut(&connection) else { return };
        link.to_proxy = link.to_proxy.max(now + delay);
        if link.to_proxy <= link.cut {
            let delay = link.to_proxy - now;
            self.after(delay, Happening::ToProxy { proxy, connection, message });
        }
    }

    pub(super) fn delay(&mut self) -> u64 {
        if self.chance.percent(3) {
            self.chance.between(50, 500)
        } else {
            self.chance.between(1, 20)
        }
    }

    /// What is under way may still arrive for a moment; then each side learns of it in its own time.
    pub(super) fn break_link(&mut self, proxy: usize, connection: u64) {
        let spared = self.chance.between(0, 100);
        let Some(link) = self.links.get_mut(&connection) else { return };
        if link.cut < u64::MAX {
            return;
        }
        link.cut = self.now + spared;
        let (here, there) = (self.chance.between(0, 200), self.chance.between(0, 3000));
        self.after(spared + here, Happening::BrokenForProxy { proxy, connection });
        self.after(spared + there, Happening::BrokenForControl { proxy, connection });
    }

    pub(super) fn arrive_at_control(&mut self, proxy: usize, connection: u64, said: Said) {
        if self.links.get(&connection).is_none_or(|link| link.cut < self.now) {
            return;
        }
        if self.control.busy_until > self.now {
            let delay = self.control.busy_until - self.now;
            return self.after(delay, Happening::ToControl { proxy, connection, said });
        }
        let name: ProxyName = self.proxies[proxy].name.as_str().into();
        if matches!(said, Said::Hello { .. }) && self.control.state.is_some() {
            let newer = self.control.streams.get(&name).is_none_or(|known| *known < connection);
            if newer {
                self.control.streams.insert(name.clone(), connection);
            }
        }
        if self.control.streams.get(&name) == Some(&connection) {
            self.hear(proxy, connection, said);
        }
    }

    pub(super) fn hear(&mut self, proxy: usize, connection: u64, said: Said) {
        let name: ProxyName = self.proxies[proxy].name.as_str().into();
        if !matches!(said, Said::Health { .. }) {
            self.note(|_| format!("{name} to control: {}", told(&said)));
        }
        self.tell_control(Event::Proxy { proxy: name, connection, said });
    }

    pub(super) fn break_link_of(&mut self, proxy: usize) {
        let stream = self.proxies[proxy].memory.as_ref().and_then(|memory| memory.stream);
        if let Some(connection) = stream {
            self.break_link(proxy, connection);
        }
    }
}
