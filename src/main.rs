use std::process::ExitCode;

fn main() -> ExitCode {
    watchpost::cli::main()
}
