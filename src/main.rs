//! The door: parse the command line and hand over.

use std::process::ExitCode;

fn main() -> ExitCode {
    salonbridge::cli::main()
}
