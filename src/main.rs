//! The daemon: arguments to a configuration, the configuration to a server, its end to an exit code.

use rctd::cli::{self, Command};
use rctd::config::Config;
use rctd::server::Server;
use rctd::sys::file;
use rctd::{log, passwd_cmd};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    arguments.next(); // the program's own name
    match cli::parse(arguments.collect()) {
        Ok(Command::Print(texts)) => {
            let printed = file::write_all(file::STDOUT, texts.concat().as_bytes());
            printed.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Ok(Command::Passwd { file, user, stdin, delete }) => {
            let done = passwd_cmd::run(file, user, stdin, delete);
            exit_code(done.and_then(|done| {
                let line = format!("{done}\n");
                file::write_all(file::STDOUT, line.as_bytes()).map_err(|error| error.to_string())
            }))
        }
        #[cfg(feature = "shell")]
        Ok(Command::Shell(command)) => rctd::client::run(command),
        Ok(Command::Run(config)) => exit_code(serve(*config)),
        Err(wrong) => {
            log::error(format_args!("{wrong}"));
            ExitCode::from(2)
        }
    }
}

fn serve(config: Config) -> Result<(), String> {
    log::open(config.log_level);
    Server::open(config)?.run()
}

fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log::error(format_args!("{why}"));
            ExitCode::FAILURE
        }
    }
}
