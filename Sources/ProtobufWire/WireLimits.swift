/// What one message may cost, whatever its bytes say. A limit on the message's size alone does not help: protobuf-c has no limit of its
/// own on depth, on repeated merging, or on the memory that two bytes of input turn into.
@usableFromInline
package enum WireLimits {
    /// Levels of nested messages. protobuf-c unpacks by recursion; 64 levels use a few kilobytes of stack.
    package static let depth = 64
    /// Fields in one message, nested ones included. protobuf-c keeps a 40-byte record of each while it unpacks.
    /// A page of 1000 instances has about 60 000.
    package static let fields = 100_000
    /// Fields that the schema does not know, per message: they come from a newer peer, a handful at a time, and are dropped.
    package static let unknownFields = 1000
    /// Repetitions of singular message fields in one message. Each is merged into the one before with a full copy of its lists;
    /// no encoder writes them, only concatenated encodings have them.
    package static let repeatedSingularMessages = 16
    /// Fields that a message type may declare; the generator refuses more. The pre-scan marks the ones it met in 128 bits.
    package static let declaredFields = 128

    /// Bytes of a thread's arena that are kept for the next message: enough for nearly all of them.
    package static let arenaKept = 64 * 1024
    /// Bytes by which an arena grows when that is not enough. Given back after the message.
    package static let arenaGrowth = 256 * 1024
    /// Bytes that building or unpacking one message may use: sixteen times the largest message of 4 MiB. The `bytes` of a message that is built
    /// are where the message has them, and do not count.
    @usableFromInline package static let arenaTotal = 64 * 1024 * 1024

    /// Bytes that unpacking `size` bytes may use. An empty submessage is two bytes on the wire and about 130 in memory
    /// (its structure, the pointer to it, and protobuf-c's record of the field), hence the factor.
    @usableFromInline
    package static func unpackBudget(for size: Int) -> Int {
        min(arenaKept + 64 * size, arenaTotal)
    }
}
