//! The Subscribe RPC: a plan from the first message, then a stream that the transport pulls.

use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Request, Status, Streaming};

use super::extensions::OfSubscribe;
use super::request::{Paths, summary};
use super::{Gnmi, extensions};
use crate::admission::{Caller, DSCP_MAX, Subscribing};
use crate::codec::{Encoded, Encoder, Encoding, Grouping};
use crate::feed::{Description, Feed, PathDescription, Source};
use crate::path::RawPath;
use crate::pb::gnmi as pb;
use crate::pb::gnmi::subscribe_request::Request as Kind;
use crate::rpc::status;
use crate::telemetry::{ListMode, PathMode, PathPlan, PathRequest, Plan, PlanRequest};

impl Gnmi {
    /// Accepts a subscription. Everything that can be wrong with it is answered before any data (SUB-047).
    pub(super) async fn subscribe(
        &self,
        request: Request<Streaming<pb::SubscribeRequest>>,
    ) -> Result<Subscription, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let mut inbound = request.into_inner();
        let first = inbound.message().await?;
        let first = first.ok_or_else(|| status::message_order("Stream ended without a subscription"))?;
        let first = self.read(first);
        let Some(Kind::Subscribe(list)) = first.request else {
            return Err(status::message_order("No subscription exists yet: the first message must hold one"));
        };
        if let Some(caller) = &caller {
            caller.about(about(&list));
        }
        let asked = extensions::of_subscribe(&first.extension, list.mode)?;
        let dscp = dscp(&list)?;
        // Before anything is done for so many of them.
        let paths = self.paths_permit(list.subscription.len())?;
        let (plan, encoder) = self.plan(&list, &asked)?;
        let parts = &self.parts;
        let mode = plan.mode;
        let registered = parts.subscriptions.register(self.description(&list, &plan, caller.as_deref()));
        let viewer = caller.as_ref().map(|caller| self.viewer(caller));
        let subscribing = caller.as_ref().map(|caller| caller.session.subscribing(dscp));
        let interruptions = Interruptions {
            user_changed: caller.map(|caller| Box::pin(caller.user_changed().cancelled_owned())),
            ended: Box::pin(registered.account().ended().clone().cancelled_owned()),
        };
        let source = Source {
            store: parts.store.clone(),
            capable: parts.capable.clone(),
            groups: parts.groups.clone(),
            clock: parts.clock.clone(),
        };
        let plan = Arc::new(plan);
        let feed = Feed::new(&source, plan.clone(), encoder, registered);
        let feed = match viewer {
            Some(viewer) => feed.seen_by(viewer, plan),
            None => feed,
        };
        let inbound = Some(inbound);
        Ok(Subscription {
            feed,
            inbound,
            mode,
            interruptions,
            unheard: 0,
            ended: false,
            _paths: paths,
            _subscribing: subscribing,
        })
    }

    /// What state says about the subscription (SUB-053).
    fn description(&self, list: &pb::SubscriptionList, plan: &Plan, caller: Option<&Caller>) -> Description {
        let parts = &self.parts;
        // A ONCE list has one notification as it is (C-21).
        let bundles = parts.profile.bundling && plan.mode != ListMode::Once;
        let streams = plan.mode == ListMode::Stream;
        let path = |path: &PathPlan| PathDescription {
            path: path.asked.clone(),
            mode: streams.then_some(path.mode),
            sample_interval: (streams && path.mode != PathMode::OnChange).then_some(path.sample_interval),
            heartbeat: path.heartbeat.filter(|_| streams),
        };
        Description {
            user: caller.map(|caller| caller.user.clone()).unwrap_or_default(),
            peer: caller.map_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into(), |caller| caller.session.peer()),
            mode: plan.mode,
            encoding: Encoding::from_pb(list.encoding, parts.profile.encodings).unwrap_or(Encoding::Json),
            bundling: parts.knobs.bundling(&parts.store.newest().tree).filter(|_| bundles),
            configuration: plan.configuration.is_some(),
            since: parts.clock.now(),
            paths: plan.paths.iter().map(path).collect(),
        }
    }

    /// Counts the paths of a subscription for as long as it lives. A wildcard path is one path (LIM-006).
    fn paths_permit(&self, asked: usize) -> Result<OwnedSemaphorePermit, Status> {
        let limit = self.parts.limits.subscription_paths;
        let free = self.parts.free_paths.available_permits();
        u32::try_from(asked)
            .ok()
            .and_then(|asked| self.parts.free_paths.clone().try_acquire_many_owned(asked).ok())
            .ok_or_else(|| status::too_many_paths(asked, limit.saturating_sub(free), limit))
    }

    fn plan(&self, list: &pb::SubscriptionList, extensions: &OfSubscribe) -> Result<(Plan, Encoder), Status> {
        let profile = &self.parts.profile;
        let tree = &self.parts.store.newest().tree;
        let values = self.values(list.encoding, tree)?;
        let mode = match pb::subscription_list::Mode::try_from(list.mode) {
            Ok(pb::subscription_list::Mode::Stream) => ListMode::Stream,
            Ok(pb::subscription_list::Mode::Once) => ListMode::Once,
            Ok(pb::subscription_list::Mode::Poll) => ListMode::Poll,
            Err(_) => return Err(status::mode(list.mode)),
        };
        if !profile.list_modes.contains(&mode) {
            return Err(status::list_mode(list.mode().as_str_name(), profile.name));
        }
        let empty = pb::Path::default();
        let asked: Vec<&pb::Path> =
            list.subscription.iter().map(|asked| asked.path.as_ref().unwrap_or(&empty)).collect();
        // A list without subscriptions has no path at all, and the plan refuses it (SUB-003).
        let paths = Paths::decode(list.prefix.as_ref(), &asked, profile)?;
        let each = list.subscription.iter().zip(paths.absolute);
        let request = PlanRequest {
            mode,
            updates_only: list.updates_only,
            depth: extensions.depth,
            configuration: extensions.configuration.then(|| self.configuration.clone()),
            paths: each.map(|(asked, path)| path_request(asked, path, mode)).collect::<Result<_, Status>>()?,
        };
        let plan = Plan::new(&request, &self.resolver(tree), &profile.rules);
        let only = self.within_models(&list.use_models, tree)?;
        let plan = plan.and_then(|plan| match only {
            Some(only) => plan.within(only, self.parts.store.schema()),
            None => Ok(plan),
        });
        let plan = plan.map_err(|error| status::plan(&error))?;
        let grouping = match mode {
            ListMode::Once => Grouping::Whole { prefix: plan.common_branch(self.parts.store.schema()) },
            ListMode::Stream | ListMode::Poll => Grouping::PerBranch,
        };
        let (wire, target) = (self.parts.wire.clone(), paths.target.as_deref());
        let message_bytes_max = self.parts.limits.subscribe_message_bytes;
        let encoder = Encoder::new(wire, values, paths.form, target, grouping, message_bytes_max);
        Ok((plan, if profile.newer_fields { encoder } else { encoder.without_duplicates() }))
    }
}

/// The DSCP that a list asks for (SUB-043).
fn dscp(list: &pb::SubscriptionList) -> Result<Option<u8>, Status> {
    let Some(pb::QosMarking { marking }) = list.qos else { return Ok(None) };
    let dscp = u8::try_from(marking).ok().filter(|&dscp| dscp <= DSCP_MAX);
    dscp.map(Some).ok_or_else(|| status::marking(marking, DSCP_MAX))
}

/// The paths, for the security log.
fn about(list: &pb::SubscriptionList) -> String {
    summary(list.prefix.as_ref(), list.subscription.iter().filter_map(|subscription| subscription.path.as_ref()))
}

fn path_request(asked: &pb::Subscription, path: RawPath, list: ListMode) -> Result<PathRequest, Status> {
    let mode = match pb::SubscriptionMode::try_from(asked.mode) {
        Ok(pb::SubscriptionMode::TargetDefined) => PathMode::TargetDefined,
        Ok(pb::SubscriptionMode::OnChange) => PathMode::OnChange,
        Ok(pb::SubscriptionMode::Sample) => PathMode::Sample,
        // ONCE and POLL do not look at the mode of a path (SUB-019).
        Err(_) if list != ListMode::Stream => PathMode::TargetDefined,
        Err(_) => return Err(status::mode(asked.mode)),
    };
    Ok(PathRequest {
        path,
        mode,
        sample_interval: asked.sample_interval,
        suppress_redundant: asked.suppress_redundant,
        heartbeat_interval: asked.heartbeat_interval,
    })
}

/// The answer to a Subscribe: encoded messages until the client or a change of user ends it; the end of the server is
/// told by whoever carries it (TLS-028).
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    /// None once the client has half-closed, which does not end a STREAM (SUB-048).
    inbound: Option<Streaming<pb::SubscribeRequest>>,
    mode: ListMode,
    interruptions: Interruptions,
    /// Messages since the client and the daemon were last listened to.
    unheard: u32,
    ended: bool,
    _paths: OwnedSemaphorePermit,
    /// The DSCP of the connection is that of the first of these (SUB-043).
    _subscribing: Option<Subscribing>,
}

/// Messages after which a subscription listens even though it has more to say: locks are not for every message.
const UNHEARD_MAX: u32 = 64;

/// What can end a subscription besides its client and the end of the server.
#[derive(Debug)]
struct Interruptions {
    user_changed: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Interruptions {
    fn check(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        if self.user_changed.as_mut().is_some_and(|changed| changed.as_mut().poll(cx).is_ready()) {
            return Err(status::user_changed());
        }
        if self.ended.as_mut().poll(cx).is_ready() {
            return Err(status::subscription_ended());
        }
        Ok(())
    }
}

impl Subscription {
    /// Takes what the client has sent: Polls count, anything else ends the RPC. Tells whether there was a Poll.
    fn take_requests(&mut self, cx: &mut Context<'_>) -> Result<bool, Status> {
        let mut polled = false;
        while let Some(inbound) = &mut self.inbound {
            match Pin::new(inbound).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.inbound = None,
                Poll::Ready(Some(message)) => match message?.request {
                    Some(Kind::Poll(_)) if self.mode == ListMode::Poll => {
                        self.feed.poll_request();
                        polled = true;
                    }
                    Some(Kind::Poll(_)) => {
                        return Err(status::message_order("Poll is only allowed in a POLL subscription"));
                    }
                    Some(Kind::Subscribe(_)) => {
                        return Err(status::message_order("The subscription list of an RPC cannot change"));
                    }
                    None => return Err(status::message_order("Message holds neither a subscription nor a Poll")),
                },
            }
        }
        Ok(polled)
    }

    /// Hears what others have to say. Tells whether there is something new to answer.
    fn listen(&mut self, cx: &mut Context<'_>) -> Result<bool, Status> {
        self.unheard = 0;
        self.interruptions.check(cx)?;
        self.take_requests(cx)
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Result<Poll<Option<Encoded>>, Status> {
        if self.unheard >= UNHEARD_MAX {
            self.listen(cx)?;
        }
        loop {
            let next = Pin::new(&mut self.feed).poll_next(cx);
            if next.is_ready() {
                self.unheard += 1;
                return Ok(next);
            }
            if self.listen(cx)? {
                continue;
            }
            // Nobody can poll any more, and everything asked for has been said (SUB-023).
            let over = self.mode == ListMode::Poll && self.inbound.is_none() && self.feed.is_idle();
            return Ok(if over { Poll::Ready(None) } else { Poll::Pending });
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Encoded, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match self.next(cx) {
            Ok(next) => next.map(|message| message.map(Ok)),
            Err(status) => Poll::Ready(Some(Err(status))),
        };
        self.ended = matches!(next, Poll::Ready(None | Some(Err(_))));
        next
    }
}
