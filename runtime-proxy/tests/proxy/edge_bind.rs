//! Servers of a gateway that share a port, at addresses of their own or not.

use mesh_proxy::http::Version;
use mesh_snapshot::object::{Server, ServerTls};
use tokio::net::TcpStream;

use crate::edge::{asking, plain, shop, to_shop};
use crate::pki::Authority;
use crate::support::{Mesh, Proxy, Reserved, endpoint, opened};
use crate::wire::{Client, text};

/// Of sockets that each know a part, the system would choose one at random.
const TRIES: usize = 16;

#[tokio::test(flavor = "local")]
async fn an_address_is_opened_once_for_all_of_its_servers() {
    let mut mesh = Mesh::new();
    let application = shop(&mut mesh).await;
    let mut at = |host: &str, bind: Option<[u8; 4]>| {
        let virtual_host = mesh.virtual_host(host, vec![to_shop()]);
        let server = plain(host, ServerTls::Off, vec![virtual_host]);
        Server { bind: bind.map(Into::into), ..server }
    };
    let servers = vec![
        at("none.test", None),
        at("own.test", Some([127, 0, 0, 1])), // as the proxy's own address
        at("all.test", Some([0, 0, 0, 0])),
        at("other.test", Some([127, 0, 0, 2])),
    ];
    mesh.gateway("edge", servers);
    let port = Reserved::new();
    let mut edge = Proxy::gateway(&[(80, &port)], &Authority::root());
    edge.put(&mesh.snapshot()).unwrap();
    edge.learn("shop", vec![endpoint("shop", 8080, application)]);
    opened(&port).await;
    let mut other = port.at;
    other.set_ip([127, 0, 0, 2].into());
    while TcpStream::connect(other).await.is_err() {
        tokio::task::yield_now().await;
    }
    let own = ["none.test", "own.test", "all.test"];
    for (address, hosts, others) in
        [(port.at, &own[..], &["other.test"][..]), (other, &["other.test"], &own)]
    {
        for _ in 0..TRIES {
            let client = Client::to(address, Version::Http1).await;
            for host in hosts {
                let response = client.send(asking(host, "/x")).await.unwrap();
                assert_eq!(text(response).await, format!("{host} /x"), "{address}");
            }
            for host in others {
                let response = client.send(asking(host, "/x")).await.unwrap();
                assert_eq!(response.status(), 404, "{host} at {address}");
            }
        }
    }
}
