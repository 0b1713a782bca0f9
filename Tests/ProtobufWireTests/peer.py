"""The other side of the differential tests: google.protobuf, working from the same descriptors.

Everything on standard input and output is a sequence of frames: a four-byte big-endian length and that many bytes.

  peer.py generate SEED COUNT    in: descriptor sets
                                 out: for each of COUNT random messages per type: type name, encoding, description
  peer.py truncate               in: descriptor set, type name, encoding
                                 out: for each proper prefix of the encoding, shortest first: description, or "refused"
  peer.py compare                in: descriptor set count, descriptor sets, then type name, encoding, other encoding …
                                 out: for each pair that is not the same message, a line that says so

A description lists every field by its Swift name with its value, so that fields that were mixed up on both ways are noticed.
"""

import random
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError

RANGES = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SINT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1),
    Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_UINT64: (0, 2**64 - 1),
    Field.TYPE_FIXED64: (0, 2**64 - 1),
    # Any number of 32 bits: what the schema does not name has to survive.
    Field.TYPE_ENUM: (-(2**31), 2**31 - 1),
}
TEXTS = ["", "a", "fifteen bytes..", "sixteen bytes...", "ab\0cd", "\0", "Grüße", "日本語", "👩‍🚀🏳️‍🌈", "e\u0301", "x" * 1000, "\U0010ffff"]
# Seconds and nanoseconds that google/protobuf/{timestamp,duration}.proto allow.
WELL_KNOWN = {
    "google.protobuf.Timestamp": ((-62135596800, 253402300799), (0, 999999999)),
    "google.protobuf.Duration": ((0, 315576000000), (0, 999999999)),
}
DEPTH_MAX = 4


def read_frames():
    data = sys.stdin.buffer.read()
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        position += 4
        yield data[position : position + length]
        position += length


def write_frame(data):
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)


class Schema:
    def __init__(self, descriptor_sets):
        self.pool = descriptor_pool.DescriptorPool()
        self.names = []
        for encoded in descriptor_sets:
            for file in descriptor_pb2.FileDescriptorSet.FromString(encoded).file:
                self.pool.Add(file)
                for message in file.message_type:
                    self._collect(file.package, message)

    def _collect(self, scope, message):
        name = f"{scope}.{message.name}"
        if message.options.map_entry:
            return
        self.names.append(name)
        for nested in message.nested_type:
            self._collect(name, nested)

    def message_class(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def fill(self, message, depth=0):
        descriptor = message.DESCRIPTOR
        if descriptor.full_name in WELL_KNOWN:
            seconds, nanos = WELL_KNOWN[descriptor.full_name]
            message.seconds = self.integer(seconds)
            message.nanos = self.integer(nanos)
            return message
        for oneof in descriptor.oneofs:
            self.fill_field(message, self.random.choice(oneof.fields), depth)
        for field in descriptor.fields:
            if field.containing_oneof is None:
                self.fill_field(message, field, depth)
        return message

    def fill_field(self, message, field, depth):
        if self.random.random() < 0.3 or (field.message_type and depth >= DEPTH_MAX):
            return
        if is_map(field):
            self.fill_map(getattr(message, field.name), field, depth)
        elif field.is_repeated:
            values = getattr(message, field.name)
            for _ in range(self.random.choice([0, 1, 2, 3, 20 if depth == 0 else 2])):
                if field.message_type:
                    self.fill(values.add(), depth + 1)
                else:
                    values.append(self.scalar(field))
        elif field.message_type:
            nested = getattr(message, field.name)
            nested.SetInParent()
            self.fill(nested, depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_map(self, values, field, depth):
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        for _ in range(self.random.choice([0, 1, 2, 5])):
            if value.message_type:
                self.fill(values[self.scalar(key)], depth + 1)
            else:
                values[self.scalar(key)] = self.scalar(value)

    def integer(self, bounds):
        low, high = bounds
        special = [value for value in (low, high, 0, 1, -1, 127, 128, 16383, 16384) if low <= value <= high]
        return self.random.choice(special + [self.random.randint(low, high)] * 3)

    def scalar(self, field):
        if field.type in RANGES:
            return self.integer(RANGES[field.type])
        if field.type == Field.TYPE_BOOL:
            return self.random.random() < 0.5
        if field.type == Field.TYPE_STRING:
            return self.random.choice(TEXTS)
        if field.type == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.choice([0, 1, 15, 200]))
        numbers = [0.0, -0.0, 1.0, -1.5, 5e-324, 1.7e308, float("inf"), float("-inf"), float("nan"), self.random.gauss(0, 1e6)]
        number = self.random.choice(numbers)
        return struct.unpack("f", struct.pack("f", number))[0] if field.type == Field.TYPE_FLOAT and abs(number) < 3e38 else number


# Descriptions


def camel(name):
    words = name.split("_")
    result = "".join(word[:1].upper() + word[1:] for word in words)
    return result[:1].lower() + result[1:]


def describe(message):
    parts = []
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if is_map(field):
            parts.append(f"{camel(field.name)}:{describe_map(getattr(message, field.name), field)}")
        elif field.is_repeated:
            values = ",".join(describe_value(value, field) for value in getattr(message, field.name))
            parts.append(f"{camel(field.name)}:[{values}]")
        elif field.has_presence and not message.HasField(field.name):
            continue
        else:
            value = describe_value(getattr(message, field.name), field)
            if oneof is not None and not is_synthetic(oneof):
                parts.append(f"{camel(oneof.name)}:{camel(field.name)}({value})")
            else:
                parts.append(f"{camel(field.name)}:{value}")
    return "{" + ";".join(sorted(parts)) + "}"


def is_synthetic(oneof):
    proto = descriptor_pb2.DescriptorProto()
    oneof.containing_type.CopyToProto(proto)
    return any(field.oneof_index == oneof.index and field.proto3_optional for field in proto.field if field.HasField("oneof_index"))


def describe_map(values, field):
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    entries = (f"{describe_value(k, key)}={describe_value(values[k], value)}" for k in values)
    return "<" + ",".join(sorted(entries)) + ">"


def describe_value(value, field):
    if field.message_type:
        return describe(value)
    if field.type == Field.TYPE_BOOL:
        return "true" if value else "false"
    if field.type == Field.TYPE_STRING:
        return "s" + value.encode().hex()
    if field.type == Field.TYPE_BYTES:
        return "b" + value.hex()
    if field.type == Field.TYPE_FLOAT:
        return "nan" if value != value else "f" + struct.pack(">f", value).hex()
    if field.type == Field.TYPE_DOUBLE:
        return "nan" if value != value else "d" + struct.pack(">d", value).hex()
    return str(value)


# Commands


def generate(seed, count):
    schema = Schema(read_frames())
    generator = Generator(seed)
    for name in schema.names:
        for _ in range(count):
            message = generator.fill(schema.message_class(name)())
            for part in (name.encode(), message.SerializeToString(), describe(message).encode()):
                write_frame(part)


def truncate():
    descriptor_set, name, encoded = read_frames()
    message_class = Schema([descriptor_set]).message_class(name.decode())
    for length in range(len(encoded)):
        try:
            write_frame(describe(message_class.FromString(encoded[:length])).encode())
        except DecodeError:
            write_frame(b"refused")


def compare():
    frames = list(read_frames())
    count = int(frames[0])
    schema = Schema(frames[1 : 1 + count])
    rest = frames[1 + count :]
    for name, encoded, other in zip(rest[0::3], rest[1::3], rest[2::3]):
        message_class = schema.message_class(name.decode())
        expected = message_class.FromString(encoded)
        try:
            # Encodings rather than messages: a message with NaN is not equal to itself.
            if expected.SerializeToString(deterministic=True) == message_class.FromString(other).SerializeToString(deterministic=True):
                continue
            write_frame(b"%s: %s became %s" % (name, encoded.hex().encode(), other.hex().encode()))
        except DecodeError as error:
            write_frame(b"%s: %s: %s" % (name, other.hex().encode(), str(error).encode()))


if __name__ == "__main__":
    command = sys.argv[1]
    if command == "generate":
        generate(int(sys.argv[2]), int(sys.argv[3]))
    elif command == "truncate":
        truncate()
    elif command == "compare":
        compare()
    else:
        sys.exit(f"peer.py: unknown command {command}")
