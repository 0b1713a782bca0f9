internal import NovitaiProto

/// `InstanceSpec`, as far as the page's form has it.
struct SpecForm: Decodable, Sendable {
    struct Port: Decodable, Sendable {
        struct Probe: Decodable, Sendable {
            var path: String?
        }

        var port: JSONUInt32
        var `protocol`: JSONEnum<NovitaiV1.PortProtocol>?
        var probe: Probe?

        var message: NovitaiV1.PortSpec {
            var message = NovitaiV1.PortSpec()
            message.port = self.port.value
            message.protocol = self.protocol?.value ?? .unspecified
            message.probe = self.probe.map { form in
                var probe = NovitaiV1.PortProbe()
                probe.path = form.path ?? ""
                return probe
            }
            return message
        }
    }

    var products: [String]
    var gpuCount: JSONUInt32
    var regions: [String]?
    var image: String
    var command: String?
    var environment: [String: String]?
    var ports: [Port]?
    var diskGb: JSONUInt32?
    var billingMode: JSONEnum<NovitaiV1.BillingMode>?
    var maxHourlyPrice: JSONMoney?
    var minCudaVersion: String?
    var registryCredentialId: String?

    var message: NovitaiV1.InstanceSpec {
        var spec = NovitaiV1.InstanceSpec()
        spec.products = self.products
        spec.gpuCount = self.gpuCount.value
        spec.regions = self.regions ?? []
        spec.image = self.image
        spec.command = self.command ?? ""
        spec.environment = self.environment ?? [:]
        spec.ports = (self.ports ?? []).map(\.message)
        spec.diskGb = self.diskGb?.value ?? 0
        spec.billingMode = self.billingMode?.value ?? .unspecified
        spec.maxHourlyPrice = self.maxHourlyPrice?.message
        spec.minCudaVersion = self.minCudaVersion ?? ""
        spec.registryCredentialId = self.registryCredentialId ?? ""
        return spec
    }
}
