/// Where the provider is and how it is to be treated.
package struct NovitaCloudConfiguration: Sendable {
    /// `NOVITA_API_BASE_URL`: scheme, host and port; the path families hang below it.
    package var origin: String
    /// `NOVITA_API_KEY`.
    package var apiKey: APIKey
    /// `REQUEST_TIMEOUT`: one request, if its call's deadline does not end it sooner.
    package var requestTimeout: Duration = .seconds(30)
    /// `MAX_RETRY_ATTEMPTS`: after the first attempt, where repeating is harmless.
    package var retriesMax = 3
    /// `UPSTREAM_REQUESTS_PER_MINUTE`.
    package var requestsPerMinute = 100
    /// `CACHE_TIMEOUT`: how old a catalogue may be; zero asks each time.
    package var cacheTimeout: Duration = .seconds(300)
    /// Calls that wait for their turn in the call budget, or for somebody else's fetch of the catalogue.
    package var waitingMax = 1024

    package init(origin: String = "https://api.novita.ai", apiKey: APIKey) {
        self.origin = origin
        self.apiKey = apiKey
    }
}
