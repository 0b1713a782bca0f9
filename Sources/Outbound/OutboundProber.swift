package import CurlClient
package import Fleet

/// Asks programs inside machines over the network: HTTP and HTTPS by a request, TCP by a connection.
///
/// The addresses come from the provider; whatever it says, only those that the client's rules allow are connected to. Redirects are not
/// followed, certificates are verified, no connection is used twice, and of a page only its status matters.
package struct OutboundProber: Prober {
    /// Of a page; the rest is not read.
    private static let pageBytesMax = 64 * 1024

    private let client: HTTPClient

    /// - Parameter client: one of its own, whose configuration says where it may go.
    package init(_ client: HTTPClient) {
        self.client = client
    }

    /// For a client that asks what others name.
    package static func configuration(except exceptions: Set<AddressRules.Exception> = []) -> HTTPClientConfiguration {
        var configuration = HTTPClientConfiguration()
        configuration.schemes = .httpsOrHTTP
        configuration.addresses = .global(except: exceptions)
        configuration.userAgent = "novitai-probe"
        configuration.activeRequestsMax = 64
        return configuration
    }

    package func probe(_ target: ProbeTarget, timeout: Duration) async -> ProbeOutcome {
        do throws(HTTPClientError) {
            switch target.endpoint.protocol {
            case .tcp: return try await self.connect(to: target.endpoint.address, timeout)
            case .http: return try await self.get(target, timeout)
            }
        } catch {
            return ProbeOutcome(isHealthy: false, detail: Self.words(error))
        }
    }

    private func connect(to address: String, _ timeout: Duration) async throws(HTTPClientError) -> ProbeOutcome {
        let request = HTTPRequest(
            method: .connectOnly, url: "http://\(address)", timeout: timeout, delivery: .onceOnFreshConnection, responseBytesMax: 0)
        _ = try await self.client.execute(request)
        return ProbeOutcome(isHealthy: true, detail: "connected")
    }

    private func get(_ target: ProbeTarget, _ timeout: Duration) async throws(HTTPClientError) -> ProbeOutcome {
        guard Self.hasHost(target.endpoint.address) else {
            throw HTTPClientError(.invalidRequest, mayHaveBeenSent: false, "it has no host")
        }
        let base = target.endpoint.address.hasSuffix("/") ? String(target.endpoint.address.dropLast()) : target.endpoint.address
        let request = HTTPRequest(
            method: .get, url: base + (target.probe.path.isEmpty ? "/" : target.probe.path), timeout: timeout,
            delivery: .onceOnFreshConnection, responseBytesMax: Self.pageBytesMax)
        do throws(HTTPClientError) {
            let status = try await self.client.execute(request).status
            return ProbeOutcome(isHealthy: target.probe.accepts(status), detail: "status \(status)")
        } catch {
            // The status has come; that there is more of the page than anybody wants to know says nothing against it.
            guard error.code == .responseTooLarge, let status = error.status else { throw error }
            return ProbeOutcome(isHealthy: target.probe.accepts(status), detail: "status \(status)")
        }
    }

    /// Without a host of its own, the address would make one of the beginning of the path, which a tenant names.
    private static func hasHost(_ address: String) -> Bool {
        guard let scheme = address.firstRange(of: "://"), let first = address[scheme.upperBound...].first else { return false }
        return !"/?#".contains(first)
    }

    private static func words(_ error: HTTPClientError) -> String {
        switch error.code {
        case .addressRefused: "the address is private or reserved: not asked"
        case .couldNotConnect: "no connection"
        case .tlsFailed: "TLS failed: \(error.message)"
        case .timedOut: "no answer in time"
        case .connectionLost: "the connection was lost"
        case .malformedResponse, .responseTooLarge: "the answer is not acceptable HTTP"
        case .invalidRequest: "the address cannot be used: \(error.message)"
        case .queueFull, .closed, .cancelled, .internalFailure: "not asked: \(error.message)"
        }
    }
}
