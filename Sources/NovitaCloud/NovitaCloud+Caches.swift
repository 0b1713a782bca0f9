package import Fleet

extension NovitaCloud {
    package var caches: [CacheFacts] {
        CacheFacts.Name.allCases.map { name in
            switch name {
            case .catalogue: self.cache.facts(name, count: \.products.count)
            case .templates: self.resources.templates.facts(name, count: \.count)
            case .registryCredentials: self.resources.registryCredentials.facts(name, count: \.count)
            case .networkVolumes: self.resources.networkVolumes.facts(name, count: \.count)
            case .networks: self.resources.networks.facts(name, count: \.count)
            case .imagePrewarms: self.resources.imagePrewarms.facts(name, count: \.count)
            }
        }
    }

    package func clearCache(_ name: CacheFacts.Name) {
        switch name {
        case .catalogue: self.cache.clear()
        case .templates: self.resources.templates.clear()
        case .registryCredentials: self.resources.registryCredentials.clear()
        case .networkVolumes: self.resources.networkVolumes.clear()
        case .networks: self.resources.networks.clear()
        case .imagePrewarms: self.resources.imagePrewarms.clear()
        }
    }
}
