/// Begins and ends spans. Who has none traces nothing.
package final class Tracer: Sendable {
    private let sampler: Sampler
    private let ids: SpanIDs
    private let now: @Sendable () -> Int64
    private let keep: @Sendable (SpanRecord) -> Void

    /// - Parameters:
    ///   - random: where ids begin; asked here only.
    ///   - now: microseconds since 1970.
    ///   - keep: takes every span that has ended and is sampled. Must not block.
    package init(
        sampler: Sampler, using random: inout some RandomNumberGenerator, now: @escaping @Sendable () -> Int64,
        keep: @escaping @Sendable (SpanRecord) -> Void
    ) {
        self.sampler = sampler
        self.ids = SpanIDs(using: &random)
        self.now = now
        self.keep = keep
    }

    /// A new place under `parent`, or in a trace of its own.
    package func place(under parent: TraceContext?) -> TraceContext {
        let traceID = parent?.traceID ?? self.ids.nextTrace()
        return TraceContext(
            traceID: traceID, spanID: self.ids.nextSpan(), isSampled: self.sampler.keeps(traceID, under: parent),
            state: parent?.state ?? "")
    }

    package func begin(_ kind: SpanRecord.Kind, under parent: TraceContext?) -> Span {
        let place = self.place(under: parent)
        return Span(context: place, parentID: parent?.spanID, kind: kind, startedAt: place.isSampled ? self.now() : 0)
    }

    /// What a span says is not even made when nobody keeps it.
    package func end(
        _ span: Span, name: @autoclosure () -> String, attributes: @autoclosure () -> [SpanRecord.Attribute],
        status: SpanRecord.Status = .unset
    ) {
        guard span.context.isSampled else { return }
        self.keep(
            SpanRecord(
                context: span.context, parentID: span.parentID, name: name(), kind: span.kind, startedAt: span.startedAt,
                endedAt: max(span.startedAt, self.now()), attributes: attributes(), status: status))
    }

    /// The same for what has taken `duration` until now.
    package func end(
        _ place: TraceContext, under parentID: SpanID?, _ kind: SpanRecord.Kind, after duration: Duration, name: @autoclosure () -> String,
        attributes: @autoclosure () -> [SpanRecord.Attribute], status: SpanRecord.Status = .unset
    ) {
        guard place.isSampled else { return }
        let end = self.now()
        self.keep(
            SpanRecord(
                context: place, parentID: parentID, name: name(), kind: kind, startedAt: end - Int64(duration / .microseconds(1)),
                endedAt: end, attributes: attributes(), status: status))
    }
}

/// A span that has begun.
package struct Span: Sendable {
    package let context: TraceContext
    package let parentID: SpanID?
    let kind: SpanRecord.Kind
    /// Microseconds since 1970; 0 when nobody keeps it.
    let startedAt: Int64
}
