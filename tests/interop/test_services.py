"""Reflection and health, asked by gRPC's own Python clients, which know nothing of this project's protobuf files."""

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from harness.wire import Connection, assert_refusal

SERVICES = {
    "gnmi.gNMI",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Login(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Puts a user into the metadata of each call."""

    def __init__(self, user):
        self.metadata = [("username", user), ("password", user)]

    def _go_on(self, go_on, details, request):
        details = grpc._interceptor._ClientCallDetails(
            details.method, details.timeout, self.metadata, details.credentials, details.wait_for_ready, None
        )
        return go_on(details, request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_stream = _go_on


@pytest.fixture
def channel(daemon):
    with grpc.insecure_channel(daemon.address) as channel:
        yield grpc.intercept_channel(channel, Login("admin"))


def test_case_66_services_listed(channel):
    # TLS-032
    assert set(ProtoReflectionDescriptorDatabase(channel).get_services()) == SERVICES


def test_case_66_services_need_a_user(daemon):
    # AUTH-002
    with grpc.insecure_channel(daemon.address) as channel, pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(channel).get_services()
    assert_refusal(caught.value.code(), caught.value.details(), grpc.StatusCode.UNAUTHENTICATED)


def test_a_client_made_of_reflection_alone(channel):
    # TLS-030 TLS-032
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = descriptor_pool.DescriptorPool(database)
    method = pool.FindServiceByName("gnmi.gNMI").FindMethodByName("Capabilities")
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    assert call(request(), timeout=10).gNMI_version == "0.8.0"
    # The option that tells the version of the file is there too.
    file = descriptor_pb2.FileDescriptorProto()
    pool.FindFileByName("gnmi.proto").CopyToProto(file)
    assert b"0.10.0" in file.options.SerializeToString()


def test_health(new_daemon):
    daemon = new_daemon()
    with grpc.insecure_channel(daemon.address) as plain:
        health = health_pb2_grpc.HealthStub(grpc.intercept_channel(plain, Login("admin")))
        for service in ("", *SERVICES):
            assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="gnoi.system.System"), timeout=10)
        assert_refusal(caught.value.code(), caught.value.details(), grpc.StatusCode.NOT_FOUND, "gnoi.system.System")
        watched = health.Watch(health_pb2.HealthCheckRequest(service="gnmi.gNMI"), timeout=30)
        assert next(watched).status == SERVING
        with Connection(daemon.address) as client:
            client.set(update=[("/configure/system/grpc/gnmi/admin-state", "disable")])
        assert next(watched).status == NOT_SERVING
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == NOT_SERVING
        daemon.terminate()
        with pytest.raises(grpc.RpcError) as caught:
            next(watched)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert caught.value.details()
