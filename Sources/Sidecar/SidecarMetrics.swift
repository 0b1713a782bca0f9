internal import Synchronization

/// The sidecar's own series, in Prometheus' text format: they are there when the server is not.
final class SidecarMetrics: Sendable {
    private let requests = Mutex<[String: Int]>([:])
    private let slowReaders = Mutex(0)

    /// Counts an answered request. `path` is one of the routes, so the label set is bounded.
    func count(path: String, status: Int) {
        self.requests.withLock { $0["path=\"\(path)\",status=\"\(status)\"", default: 0] += 1 }
    }

    /// Counts a connection that was closed because its client did not read.
    func countSlowReader() { self.slowReaders.withLock { $0 += 1 } }

    /// - Parameter isUp: whether the server answered just now.
    func text(isUp: Bool) -> String {
        let requests = self.requests.withLock { $0.sorted { $0.key < $1.key } }
        var text = """
            # HELP novitai_up Whether novitaid answered the sidecar.
            # TYPE novitai_up gauge
            novitai_up \(isUp ? 1 : 0)
            # HELP novitai_sidecar_slow_readers_total Connections that were closed because the client did not take its answers.
            # TYPE novitai_sidecar_slow_readers_total counter
            novitai_sidecar_slow_readers_total \(self.slowReaders.withLock { $0 })
            # HELP novitai_sidecar_requests_total Requests that the sidecar answered.
            # TYPE novitai_sidecar_requests_total counter

            """
        for (labels, count) in requests { text += "novitai_sidecar_requests_total{\(labels)} \(count)\n" }
        return text
    }
}
