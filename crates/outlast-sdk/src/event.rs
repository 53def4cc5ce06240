//! External events with a type: one constant for those who raise and those who wait.
//!
//! On the wire an event is a name and a JSON value. Not here: raising (`Client`) and waiting (`Context`).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;

use crate::definition::Given;

/// The name of an external event and the type of its data.
///
/// ```
/// # use outlast_sdk::{Client, Context, Error, Event, Failure};
/// const APPROVED: Event<bool> = Event::new("approved");
///
/// async fn wait(ctx: Context) -> Result<bool, Failure> {
///     ctx.wait_event(APPROVED).await
/// }
/// async fn approve(client: Client, id: &str) -> Result<(), Error> {
///     client.raise(id, APPROVED, true).await
/// }
/// ```
pub struct Event<T> {
    name: Cow<'static, str>,
    data: PhantomData<fn() -> T>,
}

impl<T> Event<T> {
    /// An event of that name. Names are compared without case.
    ///
    /// ```
    /// const PACKED: outlast_sdk::Event<String> = outlast_sdk::Event::new("packed");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), data: PhantomData }
    }

    /// Its name.
    ///
    /// ```
    /// assert_eq!(outlast_sdk::Event::<bool>::new("approved").name(), "approved");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T> Clone for Event<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), data: PhantomData }
    }
}

impl<T> fmt::Debug for Event<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Event").field(&self.name).finish()
    }
}

impl<T> From<&str> for Event<T> {
    fn from(name: &str) -> Self {
        Self { name: Cow::Owned(name.to_owned()), data: PhantomData }
    }
}

impl<T> From<String> for Event<T> {
    fn from(name: String) -> Self {
        Self { name: Cow::Owned(name), data: PhantomData }
    }
}

/// An event that can be raised with a `D`: an [`Event`] whose data it is, or any name.
///
/// ```
/// # use outlast_sdk::{Client, Error, Event};
/// # const PACKED: Event<String> = Event::new("packed");
/// # async fn example(client: Client) -> Result<(), Error> {
/// client.raise("order-1", PACKED, "ann").await?;
/// client.raise("order-1", "packed", "ann").await?; // nobody checks that "ann" is what is waited for
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(message = "`{D}` is not the data of this event")]
pub trait EventWith<D> {
    /// The name and the data as they travel.
    #[doc(hidden)]
    fn write(self, data: D) -> Result<(String, String), serde_json::Error>;
}

impl<T, D: Given<T>> EventWith<D> for Event<T> {
    fn write(self, data: D) -> Result<(String, String), serde_json::Error> {
        Ok((self.name.into_owned(), data.write()?))
    }
}

impl<D: Serialize> EventWith<D> for &str {
    fn write(self, data: D) -> Result<(String, String), serde_json::Error> {
        Ok((self.to_owned(), crate::value::write(&data)?))
    }
}
