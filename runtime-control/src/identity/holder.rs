//! Who a certificate is for, and what it says of them beside their name.

use mesh_snapshot::wire::{ATTRIBUTES_OID, Attributes};
use rustls_pki_types::CertificateDer;
use x509_parser::oid_registry::Oid;

use super::spiffe::{Identity, NotAnIdentity};
use super::token::Bearer;
use crate::world::{Instance, World};

/// Whoever may have a certificate.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Holder {
    pub identity: Identity,
    /// Of the workload's instances, which one, by the word of this authority; empty: it has not said.
    instance: String,
}

impl Holder {
    /// Whose certificate it is. Whether anybody vouches for it is another question.
    ///
    /// # Errors
    ///
    /// When it names no workload of a mesh.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, NotAnIdentity> {
        let identity = Identity::of_certificate(certificate)?;
        let instance = attributes(certificate).map(|told| told.instance).unwrap_or_default();
        Ok(Self { identity, instance })
    }

    #[must_use]
    pub fn of_token(bearer: Bearer, trust_domain: &str) -> Self {
        let Bearer { namespace, service_account, instance } = bearer;
        let trust_domain = trust_domain.to_owned();
        Self { identity: Identity { trust_domain, namespace, service_account }, instance }
    }

    /// What the registry knows of the holder: of its instance, or, where nobody has said which one it is or that one has gone, what is true
    /// of all instances with this identity. Several workloads may share a service account.
    #[must_use]
    pub fn attributes(&self, world: &World) -> Option<Attributes> {
        let is_own = |instance: &&Instance| world.identity(instance) == self.identity;
        let key = (self.identity.namespace.clone(), self.instance.clone());
        if let Some(instance) = world.instances.get(&key).filter(is_own) {
            return Some(Attributes::of(&instance.workload, &instance.name, &world.cluster));
        }
        let named = |told: Attributes| Attributes { instance: self.instance.clone(), ..told };
        let mut all = world.of_identity(&self.identity);
        let told = |instance: &Instance| Attributes::of(&instance.workload, "", &world.cluster);
        let first = all.next().map(told);
        let known = first.filter(|first| all.all(|instance| told(instance) == *first));
        // The name is carried on: should the instance come back, the next certificate says all of it again.
        let unknown = || (!self.instance.is_empty()).then(Attributes::default);
        known.or_else(unknown).map(named)
    }
}

/// What this authority, or the one before it, has written into the certificate.
fn attributes(certificate: &CertificateDer<'_>) -> Option<Attributes> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let oid = Oid::from(&ATTRIBUTES_OID).ok()?;
    let extension = parsed.get_extension_unique(&oid).ok()??;
    Attributes::decode(extension.value)
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{Labels, Workload};

    use super::*;

    fn instance(name: &str, workload: &str, version: &str) -> Instance {
        let labels = [("app", "reviews"), ("version", version)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Instance {
            name: name.to_owned(),
            workload: Workload {
                namespace: "shop".to_owned(),
                name: workload.to_owned(),
                labels: Labels::from(labels),
                service_account: "reviews".to_owned(),
                ..Workload::default()
            },
            address: [127, 0, 0, 1].into(),
            reached_at: [].into(),
            meshed: true,
            locality: String::new(),
            weight: 1,
            healthy: true,
        }
    }

    fn world(instances: &[Instance]) -> World {
        let key =
            |instance: &Instance| (instance.workload.namespace.clone(), instance.name.clone());
        let mut world = World::default();
        world.instances.extend(instances.iter().map(|one| (key(one), one.clone())));
        "cluster.local".clone_into(&mut world.trust_domain);
        "Kubernetes".clone_into(&mut world.cluster);
        world
    }

    fn holder(service_account: &str, instance: &str) -> Holder {
        let bearer = Bearer {
            namespace: "shop".to_owned(),
            service_account: service_account.to_owned(),
            instance: instance.to_owned(),
        };
        Holder::of_token(bearer, "cluster.local")
    }

    #[test]
    fn workloads_that_share_an_account_are_told_apart() {
        let world = world(&[instance("a", "reviews-v1", "v1"), instance("b", "reviews-v2", "v2")]);
        let told = |holder: Holder| holder.attributes(&world).map(|told| told.workload);
        assert_eq!(told(holder("reviews", "a")).as_deref(), Some("reviews-v1"));
        assert_eq!(told(holder("reviews", "b")).as_deref(), Some("reviews-v2"));
        assert_eq!(told(holder("reviews", "")), None, "it may be either");
        assert_eq!(told(holder("reviews", "gone")).as_deref(), Some(""), "it was either");
        assert_eq!(told(holder("ratings", "a")).as_deref(), Some(""), "another's instance");
    }

    /// A registry that is written anew takes nobody's name away.
    #[test]
    fn an_instance_that_is_absent_at_one_renewal_is_known_at_the_next() {
        let (a, b) = (instance("a", "reviews-v1", "v1"), instance("b", "reviews-v2", "v2"));
        for absent in [
            world(std::slice::from_ref(&b)),
            world(&[]),
            world(&[b.clone(), instance("c", "d", "")]),
        ] {
            let first = holder("reviews", "a");
            let renewed = first.attributes(&absent).unwrap().instance;
            let next = holder("reviews", &renewed).attributes(&world(&[a.clone(), b.clone()]));
            assert_eq!(next.unwrap().workload, "reviews-v1");
        }
    }

    #[test]
    fn what_is_true_of_all_instances_needs_no_name() {
        let world = world(&[instance("a", "reviews-v1", "v1"), instance("b", "reviews-v1", "v1")]);
        let told = holder("reviews", "").attributes(&world).unwrap();
        assert_eq!((told.workload.as_str(), told.instance.as_str()), ("reviews-v1", ""));
        assert_eq!(told.labels["version"], "v1");
        assert_eq!(told.cluster, "Kubernetes");
    }
}
