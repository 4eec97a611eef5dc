//! The proxies' lives: they start, answer, report and lose their streams.

use super::link::ToProxy;
use super::shell::told;
use super::world::{Happening, World};

/// In virtual milliseconds.
const REPORT_EVERY: u64 = 400;

impl World {
    pub(super) fn start_proxy(&mut self, proxy: usize) {
        if self.removed[proxy] || self.proxies[proxy].memory.is_some() {
            return;
        }
        self.proxies[proxy].start(self.mutation);
        self.observe(proxy);
        self.note(|world| {
            let proxy = &world.proxies[proxy];
            format!("{} starts, serves {:?}", proxy.name, proxy.serving())
        });
        let life = self.proxies[proxy].life;
        self.after(1, Happening::Connect { proxy, life });
        self.after(REPORT_EVERY, Happening::Report { proxy, life });
    }

    pub(super) fn arrive_at_proxy(&mut self, proxy: usize, connection: u64, message: ToProxy) {
        let stream = self.proxies[proxy].memory.as_ref().and_then(|memory| memory.stream);
        let cut = self.links.get(&connection).is_none_or(|link| link.cut < self.now);
        if stream != Some(connection) || cut {
            return;
        }
        let now = self.now;
        let said = match message {
            ToProxy::Order { term, order } => {
                self.proxies[proxy].obey(term, order, now, &mut self.chance)
            }
            ToProxy::Objects(snapshot) => {
                self.proxies[proxy].receive(snapshot);
                Vec::new()
            }
        };
        self.observe(proxy);
        for said in said {
            self.send_to_control(proxy, said);
        }
        let life = self.proxies[proxy].life;
        let deadline = self.proxies[proxy].memory.as_ref().and_then(|memory| memory.deadline);
        for at in deadline.into_iter().chain(self.proxies[proxy].prepares_until()) {
            self.after(at.saturating_sub(now), Happening::ProxyTimer { proxy, life });
        }
    }

    pub(super) fn proxy_timer(&mut self, proxy: usize, life: u64) {
        if self.proxies[proxy].life != life || self.proxies[proxy].memory.is_none() {
            return;
        }
        let now = self.now;
        let mut said = self.proxies[proxy].finish_preparing(now, &self.catalogue, self.mutation);
        said.extend(self.proxies[proxy].expire(now, self.mutation));
        self.observe(proxy);
        self.observed.no_trial_is_late(&self.proxies[proxy], now.saturating_sub(1));
        for said in said {
            self.note(|world| format!("{} says {}", world.proxies[proxy].name, told(&said)));
            self.send_to_control(proxy, said);
        }
    }

    pub(super) fn report(&mut self, proxy: usize, life: u64) {
        if self.proxies[proxy].life != life || self.proxies[proxy].memory.is_none() {
            return;
        }
        self.after(REPORT_EVERY, Happening::Report { proxy, life });
        let now = self.now;
        self.observed.no_trial_is_late(&self.proxies[proxy], now.saturating_sub(1));
        self.proxies[proxy].serve_traffic(REPORT_EVERY, &self.catalogue);
        let health = self.liar.twist(self.now, self.proxies[proxy].health());
        self.send_to_control(proxy, health);
    }

    pub(super) fn lose_stream(&mut self, proxy: usize, connection: u64) {
        let Some(memory) = &mut self.proxies[proxy].memory else { return };
        if memory.stream == Some(connection) {
            memory.stream = None;
            let life = self.proxies[proxy].life;
            let delay = self.chance.between(10, 700);
            self.after(delay, Happening::Connect { proxy, life });
        }
    }

    pub(super) fn observe(&mut self, proxy: usize) {
        self.observed.serves(&self.proxies[proxy], &self.catalogue);
    }
}
