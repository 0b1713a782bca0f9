/// Where a machine's disk is pushed to as an image, and by which job of the provider.
package struct ImageSave: Hashable, Sendable, Codable {
    package var image: String
    package var registryCredentialID: String
    /// Nil while it is not known.
    package var upstreamJobID: UpstreamJobID?

    package init(image: String, registryCredentialID: String = "") {
        self.image = image
        self.registryCredentialID = registryCredentialID
    }
}

extension SpecRules {
    /// Characters of the name that an image is saved under.
    package static let savedImageLengths = 1...4095

    package static func violations(of save: ImageSave) -> [FieldViolation] {
        let length = save.image.unicodeScalars.count
        let isPrintable = { (text: String) in text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
        var found: [FieldViolation] = []
        if !self.savedImageLengths.contains(length) || !isPrintable(save.image) {
            found.append(FieldViolation("image", "must have 1 to \(self.savedImageLengths.upperBound) characters, none of them blank"))
        }
        if save.registryCredentialID.unicodeScalars.count > self.identifierLengthMax || !isPrintable(save.registryCredentialID) {
            let rule = "must have at most \(self.identifierLengthMax) characters, none of them a control character"
            found.append(FieldViolation("registry_credential_id", rule))
        }
        return found
    }
}
