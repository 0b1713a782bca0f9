package import NovitaSimulator

// The provider's types under names of their own: the fleet has a `Machine`, too, and so on.
package typealias ProviderMachine = Machine
package typealias ProviderOperation = Operation
package typealias ProviderExchange = Exchange
package typealias ProviderReply = Reply
package typealias ProviderFault = Fault
package typealias ProviderError = APIError
