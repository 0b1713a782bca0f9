/// From Swift values to protobuf-c's structures, all of them in the arena.
extension Arena {
    // Proof of every `unsafe` in this file: `space` returns memory of the arena for exactly `count` values, aligned for any type that
    // protobuf-c's structures have; it is initialised before it is handed on, and outlives the packing, which ends within `Wire.encode` or `Wire.place`.

    @inlinable
    func space<T>(for type: T.Type, count: Int) throws(WireError) -> UnsafeMutablePointer<T> {
        let (size, overflow) = MemoryLayout<T>.stride.multipliedReportingOverflow(by: count)
        guard !overflow, let memory = unsafe self.allocate(size) else { throw WireError(.tooLarge) }
        return unsafe memory.bindMemory(to: type, capacity: count)
    }

    /// A C message with its defaults. `initialize` is the function that protoc-gen-c made for the type.
    @inlinable
    package func make<C>(_ initialize: (UnsafeMutablePointer<C>?) -> Void) throws(WireError) -> UnsafeMutablePointer<C> {
        let message = try unsafe self.space(for: C.self, count: 1)
        unsafe initialize(message)
        return unsafe message
    }

    @inlinable
    package func string(_ string: String) throws(WireError) -> (UnsafeMutablePointer<UInt8>?, Int) {
        let utf8 = string.utf8.span
        guard !utf8.isEmpty else { return (nil, 0) }
        let memory = try unsafe self.space(for: UInt8.self, count: utf8.count)
        unsafe utf8.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe memory.initialize(from: start, count: source.count) }
        }
        return unsafe (memory, utf8.count)
    }

    /// Bytes where the message has them: not copied.
    ///
    /// Proof: an array keeps its elements in one place from which it does not move them unless it is changed, and this one belongs to the
    /// message that is being encoded, which nobody changes and which `Wire.encode` and `Wire.place` keep until the bytes were packed.
    @inlinable
    package func borrow(_ bytes: [UInt8]) -> (UnsafeMutablePointer<UInt8>?, Int) {
        let start = unsafe bytes.withUnsafeBufferPointer { $0.baseAddress }
        return unsafe (UnsafeMutablePointer(mutating: start), bytes.count)
    }

    @inlinable
    package func scalars<Value: BitwiseCopyable>(_ values: [Value]) throws(WireError) -> (UnsafeMutablePointer<Value>?, Int) {
        guard !values.isEmpty else { return (nil, 0) }
        let memory = try unsafe self.space(for: Value.self, count: values.count)
        unsafe values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe memory.initialize(from: start, count: source.count) }
        }
        return unsafe (memory, values.count)
    }

    /// A repeated field whose elements have to be converted.
    @inlinable
    package func list<Value, Element>(
        _ values: [Value], _ write: (Value) throws(WireError) -> Element
    ) throws(WireError) -> (UnsafeMutablePointer<Element>?, Int) {
        guard !values.isEmpty else { return (nil, 0) }
        let memory = try unsafe self.space(for: Element.self, count: values.count)
        for index in values.indices { unsafe (memory + index).initialize(to: try write(values[index])) }
        return unsafe (memory, values.count)
    }

    /// A map field, as the repeated entries that it is on the wire. Their order is the dictionary's, which is none.
    @inlinable
    package func entries<Key, Value, C>(
        _ dictionary: [Key: Value], _ initialize: (UnsafeMutablePointer<C>?) -> Void,
        _ write: (UnsafeMutablePointer<C>, Key, Value) throws(WireError) -> Void
    ) throws(WireError) -> (UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, Int) {
        guard !dictionary.isEmpty else { return (nil, 0) }
        let memory = try unsafe self.space(for: UnsafeMutablePointer<C>?.self, count: dictionary.count)
        var next = unsafe memory
        for (key, value) in dictionary {
            let entry = try unsafe self.make(initialize)
            try unsafe write(entry, key, value)
            unsafe next.initialize(to: entry)
            unsafe next += 1
        }
        return unsafe (memory, dictionary.count)
    }
}
