//! The file in which a scheduler says where it is: JSON with an `address`, or the bare address.
use crate::address::Address;
use crate::error::Error;
use longshore_rt::{DynRuntime, Runtime, RuntimeExt};
use std::path::Path;
use std::time::Duration;

/// Pause between looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The address in the file, as soon as it is there.
///
/// # Errors
/// It was not there in time, or holds no address.
pub(super) async fn wait_for(rt: &DynRuntime, path: &Path, limit: Duration) -> Result<Address, Error> {
    let until = rt.now() + limit;
    loop {
        let file = path.to_owned();
        let read = rt.spawn_blocking("scheduler-file", move || std::fs::read_to_string(file)).await;
        // A file that is being written may hold half an address for a moment.
        let reason = match read.map_err(|e| e.to_string()).and_then(|r| r.map_err(|e| e.to_string())) {
            Ok(text) => match address_in(&text).map(str::parse) {
                Some(Ok(address)) => return Ok(address),
                Some(Err(e)) => e.to_string(),
                None => "it holds no address".to_owned(),
            },
            Err(reason) => reason,
        };
        if rt.now() + LOOK_AGAIN_AFTER >= until {
            return Err(Error::SchedulerFile { path: path.to_owned(), after: limit, reason });
        }
        rt.sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// The address in the file's text. Addresses have no characters that JSON would escape.
fn address_in(text: &str) -> Option<&str> {
    let text = text.trim();
    if !text.starts_with('{') {
        return text.lines().next().filter(|line| !line.is_empty());
    }
    let after = text.split_once("\"address\"")?.1.trim_start().strip_prefix(':')?.trim_start();
    after.strip_prefix('"')?.split_once('"').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_json_and_alone() {
        let json = "{\n \"id\": 7, \"address\" : \"tcp://h:1\", \"workers\": {} }";
        assert_eq!(address_in(json), Some("tcp://h:1"));
        assert_eq!(address_in("unix:///run/s\n"), Some("unix:///run/s"));
        for none in ["", "{}", "{\"address\": 7}", "{\"address\": \"tcp://h"] {
            assert_eq!(address_in(none), None, "{none}");
        }
    }
}
