internal import Fleet
internal import Telemetry

/// The fleet by where it is and whose it is. Products, regions and tenants are texts from outside, so each family keeps the largest
/// shares and joins the others.
struct FleetShares {
    /// Series of one family; what comes on top is shown as `other`.
    static let seriesMax = 100
    private static let other = "other"

    private struct Share {
        var instances = 0
        var hourlyMicros: Int64 = 0
    }

    private var placements: [[String]: Share] = [:]
    private var tenants: [[String]: Share] = [:]

    init(_ instances: [Instance]) {
        for instance in instances {
            let micros = instance.liableHourlySpend.micros
            if let placement = instance.placement, !instance.state.isFinal {
                Self.add(micros, to: &self.placements[[placement.productName, placement.clusterID], default: Share()])
            }
            Self.add(micros, to: &self.tenants[[instance.tenant.rawValue], default: Share()])
        }
    }

    private static func add(_ micros: Int64, to share: inout Share) {
        share.instances += 1
        share.hourlyMicros += micros
    }

    var families: [MetricFamily] {
        let placements = Self.largest(self.placements)
        let tenants = Self.largest(self.tenants)
        return [
            Self.family(
                "novitai_placed_instances", "Living instances by product and region.", placements, ["product", "region"]
            ) { Double($0.instances) },
            Self.family("novitai_tenant_instances", "Living instances by tenant.", tenants, ["tenant"]) { Double($0.instances) },
            Self.family(
                "novitai_tenant_hourly_dollars", "US dollars per hour of what is not proven gone, by tenant.", tenants, ["tenant"]
            ) { Double($0.hourlyMicros) / 1e6 },
        ]
    }

    private static func family(
        _ name: String, _ help: String, _ shares: [[String]: Share], _ labels: [String], _ value: (Share) -> Double
    ) -> MetricFamily {
        let samples = shares.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { values, share in
            MetricFamily.Sample(value(share), labels: zip(labels, values).map { MetricFamily.Label($0, $1) })
        }
        return MetricFamily(.gauge, name, help, samples)
    }

    private static func largest(_ shares: [[String]: Share]) -> [[String]: Share] {
        guard shares.count > self.seriesMax else { return shares }
        let ordered = shares.sorted { ($1.value.instances, $0.key.description) < ($0.value.instances, $1.key.description) }
        var kept = Dictionary(uniqueKeysWithValues: ordered.prefix(self.seriesMax - 1).map { ($0.key, $0.value) })
        for (key, share) in ordered.dropFirst(self.seriesMax - 1) {
            kept[key.map { _ in self.other }, default: Share()].instances += share.instances
            kept[key.map { _ in self.other }, default: Share()].hourlyMicros += share.hourlyMicros
        }
        return kept
    }
}
