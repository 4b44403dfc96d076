//! What is printed: tables of figures while the run goes on, and the goals at its end.

use std::fmt;

use crate::stats::Figure;

/// A table with aligned columns: texts to the left, everything else to the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[&dyn fmt::Display]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 { write!(f, "  {cell:<width$}")? } else { write!(f, "  {cell:>width$}")? }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What a goal is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Basis {
    /// Time of a processor: the limits were stated beside this figure of the same reference, and move with it.
    Scaled(f64),
    /// Memory, disk and waiting: the limits stand as they are.
    Stated,
    /// A part of the reference, which is the whole and no floor.
    Part,
}

/// One measured goal. All figures are in the same unit, and less is better.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    /// The same run's reference.
    pub(crate) reference: f64,
    pub(crate) reference_is: &'static str,
    pub(crate) must: f64,
    pub(crate) aim: f64,
    pub(crate) basis: Basis,
}

impl Goal {
    /// What was measured, as a multiple of the reference.
    pub(crate) fn ratio(&self) -> f64 {
        self.measured / self.reference
    }

    /// `limit` as a multiple of the reference.
    fn allowed(&self, limit: f64) -> f64 {
        match self.basis {
            Basis::Scaled(then) => limit / then,
            Basis::Stated | Basis::Part => limit / self.reference,
        }
    }

    /// `aim` or `must` when that is met, else `missed`. There is no verdict on a machine so busy that the reference, with
    /// nothing behind it, misses the goal too.
    fn verdict(&self) -> &'static str {
        let ratio = self.ratio();
        if !ratio.is_finite() {
            "not measured"
        } else if ratio <= self.allowed(self.aim) {
            "aim"
        } else if ratio <= self.allowed(self.must) {
            "must"
        } else if self.allowed(self.must) < 1.0 && self.basis != Basis::Part {
            "machine too busy"
        } else {
            "missed"
        }
    }
}

/// Prints the goals; a ratio above the one in a column misses that column.
pub(crate) fn print_goals(goals: &[Goal]) {
    let mut table = Table::new(&["goal", "measured", "reference of this run", "ratio", "must", "aim", "verdict"]);
    for goal in goals {
        let limit = |limit: f64| match limit.is_finite() {
            true => format!("{} ({} {})", times(goal.allowed(limit)), Figure(limit), goal.unit),
            false => "-".to_owned(),
        };
        table.row(&[
            &format!("{} {}", goal.id, goal.what),
            &format!("{} {}", Figure(goal.measured), goal.unit),
            &format!("{}: {} {}", goal.reference_is, Figure(goal.reference), goal.unit),
            &times(goal.ratio()),
            &limit(goal.must),
            &limit(goal.aim),
            &goal.verdict(),
        ]);
    }
    print!("\nGoals, as ratios to references of this run (in parentheses the limits as they were stated)\n{table}");
}

fn times(ratio: f64) -> String {
    format!("{}x", Figure(ratio))
}
