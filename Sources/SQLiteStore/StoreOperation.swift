package import Fleet

/// One call of the port as a value: what to do inside a transaction that it may share with others.
package struct StoreOperation<Value: Sendable>: Sendable {
    /// Payload bytes that it writes.
    let bytes: Int
    /// Throws `StoreError` for a refusal; any error undoes what it did.
    let run: @Sendable (Transaction) throws -> Value

    init(bytes: Int = 0, _ run: @escaping @Sendable (Transaction) throws -> Value) {
        self.bytes = bytes
        self.run = run
    }
}

/// An operation together with who waits for its result.
package struct BatchItem: Sendable {
    let bytes: Int
    /// Runs the operation; the closure it returns hands over the result, once the transaction is durable.
    let run: @Sendable (Transaction) -> @Sendable () -> Void
    /// Instead of `run`, or of calling what it returned.
    let reject: @Sendable (StoreError) -> Void

    package init<Value>(_ operation: StoreOperation<Value>, completion: @escaping @Sendable (Result<Value, StoreError>) -> Void) {
        self.bytes = operation.bytes
        self.run = { transaction in
            let result = transaction.attempt(operation)
            return { completion(result) }
        }
        self.reject = { completion(.failure($0)) }
    }
}
