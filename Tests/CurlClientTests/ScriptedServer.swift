import Foundation
import Glibc
import Synchronization

/// A TCP server on loopback that does with each connection what the test says, well-behaved or not.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (ServerConnection) -> Void

    let port: Int
    var url: String { "http://127.0.0.1:\(port)" }

    private let listener: Int32
    private let connections = Mutex<[ServerConnection]>([])
    private let threads = DispatchGroup()

    /// Runs `script` on a thread of its own for each connection, numbered from 0.
    init(_ script: @escaping Script) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(listener, address, length) == 0 && listen(listener, 128) == 0 && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
        port = Int(UInt16(bigEndian: address.sin_port))
        threads.enter()
        Thread.detachNewThread {
            self.accept(script)
            self.threads.leave()
        }
    }

    private func accept(_ script: @escaping Script) {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            serve(descriptor, script)
        }
    }

    private func serve(_ descriptor: Int32, _ script: @escaping Script) {
        let connection = connections.withLock { list in
            let connection = ServerConnection(descriptor, number: list.count)
            list.append(connection)
            return connection
        }
        threads.enter()
        Thread.detachNewThread { [threads] in
            script(connection)
            connection.close()
            threads.leave()
        }
    }

    /// Ends all connections and waits for every script to return.
    func stop() async {
        shutdown(listener, Int32(SHUT_RDWR))  // ends `accept`
        connections.withLock { $0 }.forEach { $0.abort() }
        await withCheckedContinuation { stopped in threads.notify(queue: .global()) { stopped.resume() } }
        close(listener)
    }

    /// All requests received so far, over all connections.
    var requests: [String] { connections.withLock { $0 }.flatMap(\.requests) }
    var connectionCount: Int { connections.withLock { $0.count } }

    static func run<Result>(
        _ script: @escaping Script, _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let server = try ScriptedServer(script)
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }
}

/// The server's end of a connection.
final class ServerConnection: Sendable {
    let number: Int
    private let descriptor: Int32
    private let state = Mutex<State>(State())
    /// Received and not read by the script, which alone uses it.
    private let unread = Mutex<ArraySlice<UInt8>>([])

    private struct State {
        var requests: [String] = []
        var isClosed = false
    }

    init(_ descriptor: Int32, number: Int) {
        self.descriptor = descriptor
        self.number = number
    }

    var requests: [String] { state.withLock { $0.requests } }

    /// Reads one request, head and body; nil when the client has gone.
    @discardableResult
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        while true {
            guard let byte = readByte() else { return nil }
            bytes.append(byte)
            if bytes.suffix(4) == [13, 10, 13, 10] { break }
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let lengthLine = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        let length = lengthLine.flatMap { Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) } ?? 0
        for _ in 0..<length {
            guard let byte = readByte() else { return nil }
            bytes.append(byte)
        }
        let request = String(decoding: bytes, as: UTF8.self)
        state.withLock { $0.requests.append(request) }
        return request
    }

    /// nil at the end of what the client sends.
    func readByte() -> UInt8? {
        unread.withLock { unread in
            if unread.isEmpty {
                var chunk = [UInt8](repeating: 0, count: 64 * 1024)
                let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
                guard count > 0 else { return nil }
                unread = chunk[..<count]
            }
            return unread.removeFirst()
        }
    }

    /// False when the client has gone.
    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func respond(_ status: String = "200 OK", headers: [String] = [], body: String = "") -> Bool {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        return write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Returns when the client has closed.
    func waitForClose() {
        while readByte() != nil {}
    }

    /// Unblocks a script that reads or writes.
    func abort() {
        state.withLock { if !$0.isClosed { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    fileprivate func close() {
        state.withLock { $0.isClosed = true }
        Glibc.close(descriptor)
    }
}
