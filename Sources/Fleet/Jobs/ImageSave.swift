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

/// What the provider answered when it was asked to break off its job that saves an image. The job here ends whatever it was.
package enum ImageSaveBreak: Hashable, Sendable {
    case accepted
    /// It has done nothing: the job goes on, or has ended.
    case refused(String)
    case unclear(String)

    package init(_ error: CloudError?) {
        switch error {
        case nil: self = .accepted
        case .some(let error) where error.mayHaveTakenEffect: self = .unclear(error.message)
        case .some(let error): self = .refused(error.message)
        }
    }

    /// For people.
    ///
    /// - Parameter answer: nil: it was not asked.
    static func words(of answer: ImageSaveBreak?, for job: Job) -> String? {
        guard job.type == .saveImage, !job.isUncalled else { return nil }
        switch answer {
        case .accepted: return "the provider has taken the request to break off its job"
        case .refused(let text): return "the provider did not break off its job, and may save the image all the same: \(text)"
        case .unclear(let text):
            return "whether the provider breaks off its job is not known, and it may save the image all the same: \(text)"
        case nil: return "the provider's job is not known, was not broken off, and may save the image all the same"
        }
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
