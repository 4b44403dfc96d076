//! Server reflection, v1 and v1alpha: which services are served, and the protobuf files that describe them (TLS-032).
//!
//! Invariant: what is listed is what is served at the time of the question. A service that is switched off is neither
//! listed nor found by its name; the messages of its file are, because other files use them.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor, ServiceDescriptor};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::services::Services;
use super::status;
use crate::admission::Caller;
use crate::pb::reflection::{
    ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse, ListServiceResponse,
    MessageRequest, MessageResponse, ServerReflectionRequest, ServerReflectionResponse, ServiceResponse, v1, v1alpha,
};
use crate::pb::{FILE_DESCRIPTOR_SET, GRPC_DESCRIPTOR_SETS};

/// The service, in both versions.
#[derive(Clone, Debug)]
pub struct Reflection {
    services: Arc<Services>,
    pool: DescriptorPool,
}

type Answers = Pin<Box<dyn Stream<Item = Result<ServerReflectionResponse, Status>> + Send>>;

impl Reflection {
    /// Tells about these services.
    ///
    /// # Errors
    ///
    /// The descriptors that are compiled in cannot be read, which a test rules out.
    pub fn new(services: Arc<Services>) -> Result<Self, DescriptorError> {
        let mut pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
        for set in GRPC_DESCRIPTOR_SETS {
            pool.decode_file_descriptor_set(set)?;
        }
        Ok(Self { services, pool })
    }

    async fn answers(&self, request: Request<Streaming<ServerReflectionRequest>>) -> Result<Answers, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let mut questions = request.into_inner();
        // The first one is waited for, so that the security log can say what the RPC is about.
        let first = questions.message().await?;
        if let Some(caller) = caller {
            caller.about(first.as_ref().map(summary).unwrap_or_default());
        }
        let reflection = self.clone();
        let questions = tokio_stream::iter(first.map(Ok)).chain(questions);
        Ok(Box::pin(questions.map(move |question| reflection.answer(question?))))
    }

    fn answer(&self, question: ServerReflectionRequest) -> Result<ServerReflectionResponse, Status> {
        let answer = match &question.message_request {
            Some(MessageRequest::ListServices(_)) => Ok(self.list()),
            Some(MessageRequest::FileByFilename(name)) => files(name, self.pool.get_file_by_name(name)),
            Some(MessageRequest::FileContainingSymbol(symbol)) => files(symbol, self.file_of(symbol)),
            Some(MessageRequest::FileContainingExtension(extension)) => {
                files(&extension.containing_type, self.file_of_extension(extension))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => self.extensions(name),
            None => return Err(status::empty_reflection()),
        };
        // An error of one question leaves the stream open for the next.
        let answer = answer.unwrap_or_else(|error| {
            let (error_code, error_message) = (error.code().into(), error.message().to_owned());
            MessageResponse::ErrorResponse(ErrorResponse { error_code, error_message })
        });
        let valid_host = question.host.clone();
        Ok(ServerReflectionResponse { valid_host, original_request: Some(question), message_response: Some(answer) })
    }

    fn list(&self) -> MessageResponse {
        let service = self.services.served().map(|name| ServiceResponse { name: name.to_owned() }).collect();
        MessageResponse::ListServicesResponse(ListServiceResponse { service })
    }

    fn extensions(&self, name: &str) -> Result<MessageResponse, Status> {
        let message = self.pool.get_message_by_name(name).ok_or_else(|| status::unknown_descriptor(name))?;
        let extension_number = message.extensions().filter_map(|each| each.number().try_into().ok()).collect();
        let base_type_name = name.to_owned();
        Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse { base_type_name, extension_number }))
    }

    fn file_of_extension(&self, asked: &ExtensionRequest) -> Option<FileDescriptor> {
        let message = self.pool.get_message_by_name(&asked.containing_type)?;
        Some(message.get_extension(asked.extension_number.try_into().ok()?)?.parent_file())
    }

    /// The file that declares a symbol, be it a type, a service or a member of one.
    fn file_of(&self, symbol: &str) -> Option<FileDescriptor> {
        let pool = &self.pool;
        let file = pool.get_message_by_name(symbol).map(|found| found.parent_file());
        let file = file.or_else(|| self.service(symbol).map(|found| found.parent_file()));
        let file = file.or_else(|| pool.get_enum_by_name(symbol).map(|found| found.parent_file()));
        let file = file.or_else(|| pool.get_extension_by_name(symbol).map(|found| found.parent_file()));
        file.or_else(|| self.file_of_member(symbol))
    }

    fn file_of_member(&self, symbol: &str) -> Option<FileDescriptor> {
        let (owner, name) = symbol.rsplit_once('.')?;
        if let Some(service) = self.service(owner) {
            return service.methods().any(|method| method.name() == name).then(|| service.parent_file());
        }
        if let Some(message) = self.pool.get_message_by_name(owner) {
            let declared = message.get_field_by_name(name).is_some() || message.oneofs().any(|one| one.name() == name);
            if declared {
                return Some(message.parent_file());
            }
        }
        // The values of an enumeration stand beside it, not in it.
        let mut enums = self.pool.all_enums();
        enums.find(|each| each.values().any(|value| value.full_name() == symbol)).map(|each| each.parent_file())
    }

    fn service(&self, name: &str) -> Option<ServiceDescriptor> {
        self.services.served().find(|served| *served == name).and_then(|name| self.pool.get_service_by_name(name))
    }
}

/// What a question is about, for the security log.
fn summary(question: &ServerReflectionRequest) -> String {
    match &question.message_request {
        Some(MessageRequest::ListServices(_)) => "list of services".to_owned(),
        Some(MessageRequest::FileByFilename(name)) => format!("file {name}"),
        Some(MessageRequest::FileContainingSymbol(symbol)) => format!("symbol {symbol}"),
        Some(MessageRequest::FileContainingExtension(ExtensionRequest { containing_type, extension_number })) => {
            format!("extension {extension_number} of {containing_type}")
        }
        Some(MessageRequest::AllExtensionNumbersOfType(name)) => format!("extensions of {name}"),
        None => String::new(),
    }
}

/// A file with all that it imports, itself first.
fn files(asked: &str, file: Option<FileDescriptor>) -> Result<MessageResponse, Status> {
    let first = file.ok_or_else(|| status::unknown_descriptor(asked))?;
    let mut known = HashSet::from([first.name().to_owned()]);
    let mut files = vec![first];
    let mut next = 0;
    while let Some(file) = files.get(next) {
        let imports: Vec<_> = file.dependencies().filter(|each| known.insert(each.name().to_owned())).collect();
        files.extend(imports);
        next += 1;
    }
    let file_descriptor_proto = files.iter().map(FileDescriptor::encode_to_vec).collect();
    Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }))
}

/// Both versions have the same messages and the same method.
macro_rules! serve {
    ($version:ident) => {
        #[tonic::async_trait]
        impl $version::ServerReflection for Reflection {
            type ServerReflectionInfoStream = Answers;

            async fn server_reflection_info(
                &self,
                request: Request<Streaming<ServerReflectionRequest>>,
            ) -> Result<Response<Answers>, Status> {
                self.answers(request).await.map(Response::new)
            }
        }
    };
}

serve!(v1);
serve!(v1alpha);
