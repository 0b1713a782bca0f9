internal import ArgumentParser
internal import NovitaiProto

/// What is wanted of a machine.
struct SpecOptions: ParsableArguments {
    @Option(help: "A product, id or name as `products list` shows it; repeated in order of preference.")
    var product: [String] = []

    @Option(help: ArgumentHelp("Instead of products: GPUs with at least so much memory.", valueName: "GB"))
    var minVram: UInt32?

    @Option(help: "Instead of products: at least so many cores beside each GPU, or with --cpu.")
    var minCpus: UInt32?

    @Option(help: ArgumentHelp("Instead of products: at least so much memory beside each GPU, or with --cpu.", valueName: "GB"))
    var minMemory: UInt32?

    @Option(help: "Id of a template: what is not given here is taken from it.")
    var template: String = ""

    @Option(help: "GPUs, 1-8; 1 when neither this nor --cpu is given.")
    var gpus: UInt32?

    @Flag(help: "A machine without GPUs.")
    var cpu = false

    @Option(help: "A region, id or name; repeated in order of preference. Any when none is given.")
    var region: [String] = []

    @Option(help: "The image to run.")
    var image: String = ""

    @Option(help: ArgumentHelp("A port to reach from outside: 8080/http or 22/tcp; may be repeated.", valueName: "port"))
    var port: [PortOption] = []

    @Option(
        help: ArgumentHelp(
            "Ask the program behind a port whether it is ready: 8080/healthz by a request, 22 by a connection; may be repeated.",
            valueName: "port[/path]"))
    var probe: [ProbeOption] = []

    @Option(help: ArgumentHelp("A variable of the container's environment; may be repeated.", valueName: "name=value"))
    var env: [KeyValue] = []

    @Option(help: "Container disk in GB; 60 when neither this nor a template says so.")
    var disk: UInt32 = 0

    @Option(help: ArgumentHelp("A network volume and where it stands in the container; may be repeated.", valueName: "id=path"))
    var volume: [KeyValue] = []

    @Option(help: "Id of a private network.")
    var network: String = ""

    @Flag(help: "Spot: cheaper, may be reclaimed.")
    var spot = false

    @Option(help: "Highest acceptable price in USD per hour for the whole machine, as 0.50.")
    var maxPrice: Dollars?

    @Option(
        help: ArgumentHelp(
            "Wait until then, at most a week, when no offer has room; nothing is billed while it waits.", valueName: "2030-01-31T18:00:00Z")
    )
    var waitForCapacityUntil: TimeOption?

    @Option(help: "Replaces the image's command.")
    var command: String = ""

    @Option(help: "Replaces the image's entry point.")
    var entrypoint: String = ""

    @Option(help: "Id of a stored registry credential.")
    var registryCredential: String = ""

    @Option(help: "Lowest CUDA version, as 12.4.")
    var minCuda: String = ""

    func validate() throws {
        if self.product.isEmpty, !self.hasRequirements {
            throw ValidationError("Missing on what it is to run: --product, or what it must have by --min-vram, --min-cpus, --min-memory")
        }
        if self.image.isEmpty, self.template.isEmpty { throw ValidationError("Missing what is to run: --image or --template") }
    }

    private var hasRequirements: Bool { self.minVram != nil || self.minCpus != nil || self.minMemory != nil }

    func message() throws -> NovitaiV1.InstanceSpec {
        var spec = NovitaiV1.InstanceSpec()
        spec.products = self.product
        if self.hasRequirements {
            var requirements = NovitaiV1.ProductRequirements()
            requirements.minVramGb = self.minVram ?? 0
            requirements.minCpuCount = self.minCpus ?? 0
            requirements.minMemoryGb = self.minMemory ?? 0
            spec.requirements = requirements
        }
        spec.templateId = self.template
        spec.networkId = self.network
        spec.volumes = self.volume.map { pair in
            var mount = NovitaiV1.VolumeMount()
            (mount.volumeId, mount.mountPath) = (pair.key, pair.value)
            return mount
        }
        spec.gpuCount = self.gpus ?? (self.cpu ? 0 : 1)
        spec.kind = self.cpu ? .cpu : .unspecified
        spec.regions = self.region
        spec.image = self.image
        spec.ports = self.port.map(\.message)
        for probe in self.probe {
            guard let index = spec.ports.firstIndex(where: { $0.port == probe.port }) else {
                throw ValidationError("--probe \(probe.port): there is no --port \(probe.port)")
            }
            spec.ports[index].probe = probe.message
        }
        spec.environment = KeyValue.dictionary(self.env)
        spec.diskGb = self.disk
        spec.billingMode = self.spot ? .spot : .onDemand
        spec.maxHourlyPrice = self.maxPrice.map { price in
            var money = NovitaiV1.Money()
            money.currencyCode = "USD"
            money.micros = price.micros
            return money
        }
        spec.command = self.command
        spec.entrypoint = self.entrypoint
        spec.registryCredentialId = self.registryCredential
        spec.minCudaVersion = self.minCuda
        spec.waitForCapacityUntil = self.waitForCapacityUntil?.message
        return spec
    }
}

/// `8080/http`.
struct PortOption: ExpressibleByArgument {
    let message: NovitaiV1.PortSpec

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let port = UInt32(parts[0]) else { return nil }
        var message = NovitaiV1.PortSpec()
        message.port = port
        switch parts.count == 2 ? parts[1] : "http" {
        case "http": message.protocol = .http
        case "tcp": message.protocol = .tcp
        default: return nil
        }
        self.message = message
    }
}

/// `8080/healthz`, or `22`.
struct ProbeOption: ExpressibleByArgument {
    let port: UInt32
    let message: NovitaiV1.PortProbe

    init?(argument: String) {
        guard let port = UInt32(argument.prefix { $0 != "/" }) else { return nil }
        var message = NovitaiV1.PortProbe()
        message.path = String(argument.drop { $0 != "/" })
        self.port = port
        self.message = message
    }
}

/// `name=value`; the value may hold further `=`.
struct KeyValue: ExpressibleByArgument {
    let key: String
    let value: String

    init?(argument: String) {
        guard let separator = argument.firstIndex(of: "="), separator != argument.startIndex else { return nil }
        self.key = String(argument[..<separator])
        self.value = String(argument[argument.index(after: separator)...])
    }

    /// The last of several with one key wins, as in a shell.
    static func dictionary(_ pairs: [KeyValue]) -> [String: String] {
        Dictionary(pairs.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }
}

/// A decimal amount of dollars, kept as an integer: never a float.
struct Dollars: ExpressibleByArgument {
    let micros: Int64

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]), (0...1_000_000).contains(whole) else { return nil }
        let decimals = parts.count == 2 ? parts[1] : "0"
        guard (1...6).contains(decimals.count), decimals.allSatisfy({ $0.isASCII && $0.isNumber }),
            let fraction = Int64(decimals + String(repeating: "0", count: 6 - decimals.count))
        else { return nil }
        self.micros = whole * 1_000_000 + fraction
    }
}
