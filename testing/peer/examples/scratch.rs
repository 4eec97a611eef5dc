use mesh_peer::{Istio, run};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let istio = if a[1] == "files" {
        Istio::Files(a[2].clone().into())
    } else {
        Istio::Cluster(a[2].clone().into())
    };
    let t = std::time::Instant::now();
    let r = run(&istio, a[3].parse().unwrap(), a[4].parse().unwrap(), a[5].parse().unwrap());
    match r {
        Ok(r) => {
            println!("{r}");
            println!("explained: {}", r.is_explained())
        }
        Err(e) => println!("{e}"),
    }
    println!("{:.1} s", t.elapsed().as_secs_f64());
}
