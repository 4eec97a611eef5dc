//! How careful rollouts are.

use mesh_control::rollout::{GatePolicy, Inconclusive, Loosening, Policy, Reach};
use mesh_snapshot::object::PartsPerMillion;
use serde::Deserialize;

use super::Span;

/// What is absent is as [`Policy`] has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rollout {
    lease: Option<Span>,
    prepare_within: Option<Span>,
    commit_within: Option<Span>,
    confirm_within: Option<Span>,
    soak: Option<Span>,
    retry: Option<Span>,
    waves: Option<Vec<Wave>>,
    history: Option<usize>,
    gate: Gate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Gate {
    samples_min: Option<u64>,
    failed_rise: Option<Share>,
    denied_rise: Option<Share>,
    resets_rise: Option<Share>,
    p99_factor: Option<u32>,
    p99_rise: Option<Span>,
    inconclusive: Option<Undecided>,
    /// Of a change of policies under which more is denied.
    loosening: Option<Denials>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Denials {
    Hold,
    Revert,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Undecided {
    Hold,
    Proceed,
}

/// `"3"` proxies, `"10%"` of them, or `"all"`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
struct Wave(Reach);

impl TryFrom<String> for Wave {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let reach = match text.strip_suffix('%') {
            _ if text == "all" => Some(Reach::All),
            Some(_) => Share::try_from(text.clone()).ok().map(|Share(share)| Reach::Share(share)),
            None => text.parse().ok().filter(|count| *count > 0).map(Reach::Proxies),
        };
        reach.map(Self).ok_or_else(|| format!("`{text}` is no wave: write `3`, `10%` or `all`"))
    }
}

/// `"2.5%"`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
struct Share(PartsPerMillion);

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parts(&text).map(Self).ok_or_else(|| format!("`{text}` is no share: write `2.5%`"))
    }
}

/// With up to four decimals, which is what a millionth is of a hundredth.
fn parts(text: &str) -> Option<PartsPerMillion> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 4 {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let decimals: u32 = format!("{decimals:0<4}").parse().ok()?;
    let parts = whole.checked_mul(10_000)?.checked_add(decimals)?;
    (parts <= 1_000_000).then_some(PartsPerMillion(parts))
}

impl Rollout {
    pub(super) fn policy(self) -> Policy {
        let default = Policy::default();
        let span = |set: Option<Span>, default| set.map_or(default, |span| span.0);
        Policy {
            lease: span(self.lease, default.lease),
            prepare_within: span(self.prepare_within, default.prepare_within),
            commit_within: span(self.commit_within, default.commit_within),
            confirm_within: span(self.confirm_within, default.confirm_within),
            soak: span(self.soak, default.soak),
            retry: span(self.retry, default.retry),
            waves: match self.waves {
                Some(waves) => waves.into_iter().map(|Wave(reach)| reach).collect(),
                None => default.waves,
            },
            history: self.history.unwrap_or(default.history),
            gate: self.gate.policy(),
            newer: default.newer,
            fallen_max: default.fallen_max,
        }
    }
}

impl Gate {
    fn policy(self) -> GatePolicy {
        let default = GatePolicy::default();
        let share = |set: Option<Share>, default| set.map_or(default, |share| share.0);
        GatePolicy {
            samples_min: self.samples_min.unwrap_or(default.samples_min),
            failed_rise: share(self.failed_rise, default.failed_rise),
            denied_rise: share(self.denied_rise, default.denied_rise),
            resets_rise: share(self.resets_rise, default.resets_rise),
            p99_factor: self.p99_factor.unwrap_or(default.p99_factor),
            p99_rise: self.p99_rise.map_or(default.p99_rise, |span| span.0),
            inconclusive: match self.inconclusive {
                None => default.inconclusive,
                Some(Undecided::Hold) => Inconclusive::Hold,
                Some(Undecided::Proceed) => Inconclusive::Proceed,
            },
            loosening: match self.loosening {
                None => default.loosening,
                Some(Denials::Hold) => Loosening::Hold,
                Some(Denials::Revert) => Loosening::Revert,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_counts_shares_or_all() {
        let read = |text: &str| Wave::try_from(text.to_owned()).map(|Wave(reach)| reach);
        assert_eq!(read("3"), Ok(Reach::Proxies(3)));
        assert_eq!(read("2.5%"), Ok(Reach::Share(PartsPerMillion(25_000))));
        assert_eq!(read("100%"), Ok(Reach::Share(PartsPerMillion::ALL)));
        assert_eq!(read("all"), Ok(Reach::All));
        for text in ["", "0", "-1", "101%", "1.00001%", "%", ".5%", "most"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
