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

    /// The message out of the format. At most `limit` bytes, and one, are ever made; memory grows as they come.
    static func decompress(_ message: RawSpan, limit: Int, _ format: ZlibFormat) throws(ZlibError) -> [UInt8] {
        var stream = unsafe z_stream()
        guard unsafe czlib_begin_inflate(&stream, format.windowBits) == Z_OK else { throw .outOfMemory }
        defer { unsafe inflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: min(limit + 1, max(64, Self.usualRatio * message.byteCount)))
        var filled = 0
        while true {
            let result = unsafe message.withUnsafeBytes { input in
                unsafe output.withUnsafeMutableBufferPointer { buffer in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: input[Int(stream.total_in)...])
                    unsafe stream.take(rest, UnsafeMutableBufferPointer(rebasing: buffer[filled...]))
                    return unsafe inflate(&stream, Z_NO_FLUSH)
                }
            }
            filled = unsafe output.count - Int(stream.avail_out)
            guard filled <= limit else { throw .tooLong }
            guard filled <= Self.bombSize || filled / Self.ratioMax <= message.byteCount else { throw .bomb }
            switch result {
            case Z_STREAM_END:
                guard unsafe stream.avail_in == 0 else { throw .malformed }
                output.removeSubrange(filled...)
                return output
            case Z_OK, Z_BUF_ERROR:
                // With room left, everything is used and the end is not there: cut.
                guard filled == output.count else { throw .malformed }
                output += [UInt8](repeating: 0, count: min(limit + 1 - output.count, output.count))
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .malformed
            }
        }
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
