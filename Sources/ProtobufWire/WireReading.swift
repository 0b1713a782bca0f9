/// From protobuf-c's structures to Swift values. Everything is copied; `StaticString`s name the field for the error.
extension Wire {
    // Proof of every `unsafe` in this file: the structure was made by `unpack`, whose result lives in the arena until `decode` returns;
    // its pointers and counts are protobuf-c's and belong together; what is read is copied before that.

    /// The text of a `string` field: `count` bytes that are checked to be UTF-8.
    @inlinable
    package static func string(_ data: UnsafePointer<UInt8>?, _ count: Int, _ field: StaticString) throws(WireError) -> String {
        guard count > 0 else { return "" }
        guard let text = unsafe try? UTF8Span(validating: UnsafeBufferPointer(start: data, count: count).span) else {
            throw WireError(.invalidUTF8, field)
        }
        return String(copying: text)
    }

    @inlinable
    package static func bytes(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
        unsafe Array(UnsafeBufferPointer(start: data, count: count))
    }

    /// A singular message field: nil when it was not on the wire.
    @inlinable
    package static func message<C, Message>(
        _ message: UnsafeMutablePointer<C>?, _ read: (UnsafePointer<C>) throws(WireError) -> Message
    ) throws(WireError) -> Message? {
        guard let message = unsafe message else { return nil }
        return try unsafe read(UnsafePointer(message))
    }

    @inlinable
    package static func messages<C, Message>(
        _ messages: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ count: Int,
        _ read: (UnsafePointer<C>) throws(WireError) -> Message
    ) throws(WireError) -> [Message] {
        guard count > 0, let messages = unsafe messages else { return [] }
        var values: [Message] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            guard let message = unsafe messages[index] else { throw WireError(.malformed) }
            values.append(try unsafe read(UnsafePointer(message)))
        }
        return values
    }

    /// A repeated field whose elements have the same form in C and in Swift.
    @inlinable
    package static func scalars<Value: BitwiseCopyable>(_ values: UnsafeMutablePointer<Value>?, _ count: Int) -> [Value] {
        unsafe Array(UnsafeBufferPointer(start: values, count: count))
    }

    /// A repeated field whose elements have to be converted.
    @inlinable
    package static func list<Element, Value>(
        _ elements: UnsafeMutablePointer<Element>?, _ count: Int, _ read: (Element) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        guard count > 0, let elements = unsafe elements else { return [] }
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count { values.append(try unsafe read(elements[index])) }
        return values
    }

    /// A map field. Of several entries with one key the last counts, as the format says.
    @inlinable
    package static func dictionary<C, Key: Hashable, Value>(
        _ entries: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ count: Int,
        _ read: (UnsafePointer<C>) throws(WireError) -> (Key, Value)
    ) throws(WireError) -> [Key: Value] {
        guard count > 0, let entries = unsafe entries else { return [:] }
        var dictionary = [Key: Value](minimumCapacity: count)
        for index in 0..<count {
            guard let entry = unsafe entries[index] else { throw WireError(.malformed) }
            let (key, value) = try unsafe read(UnsafePointer(entry))
            dictionary[key] = value
        }
        return dictionary
    }
}
