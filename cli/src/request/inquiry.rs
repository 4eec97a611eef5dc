//! What was found out on the way to one answer, so that nothing is worked out twice.
//!
//! Behind each gateway there may be all of them again: without this the work grows with the power of the gateways on the way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mesh_engine::{FEATURES, Program};
use mesh_snapshot::object::{Labels, Workload};

use super::answer::Answer;
use super::spoken::{Payload, Spoken};
use super::{AskError, Policy, Question};
use crate::local::program;

pub(super) struct Inquiry<'a> {
    pub policy: &'a Policy,
    programs: RefCell<BTreeMap<Proxy, Rc<Program>>>,
    answers: RefCell<BTreeMap<Place, Vec<(Asked, Answer)>>>,
}

/// `namespace/name` of its workload, and the labels of the pod, which may have some that others of the workload do not.
type Proxy = (String, Labels);

/// A gateway that was asked, and the way there.
type Place = (Proxy, Vec<String>);

/// All that the answer of a gateway in the middle depends on, but for which gateway it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    pub question: Question,
    pub port: u16,
    pub spoken: Spoken,
    pub payload: Payload,
    pub server_name: Option<String>,
    /// What its peer proves to be, if anything.
    pub peer: Option<String>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn of(policy: &'a Policy) -> Self {
        Self { policy, programs: RefCell::default(), answers: RefCell::default() }
    }

    /// What a workload's proxy judges by.
    pub(super) fn program(&self, workload: &Workload) -> Result<Rc<Program>, AskError> {
        let proxy = proxy(workload);
        if let Some(known) = self.programs.borrow().get(&proxy) {
            return Ok(Rc::clone(known));
        }
        let built = Rc::new(program(&self.policy.bundle, workload, FEATURES)?);
        self.programs.borrow_mut().insert(proxy, Rc::clone(&built));
        Ok(built)
    }

    /// The answer that a gateway gave before, or gives now by `answer`, which may ask others.
    pub(super) fn once(
        &self,
        gateway: &Workload,
        asked: Asked,
        answer: impl FnOnce(&Asked) -> Result<Answer, AskError>,
    ) -> Result<Answer, AskError> {
        let place = (proxy(gateway), asked.question.way.clone());
        if let Some(known) = self.known(&place, &asked) {
            return Ok(known);
        }
        let answer = answer(&asked)?;
        let mut answers = self.answers.borrow_mut();
        answers.entry(place).or_default().push((asked, answer.clone()));
        Ok(answer)
    }

    fn known(&self, place: &Place, asked: &Asked) -> Option<Answer> {
        let answers = self.answers.borrow();
        let known = answers.get(place)?.iter().find(|(known, _)| known == asked);
        known.map(|(_, answer)| answer.clone())
    }
}

fn proxy(workload: &Workload) -> Proxy {
    (workload.full_name(), workload.labels.clone())
}
