internal import Fleet
internal import Synchronization

/// Looks at machines for all who wait for one: looks that fall together share one listing, and a failed one is everybody's.
final class MachineObserver: Sendable {
    private struct State {
        var latest: (listing: MachineListing, machines: [UpstreamID: Machine])?
        /// Counts finished listings, failed ones included.
        var finished = 0
        var failure: CloudError?
        var isUnderWay = false
    }

    private enum Turn {
        case have(MachineListing)
        case lead
        case follow(finished: Int)
    }

    private let world: World
    private let state = Mutex(State())
    /// Steps and the reconciler; more than the steps there can be.
    private let waiters = Waiters<Same>(limit: 4096)

    init(world: World) {
        self.world = world
    }

    /// How machines in transition are looked at now: one by one before the first listing has told how many calls one takes.
    var pace: PollPace {
        PollPace(
            inTransition: self.world.view.machinesAwaited, listingCalls: self.state.withLock { $0.latest?.listing.calls ?? .max },
            requestsPerMinute: self.world.settings.upstreamRequestsPerMinute)
    }

    /// By the last listing; 0 before the first.
    private var accountMachines: Int { self.state.withLock { $0.latest?.machines.count ?? 0 } }

    /// One machine as it is at `time` or later; nil when a direct read does not find it.
    func machine(
        _ id: UpstreamID, of spec: InstanceSpec, since time: Timestamp, isDirect: Bool, requestID: String
    ) async throws(CloudError) -> Machine? {
        if !isDirect, self.pace.isByListing {
            _ = try await self.listing(since: time, priority: .transition, requestID: requestID)
            let listed = self.state.withLock { $0.latest?.machines[id] }
            if let listed, !listed.needsDetail(for: spec) { return listed }
        }
        return try await self.read(id, priority: .transition, requestID: requestID)
    }

    /// A direct read.
    func read(_ id: UpstreamID, priority: CallPriority, requestID: String) async throws(CloudError) -> Machine? {
        do throws(CloudError) {
            let machine = try await self.world.cloud.machine(id, call: self.world.call(priority, requestID: requestID))
            self.world.upstreamAnswered(nil)
            return machine
        } catch {
            self.world.upstreamAnswered(error)
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// Machines by a part of their name, asked now.
    func search(_ text: String, requestID: String) async throws(CloudError) -> MachineListing {
        do throws(CloudError) {
            let call = self.world.listingCall(.transition, machines: 0, requestID: requestID)
            let listing = try await self.world.cloud.machines(named: text, call: call)
            self.world.upstreamAnswered(nil)
            return listing
        } catch {
            self.world.upstreamAnswered(error)
            throw error
        }
    }

    /// A full listing that was begun at `time` or later.
    ///
    /// - Parameter onPage: told of each page but the last, unless the listing is somebody else's.
    func listing(
        since time: Timestamp, priority: CallPriority, requestID: String, onPage: @escaping @Sendable (MachineListing) -> Void = { _ in }
    ) async throws(CloudError) -> MachineListing {
        while true {
            switch self.turn(since: time) {
            case .have(let listing): return listing
            case .lead: return try await self.list(priority, requestID: requestID, onPage: onPage)
            case .follow(let finished): try await self.follow(finished)
            }
        }
    }

    private func turn(since time: Timestamp) -> Turn {
        self.state.withLock { state in
            if let latest = state.latest, latest.listing.begunAt >= time { return .have(latest.listing) }
            if state.isUnderWay { return .follow(finished: state.finished) }
            state.isUnderWay = true
            return .lead
        }
    }

    private func list(
        _ priority: CallPriority, requestID: String, onPage: @escaping @Sendable (MachineListing) -> Void
    ) async throws(CloudError) -> MachineListing {
        do throws(CloudError) {
            let call = self.world.listingCall(priority, machines: self.accountMachines, requestID: requestID)
            let listing = try await self.world.cloud.machines(status: nil, call: call, onPage: onPage)
            self.finish(.success(listing))
            return listing
        } catch {
            self.finish(.failure(error))
            throw error
        }
    }

    private func finish(_ result: Result<MachineListing, CloudError>) {
        self.state.withLock { state in
            state.isUnderWay = false
            state.finished += 1
            switch result {
            case .success(let listing):
                state.failure = nil
                state.latest = (listing, Dictionary(listing.machines.map { ($0.id, $0) }) { first, _ in first })
            case .failure(let error):
                state.failure = error
            }
        }
        if case .failure(let error) = result { self.world.upstreamAnswered(error) } else { self.world.upstreamAnswered(nil) }
        self.waiters.wakeAll()
    }

    /// Waits for the listing under way; its failure is the follower's too, so that an outage does not cost one call each.
    private func follow(_ finished: Int) async throws(CloudError) {
        let hasRoom = await self.waiters.wait(unless: { self.state.withLock { $0.finished > finished } })
        if !hasRoom { throw CloudError(.notAttempted, "too many wait for the listing") }
        if Task.isCancelled { throw CloudError(.notAttempted, "cancelled") }
        if let failure = self.state.withLock({ $0.finished > finished ? $0.failure : nil }) { throw failure }
    }
}
