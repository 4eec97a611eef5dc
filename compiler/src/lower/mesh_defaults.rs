//! `MeshDefaults`: the one object that every slice holds.

use mesh_snapshot::object::{AccessLog, MeshDefaults, Microseconds, Object};
use mesh_snapshot::{Applies, Key, Kind};

use super::Lowering;
use super::route::retry_policy;
use crate::api::mesh_config::AccessLogEncoding;
use crate::diagnostic::{At, Place};

impl Lowering<'_, '_> {
    pub(super) fn mesh_defaults(&self) {
        let settings = &self.mesh.settings;
        let place = settings.config.map(|config| config.at().value());
        let micros = |span: std::time::Duration| {
            Microseconds(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
        };
        let object = MeshDefaults {
            trust_domain: settings.trust_domain.to_owned(),
            trust_domain_aliases: sorted(settings.trust_domain_aliases),
            root_namespace: settings.root_namespace.to_owned(),
            cluster_domain: settings.cluster_domain.to_owned(),
            auto_mtls: settings.auto_mtls,
            path_normalization: settings.path_normalization,
            default_retry: self.default_retry(),
            connect_timeout: micros(settings.connect_timeout),
            protocol_detection_timeout: micros(settings.protocol_detection_timeout),
            trusted_proxies: settings.trusted_proxies,
            access_log: self.access_log(),
        };
        let places: Vec<(String, Place)> =
            place.into_iter().map(|place| (String::new(), place)).collect();
        let key = Key::new(Kind::MeshDefaults, "", "mesh");
        let reference = self.store.add(key, &Object::MeshDefaults(object), &places);
        self.store.list("", reference, Applies::All, 0);
    }

    fn default_retry(&self) -> mesh_snapshot::object::RetryPolicy {
        let settings = &self.mesh.settings;
        let (Some(config), Some(retry)) = (settings.config, settings.default_retry) else {
            return retry_policy(None, None, &mut Vec::new());
        };
        let root = config.at();
        let at = root.field("defaultHttpRetryPolicy");
        if retry.per_try_timeout.is_some() {
            self.unserved(
                at.field("perTryTimeout").value(),
                "only routes that are written have this timeout".to_owned(),
                "a request to a service without routes is tried for as long as it takes",
            );
        }
        let mut found = Vec::new();
        let policy = retry_policy(Some(retry), Some(&at), &mut found);
        self.say(found);
        policy
    }

    fn access_log(&self) -> AccessLog {
        let log = self.mesh.settings.access_log;
        if log.file.is_empty() {
            return AccessLog::Off;
        }
        let file = log.file.to_owned();
        match log.encoding {
            AccessLogEncoding::Text => AccessLog::Text { file, format: log.format.to_owned() },
            AccessLogEncoding::Json => {
                AccessLog::Json { file, fields: self.json_fields(log.format) }
            }
        }
    }

    /// Istio's JSON format is an object of format texts.
    fn json_fields(&self, format: &str) -> Vec<(String, String)> {
        if format.is_empty() {
            return Vec::new();
        }
        let read =
            serde_json::from_str::<std::collections::BTreeMap<String, serde_json::Value>>(format);
        let Ok(read) = read else {
            self.say_of_format("it is no JSON object");
            return Vec::new();
        };
        let mut fields = Vec::new();
        for (name, value) in read {
            match value {
                serde_json::Value::String(text) => fields.push((name, text)),
                _ => self.say_of_format(&format!("the field `{name}` of it is no text")),
            }
        }
        fields
    }

    fn say_of_format(&self, what: &str) {
        let Some(config) = self.mesh.settings.config else { return };
        let root: At<'_> = config.at();
        let place = root.field("accessLogFormat").value();
        let message = format!("the format cannot be used whole: {what}");
        self.unserved(place, message, "the access log lacks that part, or has the standard fields");
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}
