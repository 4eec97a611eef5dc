//! The access log, ready to be written.

use mesh_snapshot::object;

use super::Fault;
use crate::format::{DEFAULT_JSON, DEFAULT_TEXT, Format};

/// Where and how requests are logged, ready to be written.
#[derive(Clone, Debug)]
pub enum AccessLog {
    Off,
    Text {
        file: Box<str>,
        format: Format,
    },
    /// Names and values of one object's fields.
    Json {
        file: Box<str>,
        fields: Box<[(Box<str>, Format)]>,
    },
}

impl AccessLog {
    pub(super) fn compile(log: &object::AccessLog) -> Result<Self, Fault> {
        let format = |text: &str| {
            Format::parse(text).map_err(|error| Fault::Format { text: text.to_owned(), error })
        };
        Ok(match log {
            object::AccessLog::Off => Self::Off,
            object::AccessLog::Text { file, format: text } => {
                let text = if text.is_empty() { DEFAULT_TEXT } else { text };
                Self::Text { file: file.as_str().into(), format: format(text)? }
            }
            object::AccessLog::Json { file, fields } => {
                let defaults = || DEFAULT_JSON.iter().copied();
                let own = fields.iter().map(|(name, text)| (&**name, &**text));
                let fields = own.chain(fields.is_empty().then(defaults).into_iter().flatten());
                let field = |(name, text): (&str, &str)| Ok((name.into(), format(text)?));
                let fields = fields.map(field).collect::<Result<_, Fault>>()?;
                Self::Json { file: file.as_str().into(), fields }
            }
        })
    }
}
