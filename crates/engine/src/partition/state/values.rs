//! An instance's texts, each in a row of its own, so that the instance's row stays small.
//!
//! Not here: inputs of activities (`activities`) and of events (`inbox`, `history`).

use crate::event::FailureDetails;
use crate::partition::state::instances::{Instance, InstanceRow};
use crate::partition::state::{State, keys};
use crate::rows::{Key, Loaded, Row};

/// Which text. Numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Input,
    Output,
    CustomStatus,
    Failure,
}

impl Value {
    pub(crate) const ALL: [Self; 4] = [Self::Input, Self::Output, Self::CustomStatus, Self::Failure];

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Output => 2,
            Self::CustomStatus => 3,
            Self::Failure => 4,
        }
    }

    fn bit(self) -> u32 {
        1 << self.number()
    }
}

/// The stored row: one of the two.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValueRow {
    #[prost(string, optional, tag = "1")]
    pub(crate) text: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) failure: Option<FailureDetails>,
}

impl Row for ValueRow {}

impl InstanceRow {
    pub(crate) fn has_value(&self, value: Value) -> bool {
        self.values & value.bit() != 0
    }

    pub(crate) fn value_key(&self, value: Value) -> Key {
        keys::value(self.life, value.number())
    }

    /// Bits of texts that do not exist are never set.
    pub(crate) fn values_are_known(&self) -> bool {
        self.values & !Value::ALL.iter().fold(0, |bits, value| bits | value.bit()) == 0
    }
}

impl State<'_> {
    /// Sets a text, or removes it.
    pub(crate) fn set_value(
        &mut self,
        instance: &mut Instance,
        value: Value,
        text: Option<String>,
    ) -> Loaded<()> {
        let row = text.map(|text| ValueRow { text: Some(text), failure: None });
        self.set_row(instance, value, row)
    }

    pub(crate) fn set_failure(
        &mut self,
        instance: &mut Instance,
        failure: Option<FailureDetails>,
    ) -> Loaded<()> {
        let row = failure.map(|failure| ValueRow { text: None, failure: Some(failure) });
        self.set_row(instance, Value::Failure, row)
    }

    fn set_row(&mut self, instance: &mut Instance, value: Value, row: Option<ValueRow>) -> Loaded<()> {
        let key = instance.row.value_key(value);
        match (row, instance.row.has_value(value)) {
            (Some(row), true) => self.tx.put(key, &row),
            (Some(row), false) => {
                instance.row.values |= value.bit();
                self.tx.insert(key, &row);
                Ok(())
            }
            (None, true) => {
                instance.row.values &= !value.bit();
                self.tx.remove(key)
            }
            (None, false) => Ok(()),
        }
    }

    pub(crate) fn text(&self, instance: &Instance, value: Value) -> Loaded<Option<String>> {
        if !instance.row.has_value(value) {
            return Ok(None);
        }
        Ok(self.tx.get::<ValueRow>(&instance.row.value_key(value))?.and_then(|row| row.text))
    }
}
