//! The sample: an order is reserved, charged, packed, shipped parcel by parcel, and announced.
//!
//! Which charges fail at first, which orders are packed late, and what every receipt says follow from the
//! order's number alone, so that afterwards each result can be compared with what it must be. Not here:
//! who starts orders (`customers`) and who counts (`verify`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outlast_sdk::{ActivityContext, Context, Event, Failure, Retry, Worker, activity, all, orchestration};
use serde::{Deserialize, Serialize};

/// The event that the warehouse raises, with the name of who packed.
pub(super) const PACKED: Event<String> = Event::new("packed");
/// How long an ordinary order may wait for its packing.
const PACK_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// How long an order waits that nobody will pack.
const PACK_PATIENCE_SHORT: Duration = Duration::from_millis(1500);

/// What a customer orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) number: u32,
    pub(super) cents: u64,
    pub(super) parcels: u32,
}

/// What a customer gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) order: u32,
    pub(super) reservation: String,
    pub(super) payment: Payment,
    pub(super) packed_by: String,
    pub(super) parcels: Vec<String>,
    pub(super) mail: String,
}

/// A charge that the bank has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) cents: u64,
    pub(super) attempt: u32,
}

impl Order {
    pub(super) fn new(number: u32) -> Self {
        Self { number, cents: 1_000 + u64::from(number) * 7, parcels: number % 3 + 1 }
    }

    pub(super) fn id(&self) -> String {
        format!("order-{:04}", self.number)
    }

    /// How often the bank is busy before it takes the charge.
    pub(super) fn charge_failures(&self) -> u32 {
        match self.number % 10 {
            3 => 1,
            6 => 2,
            _ => 0,
        }
    }

    /// Whether the warehouse packs it; if not, a timer ends the wait.
    pub(super) fn is_packed(&self) -> bool {
        self.number % 10 != 9
    }

    /// What must come out, whatever happens to the server.
    pub(super) fn receipt(&self) -> Receipt {
        let packed_by = if self.is_packed() { packer(self.number) } else { "nobody in time".to_owned() };
        Receipt {
            order: self.number,
            reservation: reservation(self.number),
            payment: Payment { cents: self.cents, attempt: self.charge_failures() + 1 },
            packed_by,
            parcels: (1..=self.parcels).map(|parcel| label(self.number, parcel)).collect(),
            mail: mail(self.number),
        }
    }
}

/// Who packs the order, which is the data of the event.
pub(super) fn packer(number: u32) -> String {
    ["ann", "bob", "cem"][usize::try_from(number % 3).unwrap_or(0)].to_owned()
}

fn reservation(number: u32) -> String {
    format!("shelf-{}", number % 17)
}

fn label(order: u32, parcel: u32) -> String {
    format!("parcel {parcel} of order {order}")
}

fn mail(number: u32) -> String {
    format!("order {number} is on its way")
}

/// Why the bank does not take a charge.
#[derive(Debug, thiserror::Error, Failure)]
pub(super) enum Bank {
    #[error("the bank is busy: try again, this was attempt {attempt}")]
    Busy { attempt: u32 },
    #[error(transparent)]
    Other(Failure),
}

/// The orchestration. It can be stopped at any line, for any time, on any machine.
#[orchestration(name = "fulfil-order")]
pub(super) async fn fulfil(ctx: Context, order: Order) -> Result<Receipt, Failure> {
    let reservation = ctx.call(reserve, &order).await?;
    let policy = Retry::new(5, Duration::from_millis(100)).delay_max(Duration::from_secs(1));
    let payment = ctx.call(charge, &order).retry(policy).await?;
    let patience = if order.is_packed() { PACK_PATIENCE } else { PACK_PATIENCE_SHORT };
    let packed_by = match ctx.timeout(patience, ctx.wait_event(PACKED)).await {
        Ok(name) => name?,
        Err(_elapsed) => "nobody in time".to_owned(),
    };
    let parcels = ctx.sub_orchestration(ship, &order).id(format!("{}-shipping", order.id())).await?;
    let mail = ctx.call(send_mail, &order).await?;
    Ok(Receipt { order: order.number, reservation, payment, packed_by, parcels, mail })
}

/// The child: all parcels at once.
#[orchestration(name = "ship-order")]
async fn ship(ctx: Context, order: Order) -> Result<Vec<String>, Failure> {
    let parcels = (1..=order.parcels).map(|parcel| ctx.call(ship_parcel, (order.number, parcel)));
    all(parcels).await.into_iter().collect()
}

#[activity(name = "reserve-stock")]
async fn reserve(ctx: ActivityContext, order: Order) -> Result<String, Failure> {
    visit(&ctx).await;
    Ok(reservation(order.number))
}

/// The activity that must not happen twice.
#[activity(name = "charge-card")]
pub(super) async fn charge(ctx: ActivityContext, order: Order) -> Result<Payment, Bank> {
    visit(&ctx).await;
    let attempt = ctx.attempt().unwrap_or(1);
    if attempt <= order.charge_failures() {
        return Err(Bank::Busy { attempt });
    }
    let world = ctx.resource::<Shared>();
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.booked.insert(ctx.idempotency_key(), order.number);
    Ok(Payment { cents: order.cents, attempt })
}

#[activity(name = "ship-parcel")]
async fn ship_parcel(ctx: ActivityContext, order: u32, parcel: u32) -> Result<String, Failure> {
    visit(&ctx).await;
    Ok(label(order, parcel))
}

#[activity(name = "send-mail")]
async fn send_mail(ctx: ActivityContext, order: Order) -> Result<String, Failure> {
    visit(&ctx).await;
    Ok(mail(order.number))
}

/// Notes that the step is run. Real work takes time, in which a server can die.
async fn visit(ctx: &ActivityContext) {
    ctx.resource::<Shared>().lock().unwrap_or_else(PoisonError::into_inner).visit(ctx);
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The outside world: what was really done, however often it was asked for.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Charges that the bank has booked, by idempotency key: asking twice with one key books once.
    booked: BTreeMap<String, u32>,
    /// How often activities were run with a key they had been run with before.
    repeated: u32,
    seen: BTreeMap<(String, i32), ()>,
}

/// The world, shared by all activities.
pub(super) type Shared = Arc<Mutex<World>>;

impl World {
    /// Orders that the bank has booked more than once.
    pub(super) fn charged_twice(&self) -> usize {
        let mut books: BTreeMap<u32, u32> = BTreeMap::new();
        for order in self.booked.values() {
            *books.entry(*order).or_default() += 1;
        }
        books.values().filter(|count| **count > 1).count()
    }

    /// How often a step was run again although it had run before.
    pub(super) fn repeated(&self) -> u32 {
        self.repeated
    }

    fn visit(&mut self, ctx: &ActivityContext) {
        let step = (format!("{}:{}", ctx.instance_id, ctx.execution_id), ctx.task_id);
        if self.seen.insert(step, ()).is_some() {
            self.repeated += 1;
        }
    }
}

/// A worker that knows the sample.
pub(super) fn worker(address: &str, world: &Shared) -> Worker {
    Worker::new(address)
        .activities_max(64)
        .resource(Arc::clone(world))
        .orchestration(fulfil)
        .orchestration(ship)
        .activity(reserve)
        .activity(charge)
        .activity(ship_parcel)
        .activity(send_mail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bank_that_books_one_key_twice_has_charged_once() {
        let mut world = World::default();
        world.booked.insert("a:1".to_owned(), 1);
        world.booked.insert("a:1".to_owned(), 1);
        assert_eq!(world.charged_twice(), 0);
        world.booked.insert("a:2".to_owned(), 1);
        assert_eq!(world.charged_twice(), 1);
    }

    #[test]
    fn hundred_orders_meet_every_case() {
        let orders: Vec<Order> = (1..=100).map(Order::new).collect();
        for failures in 0..=2 {
            assert!(orders.iter().any(|order| order.charge_failures() == failures));
        }
        assert!(orders.iter().any(|order| !order.is_packed()));
        assert!(orders.iter().any(|order| order.parcels == 3));
    }
}
