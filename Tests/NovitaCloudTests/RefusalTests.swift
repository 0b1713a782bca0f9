import CurlClient
import Fleet
import Testing

@testable import NovitaCloud

@Suite("What a refusal means")
struct RefusalTests {
    @Test(
        "by the symbolic name",
        arguments: [
            (401, "UNAUTHORIZED", .unauthorized), (403, "FORBIDDEN", .unauthorized), (403, "INVALID_API_KEY", .unauthorized),
            (400, "INVALID_USER_TOKEN", .unauthorized), (400, "USER_NOT_FOUND", .unauthorized), (400, "VALIDATOR_PARAM", .invalidRequest),
            (400, "INVALID_COMMAND_PARAM", .invalidRequest), (400, "UNSUPPORTED_BILLING_MODE", .invalidRequest),
            (400, "CONFLICT", .invalidState),
            (429, "RATE_LIMIT_EXCEEDED", .rateLimited), (400, "RATE_LIMIT_EXCEEDED", .rateLimited), (500, "UNKNOWN", .unavailable),
            (400, "RESOURCE_NOT_FOUND", .notFound), (404, "RESOURCE_NOT_FOUND", .notFound), (400, "IMAGE_NOT_FOUND", .notFound),
            (400, "NETWORK_STORAGE_NOT_FOUND", .notFound), (500, "WALLET_NOT_FOUND", .unavailable),
            (400, "INSUFFICIENT_RESOURCE", .capacity),
            (400, "MIGRATE_INSUFFICIENT_RESOURCE", .capacity), (400, "GPU_SPEC_USED", .capacity), (400, "NODE_STATUS", .capacity),
            (400, "DEPENDENT_RESOURCE_STATE", .invalidState), (400, "BALANCE_NOT_ENOUGH", .money),
            (400, "EXPIRED_OR_BALANCE_NOT_ENOUGH", .money), (400, "CREATE_INSTANCE_LIMIT", .money),
            (400, "PREPAID_INSTANCE_NOT_SUPPORT_RELEASE", .money), (503, "INSUFFICIENT_RESOURCE", .unavailable),
        ] as [(Int, String, CloudError.Code)])
    func names(status: Int, name: String, code: CloudError.Code) {
        let spellings = [
            #"{"code": \#(status), "reason": "\#(name)", "message": "text"}"#, #"{"code": "\#(name)", "message": "text"}"#,
            #"{"error": {"code": "\#(name)", "message": "text"}}"#, #"{"message": "failed: \#(name)"}"#, #"{"REASON": "\#(name)"}"#,
        ]
        for body in spellings {
            #expect(Refusal(status: status, body: Array(body.utf8)).code == code, "\(body)")
        }
    }

    @Test(
        "by the text when there is no name",
        arguments: [
            ("invalid state change", .invalidState), ("Instance not found", .notFound), ("network not fount", .notFound),
            ("insufficient resources in cluster", .capacity), ("insufficient balance", .money), ("name is too long", .invalidRequest),
        ] as [(String, CloudError.Code)])
    func texts(_ text: String, code: CloudError.Code) {
        for body in [#"{"code": 400, "message": "\#(text)"}"#, #"{"error": "\#(text)"}"#, #"{"title": "\#(text)"}"#] {
            #expect(Refusal(status: 400, body: Array(body.utf8)).code == code, "\(body)")
        }
    }

    @Test(
        "a page of something in front of the API is no word of the API: nobody knows what was done",
        arguments: [
            (404, "404 page not found"), (404, "<html><h1>404 Not Found</h1></html>"), (400, "<html>"), (408, ""), (302, ""),
            (502, "<html>"), (503, ""), (504, "upstream timeout"), (500, #"{"reason": "UNKNOWN"}"#), (408, #"{"message": "timeout"}"#),
            (499, ""), (499, #"{"code": 499, "reason": "REQUEST", "message": "context canceled"}"#), (405, "<html>"), (409, "busy"),
            (400, #"{"message": "rpc error: code = DeadlineExceeded desc = context deadline exceeded"}"#),
            (400, #"{"code": 400, "reason": "REQUEST", "message": "Post \"http://scheduler/create\": context canceled"}"#),
            (400, #"{"code": 400, "reason": "DEADLINE_EXCEEDED", "message": "x"}"#), (422, #"{"error": "request timed out"}"#),
            (400, #"{"code": 400, "message": "insufficient time: timeout"}"#), (400, #"{"code": 400, "reason": "UNKNOWN"}"#),
            (404, #"{"message": "no Route matched with those values"}"#), (404, #"{"code": 404, "message": "no such thing"}"#),
            (405, #"{"message": "not allowed"}"#), (417, #"{"message": "no peer of the load balancer"}"#), (400, "{}"), (400, "[]"),
        ])
    func gateways(status: Int, body: String) {
        let failure = Refusal(status: status, body: Array(body.utf8)).failure(retryAfter: nil)
        #expect(failure.mayHaveBeenProcessed)
        #expect(failure.error.code != .notFound)
    }

    @Test(
        "a machine is gone by the names and texts for a machine, not by those for something else, nor by a gateway's JSON",
        arguments: [
            (404, #"{"code": 404, "reason": "RESOURCE_NOT_FOUND", "message": "instance not found"}"#, .notFound),
            (404, #"{"code": 404, "reason": "NOT_FOUND", "message": "not found"}"#, .notFound),
            (404, #"{"code": 404, "reason": "NOT_FOUND", "message": "path not found"}"#, .unavailable),
            (404, #"{"code": 404, "message": "not found"}"#, .unavailable),
            (400, #"{"code": 400, "reason": "RESOURCE_NOT_FOUND", "message": "x"}"#, .notFound),
            (404, #"{"reason": "INSTANCE_NOT_FOUND"}"#, .notFound), (400, #"{"message": "failed: INSTANCE_NOT_FOUND"}"#, .notFound),
            (404, #"{"message": "instance not found"}"#, .notFound), (400, #"{"message": "The instance was not fount."}"#, .notFound),
            (400, #"{"reason": "INSTANCE_LOCAL_STORAGE_NOT_FOUND", "message": "x"}"#, .invalidState),
            (400, #"{"reason": "ORDER_NOT_FOUND", "message": "x"}"#, .invalidState),
            (400, #"{"message": "network not found"}"#, .invalidState), (400, #"{"message": "IMAGE_NOT_FOUND"}"#, .invalidState),
            (400, #"{"message": "record not found"}"#, .notFound), (400, #"{"message": "not found: instance."}"#, .notFound),
            (400, #"{"message": "instance-abc not found"}"#, .notFound), (400, #"{"message": "instances not found"}"#, .notFound),
            (400, #"{"message": "page not found"}"#, .invalidRequest),
            (404, #"{"message": "/gpu-instance/openapi/v1/gpu/instance not found"}"#, .unavailable),
            (404, #"{"message":"no Route matched with those values"}"#, .unavailable), (404, #"{"message":"Not Found"}"#, .unavailable),
            (404, #"{"statusCode": 404, "message": "Resource not found"}"#, .unavailable),
            (404, #"{"timestamp": "x", "status": 404, "error": "Not Found", "path": "/gpu/instance"}"#, .unavailable),
            (404, #"{"message":"Route GET:/gpu-instance/openapi/v1/gpu/instance not found","statusCode":404}"#, .unavailable),
            (404, #"{"code": 404, "message": "service instance not found"}"#, .unavailable),
            (404, #"{"error": {"code": "404", "message": "The page could not be found"}}"#, .unavailable),
            (404, #"{"error": {"code": "NOT_FOUND", "message": "not found"}}"#, .unavailable), (404, "{}", .unavailable),
            (404, "instance not found", .unavailable), (502, #"{"reason": "RESOURCE_NOT_FOUND"}"#, .unavailable),
        ] as [(Int, String, CloudError.Code)])
    func gone(status: Int, body: String, code: CloudError.Code) {
        #expect(Refusal(status: status, body: Array(body.utf8), about: .machine).code == code)
    }

    @Test(
        "only a call that names one machine is about a machine",
        arguments: [
            ("/gpu/instance", true), ("/gpu/instance/delete", true), ("/gpu/instance/create", false), ("/gpu/instances", false),
            ("/network", false),
        ])
    func subject(path: String, isMachine: Bool) {
        #expect((APIRequest.get(path).subject == .machine) == isMachine)
    }

    @Test(
        "some statuses say before whom the request ended, and a name says more than a text: nothing was done",
        arguments: [
            (401, "<html>", .unauthorized), (403, "", .unauthorized), (413, "<html>", .invalidRequest), (429, "timeout", .rateLimited),
            (400, #"{"reason": "INSUFFICIENT_RESOURCE", "message": "timeout"}"#, .capacity),
            (400, #"{"reason": "VALIDATOR_PARAM", "message": "requestTimeout"}"#, .invalidRequest),
            (405, #"{"code": 405, "message": "not allowed"}"#, .invalidRequest), (404, #"{"reason": "NEWS"}"#, .invalidRequest),
        ] as [(Int, String, CloudError.Code)])
    func before(status: Int, body: String, code: CloudError.Code) {
        let failure = Refusal(status: status, body: Array(body.utf8)).failure(retryAfter: nil)
        #expect(failure.error.code == code && !failure.mayHaveBeenProcessed)
    }

    @Test("a 4xx of the API is its word that nothing was done", arguments: [400, 401, 403, 409, 422, 429])
    func final(status: Int) {
        let refusal = Refusal(status: status, body: Array(#"{"message": "no"}"#.utf8))
        #expect(!refusal.failure(retryAfter: nil).mayHaveBeenProcessed)
    }

    @Test("the message is bounded and has no control characters")
    func message() {
        let text = "line\\r\\n\\u001b[31mfake" + String(repeating: "x", count: 2000)
        let message = Refusal(status: 400, body: Array(#"{"message": "\#(text)"}"#.utf8)).failure(retryAfter: nil).error.message
        #expect(message.count <= 510)
        #expect(message.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test(
        "Retry-After",
        arguments: [("5", 5), ("0", 0), ("999999", 300), ("-1", nil), ("Wed, 21 Oct 2026 07:28:00 GMT", nil), ("", nil)] as [(String, Int?)]
    )
    func retryAfter(_ value: String, seconds: Int?) {
        let response = HTTPResponse(status: 429, headers: [HTTPHeader("retry-after", value)])
        #expect(response.retryAfter == seconds.map { .seconds($0) })
    }
}
