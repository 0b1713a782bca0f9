internal import Fleet

/// What the things of an account must be, by the provider's rules as far as they are known: a refusal here names the field.
enum ResourceRules {
    static let nameLengths = 1...255
    static let networkNameLengths = 1...30
    static let credentialLengths = 1...500
    static let volumeSizes = 10...10_000
    static let noteLengthMax = 255
    static let readmeLengthMax = 65_536

    static func violations(_ text: String, _ field: String, lengths: ClosedRange<Int>) -> [FieldViolation] {
        var violations: [FieldViolation] = []
        if !lengths.contains(text.unicodeScalars.count) {
            violations.append(
                FieldViolation(field, text.isEmpty ? "is required" : "must have at most \(lengths.upperBound) characters"))
        }
        if text.utf8.contains(0) { violations.append(FieldViolation(field, "must not hold a NUL")) }
        return violations
    }

    /// The rules of a spec are a template's too; the fields are named as in a template.
    static func violations(of draft: TemplateDraft) -> [FieldViolation] {
        let spec = InstanceSpec(
            products: ["any"], image: draft.image, registryCredentialID: draft.registryCredentialID, command: draft.command,
            ports: draft.ports, diskGB: draft.diskGB)
        let shared = SpecRules.violations(of: spec) + SpecRules.violations(of: draft.environment)
        return self.violations(draft.name, "name", lengths: self.nameLengths)
            + self.violations(draft.readme, "readme", lengths: 0...self.readmeLengthMax)
            + shared.map { FieldViolation($0.field.replacing("spec.", with: "", maxReplacements: 1), $0.description) }
    }

    static func violations(of draft: RegistryCredentialDraft) -> [FieldViolation] {
        self.violations(draft.name, "name", lengths: self.nameLengths)
            + self.violations(draft.username, "username", lengths: self.credentialLengths)
            + self.violations(draft.password, "password", lengths: self.credentialLengths)
    }

    static func violations(of draft: NetworkVolumeDraft) -> [FieldViolation] {
        self.violations(draft.name, "name", lengths: self.nameLengths) + self.violations(ofSize: draft.sizeGB)
            + self.violations(draft.clusterID, "region_id", lengths: self.nameLengths)
    }

    static func violations(ofSize sizeGB: Int) -> [FieldViolation] {
        self.volumeSizes.contains(sizeGB)
            ? [] : [FieldViolation("size_gb", "must be \(self.volumeSizes.lowerBound) to \(self.volumeSizes.upperBound)")]
    }

    static func violations(of draft: NetworkDraft) -> [FieldViolation] {
        self.violations(draft.name, "name", lengths: self.networkNameLengths)
            + self.violations(draft.clusterID, "region_id", lengths: self.nameLengths)
    }

    static func violations(of draft: ImagePrewarmDraft) -> [FieldViolation] {
        self.violations(draft.image, "image", lengths: SpecRules.imageLengths)
            + self.violations(draft.clusterID, "region_id", lengths: self.nameLengths)
            + self.violations(draft.note, "note", lengths: 0...self.noteLengthMax)
            + self.violations(draft.registryCredentialID, "registry_credential_id", lengths: 0...SpecRules.identifierLengthMax)
            + (draft.productIDs.count <= SpecRules.productsMax
                ? [] : [FieldViolation("product_ids", "name at most \(SpecRules.productsMax) products")])
            + draft.productIDs.prefix(SpecRules.productsMax).flatMap {
                self.violations($0, "product_ids", lengths: 1...SpecRules.identifierLengthMax)
            }
    }
}
