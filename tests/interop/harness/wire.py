"""gNMI on the wire: requests that no client sends, and answers before any client has interpreted them.

The messages come from the project's own proto/, compiled when the suite starts. They live in a descriptor pool of their
own, because pygnmi registers the same names in the default one.
"""

import functools
import json
import queue
import re
import tempfile
import threading
import time
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from . import REPOSITORY

UNARY_SECONDS = 20
SECOND = 1_000_000_000

# SEVERITY: APPLICATION #number: path - reason, on one line (LIM-013).
ERROR_STYLE = re.compile(r"(INFO|MINOR|MAJOR|CRITICAL): [A-Z_]+ #\d+: [^\n]+")


def descriptors(source, *roots):
    """Compiles a .proto file and what it imports, looked for below `roots`, into a FileDescriptorSet."""
    bundled = resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "set.pb"
        arguments = [*(f"-I{root}" for root in (*roots, bundled)), "--include_imports", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *arguments, str(source)]) != 0:
            raise RuntimeError(f"protoc refuses {source}")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


@functools.cache
def messages():
    """Every message of gnmi and gnmi_ext by its bare name."""
    proto = REPOSITORY / "proto"
    source = next(proto.rglob("gnmi.proto"))
    pool = descriptor_pool.DescriptorPool()
    names = []
    for file in descriptors(source, proto, source.parent).file:
        pool.Add(file)
        if file.package in ("gnmi", "gnmi_ext"):
            names += [(message.name, f"{file.package}.{message.name}") for message in file.message_type]
    found = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(full)) for name, full in names}
    return SimpleNamespace(**found)


def path(text, origin="", target=""):
    """A Path from its text form: `/a/b[k=v]/c`, with `\\]` and `\\\\` inside a key value."""
    m = messages()
    elems, name, keys, at = [], "", {}, 0
    text = text.strip("/") if text.startswith("/") else text
    while at <= len(text):
        if at == len(text) or text[at] == "/":
            if name:
                elems.append(m.PathElem(name=name, key=keys))
            name, keys, at = "", {}, at + 1
        elif text[at] == "[":
            key, _, rest = text[at + 1 :].partition("=")
            value, used = _key_value(rest)
            keys[key] = value
            at += len(key) + used + 2
        else:
            name, at = name + text[at], at + 1
    return m.Path(elem=elems, origin=origin, target=target)


def _key_value(text):
    """The value before the closing bracket, and how many characters it and the bracket take."""
    value, at = "", 0
    while text[at] != "]":
        at += text[at] == "\\"
        value, at = value + text[at], at + 1
    return value, at + 1


def text(*paths):
    """The text form of paths joined, as `path` reads it, keys sorted."""
    parts = []
    for elem in (elem for each in paths for elem in each.elem):
        keys = "".join(f"[{key}={_escaped(value)}]" for key, value in sorted(elem.key.items()))
        parts.append(f"/{elem.name}{keys}")
    return "".join(parts) or "/"


def _escaped(value):
    return value.replace("\\", "\\\\").replace("]", "\\]")


def typed(**value):
    return messages().TypedValue(**value)


def as_path(given):
    return path(given) if isinstance(given, str) else given


def _as_typed(given):
    """A TypedValue as it is; anything else as JSON."""
    if isinstance(given, messages().TypedValue):
        return given
    return typed(json_val=json.dumps(given).encode())


def value(typed_value):
    """What a TypedValue says, as Python has it."""
    kind = typed_value.WhichOneof("value")
    assert kind, "an update without a value"
    held = getattr(typed_value, kind)
    if kind in ("json_val", "json_ietf_val"):
        return json.loads(held)
    if kind == "leaflist_val":
        return [value(element) for element in held.element]
    return held


def leaves(*notifications):
    """Updates as (path, value), absolute paths, in the order sent."""
    return [
        (text(notification.prefix, update.path), value(update.val))
        for notification in notifications
        for update in notification.update
    ]


def deletes(*notifications):
    return [text(each.prefix, deleted) for each in notifications for deleted in each.delete]


def assert_refusal(code, message, wanted, *fragments):
    """A status as a client must see it: the right code, and one line in the house style that names what it must."""
    assert code == wanted, f"{code}: {message}"
    assert ERROR_STYLE.fullmatch(message), f"not in the style of an error: {message!r}"
    for fragment in fragments:
        assert fragment in message, f"{fragment!r} is not in {message!r}"


def subscription(given, **fields):
    return messages().Subscription(path=as_path(given), **fields)


class Connection:
    """One session: a TCP or TLS connection of its own, however many others this process has."""

    def __init__(self, address, user="admin", password="admin", ca=None, max_receive=None):
        # Without the local pool, grpc would carry every Connection of this process over one TCP connection.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        if max_receive is not None:
            options.append(("grpc.max_receive_message_length", max_receive))
        options.append(("grpc.max_send_message_length", -1))
        if ca:
            credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes())
            self.channel = grpc.secure_channel(address, credentials, options)
        else:
            self.channel = grpc.insecure_channel(address, options)
        self.metadata = [("username", user), ("password", password)]
        self.streams = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for stream in self.streams:
            stream.cancel()
        self.channel.close()

    def _unary(self, name, request, reply, timeout, metadata):
        call = self.channel.unary_unary(
            f"/gnmi.gNMI/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString,
        )
        return call(request, timeout=timeout, metadata=self.metadata if metadata is None else metadata)

    def capabilities(self, metadata=None, **fields):
        m = messages()
        return self._unary("Capabilities", m.CapabilityRequest(**fields), m.CapabilityResponse, UNARY_SECONDS, metadata)

    def get(self, *paths, timeout=UNARY_SECONDS, metadata=None, **fields):
        m = messages()
        request = m.GetRequest(path=[as_path(each) for each in paths], **fields)
        return self._unary("Get", request, m.GetResponse, timeout, metadata)

    def read(self, given, **fields):
        """The one value at a leaf or container."""
        found = leaves(*self.get(given, **fields).notification)
        assert len(found) == 1, found
        return found[0][1]

    def find(self, given, **fields):
        """Everything that a path with wildcards matches, by path."""
        return dict(leaves(*self.get(given, **fields).notification))

    def set(self, delete=(), replace=(), update=(), timeout=UNARY_SECONDS, metadata=None, **fields):
        """One Set. `replace` and `update` are (path, value) pairs; a value that is no TypedValue goes as JSON."""
        m = messages()

        def updates(pairs):
            return [m.Update(path=as_path(given), val=_as_typed(val)) for given, val in pairs]

        request = m.SetRequest(
            delete=[as_path(each) for each in delete],
            replace=updates(replace),
            update=updates(update),
            **fields,
        )
        return self.send_set(request, timeout, metadata)

    def send_set(self, request, timeout=UNARY_SECONDS, metadata=None):
        """A Set that is made already."""
        return self._unary("Set", request, messages().SetResponse, timeout, metadata)

    def stream(self, *requests, metadata=None):
        """A Subscribe RPC with these first requests; more can follow."""
        m = messages()
        call = self.channel.stream_stream(
            "/gnmi.gNMI/Subscribe",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=m.SubscribeResponse.FromString,
        )
        stream = Stream(call, self.metadata if metadata is None else metadata, requests)
        self.streams.append(stream)
        return stream

    def subscribe(self, *subscriptions, metadata=None, extension=(), **fields):
        """A Subscribe RPC; a subscription given as text takes the default mode. `fields` are those of the list."""
        m = messages()
        given = [subscription(each) if isinstance(each, str) else each for each in subscriptions]
        wanted = m.SubscriptionList(subscription=given, **fields)
        return self.stream(m.SubscribeRequest(subscribe=wanted, extension=extension), metadata=metadata)

    def once(self, *subscriptions, timeout=UNARY_SECONDS, **fields):
        """The notifications of a ONCE subscription, after checking that it synced once, last, and closed with OK."""
        stream = self.subscribe(*subscriptions, mode="ONCE", **fields)
        notifications = stream.until_sync(timeout)
        code, details = stream.end(timeout)
        assert code == grpc.StatusCode.OK, details
        return notifications


class Stream:
    """One Subscribe RPC, read by a thread as fast as the server sends, so that arrival times are true."""

    def __init__(self, call, metadata, requests):
        self._outbound = queue.Queue()
        self._inbound = queue.Queue()
        for request in requests:
            self._outbound.put(request)
        self._call = call(iter(self._outbound.get, None), metadata=metadata)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for response in self._call:
                self._inbound.put((time.monotonic(), response))
        except grpc.RpcError:
            pass  # `end` tells how the RPC ended
        self._inbound.put(None)

    def send(self, request):
        self._outbound.put(request)

    def half_close(self):
        self._outbound.put(None)

    def cancel(self):
        self.half_close()
        self._call.cancel()

    def arrival(self, timeout=5.0):
        """The next response with the monotonic second of its arrival; None when the RPC has ended."""
        try:
            return self._inbound.get(timeout=max(timeout, 0))
        except queue.Empty:
            raise AssertionError(f"nothing arrived within {timeout:.2f} s") from None

    def next(self, timeout=5.0):
        """The next notification; a sync or the end of the RPC instead is a failure."""
        arrived = self.arrival(timeout)
        assert arrived, f"the RPC ended: {self.end()}"
        _, response = arrived
        assert response.WhichOneof("response") == "update", response
        return response.update

    def until_sync(self, timeout=5.0):
        """The notifications before the sync_response."""
        deadline = time.monotonic() + timeout
        notifications = []
        while True:
            arrived = self.arrival(deadline - time.monotonic())
            assert arrived, f"the RPC ended before it synced: {self.end()}"
            _, response = arrived
            if response.WhichOneof("response") == "sync_response":
                assert response.sync_response is True
                return notifications
            notifications.append(response.update)

    def during(self, seconds):
        """(arrival, notification) of all that comes within `seconds`; a sync or the end of the RPC is a failure."""
        deadline = time.monotonic() + seconds
        arrived = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                item = self._inbound.get(timeout=left)
            except queue.Empty:
                break
            assert item, f"the RPC ended: {self.end()}"
            when, response = item
            assert response.WhichOneof("response") == "update", f"unexpected {response}"
            arrived.append((when, response.update))
        return arrived

    def silent(self, seconds):
        """Fails when anything arrives within `seconds`."""
        arrived = self.during(seconds)
        assert not arrived, f"not silent: {[leaves(each) + deletes(each) for _, each in arrived]}"

    def end(self, timeout=5.0):
        """Status code and text with which the RPC ended."""
        deadline = time.monotonic() + timeout
        while not self._call.done():
            if time.monotonic() > deadline:
                raise AssertionError(f"the RPC did not end within {timeout} s")
            time.sleep(0.01)
        return self._call.code(), self._call.details()
