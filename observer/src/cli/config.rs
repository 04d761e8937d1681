//! What is typed about configuration files.

use clap::ValueHint;

use super::{Format, Paging};

/// Which configuration files count.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// Configuration file to read instead of /etc/oomtrace/oomtrace.conf and its drop-ins
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<std::path::PathBuf>,
    /// Read no configuration file
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
}

/// What to show of the configuration.
#[derive(Debug, clap::Args)]
pub struct Config {
    /// Which files.
    #[command(flatten)]
    pub files: Files,
    /// How to show it.
    #[command(flatten)]
    pub format: Format,
    /// Whether a pager is taken.
    #[command(flatten)]
    pub paging: Paging,
    /// Options of 'oomtrace record', after '--', as if they were given to it
    #[arg(last = true, value_name = "OPTION")]
    pub options: Vec<std::ffi::OsString>,
}
