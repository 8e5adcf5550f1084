//! Apache Kafka and Ottla beside each other, each with a data directory of its own and the same settings, killed and
//! started again at will.

use crate::parts::Context;
use crate::side_by_side::systems::{Programs, Running, Site, System};
use std::path::{Path, PathBuf};

/// One of the two: a broker that may be down.
pub struct Broker {
    site: Site,
    running: Option<Running>,
}

impl Broker {
    /// Starts one with its data below `dir`.
    pub fn start(context: &Context, system: System, dir: &Path, settings: &[(&str, &str)]) -> Result<Broker, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let programs = Programs { ottla: context.binary.clone(), root: context.root.clone(), own };
        let site = Site::new(&programs, system, &dir.join(system.name()), settings)?;
        let mut broker = Broker { site, running: None };
        broker.up()?;
        Ok(broker)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.site.system.name()
    }

    /// Whether it is Kafka.
    pub fn is_kafka(&self) -> bool {
        self.site.system.is_kafka()
    }

    /// Its process.
    pub fn running(&self) -> Result<&Running, String> {
        self.running.as_ref().ok_or_else(|| format!("{} is down", self.name()))
    }

    /// `host:port`; the same after a restart.
    pub fn bootstrap(&self) -> Result<String, String> {
        Ok(self.running()?.bootstrap().to_owned())
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.site.dir.join("data")
    }

    /// Where partition 0 of a topic lies.
    pub fn partition(&self, topic: &str) -> PathBuf {
        self.data().join(format!("{topic}-0"))
    }

    /// Starts it again.
    pub fn up(&mut self) -> Result<(), String> {
        self.running = Some(self.site.start()?);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// A graceful stop.
    pub fn stop(&mut self) -> Result<(), String> {
        self.running.take().map_or(Ok(()), Running::stop)
    }
}

/// Both.
pub struct Pair {
    /// Apache Kafka.
    pub kafka: Broker,
    /// Ottla.
    pub ottla: Broker,
}

impl Pair {
    /// Starts both at once with the same settings.
    pub fn start(context: &Context, ottla: System, dir: &Path, settings: &[(&str, &str)]) -> Result<Pair, String> {
        let (kafka, ottla) = std::thread::scope(|scope| {
            let kafka = scope.spawn(|| Broker::start(context, System::Kafka, dir, settings));
            let ottla = Broker::start(context, ottla, dir, settings);
            (kafka.join().unwrap_or_else(|_| Err("panicked".to_owned())), ottla)
        });
        Ok(Pair { kafka: kafka?, ottla: ottla? })
    }

    /// Does the same with both, Kafka first; an error says whose it is.
    pub fn each<T>(&self, mut work: impl FnMut(&Broker) -> Result<T, String>) -> Result<[T; 2], String> {
        let mut with = |broker: &Broker| work(broker).map_err(|error| format!("{}: {error}", broker.name()));
        Ok([with(&self.kafka)?, with(&self.ottla)?])
    }

    /// The same with both at once.
    pub fn at_once<T: Send>(&self, work: impl Fn(&Broker) -> Result<T, String> + Sync) -> Result<[T; 2], String> {
        std::thread::scope(|scope| {
            let kafka = scope.spawn(|| work(&self.kafka));
            let ottla = work(&self.ottla);
            Ok([kafka.join().unwrap_or_else(|_| Err("panicked".to_owned()))?, ottla?])
        })
    }

    /// The same where both must come to the same.
    pub fn alike<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        work: impl FnMut(&Broker) -> Result<T, String>,
    ) -> Result<T, String> {
        let [kafka, ottla] = self.each(work)?;
        if kafka == ottla { Ok(ottla) } else { Err(format!("{what}: Kafka {kafka:?}, Ottla {ottla:?}")) }
    }

    /// kill -9 and a new start of both.
    pub fn kill_both(&mut self) -> Result<(), String> {
        self.kafka.kill();
        self.ottla.kill();
        std::thread::scope(|scope| {
            let kafka = scope.spawn(|| self.kafka.up());
            let ottla = self.ottla.up();
            kafka.join().unwrap_or_else(|_| Err("panicked".to_owned())).and(ottla)
        })
    }
}
