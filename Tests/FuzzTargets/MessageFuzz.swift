import NovitaiProto
import ProtobufWire
import RPCCore
import TestProto

/// What is decoded is the same after it has been encoded again; what is not is refused.
enum MessageFuzz {
    static func run(_ bytes: [UInt8]) {
        guard let selector = bytes.first else { return }
        let message = Array(bytes.dropFirst())
        switch selector % 6 {
        case 0: self.check(NovitaiTestV1.EveryField.self, message)
        case 1: self.check(NovitaiV1.CreateInstanceRequest.self, message)
        case 2: self.check(NovitaiV1.ListInstancesRequest.self, message)
        case 3: self.check(NovitaiV1.WatchInstancesRequest.self, message)
        case 4: self.check(NovitaiV1.Instance.self, message)
        default: self.check(GoogleRpc.Status.self, message)
        }
    }

    private static func check<Message: ProtobufMessage>(_ type: Message.Type, _ bytes: [UInt8]) {
        guard let message = try? Message(decoding: bytes), let encoded = try? message.encoded(reserving: 0) else { return }
        guard let again = try? Message(decoding: encoded), let encodedAgain = try? again.encoded(reserving: 0) else {
            preconditionFailure("its own encoding is refused")
        }
        // Maps have no order: the same bytes may come in another one.
        precondition(encoded.count == encodedAgain.count && encoded.sorted() == encodedAgain.sorted(), "encoding is not stable")
    }
}
