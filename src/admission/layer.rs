//! Admission as a layer around every service.
//!
//! Invariant: an RPC reaches its handler only with credentials of its own that were accepted (AUTH-035), a seated
//! session, a channel, and the permission of the user's profile; everything else is answered here. The order is: who
//! asks, may they, is there room. So a stranger learns nothing about limits and takes nothing from anybody.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::backoff::Backoff;
use super::caller::{Caller, Login};
use super::channel::{Channel, ChannelBody, Channels, RpcFacts};
use super::closing::Closing;
use super::credentials;
use super::refusal::Refusal;
use super::rpc::Rpc;
use super::session::{Session, Sessions};
use super::source::Source;
use crate::aaa::local::User;
use crate::aaa::{Authenticator, Checked, Credentials, Fingerprint, Method, Outcome, Served, Share};
use crate::log::{Event, SecurityLog, Verdict};
use crate::store::Store;
use crate::time::Clock;

/// Lets RPCs in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission {
    parts: Arc<Parts>,
    closing: Closing,
}

#[derive(Debug)]
struct Parts {
    sessions: Arc<Sessions>,
    channels: Channels,
    store: Arc<Store>,
    authenticator: Authenticator,
    backoff: Backoff,
    log: SecurityLog,
    clock: Clock,
}

/// An RPC that was let in.
struct Admitted {
    caller: Arc<Caller>,
    channel: Channel,
    rpc: Rpc,
}

/// What a session was last accepted with, and what that user may do.
#[derive(Debug)]
pub(super) struct Accepted {
    fingerprint: Fingerprint,
    rights: Arc<User>,
    /// The configuration that `rights` was read from.
    configurations: u64,
}

impl Admission {
    /// Admission to what the sessions of `sessions` ask, judged by the newest commit of `store`.
    pub fn new(
        sessions: Arc<Sessions>,
        store: Arc<Store>,
        authenticator: Authenticator,
        log: SecurityLog,
        clock: Clock,
    ) -> Self {
        let channels = Channels::new(sessions.limits().channels);
        let backoff = Backoff::new(sessions.limits());
        let parts = Arc::new(Parts { sessions, channels, store, authenticator, backoff, log, clock });
        Self { parts, closing: Closing::default() }
    }

    /// The same, for a server that ends by `closing`.
    pub fn until(&self, closing: &Closing) -> Self {
        Self { parts: self.parts.clone(), closing: closing.clone() }
    }
}

impl Parts {
    async fn admit(&self, session: &Arc<Session>, path: &str, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        let rpc = Rpc::at(path);
        let certified = self.certified(session, headers);
        let claimed = certified.clone().unwrap_or_else(|| credentials::claimed_user(headers, session.is_encrypted()));
        let mut line = self.line("rpc", session, path, &claimed);
        let facts = RpcFacts { path: line.rpc.clone(), user: line.user.clone(), began: line.time };
        match self.judge(session, path, rpc, facts, headers, certified).await {
            Ok((login, channel)) => {
                line.verdict = Some(Verdict::Authorized);
                let caller = Caller::new(login, session.clone(), self.log.clone(), line);
                Ok(Admitted { caller: Arc::new(caller), channel, rpc })
            }
            Err(refusal) => {
                line.reason = refusal.to_string();
                self.sessions.complaints().refused(line);
                Err(refusal)
            }
        }
    }

    /// The user that the client's certificate stands for, when the RPC brings no password and that is switched on
    /// (AUTH-038, C-04).
    fn certified(&self, session: &Session, headers: &HeaderMap) -> Option<String> {
        let user = self.authenticator.certified_user(&self.store.newest().tree, session.client_certificate()?)?;
        credentials::leaves_to_certificate(headers, &user).then_some(user)
    }

    async fn judge(
        &self,
        session: &Arc<Session>,
        path: &str,
        rpc: Rpc,
        facts: RpcFacts,
        headers: &HeaderMap,
        certified: Option<String>,
    ) -> Result<(Login, Channel), Refusal> {
        let is_certified = certified.is_some();
        let credentials = match certified {
            // No login has an empty password, so this one is told from every other.
            Some(user) => Credentials { user, password: Vec::new() },
            None => credentials::read(headers, session.is_encrypted()).ok_or(Refusal::NoCredentials)?,
        };
        let login = self.authenticate(session, path, &credentials, is_certified).await?;
        if let Some(leaf) = rpc.leaf
            && !login.rights.permits_rpc(leaf)
        {
            return Err(Refusal::Rpc { rpc: leaf });
        }
        self.sessions.seat(session).map_err(Refusal::Sessions)?;
        let channel = self.channels.open(session, facts, rpc.streams);
        let mut channel =
            channel.ok_or_else(|| Refusal::Channels(self.sessions.all_channels(self.channels.limit())))?;
        channel.keep_account(|state| {
            let RpcFacts { path, user, began } = state.rpc();
            let (rpc, user, by, client) = (path.clone(), user.clone(), login.rights.by(), session.peer().ip());
            let served = || Served { id: state.id(), user, by, client, rpc, began: *began };
            self.authenticator.account(&self.store.newest().tree, served)
        });
        Ok((login, channel))
    }

    /// The login of the user, whose credentials are checked unless they are those last accepted on this session
    /// (AUTH-015, AUTH-016, AUTH-021). RPCs with equal credentials wait for one check; others go their way meanwhile.
    async fn authenticate(
        &self,
        session: &Arc<Session>,
        path: &str,
        credentials: &Credentials,
        is_certified: bool,
    ) -> Result<Login, Refusal> {
        let fingerprint = self.authenticator.fingerprint(credentials);
        // Nothing is left to be checked that could fail, so nobody waits.
        if is_certified {
            let known = self.known(session, fingerprint, &credentials.user);
            return match known {
                Some(known) => known,
                None => self.check(session, path, credentials, fingerprint, None).await,
            };
        }
        loop {
            if let Some(known) = self.known(session, fingerprint, &credentials.user) {
                return known;
            }
            let queued = self.backoff.queue(Source::of(session.peer())).map_err(Refusal::Logins)?;
            let check = session.checks().of(fingerprint);
            let mut login = None;
            let checking = async {
                let _safe = session.checking();
                let mut turn = queued.turn(&credentials.user).await;
                let checked = self.check(session, path, credentials, fingerprint, Some(turn.share())).await;
                match &checked {
                    Ok(_) => turn.accepted(),
                    Err(Refusal::NoServer) => turn.undecided(),
                    Err(_) => drop(turn),
                }
                login = Some(checked?);
                Ok(())
            };
            let checked = check.get_or_init(|| checking).await.clone();
            session.checks().take(&check);
            match (checked, login) {
                (Err(refusal), _) => return Err(refusal),
                (Ok(()), Some(login)) => return Ok(login),
                // Somebody else's RPC has asked, and this one is let in by it unless a third user has come since.
                (Ok(()), None) => {}
            }
        }
    }

    /// The login that was accepted before, with the rights of the newest configuration.
    fn known(&self, session: &Session, fingerprint: Fingerprint, user: &str) -> Option<Result<Login, Refusal>> {
        let mut accepted = session.login();
        let known = accepted.as_mut().filter(|accepted| accepted.fingerprint == fingerprint)?;
        let newest = self.store.newest();
        if known.configurations != newest.configurations {
            let now = self.authenticator.user(&newest.tree, user, known.rights.grant.as_ref());
            let Some(now) = now.filter(|user| user.grpc_access) else {
                return Some(Err(Refusal::NoAccess { user: user.to_owned() }));
            };
            known.rights = Arc::new(now);
            known.configurations = newest.configurations;
        }
        Some(Ok(Login { rights: known.rights.clone(), user_changed: session.user_changed() }))
    }

    /// Has the credentials checked by whoever is to be asked, and accepts them for the session.
    async fn check(
        &self,
        session: &Session,
        path: &str,
        credentials: &Credentials,
        fingerprint: Fingerprint,
        share: Option<&mut Share>,
    ) -> Result<Login, Refusal> {
        let now = tokio::time::Instant::now().into_std();
        let (asked, client, is_certified) = (self.store.newest(), session.peer().ip(), share.is_none());
        let Checked { outcome, by, grant } = match share {
            Some(share) => self.authenticator.check(&asked.tree, credentials, (client, share), now).await,
            None => Checked::by_certificate(),
        };
        // What the user may do is what the configuration says now, however long the answer took.
        let newest = self.store.newest();
        let user = self.authenticator.user(&newest.tree, &credentials.user, grant.as_ref());
        let mut line = self.line("authentication", session, path, &credentials.user);
        let rights = match user {
            Some(user) if outcome == Outcome::Accepted && user.grpc_access => Arc::new(user),
            // The session stays with the user it had, and so do its subscriptions (AUTH-020, AUTH-022).
            _ => {
                let (refusal, note) = match outcome {
                    Outcome::Accepted => (Refusal::NoAccess { user: credentials.user.clone() }, ""),
                    Outcome::Rejected => (Refusal::Rejected, ""),
                    // The client is not told: it would learn that there is such a user (AUTH-005).
                    Outcome::LocksOut => (Refusal::Rejected, ", too many failures lock the user out"),
                    Outcome::LockedOut => (Refusal::Rejected, ", the user is locked out"),
                    Outcome::Unreachable => (Refusal::NoServer, ""),
                };
                line.reason = format!("{refusal}{note}");
                if outcome == Outcome::LocksOut {
                    line.verdict = Some(Verdict::LocksOut);
                }
                self.sessions.complaints().refused(line);
                return Err(refusal);
            }
        };
        line.verdict = Some(Verdict::Authorized);
        if is_certified {
            line.reason = "by client certificate".to_owned();
        } else if by != Method::Local {
            line.reason = format!("by {by}");
        }
        self.log.write(line);
        // Under one lock, so that what was accepted last and whose subscriptions run agree whoever runs first.
        let mut accepted = session.login();
        self.authenticator.note(session.id(), &credentials.user, rights.grant.as_ref());
        session.accepted(&credentials.user, self.clock.now());
        *accepted = Some(Accepted { fingerprint, rights: rights.clone(), configurations: newest.configurations });
        Ok(Login { rights, user_changed: session.user_changed() })
    }

    fn line(&self, kind: &'static str, session: &Session, path: &str, user: &str) -> Event {
        Event {
            time: self.clock.now(),
            kind,
            user: credentials::loggable(user),
            client: session.peer(),
            session: session.id(),
            rpc: credentials::loggable(path),
            paths: String::new(),
            verdict: Some(Verdict::Unauthorized),
            reason: String::new(),
        }
    }
}

impl<S> Layer<S> for Admission {
    type Service = Admitting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admitting { inner, parts: self.parts.clone(), closing: self.closing.clone() }
    }
}

/// A service behind admission.
#[derive(Clone, Debug)]
pub struct Admitting<S> {
    inner: S,
    parts: Arc<Parts>,
    closing: Closing,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> Service<Request<Body>> for Admitting<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (parts, closing) = (self.parts.clone(), self.closing.clone());
        Box::pin(async move {
            // The body of a request cannot be shared between threads, so it is set aside while the rest is looked at.
            let (mut head, body) = request.into_parts();
            let admitted = match (closing.refusal(), head.extensions.get::<Arc<Session>>()) {
                (Some(refusal), _) => Err(refusal),
                (None, None) => Err(Refusal::NoSession),
                (None, Some(session)) => parts.admit(session, head.uri.path(), &head.headers).await,
            };
            let Admitted { caller, mut channel, rpc } = match admitted {
                Ok(admitted) => admitted,
                Err(refusal) => return Ok(refusal.status().into_http()),
            };
            head.extensions.insert(caller.clone());
            let user_changed = caller.user_changed();
            let request = Request::from_parts(head, body);
            let answer = inner.call(request);
            let answer = if rpc.streams {
                tokio::select! {
                    answer = answer => answer?,
                    // A subscription that has not said yet what it wants (AUTH-018, TLS-028).
                    () = user_changed.cancelled() => Refusal::UserChanged.status().into_http(),
                    () = closing.closed() => closed(&closing),
                }
            } else {
                tokio::select! {
                    answer = answer => answer?,
                    () = closing.answers_are_due() => closed(&closing),
                }
            };
            let refused = Status::from_header_map(answer.headers());
            if let Some(status) = &refused {
                channel.ends(status);
            }
            if let Some(account) = channel.account() {
                account.about(caller.paths());
            }
            caller.answered(refused.as_ref());
            let closing = rpc.streams.then_some(&closing);
            Ok(answer.map(|body| Body::new(ChannelBody::new(body, channel, closing))))
        })
    }
}

fn closed(closing: &Closing) -> Response<Body> {
    closing.refusal().map_or_else(|| Response::new(Body::empty()), |refusal| refusal.status().into_http())
}
