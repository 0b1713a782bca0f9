internal import ArgumentParser
internal import NovitaiProto

struct ProductsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "products", abstract: "What the provider offers.", subcommands: [ListProducts.self])
}

struct ListProducts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List products with their prices per GPU, or CPU machine, and hour.")
    @Option(help: "Terms joined by AND, as: region = us-ca-6 AND available = true")
    var filter: String = ""
    @Option(help: "price or name; followed by \" desc\" for descending.")
    var orderBy: String = ""
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var request = NovitaiV1.ListProductsRequest()
        request.filter = self.filter
        request.orderBy = self.orderBy
        let products = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: request) { request in
                let reply = try await client.listProducts(request, options: try self.connection.call)
                return (reply.products, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(products) {
            var table = Table("ID", "NAME", "KIND", "ON DEMAND/H", "SPOT/H", "CPUS", "MEMORY", "STOCK", "REGIONS")
            for product in products {
                table.add(
                    product.id, product.name, product.kind == .cpu ? "cpu" : "gpu", product.onDemandPrice.text, product.spotPrice.text,
                    String(product.cpuCount),
                    "\(product.memoryGb) GB", product.available ? product.stock : "none", product.regionIds.joined(separator: ","))
            }
            return table.text
        }
    }
}

struct RegionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "regions", abstract: "Where machines can stand.", subcommands: [ListRegions.self])
}

struct ListRegions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List regions and what they have.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let regions = try await self.connection.withChannel { channel in
            let client = NovitaiV1.CatalogServiceClient(channel)
            return try await pages(of: NovitaiV1.ListRegionsRequest()) { request in
                let reply = try await client.listRegions(request, options: try self.connection.call)
                return (reply.regions, reply.nextPageToken)
            } next: {
                $0.pageToken = $1
            }
        }
        self.connection.output.print(regions) {
            var table = Table("ID", "NAME", "PRODUCTS")
            for region in regions { table.add(region.id, region.name, region.productNames.joined(separator: ", ")) }
            return table.text
        }
    }
}
