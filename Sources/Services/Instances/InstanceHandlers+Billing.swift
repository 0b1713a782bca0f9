internal import Access
internal import Fleet
package import NovitaiProto
internal import ProtobufWire
package import RPCCore

extension InstanceHandlers {
    package func changeInstanceBilling(
        _ request: NovitaiV1.ChangeInstanceBillingRequest, context: ServerContext
    ) async throws -> NovitaiV1.ChangeInstanceBillingResponse {
        try await self.backend.answer(context, about: request.id) {
            let tenant = try self.backend.tenant(of: context)
            let key = self.backend.requestKey(request.requestId, method: "ChangeInstanceBilling", tenant)
            let change = BillingChange(request)
            // What is wrong with the terms is said only of an instance that the caller may know of.
            var violations = SpecRules.violations(ofRequestID: key.requestID)
            if request.id.isEmpty { violations.append(FieldViolation("id", "is required")) }
            if request.expectedRevision < 0 { violations.append(FieldViolation("expected_revision", "must not be negative")) }
            if let currency = request.maxPrice?.currencyCode, !currency.isEmpty, currency != NovitaiV1.Money.usDollars {
                violations.append(FieldViolation("max_price.currency_code", "must be \(NovitaiV1.Money.usDollars)"))
            }
            try Self.check(violations)
            var payload = request
            (payload.requestId, payload.validateOnly) = ("", false)
            let known = self.known(request.id, of: tenant)
            let price = try await self.price(of: change, for: known, key, context)
            let reply = try await self.backend.mutations.changeBilling(
                change, of: known?.id ?? InstanceID(rawValue: request.id), price: price,
                expectedRevision: request.expectedRevision == 0 ? nil : Revision(request.expectedRevision), request: key,
                payloadDigest: try PayloadDigest.of(payload, method: "ChangeInstanceBilling"),
                actor: try self.backend.caller(of: context).id, isValidateOnly: request.validateOnly)
            self.note(reply, key, isValidateOnly: request.validateOnly, context)
            return NovitaiV1.ChangeInstanceBillingResponse(reply, requestID: key.requestID)
        }
    }

    /// Of the months, by the catalogue. A call that was answered before is answered again without it: the provider may be away by now.
    private func price(
        of change: BillingChange, for instance: Instance?, _ key: RequestKey, _ context: ServerContext
    ) async throws -> MicroUSD? {
        guard let months = change.months, SpecRules.monthsPaidAhead.contains(months), let instance,
            let product = instance.placement?.productID
        else { return nil }
        do throws(CloudError) {
            let catalogue = try await self.backend.cloud.catalogue(call: self.backend.cloudCall(context))
            return catalogue.price(ofMonths: months, product: product, gpuCount: instance.spec.gpuCount)
        } catch {
            guard try await self.backend.store.request(key) != nil else { throw error }
            return nil
        }
    }
}

extension NovitaiV1.ChangeInstanceBillingResponse: ChangeResponse {}
