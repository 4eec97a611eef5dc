//! What annotations say, where their text has a form. Source: Istio, `AnnotationValidation`.

use std::net::IpAddr;

use super::own::is_bool;

/// What is expected of an annotation's text, if it is something else.
pub(super) fn fault(name: &str, text: &str) -> Option<&'static str> {
    let (expected, holds): (_, fn(&str) -> bool) = FORMS.iter().find(|form| form.0 == name)?.1;
    (!holds(text)).then_some(expected)
}

type Form = (&'static str, fn(&str) -> bool);

const RANGES: Form = ("a list of CIDR ranges, with `,` in between", is_ranges);
const RANGES_OR_ALL: Form =
    ("`*`, or a list of CIDR ranges with `,` in between", |text| text == "*" || is_ranges(text));
const PORTS: Form = ("a list of port numbers, with `,` in between", is_ports);
const PORTS_OR_ALL: Form =
    ("`*`, or a list of port numbers with `,` in between", |text| text == "*" || is_ports(text));
const NUMBER: Form =
    ("a whole number from 0 on", |text| is_digits(text) && text.parse::<u32>().is_ok());
const INTERFACES: Form = ("a list of network interfaces, with `,` in between", is_interfaces);
const QUANTITY: Form = ("a quantity, as `100m` or `128Mi`", is_quantity);

static FORMS: &[(&str, Form)] = &[
    ("sidecar.istio.io/interceptionMode", ("`REDIRECT`, `TPROXY` or `NONE`", is_interception)),
    ("status.sidecar.istio.io/port", ("a port number", is_port)),
    ("readiness.status.sidecar.istio.io/initialDelaySeconds", NUMBER),
    ("readiness.status.sidecar.istio.io/periodSeconds", NUMBER),
    ("readiness.status.sidecar.istio.io/failureThreshold", NUMBER),
    ("traffic.sidecar.istio.io/includeOutboundIPRanges", RANGES_OR_ALL),
    ("traffic.sidecar.istio.io/excludeOutboundIPRanges", RANGES),
    ("traffic.sidecar.istio.io/includeInboundPorts", PORTS_OR_ALL),
    ("traffic.sidecar.istio.io/excludeInboundPorts", PORTS),
    ("traffic.sidecar.istio.io/excludeOutboundPorts", PORTS),
    ("traffic.sidecar.istio.io/excludeInterfaces", INTERFACES),
    ("traffic.sidecar.istio.io/kubevirtInterfaces", INTERFACES),
    ("istio.io/reroute-virtual-interfaces", INTERFACES),
    ("prometheus.istio.io/merge-metrics", ("`true` or `false`", is_bool)),
    ("sidecar.istio.io/proxyCPU", QUANTITY),
    ("sidecar.istio.io/proxyCPULimit", QUANTITY),
    ("sidecar.istio.io/proxyMemory", QUANTITY),
    ("sidecar.istio.io/proxyMemoryLimit", QUANTITY),
];

fn is_interception(text: &str) -> bool {
    matches!(text, "REDIRECT" | "TPROXY" | "NONE")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_port(text: &str) -> bool {
    let text = text.trim();
    is_digits(text) && text.parse::<u16>().is_ok()
}

fn is_ports(text: &str) -> bool {
    text.trim().is_empty() || text.trim().split(',').all(is_port)
}

/// Blanks beside a `,` are not taken.
fn is_ranges(text: &str) -> bool {
    text.is_empty() || text.split(',').all(is_range)
}

fn is_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_canonical = bits == "0" || !bits.starts_with('0');
    is_digits(bits) && is_canonical && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// Linux: a name has at most 15 bytes.
fn is_interfaces(text: &str) -> bool {
    text.is_empty()
        || text.split(',').map(str::trim).all(|name| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            name.len() <= 15
                && name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.bytes().all(inner)
        })
}

/// Source: Kubernetes, `resource.Quantity`.
fn is_quantity(text: &str) -> bool {
    const SUFFIXES: &[&str] =
        &["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = is_digits(&format!("{whole}{part}"));
    is_number && (SUFFIXES.contains(&suffix) || is_exponent(suffix))
}

fn is_exponent(suffix: &str) -> bool {
    let power = suffix.strip_prefix(['e', 'E']);
    power.is_some_and(|power| is_digits(power.strip_prefix(['+', '-']).unwrap_or(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_or_does_not() {
        for text in ["10.0.0.0/8", "10.0.0.0/8,fd00::/8", ""] {
            assert!(is_ranges(text), "{text}");
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/8, 10.1.0.0/16", "*"] {
            assert!(!is_ranges(text), "{text}");
        }
        for text in ["80", "80, 443", " 80 ", ""] {
            assert!(is_ports(text), "{text}");
        }
        for text in ["http", "80,", "65536", "-1", "+1"] {
            assert!(!is_ports(text), "{text}");
        }
        for text in ["100m", "1.5", ".5Gi", "2e3", "1E", "128Mi", "-1"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "m", "1 Gi", "1KB", "1.2.3", "1e", "."] {
            assert!(!is_quantity(text), "{text}");
        }
        for text in ["eth0,eth1", "net-1, cni0"] {
            assert!(is_interfaces(text), "{text}");
        }
        for text in ["eth0,", "0eth", "averyverylongname"] {
            assert!(!is_interfaces(text), "{text}");
        }
    }
}
