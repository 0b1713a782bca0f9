internal import Fleet
internal import ProtobufWire
internal import RPCCore

/// Where a page ends: the sort key of its last object. Objects that come or go between two pages shift nothing.
struct ListPosition: Hashable, Comparable {
    var number: Int64
    var text: String
    /// Makes equal keys different.
    var id: String

    init(number: Int64 = 0, text: String = "", id: String) {
        self.number = number
        self.text = text
        self.id = id
    }

    static func < (left: Self, right: Self) -> Bool {
        (left.number, left.text, left.id) < (right.number, right.text, right.id)
    }
}

/// An opaque page token: where a query goes on, and a digest of that and of the query, which tells the tokens of other queries and
/// damaged ones. A token is no secret and grants nothing: the query it goes on with is the caller's own.
enum PageToken {
    /// Bytes of the digest that travel: enough to notice a mistake.
    static let digestBytes = 8

    /// - Parameter query: everything that makes one query different from another.
    static func text(at position: ListPosition, of query: [String]) -> String {
        var writer = WireWriter()
        writer.append(self.digest(position, query), to: 1)
        writer.append(WireField(number: 2, content: .varint(UInt64(bitPattern: position.number))))
        writer.append(position.text.utf8, to: 3)
        writer.append(position.id.utf8, to: 4)
        return Base64URL.encode(writer.bytes)
    }

    /// Nil for text that is no token of this query.
    static func position(_ text: String, of query: [String]) -> ListPosition? {
        guard let bytes = Base64URL.decode(text), let fields = try? WireField.fields(of: bytes[...]), fields.map(\.number) == [1, 2, 3, 4]
        else { return nil }
        let position = ListPosition(number: Int64(bitPattern: fields[1].number64), text: fields[2].text, id: fields[3].text)
        // Made again, so that no other spelling of the same token is taken.
        return self.text(at: position, of: query) == text ? position : nil
    }

    private static func digest(_ position: ListPosition, _ query: [String]) -> [UInt8] {
        var writer = WireWriter()
        for part in query { writer.append(part.utf8, to: 1) }
        writer.append(WireField(number: 2, content: .varint(UInt64(bitPattern: position.number))))
        writer.append(position.text.utf8, to: 3)
        writer.append(position.id.utf8, to: 4)
        return Array(SHA256Digest.of(writer.bytes).prefix(self.digestBytes))
    }
}

/// RFC 4648, section 5, without padding.
private enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        String(Base64.encode(bytes).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    static func decode(_ text: String) -> [UInt8]? {
        Base64.decode(text.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0 })
    }
}

/// `field` or `field desc`, one of those that a list can be ordered by.
struct ListOrder<Object>: Sendable {
    typealias Key = @Sendable (Object) -> ListPosition

    let isDescending: Bool
    let key: Key

    /// - Throws: `invalidArgument` for the field `order_by`.
    init(_ text: String, keys: [(name: String, key: Key)], default name: String) throws(FleetError) {
        let words = text.split(separator: " ")
        let wanted = words.first.map(String.init) ?? name
        guard let key = keys.first(where: { $0.name == wanted })?.key, words.count < 2 || (words.count == 2 && words[1] == "desc") else {
            throw .invalid([
                FieldViolation("order_by", "must be one of \(keys.map(\.name).joined(separator: ", ")), with \" desc\" or without")
            ])
        }
        self.isDescending = words.count == 2
        self.key = key
    }

    func comesBefore(_ left: ListPosition, _ right: ListPosition) -> Bool { self.isDescending ? right < left : left < right }
}

/// A list call's page: how much, and from where.
struct PageRequest {
    static let sizeMax = 1000
    static let sizeDefault = 100
    /// Bytes of objects that a page may hold, roughly: with room to spare below the 4 MiB that clients accept by default.
    static let bytesMax = 2 << 20

    let size: Int
    let after: ListPosition?
    private let query: [String]

    /// - Parameter query: everything that makes one query different from another.
    /// - Throws: `invalidArgument` for `page_size` and `page_token`.
    init(size: Int32, token: String, query: [String]) throws(FleetError) {
        guard (0...Int32(Self.sizeMax)).contains(size) else {
            throw .invalid([FieldViolation("page_size", "must be 0 to \(Self.sizeMax)")])
        }
        self.size = size == 0 ? Self.sizeDefault : Int(size)
        self.query = query
        guard !token.isEmpty else {
            self.after = nil
            return
        }
        guard let position = PageToken.position(token, of: query) else {
            throw .invalid([FieldViolation("page_token", "is not a page token of this query")])
        }
        self.after = position
    }

    func token(at position: ListPosition) -> String { PageToken.text(at: position, of: self.query) }

    /// The page of `objects`, which are all that match, in any order; and the token of the next, empty on the last.
    func page<Object>(of objects: [Object], by order: ListOrder<Object>, bytes: (Object) -> Int = { _ in 0 }) -> ([Object], String) {
        // Places, not objects, which may have dozens of fields to be counted with each move.
        var keyed = objects.indices.map { (key: order.key(objects[$0]), index: $0) }
        if let after = self.after { keyed.removeAll { !order.comesBefore(after, $0.key) } }
        keyed.sort { order.comesBefore($0.key, $1.key) }
        var (fitting, total): ([Object], Int) = ([], 0)
        for entry in keyed.prefix(self.size) {
            let size = bytes(objects[entry.index])
            guard total == 0 || total + size <= Self.bytesMax else { break }
            total += size
            fitting.append(objects[entry.index])
        }
        let isLast = fitting.count == keyed.count
        return (fitting, isLast || fitting.isEmpty ? "" : self.token(at: keyed[fitting.count - 1].key))
    }
}
