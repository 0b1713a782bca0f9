internal import ArgumentParser
internal import NovitaiProto

/// What every list of the account's things takes.
struct ResourceListOptions: ParsableArguments {
    @Option(help: "Terms joined by AND, as: name = worker")
    var filter: String = ""
    @Option(help: "A field; followed by \" desc\" for descending.")
    var orderBy: String = ""
    @Flag(help: "Ask the provider now, instead of the cache.")
    var fresh = false
}

/// What every change of them takes.
struct ResourceChangeOptions: ParsableArguments {
    @Flag(help: "Check everything, change nothing.")
    var validateOnly = false
    @Option(help: "1-64 characters that name the call.")
    var requestID: String = ""
}

/// A list request, as all of them are.
protocol ResourceListMessage {
    init()
    var pageToken: String { get set }
    var filter: String { get set }
    var orderBy: String { get set }
    var fresh: Bool { get set }
}

extension NovitaiV1.ListTemplatesRequest: ResourceListMessage {}
extension NovitaiV1.ListRegistryCredentialsRequest: ResourceListMessage {}
extension NovitaiV1.ListNetworkVolumesRequest: ResourceListMessage {}
extension NovitaiV1.ListNetworksRequest: ResourceListMessage {}
extension NovitaiV1.ListImagePrewarmsRequest: ResourceListMessage {}

extension ResourceListOptions {
    /// The request of the first page.
    func message<Message: ResourceListMessage>(_: Message.Type = Message.self) -> Message {
        var message = Message()
        message.filter = self.filter
        message.orderBy = self.orderBy
        message.fresh = self.fresh
        return message
    }
}

/// A request that makes something or ends it.
protocol ResourceChangeMessage {
    init()
    var requestId: String { get set }
    var validateOnly: Bool { get set }
}

extension NovitaiV1.CreateTemplateRequest: ResourceChangeMessage {}
extension NovitaiV1.CreateRegistryCredentialRequest: ResourceChangeMessage {}
extension NovitaiV1.CreateNetworkVolumeRequest: ResourceChangeMessage {}
extension NovitaiV1.UpdateNetworkVolumeRequest: ResourceChangeMessage {}
extension NovitaiV1.UpdateTemplateRequest: ResourceChangeMessage {}
extension NovitaiV1.CreateNetworkRequest: ResourceChangeMessage {}
extension NovitaiV1.CreateImagePrewarmRequest: ResourceChangeMessage {}
extension NovitaiV1.DeleteTemplateRequest: ResourceChangeMessage {}
extension NovitaiV1.DeleteRegistryCredentialRequest: ResourceChangeMessage {}
extension NovitaiV1.DeleteNetworkVolumeRequest: ResourceChangeMessage {}
extension NovitaiV1.DeleteNetworkRequest: ResourceChangeMessage {}
extension NovitaiV1.DeleteImagePrewarmRequest: ResourceChangeMessage {}

extension ResourceChangeOptions {
    func message<Message: ResourceChangeMessage>(_: Message.Type = Message.self) -> Message {
        var message = Message()
        message.requestId = Retries.requestID(self.requestID)
        message.validateOnly = self.validateOnly
        return message
    }
}
