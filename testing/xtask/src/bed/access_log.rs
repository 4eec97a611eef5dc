//! What the proxies' access logs say of requests that ended badly: why, and whether the upstream ever saw them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

const SUFFIX: &str = ".access.log";
const LINES_MAX: usize = 20;

/// Where the proxy of this name writes, in the folder of everything.
pub(crate) fn file(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

/// The first lines, by time, of requests that some proxy on their way could not serve: those of that proxy, and what the others
/// say of the same request.
pub(crate) fn failures(folder: &Path) -> io::Result<Vec<String>> {
    let mut lines = lines(folder)?;
    lines.sort_by(|one, other| one.text("start_time").cmp(other.text("start_time")));
    let failed: BTreeSet<&str> = lines
        .iter()
        .filter(|line| line.is_failed())
        .map(|line| line.text("request_id"))
        .filter(|id| !id.is_empty())
        .collect();
    let told = lines
        .iter()
        .filter(|line| line.is_failed() || failed.contains(line.text("request_id")))
        .map(Line::told);
    Ok(told.take(LINES_MAX).collect())
}

fn lines(folder: &Path) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(proxy) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned();
        // The last one is cut off where its proxy was killed.
        let said = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.extend(said.map(|said| Line { proxy: proxy.to_owned(), said }));
    }
    Ok(lines)
}

/// A line, and whose it is.
struct Line {
    proxy: String,
    said: Map<String, Value>,
}

impl Line {
    /// Empty where there is nothing.
    fn text(&self, field: &str) -> &str {
        self.said.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// A client that leaves is no failure of the proxy's.
    fn is_failed(&self) -> bool {
        let code = self.said.get("response_code").and_then(Value::as_u64);
        code.is_some_and(|code| 500 <= code)
            || !matches!(self.text("response_flags"), "" | "-" | "DC")
    }

    /// What there is of it.
    fn told(&self) -> String {
        let said = self.said.iter().filter(|(_, value)| !value.is_null());
        let said: Vec<_> = said.map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}: {}", self.proxy, said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{failures, file};

    #[test]
    fn what_failed_is_told_with_what_others_saw_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let line = |time: &str, id: Option<&str>, code: u32, flags: &str| {
            let line = json!({
                "start_time": time,
                "request_id": id,
                "response_code": code,
                "response_flags": flags,
            });
            format!("{line}\n")
        };
        let client = [
            line("1", Some("well"), 200, "-"),
            line("2", Some("nobody"), 503, "UH"),
            line("4", Some("passed on"), 503, "-"),
            line("5", Some("left"), 0, "DC"),
            line("6", None, 0, "UF"),
            line("7", None, 0, "-"),
        ];
        write(&file("client"), client.concat());
        let server = [line("3", Some("passed on"), 200, "-"), line("1", Some("well"), 200, "-")];
        write(&file("server"), server.concat() + "{\"cut");
        write("client.log", line("9", None, 500, "-"));
        let expected = [
            r#"client: request_id="nobody" response_code=503 response_flags="UH" start_time="2""#,
            r#"server: request_id="passed on" response_code=200 response_flags="-" start_time="3""#,
            r#"client: request_id="passed on" response_code=503 response_flags="-" start_time="4""#,
            r#"client: response_code=0 response_flags="UF" start_time="6""#,
        ];
        assert_eq!(failures(folder.path()).unwrap(), expected);
    }
}
