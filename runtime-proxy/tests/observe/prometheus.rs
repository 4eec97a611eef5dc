//! A strict reader of Prometheus' text format: what it takes, Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};

/// A page that was read.
#[derive(Debug)]
pub(crate) struct Page {
    samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Page {
    /// Panics at the first fault: names and labels out of order, a family in pieces, a sample twice, a histogram whose
    /// buckets do not rise.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line ends");
        let mut page = Self { samples: Vec::new() };
        let mut families: BTreeMap<String, String> = BTreeMap::new();
        let mut helped = BTreeSet::new();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(!help.trim().is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(helped.contains(name), "help comes first: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
                name.clone_into(&mut current);
            } else {
                let sample = Sample::read(line);
                let kind = &families[&current];
                let suffixes: &[&str] =
                    if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                let is_of = |suffix: &&str| sample.name == format!("{current}{suffix}");
                assert!(suffixes.iter().any(is_of), "not of family {current}: {line}");
                assert!(kind != "counter" || current.ends_with("_total"), "{current}");
                page.samples.push(sample);
            }
        }
        page.check_samples();
        for (name, _) in families.iter().filter(|(_, kind)| *kind == "histogram") {
            page.check_histogram(name);
        }
        page
    }

    /// The values of a metric whose samples have all of these labels.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        self.find(name, labels).map(|sample| sample.value).collect()
    }

    /// The only one.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values = self.values(name, labels);
        assert_eq!(values.len(), 1, "{name} {labels:?}");
        values[0]
    }

    pub(crate) fn find<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has = move |sample: &Sample| {
            let is = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|found| found == value)
            };
            labels.iter().all(is)
        };
        self.samples.iter().filter(move |sample| sample.name == name && has(sample))
    }

    fn check_samples(&self) {
        let mut seen = BTreeSet::new();
        for sample in &self.samples {
            assert!(seen.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        }
    }

    fn check_histogram(&self, name: &str) {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        let buckets = format!("{name}_bucket");
        for sample in self.find(&buckets, &[]) {
            let mut labels = sample.labels.clone();
            let bound = match labels.remove("le").unwrap().as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().unwrap(),
            };
            series.entry(labels).or_default().push((bound, sample.value));
        }
        let of = |suffix: &str| -> BTreeMap<_, _> {
            let name = format!("{name}{suffix}");
            let samples = self.find(&name, &[]);
            samples.map(|sample| (sample.labels.clone(), sample.value)).collect()
        };
        let (counts, sums) = (of("_count"), of("_sum"));
        assert!(series.keys().eq(counts.keys()) && series.keys().eq(sums.keys()), "{name}");
        for (labels, buckets) in &series {
            let rises =
                buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            assert!(rises, "{name}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, counts[labels])), "{name}");
        }
    }
}

impl Sample {
    fn read(line: &str) -> Self {
        let name_end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
        let (name, rest) = line.split_at(name_end);
        assert!(is_name(name, true), "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labels) => read_labels(labels, line),
            None => (BTreeMap::new(), rest),
        };
        let value = value.strip_prefix(' ').unwrap().parse().unwrap();
        Self { name: name.to_owned(), labels, value }
    }
}

/// Labels, and what follows the brace.
fn read_labels<'t>(text: &'t str, line: &str) -> (BTreeMap<String, String>, &'t str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(name, false), "{name}: {line}");
        let (value, after) = read_value(after, line);
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice: {line}");
        if let Some(after) = after.strip_prefix('}') {
            return (labels, after);
        }
        rest = after.strip_prefix(',').unwrap_or_else(|| panic!("no comma: {line}"));
    }
}

/// A value, and what follows its quotation mark.
fn read_value<'t>(text: &'t str, line: &str) -> (String, &'t str) {
    let mut value = String::new();
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' => return (value, symbols.as_str()),
            '\\' => value.push(match symbols.next() {
                Some('\\') => '\\',
                Some('"') => '"',
                Some('n') => '\n',
                other => panic!("no escape: {other:?} in {line}"),
            }),
            symbol => value.push(symbol),
        }
    }
    panic!("not closed: {line}")
}

fn is_name(name: &str, may_have_colons: bool) -> bool {
    let is_part = |symbol: char| {
        symbol.is_ascii_alphanumeric() || symbol == '_' || may_have_colons && symbol == ':'
    };
    name.chars().all(is_part) && name.starts_with(|symbol: char| !symbol.is_ascii_digit())
}

#[test]
fn the_reader_is_strict() {
    let family = "# HELP a_total x\n# TYPE a_total counter\n";
    let page = Page::read(&format!("{family}a_total{{b=\"c\\\\\\\"\\n\"}} 1\n"));
    assert_eq!(page.value("a_total", &[("b", "c\\\"\n")]).to_string(), "1");
    for fault in [
        "a_total 1",
        "a_total 1\na_total 1\n",
        "b_total 1\n",
        "a_total{b=\"c} 1\n",
        "a_total{b=\"\\x\"} 1\n",
        "a_total{b=\"\",b=\"\"} 1\n",
        "a_total{1=\"\"} 1\n",
        "a_total{b=\"\"}1\n",
        "a_total x\n",
    ] {
        let text = format!("{family}{fault}");
        assert!(std::panic::catch_unwind(|| Page::read(&text)).is_err(), "{fault}");
    }
}
