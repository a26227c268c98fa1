//! What is logged, and in which form.

use parser::shown;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The log, on standard error.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The directives of what is logged, which [`log_filter`] reads.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Reads directives: levels, also of a part: `debug`, `info,recsys::http=trace`…
///
/// # Errors
/// When a directive is none. The filter itself takes a word that is no level for the name of a part, and
/// then logs nothing else.
pub fn log_filter(directives: &str) -> Result<EnvFilter, String> {
    for directive in directives.split(',') {
        let is_level = || !directive.is_empty() && directive.parse::<LevelFilter>().is_ok();
        if !directive.contains('=') && !is_level() {
            return Err(format!(
                "must be levels (error, warn, info, debug, trace, off), also of a part, as \
                 info,recsys::http=trace; {} is none",
                shown(&format!("{directive:?}"))
            ));
        }
    }
    EnvFilter::try_new(directives).map_err(|error| error.to_string())
}

pub(super) fn level(text: &str) -> Result<String, String> {
    log_filter(text).map(|_| text.into())
}

pub(super) fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be \"text\" or \"json\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::log_filter;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for (directives, is_good) in [
            ("info", true),
            ("DEBUG", true),
            ("off", true),
            ("warn,librdkafka=off", true),
            ("recsys::http=trace", true),
            ("verbose", false),
            ("info,verbose", false),
            ("recsys::http=loud", false),
            ("", false),
        ] {
            assert_eq!(log_filter(directives).is_ok(), is_good, "{directives:?}");
        }
    }
}
