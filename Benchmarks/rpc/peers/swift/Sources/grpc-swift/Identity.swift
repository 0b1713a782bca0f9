import Crypto
import FoundationEssentials
import GRPCCore

/// Who may call: bearer tokens, known by their hashes only.
struct Identity: Sendable {
    private var roles: [[UInt8]: String] = [:]

    init(path: String) throws {
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let columns = line.split(separator: " ")
            guard columns.count == 2, let hash = bytes(hexadecimal: columns[0]) else {
                throw RPCError(code: .failedPrecondition, message: "\(path): a line needs a hash and a role")
            }
            self.roles[hash] = String(columns[1])
        }
    }

    func check(_ metadata: Metadata) throws(RPCError) {
        let scheme = "Bearer "
        guard let value = metadata[stringValues: "authorization"].first(where: { _ in true }), value.hasPrefix(scheme) else {
            throw RPCError(code: .unauthenticated, message: "no bearer token")
        }
        let hash = SHA256.hash(data: Array(value.utf8.dropFirst(scheme.utf8.count)))
        guard let role = self.roles[Array(hash)] else {
            throw RPCError(code: .unauthenticated, message: "unknown token")
        }
        guard role == "viewer" || role == "operator" || role == "admin" else {
            throw RPCError(code: .permissionDenied, message: "the role may not read instances")
        }
    }
}

private func bytes(hexadecimal digits: Substring) -> [UInt8]? {
    let digits = Array(digits.utf8)
    let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { position in
        UInt8(String(decoding: digits[position..<position + 2], as: UTF8.self), radix: 16)
    }
    return bytes.count == SHA256.byteCount ? bytes : nil
}
