/// The ranges that `google/protobuf/timestamp.proto` and `duration.proto` document.
extension Wire {
    /// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z; nanoseconds always count forward.
    package static func checkTimestamp(seconds: Int64, nanos: Int32) throws(WireError) {
        guard (-62_135_596_800...253_402_300_799).contains(seconds), (0...999_999_999).contains(nanos) else {
            throw WireError(.outOfRange, "google.protobuf.Timestamp")
        }
    }

    /// About 10 000 years either way; seconds and nanoseconds have the same sign.
    package static func checkDuration(seconds: Int64, nanos: Int32) throws(WireError) {
        guard (-315_576_000_000...315_576_000_000).contains(seconds), (-999_999_999...999_999_999).contains(nanos),
            seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
        else { throw WireError(.outOfRange, "google.protobuf.Duration") }
    }
}
