import Fleet
import JSONText

/// The JSON of a domain value, keys sorted so that equal values are equal texts.
enum Payload {
    static func encode(_ value: some Encodable) throws(StoreError) -> String {
        do {
            return try JSONTextEncoder.text(of: value)
        } catch {
            throw .unavailable("a value cannot be encoded as JSON")
        }
    }

    /// The error names the row only: what cannot be read may be a secret.
    static func decode<Value: Decodable>(_ type: Value.Type, from text: String, row: String) throws(StoreError) -> Value {
        do {
            return try JSONTextDecoder.decode(type, from: text)
        } catch {
            throw .unavailable("the payload of \(row) cannot be read")
        }
    }
}

/// A value that keeps its revision in a column instead of the payload.
protocol Revisioned: Codable {
    var revision: Revision { get set }
}

extension Instance: Revisioned {}
extension Job: Revisioned {}

extension Job {
    /// What a later release has written is read as far as it can be shown.
    static func readTolerantly(_ payload: String, revision: Int64, row: String) throws(StoreError) -> Job {
        do throws(StoreError) {
            return try self.read(payload, revision: revision, row: row)
        } catch {
            guard let unread = try? Payload.decode(UnreadJob.self, from: payload, row: row) else { throw error }
            return unread.job.stamped(Revision(revision))
        }
    }
}

extension Revisioned {
    func stamped(_ revision: Revision) -> Self {
        var copy = self
        copy.revision = revision
        return copy
    }

    func payload() throws(StoreError) -> String {
        try Payload.encode(self.stamped(.zero))
    }

    static func read(_ payload: String, revision: Int64, row: String) throws(StoreError) -> Self {
        try Payload.decode(Self.self, from: payload, row: row).stamped(Revision(revision))
    }
}
