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

/// What a function is in the task hub: its name and its types.
///
/// [`#[activity]`](macro@crate::activity) and [`#[orchestration]`](macro@crate::orchestration) write it for a
/// type of the function's name. An error type can be made from any [`Failure`], because code can also panic,
/// be missing, or be ended from outside; [`derive(Failure)`](derive@crate::Failure) sees to that.
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Definition, Failure};
/// #[activity(name = "say-hello")]
/// async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> {
///     Ok(format!("hello {name}"))
/// }
/// assert_eq!(hello::NAME, "say-hello");
/// ```
pub trait Definition: 'static {
    /// Its name in the task hub.
    const NAME: &'static str;
    /// What it takes.
    type Input: Serialize + DeserializeOwned + 'static;
    /// What it gives.
    type Output: Serialize + DeserializeOwned + 'static;
    /// Why it may give nothing.
    type Error: Into<Failure> + From<Failure> + 'static;
}

/// A definition with the code of an activity.
///
/// ```
/// # use outlast_sdk::{ActivityContext, ActivityDefinition, Definition, Failure, Worker};
/// struct Hello;
///
/// impl Definition for Hello {
///     const NAME: &'static str = "hello";
///     type Input = String;
///     type Output = String;
///     type Error = Failure;
/// }
///
/// impl ActivityDefinition for Hello {
///     async fn run(_: ActivityContext, name: String) -> Result<String, Failure> {
///         Ok(format!("hello {name}"))
///     }
/// }
/// let worker = Worker::new("http://localhost:4001").activity(|| Hello);
/// ```
pub trait ActivityDefinition: Definition {
    /// Runs it once.
    fn run(
        ctx: ActivityContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// A definition with the code of an orchestration.
///
/// ```
/// # use outlast_sdk::{Context, Definition, Failure, OrchestrationDefinition, Worker};
/// struct Answer;
///
/// impl Definition for Answer {
///     const NAME: &'static str = "answer";
///     type Input = ();
///     type Output = u32;
///     type Error = Failure;
/// }
///
/// impl OrchestrationDefinition for Answer {
///     async fn run(_: Context, (): ()) -> Result<u32, Failure> {
///         Ok(42)
///     }
/// }
/// let worker = Worker::new("http://localhost:4001").orchestration(|| Answer);
/// ```
pub trait OrchestrationDefinition: Definition {
    /// Runs it from its beginning.
    fn run(ctx: Context, input: Self::Input) -> impl Future<Output = Result<Self::Output, Self::Error>>;
}

/// A name in the task hub, with what goes in and what comes out: a function that gives a [`Definition`],
/// or a [`Named`].
///
/// ```
/// # use outlast_sdk::{activity, ActivityContext, Failure, Named, Signature};
/// # #[activity]
/// # async fn hello(_: ActivityContext, name: String) -> Result<String, Failure> { Ok(name) }
/// const RESIZE: Named<String, u32> = Named::new("resize_image");
/// assert_eq!((hello.name(), RESIZE.name()), ("hello", "resize_image"));
/// ```
pub trait Signature: Copy {
    /// What it takes.
    type Input: Serialize + DeserializeOwned + 'static;
    /// What it gives.
    type Output: Serialize + DeserializeOwned + 'static;
    /// Why it may give nothing.
    type Error: Into<Failure> + From<Failure> + 'static;

    /// Its name in the task hub.
    fn name(&self) -> &'static str;
}

impl<F: Fn() -> D + Copy, D: Definition> Signature for F {
    type Input = D::Input;
    type Output = D::Output;
    type Error = D::Error;

    fn name(&self) -> &'static str {
        D::NAME
    }
}

/// Something that [`Context::call`] can call.
///
/// ```
/// # use outlast_sdk::{Activity, Context, Failure};
/// async fn twice<A: Activity<Input = u32, Output = u32>>(ctx: Context, step: A) -> Result<u32, Failure> {
///     let once = ctx.call(step, 1).await.map_err(Into::into)?;
///     ctx.call(step, once).await.map_err(Into::into)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity",
    note = "write `#[activity]` above its function, or declare it with `Named` where its code is elsewhere"
)]
pub trait Activity: Signature {}

impl<F: Fn() -> D + Copy, D: ActivityDefinition> Activity for F {}

/// Something that a client starts and [`Context::sub_orchestration`] calls.
///
/// ```
/// # use outlast_sdk::{Client, Error, Orchestration};
/// async fn start_all<O: Orchestration>(client: &Client, job: O, inputs: &[O::Input]) -> Result<(), Error> {
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

impl<F: Fn() -> D + Copy, D: OrchestrationDefinition> Orchestration for F {}

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

impl<F: Fn() -> D + Copy + 'static, D: ActivityDefinition> ActivityCode for F {
    fn run(
        ctx: ActivityContext,
        input: D::Input,
    ) -> impl Future<Output = Result<D::Output, D::Error>> + Send {
        D::run(ctx, input)
    }
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

impl<F: Fn() -> D + Copy + 'static, D: OrchestrationDefinition> OrchestrationCode for F {
    fn run(ctx: Context, input: D::Input) -> impl Future<Output = Result<D::Output, D::Error>> {
        D::run(ctx, input)
    }
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

    fn name(&self) -> &'static str {
        self.name
    }
}

impl<I, O, E> Activity for Named<I, O, E> where Self: Signature {}
impl<I, O, E> Orchestration for Named<I, O, E> where Self: Signature {}

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
