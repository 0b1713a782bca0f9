/// What the generator knows of a `.proto` file: plain values, read from the descriptors that protoc sends.
struct FileSchema {
    var path = ""
    var package = ""
    /// `proto3`, or empty for proto2.
    var syntax = ""
    var messages: [MessageSchema] = []
    var enums: [EnumSchema] = []
    var services: [ServiceSchema] = []
}

struct MessageSchema {
    var name = ""
    /// With the package, without a leading dot: `novitai.v1.Instance`.
    var fullName = ""
    var comment = Comment()
    var fields: [FieldSchema] = []
    /// The declared oneofs, and behind them the synthetic ones that stand for proto3's `optional`.
    var oneOfs: [OneOfSchema] = []
    var messages: [MessageSchema] = []
    var enums: [EnumSchema] = []
    /// The entry type that protoc makes for a map field.
    var isMapEntry = false

    /// The message and all messages declared in it, outer ones first.
    var flattened: [MessageSchema] { [self] + self.messages.flatMap(\.flattened) }
}

struct FieldSchema {
    var name = ""
    var number = 0
    var type = FieldType.int32
    /// The full name of a message's or enum's type, without a leading dot.
    var typeName = ""
    var label = Label.optional
    /// Index into the message's ``MessageSchema/oneOfs``.
    var oneOf: Int?
    /// Declared `optional` in proto3.
    var isOptional = false
    var isDeprecated = false
    var comment = Comment()

    enum Label: Int {
        case optional = 1
        case required = 2
        case repeated = 3
    }

    var isRepeated: Bool { self.label == .repeated }
}

/// The numbers of `FieldDescriptorProto.Type`.
enum FieldType: Int {
    case double = 1
    case float = 2
    case int64 = 3
    case uint64 = 4
    case int32 = 5
    case fixed64 = 6
    case fixed32 = 7
    case bool = 8
    case string = 9
    case group = 10
    case message = 11
    case bytes = 12
    case uint32 = 13
    case `enum` = 14
    case sfixed32 = 15
    case sfixed64 = 16
    case sint32 = 17
    case sint64 = 18
}

struct OneOfSchema {
    var name = ""
    var comment = Comment()
}

struct EnumSchema {
    var name = ""
    var fullName = ""
    var values: [(name: String, number: Int, comment: Comment)] = []
    var comment = Comment()
}

struct ServiceSchema {
    var name = ""
    var fullName = ""
    var methods: [MethodSchema] = []
    var comment = Comment()
}

struct MethodSchema {
    var name = ""
    var input = ""
    var output = ""
    var streamsRequests = false
    var streamsResponses = false
    var comment = Comment()
}

/// What the author wrote above a declaration, or else beside it; one element a line.
struct Comment {
    var lines: [String] = []
}
