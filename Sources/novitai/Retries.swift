internal import RPCCore
internal import RPCServiceConfig
internal import Synchronization

/// What is made again when the server could not be reached, or says that it cannot take it now.
enum Retries {
    /// `service-config.json`, in the form that any client of gRPC takes. Reads are made again. So are changes, but only because each of them
    /// carries a request id, with which a repetition changes nothing twice.
    static func policy() throws(ServiceConfigError) -> ServiceConfig {
        try ServiceConfig(json: String(decoding: PackageResources.service_config_json, as: UTF8.self))
    }

    /// The request id that the caller chose, or a new one: a call whose answer was lost is made again with it.
    static func requestID(_ chosen: String) -> String {
        let digits = (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 36) }
        let id = chosen.isEmpty ? "novitai-\(digits.joined())" : chosen
        self.used.withLock { $0 = id }
        return id
    }

    /// Of the change that this command asks for; nil for a command that only reads.
    static var usedRequestID: String? { self.used.withLock { $0 } }

    private static let used = Mutex<String?>(nil)
}
