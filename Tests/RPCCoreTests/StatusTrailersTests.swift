import RPCCore
import Testing

@Suite("Trailers")
struct StatusTrailersTests {
    private static let details = [UInt8](repeating: 7, count: 300)
    private static func error(metadata: Metadata = Metadata()) -> RPCError {
        RPCError(code: .notFound, message: String(repeating: "é", count: 50), details: Self.details, metadata: metadata)
    }

    private static func names(_ fields: [WireField]) -> [String] { fields.map(\.name) }

    @Test("OK is a status alone")
    func ok() {
        #expect(StatusTrailers.fields(for: nil, limit: 8192) == [WireField(name: "grpc-status", value: "0")])
    }

    @Test("what fits is sent whole, in gRPC's order")
    func whole() throws {
        var metadata = Metadata()
        try metadata.append("1", for: "x")
        let fields = StatusTrailers.fields(for: Self.error(), metadata: metadata, limit: 8192)
        #expect(Self.names(fields) == ["grpc-status", "grpc-message", "grpc-status-details-bin", "x"])
        #expect(fields[0].value == "5")
        #expect(Base64.decode(fields[2].value.utf8) == Self.details)
    }

    @Test("beyond the limit the details go first, then the message's end, then the metadata; the status stays")
    func degradation() throws {
        var metadata = Metadata()
        try metadata.append(String(repeating: "m", count: 100), for: "x")
        let error = Self.error(metadata: metadata)
        let whole = StatusTrailers.fields(for: error, limit: .max).size
        for limit in stride(from: whole, through: 0, by: -1) {
            let fields = StatusTrailers.fields(for: error, limit: limit)
            #expect(fields.first?.name == "grpc-status")
            if limit >= 45 { #expect(fields.size <= limit) }
        }
        #expect(Self.names(StatusTrailers.fields(for: error, limit: whole - 1)) == ["grpc-status", "grpc-message", "x"])
        let withoutDetails = whole - (300 * 4 / 3 + 23 + 32)
        let cut = StatusTrailers.fields(for: error, limit: withoutDetails - 1)
        #expect(Self.names(cut) == ["grpc-status", "grpc-message", "x"])
        #expect(PercentEncoding.decode(cut[1].value) == String(repeating: "é", count: 49))
        #expect(Self.names(StatusTrailers.fields(for: error, limit: 150)) == ["grpc-status", "grpc-message"])
        #expect(Self.names(StatusTrailers.fields(for: error, limit: 10)) == ["grpc-status"])
    }
}
