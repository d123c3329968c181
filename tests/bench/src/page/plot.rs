//! The plots: what a task costs as something grows, Longshore beside its floor, both axes logarithmic.

use std::fs;
use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use super::row::Row;

/// A plot: the file, the series' metric, what is below the horizontal axis and beside the vertical one.
struct Plot {
    file: &'static str,
    metric: &'static str,
    title: &'static str,
    across: &'static str,
    up: &'static str,
}

const PLOTS: [Plot; 4] = [
    Plot {
        file: "tasks.svg",
        metric: "sweep_tasks",
        title: "Cost of a no-op against the number of tasks",
        across: "tasks at once",
        up: "us a task",
    },
    Plot {
        file: "workers.svg",
        metric: "sweep_workers",
        title: "Scheduler's processor time for a no-op against the number of workers",
        across: "workers",
        up: "us a task",
    },
    Plot {
        file: "fan_out.svg",
        metric: "sweep_fan_out",
        title: "Cost of a task against the number that need one result",
        across: "dependents of one task",
        up: "us a task",
    },
    Plot {
        file: "payload.svg",
        metric: "sweep_payload",
        title: "Cost of a task against the bytes that it takes and gives back",
        across: "bytes",
        up: "us a task",
    },
];

const SIZE: (u32, u32) = (720, 400);
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 160), RGBColor(200, 80, 20), RGBColor(0, 130, 80), RGBColor(130, 130, 130)];

/// A line of a plot: its name and its points.
type Line = (String, Vec<(f64, f64)>);

/// Writes every plot that there are points for.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn all(rows: &[Row], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for plot in &PLOTS {
        let lines = lines(rows, plot.metric);
        if lines.iter().any(|(_, points)| points.len() > 1) {
            let svg = draw(plot, &lines).map_err(|error| anyhow!("{}: {error}", plot.file))?;
            // one line for each element: differences between reports can be read
            fs::write(folder.join(plot.file), svg)?;
        }
    }
    Ok(())
}

/// The lines of a series: ours and the floor's, in each mode.
fn lines(rows: &[Row], metric: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for mode in ["tcp", "inproc"] {
        let mut of: Vec<&Row> = rows.iter().filter(|row| row.metric == metric && row.mode == mode).collect();
        of.sort_by_key(|row| row.n);
        let Some(first) = of.first() else { continue };
        let ours = of.iter().map(|row| (row.n as f64, row.value)).collect();
        lines.push((format!("Longshore, {mode}"), ours));
        let floors: Vec<_> = of.iter().filter_map(|row| Some((row.n as f64, row.floor?))).collect();
        if !floors.is_empty() {
            lines.push((format!("{}, {mode}", first.floor_name.as_deref().unwrap_or("floor")), floors));
        }
    }
    lines
}

fn draw(plot: &Plot, lines: &[Line]) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let points = || lines.iter().flat_map(|(_, points)| points);
        let (left, right) = bounds(points().map(|point| point.0));
        let (low, high) = decades(bounds(points().map(|point| point.1)));
        let mut chart = ChartBuilder::on(&area)
            .caption(plot.title, ("sans-serif", 17))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(plot.across)
            .y_desc(plot.up)
            .x_label_formatter(&|value| label(*value))
            .y_label_formatter(&|value| label(*value))
            .light_line_style(WHITE)
            .draw()?;
        for ((name, points), colour) in lines.iter().zip(COLOURS) {
            let style = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(RGBColor(200, 200, 200))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// The least and the greatest, apart even when they are one.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    if low < high { (low, high) } else { (low / 2.0, low * 2.0) }
}

/// Whole decades with some room above, for the names of the lines.
fn decades((low, high): (f64, f64)) -> (f64, f64) {
    (10_f64.powf(low.log10().floor()), 10_f64.powf((high * 2.0).log10().ceil()))
}

fn label(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 1e3 => format!("{} k", v / 1e3),
        v if v >= 1.0 => format!("{v}"),
        v => format!("{v:.3}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::read;
    use crate::row::tests::LINE;

    #[test]
    fn axes_end_at_decades_and_say_round_numbers() {
        assert_eq!(decades((0.3, 4.0)), (0.1, 10.0));
        assert_eq!(decades((1.0, 70.0)), (1.0, 1000.0));
        assert_eq!([0.1 + 0.2, 5.0, 20_000.0, 1e7].map(label), ["0.3", "5", "20 k", "10 M"]);
    }

    #[test]
    fn a_plot_has_a_line_for_us_and_one_for_the_floor() {
        let probe = read(LINE).unwrap().remove(0);
        let at = |n: usize| Row {
            metric: "sweep_tasks".into(),
            mode: "tcp".into(),
            n,
            floor: Some(1.0),
            floor_name: Some("null".into()),
            ..probe.clone()
        };
        let lines = lines(&[at(1_000_000), at(10)], "sweep_tasks");
        assert_eq!(lines.iter().map(|line| &*line.0).collect::<Vec<_>>(), ["Longshore, tcp", "null, tcp"]);
        assert_eq!(lines[0].1, [(10.0, 22.5), (1_000_000.0, 22.5)], "from few to many");
        let svg = draw(&PLOTS[0], &lines).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("Longshore, tcp") && svg.contains("1 M"));
    }
}
