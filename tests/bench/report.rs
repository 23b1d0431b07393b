//! The one table: a line per figure, a column per number of rows, the target beside it, and whether it is met.

use std::time::Duration;

/// What a figure is counted in.
#[derive(Clone, Copy)]
pub enum Unit {
    Ms,
    Ns,
    Bytes,
    Mb,
    PerSecond,
    Count,
}

impl Unit {
    fn text(self, value: f64) -> String {
        if matches!(self, Self::Ms) && value > 0.0 && value < 0.95 {
            return format!("{:.0} µs", value * 1e3);
        }
        let number = match value.abs() {
            0.0 => "0".to_owned(),
            ..9.95 if !matches!(self, Self::Bytes | Self::Ns) => {
                let text = format!("{value:.1}");
                text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
            }
            _ => thousands(value),
        };
        let unit = match self {
            Self::Ms => " ms",
            Self::Ns => " ns",
            Self::Bytes => " B",
            Self::Mb => " MB",
            Self::PerSecond => "/s",
            Self::Count => "",
        };
        number + unit
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What was promised.
#[derive(Clone, Copy)]
pub enum Target {
    None,
    AtMost(f64),
    AtLeast(f64),
}

/// One column: what was measured at one number of rows.
#[derive(Default)]
pub struct Column {
    title: String,
    figures: Vec<(String, String, String, Option<bool>)>,
}

impl Column {
    pub fn new(title: String) -> Self {
        Self { title, figures: Vec::new() }
    }

    pub fn put(&mut self, what: &str, unit: Unit, value: f64, target: Target) {
        let (promise, met) = match target {
            Target::None => (String::new(), None),
            Target::AtMost(bound) => (format!("<= {}", unit.text(bound)), Some(value <= bound)),
            Target::AtLeast(bound) => (format!(">= {}", unit.text(bound)), Some(value >= bound)),
        };
        self.figures.push((what.to_owned(), unit.text(value), promise, met));
    }

    pub fn ms(&mut self, what: &str, value: f64, target: Target) {
        self.put(what, Unit::Ms, value, target);
    }
}

/// The table as Markdown. The columns have the same figures in the same order.
pub fn table(columns: &[Column]) -> String {
    let mut out = String::from("| figure |");
    for column in columns {
        out.extend([" ", &column.title, " |"]);
    }
    out += " target | met |\n|---|";
    out += &"---:|".repeat(columns.len());
    out += "---|---|\n";
    let lines = columns.first().map_or(0, |column| column.figures.len());
    for line in 0..lines {
        let cells: Vec<_> = columns.iter().filter_map(|column| column.figures.get(line)).collect();
        let promises = cells.iter().map(|cell| cell.2.as_str());
        let mut promises: Vec<&str> = promises.filter(|promise| !promise.is_empty()).collect();
        promises.dedup();
        let verdicts: Vec<bool> = cells.iter().filter_map(|cell| cell.3).collect();
        let met = match (verdicts.is_empty(), verdicts.iter().all(|met| *met)) {
            (true, _) => "",
            (false, true) => "yes",
            (false, false) if verdicts.iter().any(|met| *met) => "**in part**",
            (false, false) => "**no**",
        };
        out.extend(["| ", cells.first().map_or("", |cell| cell.0.as_str()), " |"]);
        for cell in &cells {
            let mark = if cell.3 == Some(false) { " (!)" } else { "" };
            out.extend([" ", &cell.1, mark, " |"]);
        }
        out.extend([" ", &promises.join("; "), " | ", met, " |\n"]);
    }
    out
}

/// Samples of one figure.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn push_ms(&mut self, long: Duration) {
        self.0.push(ms(long));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The nearest rank: the smallest sample that `percent` of them do not exceed; 0 without any.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0.0)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

pub fn ms(long: Duration) -> f64 {
    long.as_secs_f64() * 1e3
}

/// Counts here stay far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of rows, bytes and switches stay far below 2^52")]
pub fn float(count: u64) -> f64 {
    count as f64
}
