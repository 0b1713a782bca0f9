internal import FoundationEssentials
package import Logging

/// Writes every record as one line.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    /// Set for one logger, it no longer follows the others.
    package var logLevel: Logger.Level {
        get { self.threshold.level }
        set { self.threshold = LogThreshold(newValue) }
    }

    private var threshold: LogThreshold
    private let label: String
    private let format: LogFormat
    private let now: @Sendable () -> Int64
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - now: microseconds since 1970.
    ///   - write: takes a whole line; called from any thread.
    package init(
        label: String, threshold: LogThreshold, format: LogFormat, now: @escaping @Sendable () -> Int64 = LineLogHandler.systemTime,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.label = label
        self.threshold = threshold
        self.format = format
        self.now = now
        self.write = write
    }

    /// With a level of its own.
    package init(
        label: String, level: Logger.Level, format: LogFormat, now: @escaping @Sendable () -> Int64 = LineLogHandler.systemTime,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.init(label: label, threshold: LogThreshold(level), format: format, now: now, write: write)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        if let error = event.error, metadata["error"] == nil { metadata["error"] = "\(error)" }
        self.write(
            self.format.line(
                LogRecord(
                    time: self.now(), level: event.level, label: self.label, message: event.message.description, metadata: metadata)))
    }

    package static let systemTime: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }
}
