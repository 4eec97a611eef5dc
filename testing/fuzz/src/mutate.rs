//! Changes of an input that are likely to matter: of bytes, of lines, of YAML's marks, and of two inputs into one.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// What YAML, templates and the mesh's kinds treat in their own way.
const TOKENS: &[&str] = &[
    "&a",
    "*a",
    "<<: *a",
    "? ",
    ": ",
    "- ",
    "|",
    ">-",
    "|+\n",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\t",
    "\r\n",
    "\r",
    "\u{feff}",
    "\u{0}",
    "\u{85}",
    "ä",
    "😀",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    " #",
    "{{ .x }}",
    "${A}",
    "${A:-b}",
    "null",
    "~",
    "true",
    "yes",
    "0o17",
    "1e999",
    ".nan",
    "-1",
    "9223372036854775808",
    "18446744073709551615",
    "4294967296",
    "65536",
    "100.5",
    "1s",
    "-5ms",
    "999999999999h",
    "10.0.0.0/33",
    "::/129",
    "*",
    "*.",
    "a.b",
    "**",
    "/",
    "//",
    "%00",
    "^(a+)+$",
    "(",
    "spiffe://",
    "cluster.local",
    "mesh.yaml",
    "kind: List\nitems:\n",
    "# mesh:allow unknown-host reason=\"x\"\n",
    "# Source: a/b.yaml\n",
];

/// The longest input that is made, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// One of `seeds`, changed in a few places.
pub(crate) fn mutated(seeds: &[Vec<u8>], random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = seeds.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=6) {
        change(&mut bytes, seeds, random);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut SmallRng) {
    let at = random.random_range(0..=bytes.len());
    match random.random_range(0..12) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => drop(bytes.splice(at..at, [random.random::<u8>()])),
        2 => {
            let end = bytes.len().min(at + random.random_range(1..16));
            drop(bytes.drain(at..end));
        }
        3..=5 => {
            let token = TOKENS.choose(random).copied().unwrap_or_default();
            drop(bytes.splice(at..at, token.bytes()));
        }
        6 => {
            let count = random.random_range(1..200);
            let unit =
                [&b"["[..], b"{a: ", b"- ", b" ", b"a.", b"&a [*a, *a]\n"].choose(random).copied();
            let unit = unit.unwrap_or_default();
            drop(bytes.splice(at..at, unit.repeat(count)));
        }
        7 => {
            let other = seeds.choose(random).map(Vec::as_slice).unwrap_or_default();
            let from = random.random_range(0..=other.len());
            let part = other.get(from..).unwrap_or_default();
            bytes.truncate(at);
            bytes.extend_from_slice(part);
        }
        _ => change_lines(bytes, random),
    }
}

/// Moves, repeats, drops or indents a line, or gives it the value of another.
fn change_lines(bytes: &mut Vec<u8>, random: &mut SmallRng) {
    let mut lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, two) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
    match random.random_range(0..5) {
        0 => lines.swap(one, two),
        1 => drop(lines.remove(one)),
        2 => {
            let line = lines.get(one).cloned().unwrap_or_default();
            lines.insert(two, line);
        }
        3 => {
            let spaces = random.random_range(1..5);
            if let Some(line) = lines.get_mut(one) {
                drop(line.splice(0..0, b" ".repeat(spaces)));
            }
        }
        _ => {
            let value = lines.get(two).and_then(|line| Some(line.get(colon(line)?..)?.to_vec()));
            if let (Some(line), Some(value)) = (lines.get_mut(one), value)
                && let Some(at) = colon(line)
            {
                line.truncate(at);
                line.extend(value);
            }
        }
    }
    *bytes = lines.concat();
}

fn colon(line: &[u8]) -> Option<usize> {
    line.iter().position(|byte| *byte == b':').map(|at| at + 1)
}
