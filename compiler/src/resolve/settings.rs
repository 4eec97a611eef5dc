//! What holds for the mesh as a whole: `MeshConfig`, with Istio's defaults. Source: Istio, `DefaultMeshConfig`.

use std::time::Duration;

use mesh_snapshot::object::{OutboundPolicy, PathNormalization};

use crate::api::istio::{H2UpgradePolicy, HttpRetry};
use crate::api::mesh_config::{AccessLogEncoding, MeshConfig, NormalizationType, OutboundMode};
use crate::api::{Mesh, Resource};

use super::TrustDomains;

/// The mesh configuration that counts.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Where it is written; absent: all is as Istio has it.
    pub config: Option<&'a Resource<MeshConfig>>,
    pub trust_domain: &'a str,
    pub trust_domain_aliases: &'a [String],
    pub root_namespace: &'a str,
    pub cluster_domain: &'a str,
    pub auto_mtls: bool,
    pub outbound: OutboundPolicy,
    pub path_normalization: PathNormalization,
    /// Absent: Istio's.
    pub default_retry: Option<&'a HttpRetry>,
    pub connect_timeout: Duration,
    /// Zero: as long as it takes.
    pub protocol_detection_timeout: Duration,
    pub trusted_proxies: u32,
    /// Whether plain HTTP/1.1 becomes HTTP/2 on its way where nobody says otherwise.
    pub upgrades_to_http2: bool,
    pub access_log: AccessLog<'a>,
    /// `exportTo` of resources that say nothing.
    pub service_export_to: &'a [String],
    pub virtual_service_export_to: &'a [String],
    pub destination_rule_export_to: &'a [String],
}

/// Where and how requests are logged; no `file`: nowhere.
#[derive(Clone, Copy, Debug)]
pub struct AccessLog<'a> {
    pub file: &'a str,
    pub format: &'a str,
    pub encoding: AccessLogEncoding,
}

impl<'a> Settings<'a> {
    #[must_use]
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let config = mesh.mesh_config();
        let spec = config.map(|config| &config.spec);
        let micros = |duration: Option<crate::api::scalar::Duration>| {
            duration.and_then(crate::api::scalar::Duration::micros).map(Duration::from_micros)
        };
        Self {
            config,
            trust_domain: mesh.trust_domain(),
            trust_domain_aliases: spec.map_or(&[], |spec| &spec.trust_domain_aliases),
            root_namespace: mesh.root_namespace(),
            cluster_domain: mesh.project.cluster_domain(),
            auto_mtls: spec.and_then(|spec| spec.enable_auto_mtls).unwrap_or(true),
            outbound: match spec.and_then(|spec| spec.outbound_traffic_policy.mode) {
                Some(OutboundMode::RegistryOnly) => OutboundPolicy::RegistryOnly,
                Some(OutboundMode::AllowAny | OutboundMode::AllowAnyDynamicDns) | None => {
                    OutboundPolicy::AllowAny
                }
            },
            path_normalization: normalization(
                spec.map(|spec| spec.path_normalization.normalization).unwrap_or_default(),
            ),
            default_retry: spec.and_then(|spec| spec.default_http_retry_policy.as_ref()),
            connect_timeout: micros(spec.and_then(|spec| spec.connect_timeout))
                .unwrap_or(Duration::from_secs(10)),
            protocol_detection_timeout: micros(
                spec.and_then(|spec| spec.protocol_detection_timeout),
            )
            .unwrap_or_default(),
            trusted_proxies: spec
                .map_or(0, |spec| spec.default_config.gateway_topology.num_trusted_proxies),
            upgrades_to_http2: spec
                .is_some_and(|spec| spec.h2_upgrade_policy == H2UpgradePolicy::Upgrade),
            access_log: AccessLog {
                file: spec.map_or("", |spec| &spec.access_log_file),
                format: spec.map_or("", |spec| &spec.access_log_format),
                encoding: spec.map(|spec| spec.access_log_encoding).unwrap_or_default(),
            },
            service_export_to: spec.map_or(&[], |spec| &spec.default_service_export_to),
            virtual_service_export_to: spec
                .map_or(&[], |spec| &spec.default_virtual_service_export_to),
            destination_rule_export_to: spec
                .map_or(&[], |spec| &spec.default_destination_rule_export_to),
        }
    }

    #[must_use]
    pub const fn trust_domains(&self) -> TrustDomains<'a> {
        TrustDomains { own: self.trust_domain, aliases: self.trust_domain_aliases }
    }
}

const fn normalization(of: NormalizationType) -> PathNormalization {
    match of {
        NormalizationType::None => PathNormalization::None,
        NormalizationType::Default | NormalizationType::Base => PathNormalization::Base,
        NormalizationType::MergeSlashes => PathNormalization::MergeSlashes,
        NormalizationType::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
    }
}
