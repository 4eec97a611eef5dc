//! One thread's part of the log.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use mesh_engine::format::{DEFAULT_JSON, DEFAULT_TEXT, Format};
use mesh_engine::program::AccessLog;

use super::AccessLogs;
use super::denial::{Denier, Place};
use super::json;
use super::lane::Lane;
use super::values::Told;
use crate::observe::metrics::Local;
use crate::observe::record::{Decided, Denial, Record};

/// Lines longer than this are cut off, and the memory for them is kept no longer.
const LINE_BYTES_MAX: usize = 64 << 10;

static DEFAULT: LazyLock<Option<Format>> = LazyLock::new(|| Format::parse(DEFAULT_TEXT).ok());

/// Of one thread.
pub(in crate::observe) struct Logger {
    logs: AccessLogs,
    made: RefCell<Made>,
}

/// Kept between lines, so that a line allocates nothing.
#[derive(Default)]
struct Made {
    line: String,
    scratch: String,
    /// By file; there are few.
    lanes: Vec<(Box<str>, Option<Arc<Lane>>)>,
}

impl Logger {
    pub(in crate::observe) fn new(logs: &AccessLogs) -> Self {
        Self { logs: logs.clone(), made: RefCell::default() }
    }

    /// As the program says that it was decided by; nothing, where it says so or there is none.
    pub(in crate::observe) fn log(&self, record: &Record<'_>, local: &Local) {
        let Some(decided) = &record.decided else { return };
        let told = Told { record, local };
        let made = &mut *self.made.borrow_mut();
        let file = match decided.access_log {
            AccessLog::Off => return,
            AccessLog::Text { file, format } => {
                made.text(format, &told, decided);
                file
            }
            AccessLog::Json { file, fields } => {
                made.json(fields, &told, decided);
                file
            }
        };
        let pushed = made.lane(file, &self.logs).map(|lane| lane.push(made.line.as_bytes()));
        self.logs.pushed(pushed);
        made.line.clear();
        made.line.shrink_to(LINE_BYTES_MAX);
    }
}

impl Made {
    fn text(&mut self, format: &Format, told: &Told<'_>, decided: &Decided<'_>) {
        let Self { line, .. } = self;
        format.write(told, "-", line);
        cut(line);
        // Istio ends every format with a line's end.
        if line.ends_with('\n') {
            line.pop();
        }
        if let Some(denial) = &told.record.denial
            && DEFAULT.as_ref() == Some(format)
        {
            append(denial, decided, line);
        }
        line.push('\n');
    }

    fn json(&mut self, fields: &[(Box<str>, Format)], told: &Told<'_>, decided: &Decided<'_>) {
        let Self { line, scratch, .. } = self;
        json::write(fields, told, scratch, line);
        if let Some(denial) = &told.record.denial
            && is_default(fields)
        {
            line.pop();
            member("denied_by", Denier(denial), scratch, line);
            if let Some(place) = Place::of(denial.rule, decided) {
                member("denied_at", place, scratch, line);
            }
            line.push('}');
        }
        line.push('\n');
    }

    /// Of the thread for `file`; `None` where there may be no more.
    fn lane(&mut self, file: &str, logs: &AccessLogs) -> Option<Arc<Lane>> {
        let known = self.lanes.iter().position(|(known, _)| **known == *file);
        let at = known.unwrap_or_else(|| {
            self.lanes.push((file.into(), logs.lane(file)));
            self.lanes.len() - 1
        });
        self.lanes.get(at)?.1.clone()
    }
}

/// ` denied_by=shop/reviews/rules[0] denied_at=policies/reviews.yaml:12`
fn append(denial: &Denial<'_>, decided: &Decided<'_>, line: &mut String) {
    let _ = write!(line, " denied_by={}", Denier(denial));
    if let Some(place) = Place::of(denial.rule, decided) {
        let _ = write!(line, " denied_at={place}");
    }
}

fn member(name: &str, value: impl std::fmt::Display, scratch: &mut String, line: &mut String) {
    let _ = write!(scratch, "{value}");
    let _ = write!(line, ",\"{name}\":");
    json::string(scratch, line);
    scratch.clear();
}

fn is_default(fields: &[(Box<str>, Format)]) -> bool {
    let names = fields.iter().map(|(name, _)| &**name);
    names.eq(DEFAULT_JSON.iter().map(|(name, _)| *name))
}

fn cut(line: &mut String) {
    if LINE_BYTES_MAX < line.len() {
        let end = line.floor_char_boundary(LINE_BYTES_MAX);
        line.truncate(end);
    }
}
