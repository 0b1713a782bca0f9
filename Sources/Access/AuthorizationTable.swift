/// Which role a method needs, at least. What is not in the table is denied to everybody.
package struct AuthorizationTable<Method: Hashable & Sendable>: Sendable {
    private let leastRoles: [Method: Role]

    package init(_ leastRoles: [Method: Role]) {
        self.leastRoles = leastRoles
    }

    package func leastRole(for method: Method) -> Role? { self.leastRoles[method] }

    package func check(_ principal: Principal, for method: Method) throws(AccessRefusal) {
        let needed = self.leastRoles[method]
        guard let needed, principal.role >= needed else { throw .notPermitted(needed: needed) }
    }
}
