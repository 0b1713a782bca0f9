internal import CZlib

/// How the bytes of zlib's algorithm are wrapped.
enum ZlibFormat: String, Sendable {
    case gzip
    case deflate

    /// 15 is the largest window; 16 more ask for the wrapper of gzip.
    fileprivate var windowBits: Int32 { self == .gzip ? 15 + 16 : 15 }
}

enum ZlibError: Error, Hashable {
    case outOfMemory
    /// Cut, followed by something else, or not in the format at all.
    case malformed
    /// Beyond the limit.
    case tooLong
    /// Within the limit, but far smaller on the wire than anything honest.
    case bomb
}

/// zlib, one message at a time: no state is kept between messages, which come from different callers.
///
// The only unsafe place of this target. A `z_stream` is used within one call, and its pointers are to memory that the call lends it.
enum Zlib {
    /// The least work that makes text and protobuf messages smaller: the stronger levels cost three times as much for a tenth of the size.
    static let usualLevel = Z_BEST_SPEED

    /// Bytes that may be had for one byte of input, once there are `bombSize` of them. zlib's own limit is 1032; messages have 3 to 20.
    static let ratioMax = 1000
    private static let bombSize = 1 << 20
    /// Bytes that zlib can make of one.
    private static let expansionMax = 1032
    /// Header and trailer of gzip.
    private static let gzipSizeMin = 18

    /// Bytes of output that are made room for at first, as a multiple of the input.
    private static let usualRatio = 4

    /// The message in the format, behind `prefix` bytes.
    static func compress(_ message: RawSpan, reserving prefix: Int, _ format: ZlibFormat, level: Int32 = usualLevel) throws(ZlibError)
        -> [UInt8]
    {
        var stream = unsafe z_stream()
        guard unsafe czlib_begin_deflate(&stream, level, format.windowBits) == Z_OK else { throw .outOfMemory }
        defer { unsafe deflateEnd(&stream) }
        let bound = unsafe prefix + Int(deflateBound(&stream, UInt(message.byteCount)))
        var result = Z_STREAM_ERROR
        let output = unsafe message.withUnsafeBytes { input in
            // `deflateBound` bytes hold any output, so one call with Z_FINISH comes to the end.
            unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
                unsafe buffer.initialize(repeating: 0, upTo: prefix)
                unsafe stream.take(input, UnsafeMutableBufferPointer(rebasing: buffer[prefix...]))
                result = unsafe deflate(&stream, Z_FINISH)
                count = unsafe bound - Int(stream.avail_out)
            }
        }
        guard result == Z_STREAM_END else { throw .outOfMemory }
        return output
    }

    /// The message out of the format. At most `limit` bytes, and one, are ever made; memory grows as they come, unless the message says
    /// itself how many there are.
    static func decompress(_ message: RawSpan, limit: Int, _ format: ZlibFormat) throws(ZlibError) -> [UInt8] {
        let stated = format == .gzip ? try Self.statedSize(of: message) : nil
        if let stated {
            guard stated <= limit else { throw .tooLong }
            guard Self.isHonest(stated, from: message) else { throw .bomb }
        }
        var stream = unsafe z_stream()
        guard unsafe czlib_begin_inflate(&stream, format.windowBits) == Z_OK else { throw .outOfMemory }
        defer { unsafe inflateEnd(&stream) }
        // One more than stated: a message that fills it has said too little.
        var capacity = stated.map { $0 + 1 } ?? min(limit + 1, max(64, Self.usualRatio * message.byteCount))
        var output: [UInt8] = []
        while true {
            let result = unsafe Self.inflate(message, &stream, &output, capacity: capacity)
            guard output.count <= limit else { throw .tooLong }
            guard Self.isHonest(output.count, from: message) else { throw .bomb }
            switch result {
            case Z_STREAM_END:
                guard unsafe stream.avail_in == 0 else { throw .malformed }
                return output
            case Z_OK, Z_BUF_ERROR:
                // With room left, everything is used and the end is not there: cut.
                guard output.count == capacity, stated == nil else { throw .malformed }
                capacity = min(limit + 1, 2 * capacity)
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .malformed
            }
        }
    }

    /// Gives `output` that capacity and fills it with as much as there is.
    private static func inflate(_ message: RawSpan, _ stream: inout z_stream, _ output: inout [UInt8], capacity: Int) -> Int32 {
        var result = Z_STREAM_ERROR
        let before = output
        output = unsafe message.withUnsafeBytes { input in
            unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                _ = unsafe buffer.update(fromContentsOf: before)
                let rest = unsafe UnsafeRawBufferPointer(rebasing: input[Int(stream.total_in)...])
                unsafe stream.take(rest, UnsafeMutableBufferPointer(rebasing: buffer[before.count...]))
                result = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
                count = unsafe capacity - Int(stream.avail_out)
            }
        }
        return result
    }

    private static func isHonest(_ size: Int, from message: RawSpan) -> Bool {
        size <= Self.bombSize || size / Self.ratioMax <= message.byteCount
    }

    /// What the last four bytes say of a gzip member's size, modulo 2^32 (RFC 1952, section 2.3.1). zlib finds out in the end whether it is
    /// true. Malformed where no message of that size fits in so few bytes.
    private static func statedSize(of message: RawSpan) throws(ZlibError) -> Int {
        guard message.byteCount >= Self.gzipSizeMin else { throw .malformed }
        let start = message.byteCount - 4
        // Four bytes that are there, as was just seen; any byte is a UInt8.
        let size = (0..<4).reduce(0) { unsafe $0 | Int(message.unsafeLoad(fromByteOffset: start + $1, as: UInt8.self)) << (8 * $1) }
        guard size / Self.expansionMax <= message.byteCount else { throw .malformed }
        return size
    }
}

extension UnsafeMutableBufferPointer<UInt8> {
    fileprivate func initialize(repeating value: UInt8, upTo count: Int) {
        for index in 0..<count { unsafe self.initializeElement(at: index, to: value) }
    }
}

extension z_stream {
    /// Both must stay where they are until the next call that uses them is over. zlib does not write through `next_in`.
    fileprivate mutating func take(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableBufferPointer<UInt8>) {
        // Every byte may be seen as UInt8; the counts are those of the buffers.
        unsafe self.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe self.avail_in = UInt32(truncatingIfNeeded: input.count)
        unsafe self.next_out = output.baseAddress
        unsafe self.avail_out = UInt32(truncatingIfNeeded: output.count)
    }
}
