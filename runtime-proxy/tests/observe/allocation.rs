//! To observe a request allocates nothing, once its series is known.

use mesh_engine::format::{DEFAULT_TEXT, Format};
use mesh_engine::program::AccessLog;
use mesh_proxy::observe::{AccessLogs, Denial, Destination, Metrics, Observer, Record};

use crate::counter::allocations;
use crate::sample::{Sample, denying, local, program, source_map};

#[test]
fn a_request_allocates_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    let observer = Observer::new(&Metrics::new(local()), &logs);
    let (sample, program) = (Sample::new(), program());
    sample.sources.set(source_map(denying(&program), "a.yaml"));
    let format = Format::parse(DEFAULT_TEXT).unwrap();
    let path = file.path().to_str().unwrap().into();
    for log in [AccessLog::Off, AccessLog::Text { file: path, format }] {
        let record = sample.record(observer.metrics(), &log);
        let denial = Some(Denial { rule: Some(denying(&program)) });
        let denied = Record { denial, ..record };
        let both = || {
            observer.request(&record);
            observer.request(&denied);
            let _ = observer.authority("elsewhere.test");
        };
        // Series are met, and buffers grow to their size: the writer gives back as long a one as it takes.
        (0..1000).for_each(|_| both());
        let counted = allocations(|| (0..100).for_each(|_| both()));
        // A buffer that was swapped for a smaller one may grow anew, in a few steps.
        assert!(counted < 32, "{counted} allocations in 200 requests");
    }
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8]))) > 0, "the counter counts");
}
