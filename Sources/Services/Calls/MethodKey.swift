internal import RPCCore

/// Finds what is known of a method: by its own name first, which is short and nearly always enough, so that a call costs no new text.
struct MethodKey: Hashable {
    private let descriptor: MethodDescriptor

    init(_ descriptor: MethodDescriptor) {
        self.descriptor = descriptor
    }

    static func == (left: Self, right: Self) -> Bool {
        left.descriptor.method == right.descriptor.method && left.descriptor.service == right.descriptor.service
    }

    func hash(into hasher: inout Hasher) { hasher.combine(self.descriptor.method) }
}
