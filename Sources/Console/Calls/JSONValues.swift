internal import FoundationEssentials
internal import NovitaiProto
internal import ProtobufWire

// How protobuf's JSON mapping writes what JSON has no form for.

/// A 64-bit number, which is a string in JSON; the number is taken as well.
struct JSONInt64: Decodable, Sendable {
    let value: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            self.value = number
        } else if let number = Int64(try container.decode(String.self)) {
            self.value = number
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is no whole number of 64 bits")
        }
    }
}

/// A count. Decoded by way of a wider type: the decoder does not say which field it is that does not fit.
struct JSONUInt32: Decodable, Sendable {
    let value: UInt32

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = UInt32(exactly: try container.decode(Int64.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not from 0 to \(UInt32.max)")
        }
        self.value = value
    }
}

/// A value of an enum, by its name in the `.proto` file.
struct JSONEnum<Value: ProtobufEnum>: Decodable, Sendable {
    let value: Value

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let value = Value(name: name) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is no value of \(Value.self)")
        }
        self.value = value
    }
}

struct JSONMoney: Decodable, Sendable {
    let micros: JSONInt64

    var message: NovitaiV1.Money {
        var money = NovitaiV1.Money()
        money.currencyCode = "USD"
        money.micros = self.micros.value
        return money
    }
}
