//! A builder whose programs are the names of snapshots, and which does what a test wants it to.

use std::sync::{Arc, Mutex};

use mesh_proxy::agent::prepare::{Build, Material, Product};
use mesh_proxy::agent::trial::Refused;
use mesh_proxy::world::{Watched, World};
use mesh_snapshot::object::{Discovery, Object};
use mesh_snapshot::wire::{Endpoint, Refusal, name::Name};
use mesh_snapshot::{ReadObjects as _, canonical};

use super::mesh;

/// What building does.
#[derive(Clone, Default)]
pub enum Behaviour {
    #[default]
    Works,
    /// Says that the program takes so much memory.
    Takes(u64),
    Fails,
    Panics,
    /// Waits until the sender is dropped.
    Hangs(Arc<Mutex<std::sync::mpsc::Receiver<()>>>),
}

#[derive(Clone, Default)]
pub struct TestBuild {
    pub world: World,
    pub behaviour: Arc<Mutex<Behaviour>>,
    /// The versions that were built, in order.
    pub built: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
pub struct TestProgram {
    /// Of the snapshot: see [`mesh::snapshot`].
    pub version: String,
    pub endpoints: Arc<Watched<Vec<Endpoint>>>,
}

impl Build for TestBuild {
    type Program = TestProgram;

    fn build(&self, material: &Material<'_>) -> Result<Product<TestProgram>, Refused> {
        let version = version(material);
        let behaviour = self.behaviour.lock().unwrap().clone();
        let memory_bytes = match behaviour {
            Behaviour::Works => 1000,
            Behaviour::Takes(bytes) => bytes,
            Behaviour::Fails => {
                let key = material.slice.egress.clone().unwrap().key;
                let refused = Refused::new(Refusal::Program, "it makes no sense");
                return Err(refused.about(key, "overlays[0]"));
            }
            Behaviour::Panics => panic!("as the test wants it"),
            Behaviour::Hangs(until) => {
                let _ = until.lock().unwrap().recv();
                1000
            }
        };
        self.built.lock().unwrap().push(version.clone());
        let set = mesh::endpoints();
        let endpoints = self.world.endpoints(&set);
        let preload = vec![Name::Endpoints((&set).into())];
        Ok(Product { program: TestProgram { version, endpoints }, memory_bytes, preload })
    }
}

/// The name of the one port of the one service that the workload sees.
fn version(material: &Material<'_>) -> String {
    let read = |digest| {
        let bytes = material.objects.read(&digest).unwrap();
        canonical::decode::<Object>(&bytes).unwrap()
    };
    let Object::Egress(egress) = read(material.slice.egress.clone().unwrap().digest) else {
        panic!()
    };
    let Object::HostSet(set) = read(egress.hosts[0].digest) else { panic!() };
    let host = set.hosts.values().next().unwrap();
    let Object::Service(service) = read(host.service.clone().unwrap().digest) else { panic!() };
    assert!(matches!(service.discovery, Discovery::World { .. }));
    service.ports[0].name.clone()
}
