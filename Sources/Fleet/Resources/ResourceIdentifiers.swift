/// A template at the provider.
package struct TemplateID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

package struct RegistryCredentialID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

package struct NetworkVolumeID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

package struct NetworkID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

package struct ImagePrewarmID: Identifier {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}
