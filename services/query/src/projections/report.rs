//! How the projections stand, for who keeps the servers.

use super::Projections;
use super::member::State;
use super::positions::Waits;
use crate::books::Transport;
use std::fmt::Write;

impl<T: Transport> Projections<T> {
    /// Partitions that nobody holds now; `None` before the log is known.
    fn nobodys(&self) -> Option<Vec<u32>> {
        let (_, of) = self.log.get()?;
        Some((0..*of).filter(|partition| self.holders(*partition, &Waits::none()).is_empty()).collect())
    }

    /// Why no book can be reached.
    pub fn unreached(&self) -> Option<String> {
        let answers = self.members().iter().any(|member| matches!(member.state(), State::Holds(_)));
        (!answers).then(|| "no projection answers".into())
    }

    /// Why not every book can be reached.
    pub fn missing(&self) -> Option<String> {
        let list = match self.nobodys() {
            None => return Some("no projection could be reached yet".into()),
            Some(nobodys) if nobodys.is_empty() => return None,
            Some(nobodys) => nobodys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        Some(format!("no projection that holds partitions {list} answers"))
    }

    /// A line for each that is away.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for member in self.members() {
            if let State::Away(why) = member.state() {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "projection {}: {why}", member.name());
            }
        }
        text
    }

    /// Gauges.
    pub fn render_metrics(&self, out: &mut String) {
        let (mut answering, mut away) = (0, 0);
        for member in self.members() {
            *(if matches!(member.state(), State::Holds(_)) { &mut answering } else { &mut away }) += 1;
        }
        let mut family = |name: &str, help: &str, values: &[(&str, usize)]| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
            for (labels, value) in values {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
        family("tandem_query_projections", "Projections that are known.", &[("{state=\"answers\"}", answering), ("{state=\"away\"}", away)]);
        let (of, nobodys) = (self.log.get().map_or(0, |(_, of)| *of as usize), self.nobodys().map_or(0, |nobodys| nobodys.len()));
        family("tandem_query_log_partitions", "Partitions of the log; 0 until a projection was reached.", &[("", of)]);
        family("tandem_query_partitions_missing", "Partitions that no projection answers for.", &[("", nobodys)]);
    }
}
