//! What happens at all the servers that a request may reach, as one answer.

use super::answer::{Answer, Line, Mark, Outcome, Step};

/// What happens at all the servers that a request may reach.
#[derive(Default)]
pub(super) struct Judgement {
    worst: Option<(Outcome, Option<u16>, String)>,
    /// Those at which the same happens are told together.
    servers: Vec<(Vec<String>, Vec<Step>)>,
}

impl Judgement {
    pub(super) fn answer(&mut self, outcome: Outcome, status: Option<u16>, summary: &str) {
        if self.worst.as_ref().is_none_or(|(worst, ..)| *worst < outcome) {
            self.worst = Some((outcome, status, summary.to_owned()));
        }
    }

    pub(super) fn tell(&mut self, server: String, steps: Vec<Step>) {
        match self.servers.iter_mut().find(|(_, told)| same(told, &steps)) {
            Some((servers, _)) if servers.contains(&server) => {}
            Some((servers, _)) => servers.push(server),
            None => self.servers.push((vec![server], steps)),
        }
    }

    /// Whether the same happens at all of them.
    pub(super) fn is_told_at_once(&self) -> bool {
        self.servers.len() <= 1
    }

    /// Adds what happens at others.
    pub(super) fn extend(&mut self, others: Self) {
        if let Some((outcome, status, summary)) = others.worst {
            self.answer(outcome, status, &summary);
        }
        for (servers, steps) in others.servers {
            for server in servers {
                self.tell(server, steps.clone());
            }
        }
    }

    pub(super) fn conclude(self, mut steps: Vec<Step>, host: &str) -> Answer {
        for (servers, told) in self.servers {
            let mut told = told.into_iter();
            if let Some(mut first) = told.next() {
                let line = Line { mark: Mark::Note, text: servers.join(", "), source: None };
                first.lines.insert(0, line);
                steps.push(first);
            }
            steps.extend(told);
        }
        let (outcome, status, summary) = self.worst.unwrap_or((
            Outcome::Unrouted,
            Some(503),
            format!("{host} has no backend that gets requests"),
        ));
        Answer { outcome, status, summary, steps }
    }
}

fn same(left: &[Step], right: &[Step]) -> bool {
    let lines = |steps: &[Step]| -> Vec<(Mark, String, Option<String>)> {
        let lines = steps.iter().flat_map(|step| &step.lines);
        lines.map(|line| (line.mark, line.text.clone(), line.source.clone())).collect()
    };
    lines(left) == lines(right)
}
