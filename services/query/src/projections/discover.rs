//! Finds projections by name: a name that has several addresses is as many projections, and which they are may change.

use super::Projections;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tandem_wire::Error;
use tandem_wire::connect::{Connection, Credentials, KeepAlive, endpoint, host_and_port};
use tokio::net::lookup_host;
use tonic::service::interceptor::InterceptedService;

/// How often names are looked up again.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// Where projections are, and how to talk to them.
pub(crate) struct Addresses {
    urls: Vec<String>,
    credentials: Credentials,
}

impl Addresses {
    /// Refuses what is no URL, and certificates that are none.
    pub fn new(urls: &[String], credentials: Credentials) -> Result<Self, Error> {
        for url in urls {
            endpoint(url, None, credentials.ca.as_ref(), KeepAlive::WATCHFUL)?;
        }
        Ok(Self { urls: urls.to_vec(), credentials })
    }

    /// Keeps the projections those that the names lead to, for as long as somebody has them.
    pub fn follow(self, projections: &Arc<Projections<Connection>>) {
        tokio::spawn(self.run(Arc::downgrade(projections)));
    }

    async fn run(self, projections: Weak<Projections<Connection>>) {
        // What each URL led to when it was last looked up; one that cannot be looked up now is believed to lead there still.
        let mut known: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
        loop {
            for url in &self.urls {
                match look_up(url).await {
                    Ok(addresses) => drop(known.insert(url, addresses)),
                    Err(error) => tracing::warn!(url, %error, "a projection's name cannot be looked up"),
                }
            }
            let Some(projections) = projections.upgrade() else { return };
            let named =
                |(url, addresses): (&&str, &Vec<SocketAddr>)| addresses.iter().map(|at| (name(url, *at), (*url).to_owned(), *at)).collect::<Vec<_>>();
            let now: Vec<(String, String, SocketAddr)> = known.iter().flat_map(named).collect();
            projections.keep(|name| now.iter().any(|(known, _, _)| known == name));
            for (name, url, at) in now {
                if !projections.has(&name) {
                    self.join(&projections, name, &url, at);
                }
            }
            drop(projections);
            tokio::time::sleep(LOOK_UP_EVERY).await;
        }
    }

    fn join(&self, projections: &Projections<Connection>, name: String, url: &str, at: SocketAddr) {
        match endpoint(url, Some(at), self.credentials.ca.as_ref(), KeepAlive::WATCHFUL) {
            Ok(endpoint) => projections.join(name, InterceptedService::new(endpoint.connect_lazy(), self.credentials.token.clone())),
            Err(error) => tracing::error!(url, %at, %error, "a projection cannot be used"),
        }
    }
}

/// What a projection is called in the log.
fn name(url: &str, at: SocketAddr) -> String {
    format!("{url} at {at}")
}

async fn look_up(url: &str) -> std::io::Result<Vec<SocketAddr>> {
    let (host, port) = host_and_port(url).map_err(std::io::Error::other)?;
    let mut addresses: Vec<SocketAddr> = lookup_host((host.as_str(), port)).await?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_of_a_name_is_a_projection() {
        assert_eq!(look_up("http://127.0.0.1:50053").await.unwrap(), ["127.0.0.1:50053".parse().unwrap()]);
        assert!(!look_up("http://localhost:7").await.unwrap().is_empty());
        assert!(look_up("http://nobody.invalid:7").await.is_err());
        assert!(Addresses::new(&["127.0.0.1:50053".into()], Credentials::default()).is_err());
    }
}
