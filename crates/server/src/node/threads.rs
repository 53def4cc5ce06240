//! The threads of a node that are no task of the network's runtime: log, tables, copies, runners.
//!
//! Not here: what they do, and how they end (`Node::stop`).

use std::sync::{Arc, Mutex};

use storage::log::NodeLog;

use super::cluster::copies::Copies;
use super::{Node, log_writer, store_writer};
use crate::partition::mailbox::Mailbox;
use crate::partition::runner::Runner;

impl Node {
    pub(super) fn start_threads(&mut self, log: NodeLog) -> std::io::Result<()> {
        let (log_jobs, store_jobs) = (self.log.clone(), self.stores.clone());
        let (log_metrics, store_metrics) = (self.metrics.log.clone(), self.metrics.log.clone());
        let (clock, calm) = (Arc::clone(&self.platform.clock), self.platform.calm);
        let mut threads = vec![
            named("outlast-log")
                .spawn(move || log_writer::run(log, &log_jobs, &log_metrics, clock.as_ref(), calm))?,
            named("outlast-tables").spawn(move || store_writer::run(&store_jobs, &store_metrics, calm))?,
        ];
        if self.is_one_of_several() {
            let copies =
                Copies::new(self.copies.clone(), self.seats.clone(), Arc::clone(&self.platform.clock));
            threads.push(named("outlast-copies").spawn(move || copies.run())?);
        }
        for number in 0..self.runner_count() {
            let mailbox = Mailbox::default();
            let runner = Runner::new(mailbox.clone(), Arc::clone(&self.platform.clock), calm);
            threads.push(named(&format!("outlast-run-{number}")).spawn(move || runner.run())?);
            self.runners.push(mailbox);
        }
        self.threads = Mutex::new(threads);
        Ok(())
    }

    /// As many as were asked for; else one for every two cores, since logging, tables and the
    /// network have threads of their own.
    fn runner_count(&self) -> usize {
        match self.config.runner.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)).min(8),
            threads => threads,
        }
    }
}

fn named(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned()).stack_size(2 << 20)
}
