//! Response flags: in a word, what went wrong with a request.

use std::fmt;
use std::ops::BitOr;

/// A set of flags. Written as Envoy writes `%RESPONSE_FLAGS%`: `UF,URX`, or `-` for none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Flags(u32);

/// Short and long names. A flag is the bit at its place here; the order is the one they are written in.
/// Source: Envoy, “Access logging / `%RESPONSE_FLAGS%`”.
const NAMES: [(&str, &str); 19] = [
    ("UH", "NoHealthyUpstream"),
    ("UT", "UpstreamRequestTimeout"),
    ("UR", "UpstreamRemoteReset"),
    ("UF", "UpstreamConnectionFailure"),
    ("UC", "UpstreamConnectionTermination"),
    ("UO", "UpstreamOverflow"),
    ("NR", "NoRouteFound"),
    ("DI", "DelayInjected"),
    ("FI", "FaultInjected"),
    ("UAEX", "UnauthorizedExternalService"),
    ("DC", "DownstreamConnectionTermination"),
    ("URX", "UpstreamRetryLimitExceeded"),
    ("SI", "StreamIdleTimeout"),
    ("DPE", "DownstreamProtocolError"),
    ("UPE", "UpstreamProtocolError"),
    ("NC", "NoClusterFound"),
    ("DT", "DurationTimeout"),
    ("OM", "OverloadManagerTerminated"),
    ("RL", "RateLimited"),
];

impl Flags {
    pub const NONE: Self = Self(0);
    pub const NO_HEALTHY_UPSTREAM: Self = Self(1);
    pub const UPSTREAM_TIMEOUT: Self = Self(1 << 1);
    pub const UPSTREAM_RESET: Self = Self(1 << 2);
    pub const UPSTREAM_CONNECTION_FAILURE: Self = Self(1 << 3);
    pub const UPSTREAM_CONNECTION_TERMINATION: Self = Self(1 << 4);
    pub const UPSTREAM_OVERFLOW: Self = Self(1 << 5);
    /// No route, or no filter chain.
    pub const NO_ROUTE: Self = Self(1 << 6);
    pub const DELAY_INJECTED: Self = Self(1 << 7);
    pub const FAULT_INJECTED: Self = Self(1 << 8);
    /// Denied by an external authorizer.
    pub const EXTERNAL_DENIAL: Self = Self(1 << 9);
    pub const DOWNSTREAM_TERMINATION: Self = Self(1 << 10);
    /// Tried as often as may be, and failed each time.
    pub const RETRIES_EXHAUSTED: Self = Self(1 << 11);
    pub const IDLE_TIMEOUT: Self = Self(1 << 12);
    pub const DOWNSTREAM_PROTOCOL_ERROR: Self = Self(1 << 13);
    pub const UPSTREAM_PROTOCOL_ERROR: Self = Self(1 << 14);
    pub const NO_CLUSTER: Self = Self(1 << 15);
    /// The connection lasted as long as it may.
    pub const DURATION_TIMEOUT: Self = Self(1 << 16);
    /// Shed for lack of capacity.
    pub const OVERLOAD: Self = Self(1 << 17);
    /// Beyond a limit that this proxy counts.
    pub const RATE_LIMITED: Self = Self(1 << 18);

    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flag of this short name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().position(|(short, _)| *short == name).map(|at| Self(1 << at))
    }

    /// As `%RESPONSE_FLAGS_LONG%`.
    #[must_use]
    pub const fn long(self) -> impl fmt::Display {
        Long(self)
    }

    fn write(
        self,
        f: &mut fmt::Formatter<'_>,
        name: fn(&(&'static str, &'static str)) -> &'static str,
    ) -> fmt::Result {
        let set = NAMES.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0);
        let mut separator = "";
        for (_, names) in set {
            f.write_str(separator)?;
            f.write_str(name(names))?;
            separator = ",";
        }
        if self.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

struct Long(Flags);

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, |names| names.1)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |names| names.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn flags_are_written_as_envoy_does() {
        assert_eq!(Flags::NONE.to_string(), "-");
        let flags = Flags::RETRIES_EXHAUSTED | Flags::UPSTREAM_CONNECTION_FAILURE;
        assert_eq!(flags.to_string(), "UF,URX");
        assert_eq!(
            flags.long().to_string(),
            "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"
        );
    }

    #[test]
    fn names_and_flags_belong_together() {
        for (name, flag) in [
            ("UH", Flags::NO_HEALTHY_UPSTREAM),
            ("UT", Flags::UPSTREAM_TIMEOUT),
            ("UR", Flags::UPSTREAM_RESET),
            ("UF", Flags::UPSTREAM_CONNECTION_FAILURE),
            ("UC", Flags::UPSTREAM_CONNECTION_TERMINATION),
            ("UO", Flags::UPSTREAM_OVERFLOW),
            ("NR", Flags::NO_ROUTE),
            ("DI", Flags::DELAY_INJECTED),
            ("FI", Flags::FAULT_INJECTED),
            ("UAEX", Flags::EXTERNAL_DENIAL),
            ("DC", Flags::DOWNSTREAM_TERMINATION),
            ("URX", Flags::RETRIES_EXHAUSTED),
            ("SI", Flags::IDLE_TIMEOUT),
            ("DPE", Flags::DOWNSTREAM_PROTOCOL_ERROR),
            ("UPE", Flags::UPSTREAM_PROTOCOL_ERROR),
            ("NC", Flags::NO_CLUSTER),
            ("DT", Flags::DURATION_TIMEOUT),
            ("OM", Flags::OVERLOAD),
            ("RL", Flags::RATE_LIMITED),
        ] {
            assert_eq!(Flags::named(name), Some(flag));
            assert_eq!(flag.to_string(), name);
        }
        assert_eq!(Flags::named("-"), None);
    }
}
