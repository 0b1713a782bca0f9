import FoundationEssentials
import GRPCCore
import GRPCProtobuf

/// Answers with the instances that it was given. Messages are values: an answer is made from the record without a copy of what it holds.
struct InstanceService: RegistrableRPCService {
    let identity: Identity
    let instances: [String: Novitai_V1_Instance]

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: "novitai.v1.InstanceService", method: "GetInstance"),
            deserializer: ProtobufDeserializer<Novitai_V1_GetInstanceRequest>(),
            serializer: ProtobufSerializer<Novitai_V1_Instance>()
        ) { request, context in
            let request = try await ServerRequest(stream: request)
            return StreamingServerResponse(single: ServerResponse(message: try self.answer(request, context)))
        }
    }

    private func answer(_ request: ServerRequest<Novitai_V1_GetInstanceRequest>, _ context: ServerContext) throws -> Novitai_V1_Instance {
        if context.cancellation.isCancelled || hasNoTime(request.metadata) {
            throw RPCError(code: .deadlineExceeded, message: "deadline exceeded")
        }
        try self.identity.check(request.metadata)
        guard let instance = self.instances[request.message.id] else {
            throw RPCError(code: .notFound, message: "no instance \(request.message.id)")
        }
        return instance
    }

    /// grpc-swift cancels a call when its time is over; one that comes with none left may run before it is cancelled.
    private func hasNoTime(_ metadata: Metadata) -> Bool {
        metadata[stringValues: "grpc-timeout"].contains { timeout in timeout.utf8.dropLast().allSatisfy { $0 == UInt8(ascii: "0") } }
    }
}

func readInstances(_ path: String) throws -> [String: Novitai_V1_Instance] {
    let instance = try Novitai_V1_Instance(serializedBytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    return [instance.id: instance]
}
