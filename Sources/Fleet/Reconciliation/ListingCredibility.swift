/// A listing that suddenly lacks most of what we know is suspected, not believed: nothing is concluded from what it does not show.
package enum ListingCredibility {
    /// At least half of the machines that were there before it was begun are in it.
    package static func isCredible(_ listing: MachineListing, known instances: [Instance]) -> Bool {
        let known = instances.filter { instance in
            guard let upstream = instance.upstream, !instance.state.isFinal, instance.state != .deleting else { return false }
            return upstream.observedAt < listing.begunAt
        }
        guard !known.isEmpty else { return true }
        let listed = Set(listing.machines.map(\.id))
        let present = known.count { $0.upstream.map { listed.contains($0.id) } ?? false }
        return present * 2 >= known.count
    }
}
