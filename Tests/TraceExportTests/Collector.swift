import Fleet
import Logging
import OTLPProto
import RPCCore
import Synchronization
import TraceExport
import Traces

/// A clock that moves when it is told to.
final class VirtualClock: Clock {
    private struct State {
        var now = Timestamp(seconds: 1_800_000_000)
        var sleepers: [(until: Timestamp, id: Int, wake: CheckedContinuation<Void, Never>)] = []
        var nextID = 0
        var cancelled: Set<Int> = []
    }
    private let state = Mutex(State())

    var now: Timestamp { self.state.withLock { $0.now } }
    /// When the first of those who sleep wants to be woken.
    var nextWaking: Timestamp? { self.state.withLock { $0.sleepers.map(\.until).min() } }

    func sleep(until time: Timestamp) async {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { wake in
                let isOver = self.state.withLock { state in
                    if state.now >= time || state.cancelled.remove(id) != nil { return true }
                    state.sleepers.append((time, id, wake))
                    return false
                }
                if isOver { wake.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil as CheckedContinuation<Void, Never>?
                }
                return state.sleepers.remove(at: index).wake
            }
            sleeper?.resume()
        }
    }

    func advance(by duration: Duration) {
        let awake = self.state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.until <= state.now }
            state.sleepers.removeAll { $0.until <= state.now }
            return due
        }
        for sleeper in awake { sleeper.wake.resume() }
    }
}

/// A collector that answers what it is told to, in turn; the last answer stands.
final class Collector: Sendable {
    private struct State {
        var answers: [Result<ExportResponse, RPCError>]
        var batches: [[String]] = []
        var timeouts: [Duration] = []
        var lines: [String] = []
    }
    private let state: Mutex<State>

    init(_ answers: Result<ExportResponse, RPCError>...) {
        self.state = Mutex(State(answers: answers.isEmpty ? [.success(ExportResponse())] : answers))
    }

    /// The names of the spans of each call.
    var batches: [[String]] { self.state.withLock { $0.batches } }
    /// What each call was given.
    var timeouts: [Duration] { self.state.withLock { $0.timeouts } }
    /// What was logged.
    var lines: [String] { self.state.withLock { $0.lines } }

    func take(_ request: ExportRequest, _ timeout: Duration) -> Result<ExportResponse, RPCError> {
        self.state.withLock { state in
            state.timeouts.append(timeout)
            state.batches.append(request.resourceSpans.flatMap { $0.scopeSpans.flatMap { $0.spans.map(\.name) } })
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
        }
    }

    func exporter(queue: SpanQueue, clock: VirtualClock, exportTime: Duration = .seconds(30)) -> TraceExporter {
        var log = Logger(label: "test") { _ in Lines(collector: self) }
        log.logLevel = .trace
        return TraceExporter(
            queue: queue, resource: TraceResource(serviceName: "s", serviceVersion: "1", serviceInstance: "i"), delay: .seconds(5),
            timeout: .seconds(10), exportTime: exportTime, clock: clock, random: RandomSource(Zeros()), log: log,
            send: { self.take($0, $1) })
    }

    private struct Zeros: RandomNumberGenerator, Sendable {
        mutating func next() -> UInt64 { 1 << 63 }
    }

    private struct Lines: LogHandler {
        let collector: Collector
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }
        func log(event: LogEvent) { self.collector.state.withLock { $0.lines.append("\(event.message) \(event.metadata ?? [:])") } }
    }
}

func span(_ name: String) -> SpanRecord {
    let context = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=1")
    guard let context else { preconditionFailure("the sample is no traceparent") }
    return SpanRecord(
        context: context, parentID: SpanID(0x0102), name: name, kind: .client, startedAt: 1_800_000_000_000_001,
        endedAt: 1_800_000_000_000_009,
        attributes: [.init(.httpMethod, "GET"), .init(.httpStatus, 503)], status: .error("e"))
}
