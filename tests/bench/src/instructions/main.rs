//! The machines' hot paths without anything else: what `cargo xtask bench --instructions` counts the instructions of.
//!
//! No sockets, threads, clock or chance: the same build executes the same instructions each time, so a change of the
//! machines shows where times are too noisy to. The functions whose names begin with `counted_` are what is counted, one
//! for each role; all the rest of this program stands in for drivers, links and compute threads.
//!
//! `longshore-instructions --list` names the paths and their tasks, `longshore-instructions PATH` goes along one.

mod house;
mod path;

use std::process::ExitCode;

use path::{PATHS, Path};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag] if flag == "--list" => PATHS.iter().for_each(|path| println!("{} {}", path.name, path.tasks)),
        [name] if PATHS.iter().any(|path| path.name == name) => {
            PATHS.iter().filter(|path| path.name == name).for_each(Path::walk);
        }
        _ => {
            eprintln!("error: say --list, or the name of a path");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::house::House;
    use super::*;

    #[test]
    fn every_path_ends_with_nothing_left() {
        for path in PATHS {
            let house = path.through(House::new(path.workers), path.tasks.min(300));
            assert_eq!(house.tasks_len(), 0, "{}: the scheduler keeps tasks", path.name);
            assert_eq!(house.unsettled_len(), 0, "{}: a future has no value", path.name);
        }
    }
}
