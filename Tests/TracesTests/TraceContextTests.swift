import Testing

@testable import Traces

private let trace = "0af7651916cd43dd8448eb211c80319c"
private let span = "b7ad6b7169203331"
private let parent = "00-\(trace)-\(span)-01"

@Suite("W3C Trace Context")
struct TraceContextTests {
    @Test("a traceparent is read and written as it is spelled")
    func roundTrip() throws {
        let context = try #require(TraceContext(parent: parent, state: "congo=t61rcWkgMzE"))
        #expect(context.traceID.description == trace && context.spanID.description == span && context.isSampled)
        #expect(context.parent == parent && context.state == "congo=t61rcWkgMzE")
        #expect(context.traceID.bytes.count == 16 && context.traceID.bytes[0] == 0x0a && context.spanID.bytes.last == 0x31)
    }

    @Test(
        "flags that this version does not know are left aside",
        arguments: [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true), ("fe", false)])
    func flags(_ flags: String, isSampled: Bool) throws {
        let context = try #require(TraceContext(parent: "00-\(trace)-\(span)-\(flags)"))
        #expect(context.isSampled == isSampled && context.parent.hasSuffix(isSampled ? "-01" : "-00"))
    }

    @Test("a later version is read by the fields of this one", arguments: ["", "-", "-what-the-future-will-be-like"])
    func later(_ more: String) {
        #expect(TraceContext(parent: "01-\(trace)-\(span)-01\(more)")?.parent == parent)
    }

    @Test(
        "what is malformed is ignored as a whole",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-", "00-\(trace)-\(span)-1", "00-\(trace)-\(span)-01-",
            "00-\(trace)-\(span)-01x",
            "00-\(trace)-\(span)-0100", "ff-\(trace)-\(span)-01", "0-\(trace)-\(span)-01", "FF-\(trace)-\(span)-01",
            "01-\(trace)-\(span)-01x",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01", "00-\(trace.uppercased())-\(span)-01",
            "00-\(trace)-\(span.uppercased())-01", "00-\(trace)-\(span)-0A", "00-\(trace)g-\(span)-01", "00_\(trace)_\(span)_01",
            "00-\(trace.dropLast())\u{e9}-\(span)-01", " \(parent)", "\(parent) ", "00-\(trace.dropLast())--\(span)-01",
            "zz-\(trace)-\(span)-01",
        ])
    func malformed(_ text: String) {
        #expect(TraceContext(parent: text, state: "a=1") == nil)
    }

    @Test(
        "a tracestate is handed on as it came",
        arguments: [
            "a=1", "foo=1,bar=2", "foo=1 \t , \t bar=2, \t baz=3", "foo=1,", ",foo=1", "foo@vendor=1", "0tenant@v=1", "a=b c", "a-_*/=!~",
            "a=" + String(repeating: "v", count: 256), (1...32).map { "k\($0)=1" }.joined(separator: ","),
        ])
    func state(_ text: String) {
        #expect(TraceContext(parent: parent, state: text)?.state == text)
    }

    @Test(
        "a malformed tracestate is left out, and the trace goes on",
        arguments: [
            "a", "=1", "a=", "A=1", "0a=1", "a=1=2", "a=1;b=2 ,c", "a@=1", "@v=1", "a@0v=1", "a@b@c=1", "a=\u{e9}", "foo@=1,bar=2",
            "foo=1,foo=2", "a=" + String(repeating: "v", count: 257), String(repeating: "k", count: 257) + "=1",
            String(repeating: "t", count: 242) + "@v=1", "t@" + String(repeating: "v", count: 15) + "=1",
            (1...33).map { "k\($0)=1" }.joined(separator: ","),
        ])
    func malformedState(_ text: String) {
        let context = TraceContext(parent: parent, state: text)
        #expect(context?.parent == parent && context?.state == "")
    }

    @Test("a tracestate that is too long loses whole entries: the long ones first, then the last")
    func longState() {
        let long = "long=" + String(repeating: "x", count: 200)
        let short = (1...40).map { "k\($0)=" + String(repeating: "y", count: 20) }
        let list = [long] + short.prefix(20)
        let kept = TraceContext(parent: parent, state: list.joined(separator: ","))?.state ?? ""
        #expect(kept == short.prefix(20).joined(separator: ",") && kept.utf8.count <= TraceState.lengthMax)
        let tooMany = TraceContext(parent: parent, state: short.prefix(30).joined(separator: ","))?.state ?? ""
        #expect(short.joined(separator: ",").hasPrefix(tooMany) && (480...512).contains(tooMany.utf8.count))
    }
}
