internal import Glibc
internal import RPCCore
internal import SystemPackage

/// What the calling script is told.
enum ExitStatus: Int32 {
    case refused = 1
    case usage = 2
    case unreachable = 69
    case tryAgain = 75
    case configuration = 78

    /// A server of ours gives every refusal its details; UNAVAILABLE without any comes from the way there.
    init(_ error: RPCError) {
        switch error.code {
        case .unavailable: self = error.details.isEmpty ? .unreachable : .tryAgain
        case .resourceExhausted, .deadlineExceeded: self = .tryAgain
        default: self = .refused
        }
    }
}

/// A failure that is not the server's.
struct CommandFailure: Error {
    var status: ExitStatus
    var message: String
}

/// A line of the answer, at once: what is watched is seen as it happens, through a pipe too. A reader that has left ends the program quietly;
/// an answer that could not be written whole is a failure.
func printToStandardOutput(_ text: String) {
    do {
        try FileDescriptor.standardOutput.writeAll((text + "\n").utf8)
    } catch Errno.brokenPipe {
        exit(0)
    } catch {
        printToStandardError("error: the answer could not be written: \(error)")
        exit(ExitStatus.refused.rawValue)
    }
}

/// A line for people, beside the answer on standard output. A closed standard error is nobody's loss.
func printToStandardError(_ text: String, terminator: String = "\n") {
    _ = try? FileDescriptor.standardError.writeAll((text + terminator).utf8)
}
