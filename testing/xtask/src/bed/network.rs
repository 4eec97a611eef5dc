//! Machines of their own: network namespaces on one wire, with a kernel that redirects what they send and receive.

use std::net::Ipv4Addr;
use std::process::{Command, Output};

/// A namespace with a bridge, and those that hang on it. All are deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct Network {
    name: String,
    machines: Vec<String>,
}

/// The user that proxies run as: what it sends is not redirected. Source: Istio, `istio-proxy`.
pub(crate) const PROXY_USER: u32 = 1337;
/// Istio's ports.
pub(crate) const INBOUND: u16 = 15006;
pub(crate) const OUTBOUND: u16 = 15001;

/// The bridge's own address, in [`SUBNET`].
pub(crate) const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 71, 0, 254);
const PREFIX: u8 = 24;

#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    #[error("{command}: {error}")]
    Io { command: String, error: std::io::Error },
    #[error("{command}: {said}")]
    Failed { command: String, said: String },
}

impl Network {
    /// # Errors
    ///
    /// Without the rights to make namespaces, or without `ip`.
    pub(crate) fn new() -> Result<Self, NetworkError> {
        let name = format!("mesh-{}", std::process::id());
        let it = Self { name: name.clone(), machines: vec![name.clone()] };
        run(&["ip", "netns", "add", &name])?;
        on(&name, &["ip", "link", "set", "lo", "up"])?;
        on(&name, &["ip", "link", "add", "wire", "type", "bridge"])?;
        on(&name, &["ip", "link", "set", "wire", "up"])?;
        on(&name, &["ip", "address", "add", &format!("{BRIDGE}/{PREFIX}"), "dev", "wire"])?;
        Ok(it)
    }

    /// Where the bridge is.
    pub(crate) fn hub(&self) -> &str {
        &self.name
    }

    /// Another machine on the wire; its name.
    pub(crate) fn machine(
        &mut self,
        name: &str,
        address: Ipv4Addr,
    ) -> Result<String, NetworkError> {
        let machine = format!("{}-{name}", self.name);
        run(&["ip", "netns", "add", &machine])?;
        self.machines.push(machine.clone());
        let (hub, plug) = (self.name.clone(), format!("to-{name}"));
        let link = ["ip", "link", "add", &plug, "type", "veth", "peer", "name", "eth0", "netns"];
        on(&hub, &[&link[..], &[&machine]].concat())?;
        on(&hub, &["ip", "link", "set", &plug, "master", "wire", "up"])?;
        on(&machine, &["ip", "link", "set", "lo", "up"])?;
        let address = format!("{address}/{PREFIX}");
        on(&machine, &["ip", "address", "add", &address, "dev", "eth0"])?;
        on(&machine, &["ip", "link", "set", "eth0", "up"])?;
        // Virtual addresses lead somewhere, or the kernel would refuse before it redirects.
        let bridge = BRIDGE.to_string();
        on(&machine, &["ip", "route", "add", "default", "via", &bridge])?;
        Ok(machine)
    }
}

/// Has everything that a machine sends and receives over TCP go through a proxy.
pub(crate) fn capture(machine: &str) -> Result<(), NetworkError> {
    let user = PROXY_USER.to_string();
    let (inbound, outbound) = (INBOUND.to_string(), OUTBOUND.to_string());
    let nat = ["iptables", "-w", "-t", "nat", "-A"];
    let rules: [&[&str]; 5] = [
        &["PREROUTING", "-p", "tcp", "-j", "REDIRECT", "--to-ports", &inbound],
        // From here the proxy reaches the application, also where it is not told from it by its user. Source: Istio.
        &["OUTPUT", "-s", "127.0.0.6/32", "-j", "RETURN"],
        &["OUTPUT", "-m", "owner", "--uid-owner", &user, "-j", "RETURN"],
        &["OUTPUT", "-d", "127.0.0.0/8", "-j", "RETURN"],
        &["OUTPUT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", &outbound],
    ];
    rules.iter().try_for_each(|rule| on(machine, &[&nat[..], rule].concat()).map(drop))
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in &self.machines {
            let _ = run(&["ip", "netns", "delete", machine]);
        }
    }
}

/// Runs a command on a machine, to its end.
pub(crate) fn on(machine: &str, command: &[&str]) -> Result<Output, NetworkError> {
    run(&[&["ip", "netns", "exec", machine], command].concat())
}

/// As [`on`]; what comes of it is for the caller to judge.
pub(crate) fn ask(machine: &str, command: &[&str]) -> Result<Output, NetworkError> {
    start(&[&["ip", "netns", "exec", machine], command].concat())
}

fn run(command: &[&str]) -> Result<Output, NetworkError> {
    let output = start(command)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NetworkError::Failed { command: command.join(" "), said })
}

fn start(command: &[&str]) -> Result<Output, NetworkError> {
    let [program, arguments @ ..] = command else { return start(&["true"]) };
    let output = Command::new(program).args(arguments).output();
    output.map_err(|error| NetworkError::Io { command: command.join(" "), error })
}
