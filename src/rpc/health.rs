//! `grpc.health.v1`: whether a service is served, once or as it changes.
//!
//! Invariant: an answer is read from the newest commit, so a service that is switched off is NOT_SERVING from the commit
//! on that does it. A server that is down as a whole answers nobody, this service neither.

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::services::Services;
use super::status;
use crate::admission::Caller;
use crate::pb::health::{HealthCheckRequest, HealthCheckResponse, HealthService, ServingStatus};
use crate::store::Tree;

/// The service.
#[derive(Clone, Debug)]
pub struct Health {
    services: Arc<Services>,
}

impl Health {
    /// Tells the health of these services.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    fn status(&self, name: &str, tree: &Tree) -> ServingStatus {
        match self.services.is_served(name, tree) {
            Some(true) => ServingStatus::Serving,
            Some(false) => ServingStatus::NotServing,
            None => ServingStatus::ServiceUnknown,
        }
    }
}

/// Takes the name that is asked about, and notes it for the security log.
fn asked(request: Request<HealthCheckRequest>) -> String {
    let caller = request.extensions().get::<Arc<Caller>>().cloned();
    let name = request.into_inner().service;
    if let Some(caller) = caller {
        caller.about(name.clone());
    }
    name
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl HealthService for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let name = asked(request);
        match self.status(&name, &self.services.store().newest().tree) {
            ServingStatus::ServiceUnknown => Err(status::unknown_service(&name)),
            known => Ok(Response::new(response(known))),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// A service that does not exist is watched too, as the protocol has it.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let name = asked(request);
        let health = self.clone();
        let mut told = None;
        let changes = WatchStream::new(self.services.store().watch_configuration()).filter_map(move |commit| {
            let status = health.status(&name, &commit.tree);
            (told.replace(status) != Some(status)).then(|| Ok(response(status)))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
