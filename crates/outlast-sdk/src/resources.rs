//! What a worker hands to its activities and entities: connections, clients, settings.
//!
//! One value of each type. Orchestrations get none, because they must not touch the world.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

type Values = BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// Values by their type; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Resources(Arc<RwLock<Values>>);

impl fmt::Debug for Resources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(formatter, "Resources({count})")
    }
}

impl Resources {
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: T) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        values.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Arc<T> {
        let value = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).cloned();
        let value = value.and_then(|value| value.downcast().ok());
        value.unwrap_or_else(|| panic!("the worker has no {}: give it one with resource()", type_name::<T>()))
    }
}
