package import Fleet
package import Traces

/// Everything that the engine reaches the outside through, and what it is told to hold to.
package struct World: Sendable {
    package let store: any Store
    package let cloud: any Cloud
    package let clock: any Clock
    package let random: RandomSource
    package let settings: FleetSettings
    package let view: View
    package let cooldowns: Cooldowns
    let capacityLooks = CapacityLooks()
    package let monitor: FleetMonitor
    /// Nil: no port is asked, and what waits to be asked is never ready.
    package let prober: (any Prober)?
    /// Nil: nothing is delivered.
    package let webhooks: Webhooks?
    package let report: @Sendable (EngineEvent) -> Void
    /// Nil: steps are not traced.
    package let tracer: Tracer?
    /// By the clock of this process.
    let begunAt: Timestamp

    /// - Parameters:
    ///   - view: attached to the store before the engine runs.
    ///   - cooldowns: shared with whoever plans for callers.
    package init(
        store: any Store, cloud: any Cloud, clock: any Clock, random: RandomSource, settings: FleetSettings, view: View,
        cooldowns: Cooldowns, monitor: FleetMonitor = FleetMonitor(), prober: (any Prober)? = nil,
        webhooks: Webhooks? = nil, tracer: Tracer? = nil, report: @escaping @Sendable (EngineEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.cloud = cloud
        self.clock = clock
        self.random = random
        self.settings = settings
        self.view = view
        self.cooldowns = cooldowns
        self.monitor = monitor
        self.prober = prober
        self.webhooks = webhooks
        self.report = report
        self.tracer = tracer
        self.begunAt = clock.now
    }

    /// A call to the provider that is over after `REQUEST_TIMEOUT`.
    func call(_ priority: CallPriority, requestID: String) -> CloudCall {
        CloudCall(priority: priority, requestID: requestID, deadline: self.clock.now + self.settings.requestTimeout)
    }

    /// The provider does not let go of a machine whose months are paid: it ends with them, if nothing renews it. That is asked for each time
    /// that it refuses, since it costs nothing and nobody could ask for it any more.
    func delete(_ id: UpstreamID, requestID: String) async throws(CloudError) {
        do throws(CloudError) {
            try await self.cloud.delete(id, call: self.call(.release, requestID: requestID))
        } catch {
            if error.code == .money {
                try? await self.cloud.change(.automaticRenewal(months: nil), of: id, call: self.call(.release, requestID: requestID))
            }
            throw error
        }
    }

    /// A full listing: as many requests as it has pages, together over after a time for all of them.
    ///
    /// - Parameter machines: as many as the account had.
    func listingCall(_ priority: CallPriority, machines: Int, requestID: String) -> CloudCall {
        let one = self.settings.requestTimeout
        let needed = priority == .sweep ? EngineLimits.listingTimeout : one + EngineLimits.listingTimePerMachine * machines
        let timeout = max(one, min(needed, EngineLimits.listingTimeout))
        return CloudCall(priority: priority, requestID: requestID, deadline: self.clock.now + timeout)
    }

    /// As it is known here, with what is under way for it.
    func subject(_ instance: Instance) -> Admission.Subject {
        Admission.Subject(instance: instance, jobs: self.view.unfinishedJobs(of: instance.id))
    }

    /// Why nothing may be ended by itself, whatever the clock says; nil while it is believed.
    var clockDoubt: String? { ClockDoubt.judge(skew: self.cloud.clockSkew) }

    /// Whether a time that has passed by the clock may end something for good. Not before the provider has answered since the start of the
    /// server, and has not contradicted it: a machine may have come up with yesterday's time, or tomorrow's.
    var believesClock: Bool {
        let hasBeenHeard = self.cloud.clockSkew != nil || self.monitor.report.lastUpstreamSuccessAt != nil
        return hasBeenHeard && self.clockDoubt == nil
    }

    /// For health.
    func judgeClock() {
        let doubt = self.clockDoubt
        self.monitor.update { $0.clockDoubt = doubt }
    }

    func upstreamAnswered(_ error: CloudError?) {
        let now = self.clock.now
        self.monitor.update { report in
            if let error, error.code.isOutage {
                report.lastUpstreamError = FleetMonitor.Failure(text: "\(error)", at: now)
            } else {
                report.lastUpstreamSuccessAt = now
            }
        }
    }

    func storeAnswered(_ error: StoreError?) {
        let now = self.clock.now
        var failure: String?
        switch error {
        case .unavailable(let text), .unknown(let text): failure = text
        case nil, .leaseLost, .conflict, .nameTaken, .requestExists, .ceilingReached, .revisionTrimmed, .controlled, .braked, .paused,
            .controlChanged, .unread:
            break
        }
        self.monitor.update { report in
            if let failure {
                report.lastStoreError = FleetMonitor.Failure(text: failure, at: now)
            } else {
                report.lastStoreSuccessAt = now
            }
        }
        if let failure { self.report(.storeFailed(failure)) }
    }
}

extension CloudError.Code {
    /// The provider does not serve us, whatever we ask.
    fileprivate var isOutage: Bool {
        switch self {
        case .unauthorized, .rateLimited, .unavailable, .transport, .malformedReply, .notAttempted: true
        case .notFound, .capacity, .invalidState, .money, .invalidRequest: false
        }
    }
}
