internal import Fleet
internal import JSONText

extension NovitaCloud: CloudResources {
    /// From the cache, or asked anew.
    func list<Item: Sendable>(
        _ list: PagedList, _ cache: FetchCache<[Item]>, isFresh: Bool, _ call: CloudCall, _ read: @escaping @Sendable (JSON) -> Item?
    ) async throws(CloudError) -> Fetched<[Item]> {
        let fetch: () async throws(CallFailure) -> [Item] = { () async throws(CallFailure) in
            try await list.items(of: self.caller, call: call).compactMap(read)
        }
        do throws(CallFailure) {
            return isFresh ? try await cache.freshValue(fetch: fetch) : try await cache.value(deadline: call.deadline, fetch: fetch)
        } catch {
            throw error.error
        }
    }

    /// One thing; nil when the provider says that there is none.
    func read<Item>(_ request: APIRequest, _ call: CloudCall, _ read: (JSON) -> Item?) async throws(CloudError) -> Item? {
        do throws(CallFailure) {
            let reply = try await self.caller.json(request, call: call)
            guard let item = read(reply) else { throw .malformedReply("the reply of \(request.path) does not hold what was asked for") }
            return item
        } catch {
            guard error.error.code == .notFound else { throw error.error }
            return nil
        }
    }

    /// Makes something, once. - Returns: its id, where the provider tells it under one of the keys, or alone.
    func make(
        _ path: String, _ body: JSON, idKeys: [String], secrets: [String] = [], _ call: CloudCall
    ) async throws(CloudError) -> String? {
        do throws(CallFailure) {
            let bytes = try await self.caller.send(.post(path, body, .ifNotProcessed, secrets: secrets), call: call)
            // The status says that it was made; a body that is no JSON tells no id.
            let reply = (try? JSON(parsing: bytes)) ?? .null
            let holders = [reply, reply["data"]] + reply["network"].elements
            let ids = [reply.string] + holders.flatMap { holder in idKeys.map { holder[$0].string } }
            return ids.first { !$0.isEmpty }
        } catch {
            throw error.changeError
        }
    }
}

extension JSON {
    static func object(_ members: (String, JSON)...) -> JSON { .object(members.map { Member($0.0, $0.1) }) }

    static func integer(_ value: Int) -> JSON { .number("\(value)") }
}
