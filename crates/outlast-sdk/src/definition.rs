//! What an activity or orchestration is to those who call it: a name and the types that go in and out.
//!
//! The macros write these traits for functions; [`Named`] is for code that lives elsewhere, in another
//! program or another language. Not here: how a call is made (`Context`) or served (`Worker`).

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::ActivityContext;
use crate::failure::Failure;
use crate::orchestration::context::Context;

/// A name in the task hub, with what goes in and what comes out.
///
/// [`#[activity]`](macro@crate::activity) and [`#[orchestration]`](macro@crate::orchestration) write it.
/// An error type can be made from any [`Failure`], because code can also panic, be missing, or be ended
/// from outside; [`derive(Failure)`](derive@crate::Failure) sees to that.
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Failure, Signature};
/// #[activity]
/// async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
///     Ok(format!("hello {name}"))
/// }
/// assert_eq!(hello.name(), "hello");
/// ```
pub trait Signature {
    /// What it takes.
    type Input: Serialize + DeserializeOwned + 'static;
    /// What it gives.
    type Output: Serialize + DeserializeOwned + 'static;
    /// Why it may give nothing.
    type Error: Into<Failure> + From<Failure> + 'static;

    /// Its name in the task hub.
    fn name(&self) -> &str;
}

/// Something that [`Context::call`] can call.
///
/// ```
/// # use outlast_sdk::{Activity, Context, Failure};
/// async fn twice<A: Activity<Input = u32, Output = u32>>(ctx: Context, step: A) -> Result<u32, Failure> {
///     let once = ctx.call(&step, 1).await.map_err(Into::into)?;
///     ctx.call(&step, once).await.map_err(Into::into)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity",
    note = "write `#[activity]` above its function, or declare it with `Named` where its code is elsewhere"
)]
pub trait Activity: Signature {}

/// Something that a client starts and [`Context::sub_orchestration`] calls.
///
/// ```
/// # use outlast_sdk::{Client, Error, Orchestration};
/// async fn start_all<O: Orchestration>(client: &Client, job: &O, inputs: &[O::Input]) -> Result<(), Error> {
///     for input in inputs {
///         client.start(job, input).await?;
///     }
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an orchestration",
    note = "write `#[orchestration]` above its function, or declare it with `Named` where its code is elsewhere"
)]
pub trait Orchestration: Signature {}

/// An activity whose code is here, so that a worker can run it.
///
/// ```
/// # use outlast_sdk::{ActivityCode, Worker};
/// fn with<A: ActivityCode>(worker: Worker, step: A) -> Worker {
///     worker.activity(step)
/// }
/// ```
#[diagnostic::on_unimplemented(message = "there is no activity code in `{Self}`, so no worker can run it")]
pub trait ActivityCode: Activity + 'static {
    /// Runs it once.
    fn run(
        ctx: ActivityContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// An orchestration whose code is here, so that a worker can run it.
///
/// ```
/// # use outlast_sdk::{OrchestrationCode, Worker};
/// fn with<O: OrchestrationCode>(worker: Worker, job: O) -> Worker {
///     worker.orchestration(job)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "there is no orchestration code in `{Self}`, so no worker can run it"
)]
pub trait OrchestrationCode: Orchestration + 'static {
    /// Runs it from its beginning.
    fn run(ctx: Context, input: Self::Input) -> impl Future<Output = Result<Self::Output, Self::Error>>;
}

/// An activity or orchestration whose code is elsewhere: its name, and the types it is known to have.
///
/// ```
/// # use outlast_sdk::{Context, Failure, Named, orchestration};
/// // Served by a worker in Python.
/// const RESIZE: Named<String, Vec<u32>> = Named::new("resize_image");
///
/// #[orchestration]
/// async fn thumbnail(ctx: Context, url: String) -> Result<Vec<u32>, Failure> {
///     ctx.call(RESIZE, url).await
/// }
/// ```
pub struct Named<I, O, E = Failure> {
    name: &'static str,
    types: PhantomData<fn(I) -> (O, E)>,
}

impl<I, O, E> Named<I, O, E> {
    /// Code of that name, somewhere.
    ///
    /// ```
    /// const RESIZE: outlast_sdk::Named<String, u32> = outlast_sdk::Named::new("resize_image");
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }
}

impl<I, O, E> Clone for Named<I, O, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, O, E> Copy for Named<I, O, E> {}

impl<I, O, E> fmt::Debug for Named<I, O, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Named").field(&self.name).finish()
    }
}

impl<I, O, E> Signature for Named<I, O, E>
where
    I: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
    E: Into<Failure> + From<Failure> + 'static,
{
    type Input = I;
    type Output = O;
    type Error = E;

    fn name(&self) -> &str {
        self.name
    }
}

impl<I, O, E> Activity for Named<I, O, E> where Self: Signature {}
impl<I, O, E> Orchestration for Named<I, O, E> where Self: Signature {}

impl<S: Signature> Signature for &S {
    type Input = S::Input;
    type Output = S::Output;
    type Error = S::Error;

    fn name(&self) -> &str {
        (*self).name()
    }
}

impl<A: Activity> Activity for &A {}
impl<O: Orchestration> Orchestration for &O {}

/// What may be given where a `T` is asked for: a `T`, a `&T`, and `&str` for `String`.
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// # async fn example(ctx: Context, name: String) -> Result<(), Failure> {
/// ctx.call(hello, "world").await?;
/// ctx.call(hello, &name).await?;
/// ctx.call(hello, name).await?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail
/// # use outlast_sdk::{activity, ActivityContext, Context, Failure};
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// # async fn example(ctx: Context) -> Result<(), Failure> {
/// ctx.call(hello, 7).await?; // a number is not a name
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what is taken here: a `{T}`, or a reference to one",
    label = "not a `{T}`"
)]
pub trait Given<T: ?Sized>: sealed::Sealed<T> {
    /// The value as it travels.
    #[doc(hidden)]
    fn write(self) -> Result<String, serde_json::Error>;
}

impl<T: Serialize> Given<T> for T {
    fn write(self) -> Result<String, serde_json::Error> {
        crate::value::write(&self)
    }
}

impl<T: Serialize> Given<T> for &T {
    fn write(self) -> Result<String, serde_json::Error> {
        crate::value::write(self)
    }
}

impl Given<String> for &str {
    fn write(self) -> Result<String, serde_json::Error> {
        crate::value::write(self)
    }
}

mod sealed {
    pub trait Sealed<T: ?Sized> {}
    impl<T> Sealed<T> for T {}
    impl<T> Sealed<T> for &T {}
    impl Sealed<String> for &str {}
}
