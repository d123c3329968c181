//! A record of the measuring program, as far as the page needs it.

use serde::Deserialize;

/// A floor beside the first.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Beside {
    pub(crate) name: String,
    pub(crate) floor: f64,
    pub(crate) ratio: Option<f64>,
}

/// One record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) metric: String,
    pub(crate) mode: String,
    pub(crate) runtime: String,
    pub(crate) value: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) unit: String,
    pub(crate) floor_name: Option<String>,
    pub(crate) floor: Option<f64>,
    pub(crate) ratio_to_floor: Option<f64>,
    pub(crate) other_floors: Vec<Beside>,
    pub(crate) goal: Option<String>,
    pub(crate) goal_is_met: Option<bool>,
    pub(crate) n: usize,
    pub(crate) commit: String,
}

/// The frameworks that are peers rather than floors.
pub(crate) const PEERS: [&str; 3] = ["dask", "dask-unqueued", "ray"];

impl Row {
    /// The peer that this is set beside, if it is one.
    pub(crate) fn peer(&self) -> Option<&str> {
        self.floor_name.as_deref().filter(|name| PEERS.contains(name))
    }

    /// Whether it is one of a series.
    pub(crate) fn is_sweep(&self) -> bool {
        self.metric.starts_with("sweep_")
    }

    /// Whether it is a time, a rate or a size of a cluster.
    pub(crate) fn is_of_a_cluster(&self) -> bool {
        matches!(&*self.mode, "tcp" | "unix" | "inproc") && self.peer().is_none()
    }
}

/// Reads lines of JSON.
///
/// # Errors
/// When a line is no record.
pub(crate) fn read(text: &str) -> anyhow::Result<Vec<Row>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A probe of the machine, as the measuring program writes it.
    pub(crate) const LINE: &str = concat!(
        r#"{"metric":"hop_park","mode":"machine","runtime":"floor","value":22.5,"min":20.0,"max":26.0,"#,
        r#""unit":"us","floor_name":null,"floor":null,"ratio_to_floor":null,"other_floors":[],"#,
        r#""goal":null,"goal_is_met":null,"n":1,"reps":3,"commit":"abc"}"#
    );

    #[test]
    fn records_are_read_line_by_line() {
        let rows = read(&format!("{LINE}\n{LINE}\n")).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((&*rows[0].metric, rows[0].value), ("hop_park", 22.5));
        assert!(!rows[0].is_of_a_cluster() && rows[0].peer().is_none());
        assert!(read("words").is_err());
    }
}
