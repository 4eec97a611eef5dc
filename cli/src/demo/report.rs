//! What the tour says: a heading a step, a line for each thing that was measured, and in the end whether all held.

use std::io::{self, Write as _};
use std::time::Instant;

use crate::render::{Paint, Terminal};

pub(crate) struct Report {
    pub terminal: Terminal,
    started: Instant,
    steps: usize,
    held: usize,
    broken: usize,
}

/// Where the places of policy begin, so that they stand below one another.
const PLACE_COLUMN: usize = 78;

impl Report {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, started: Instant::now(), steps: 0, held: 0, broken: 0 }
    }

    pub(crate) const fn paint(&self) -> Paint {
        self.terminal.paint
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.steps += 1;
        let number = self.paint().dim(&format!("{}", self.steps));
        write(&format!("\n{number} {}\n", self.paint().bold(text)));
    }

    /// What was done.
    pub(crate) fn say(&self, text: &str) {
        write(&format!("    {}\n", self.paint().dim(text)));
    }

    /// What was measured, and whether it is as it should be.
    pub(crate) fn check(&mut self, holds: bool, text: &str) {
        self.check_at(holds, text, None);
    }

    /// The same, with the line of policy that it follows from.
    pub(crate) fn check_at(&mut self, holds: bool, text: &str, place: Option<&str>) {
        let mark = if holds {
            self.held += 1;
            self.paint().added("✔")
        } else {
            self.broken += 1;
            self.paint().removed("✖")
        };
        let place = place.map(|place| {
            let gap = PLACE_COLUMN.saturating_sub(text.chars().count()).max(2);
            format!("{}{}", " ".repeat(gap), self.paint().dim(place))
        });
        write(&format!("  {mark} {text}{}\n", place.unwrap_or_default()));
    }

    /// The last line; whether every check held.
    pub(crate) fn conclude(&self) -> bool {
        let seconds = self.started.elapsed().as_secs_f64();
        let (held, broken) = (self.held, self.broken);
        let line = if broken == 0 {
            self.paint().added(&format!("✔ all {held} checks held, in {seconds:.0} s"))
        } else {
            let all = held + broken;
            self.paint()
                .removed(&format!("✖ {broken} of {all} checks did not hold, in {seconds:.0} s"))
        };
        write(&format!("\n{line}\n"));
        broken == 0 && held > 0
    }
}

/// Whoever stopped reading gets the exit code.
pub(crate) fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
