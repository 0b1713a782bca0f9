/// Which role a method needs, at least. What is not in the table is denied to everybody.
package struct AuthorizationTable: Sendable {
    private let leastRoles: [String: Role]

    /// - Parameter leastRoles: by the path of the method, `/package.Service/Method`.
    package init(_ leastRoles: [String: Role]) {
        self.leastRoles = leastRoles
    }

    package func leastRole(for path: String) -> Role? { self.leastRoles[path] }

    package func check(_ principal: Principal, for path: String) throws(AccessRefusal) {
        guard let needed = self.leastRoles[path], principal.role >= needed else { throw .notPermitted(needed: self.leastRoles[path]) }
    }
}
