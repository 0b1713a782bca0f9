/// Everything that the console bounds.
enum ConsoleLimits {
    /// Bytes of a request's body. A specification with 90 variables of the container's environment is a tenth of it.
    static let bodyBytesMax = 256 << 10
    /// Bytes of a token that somebody signs in with: as many as the server looks at.
    static let tokenBytesMax = 4096
    /// People who are signed in at once; beyond it the one who has done nothing for the longest is signed out.
    static let sessionsMax = 1024
    /// Of one person: every browser that somebody may have, and a script that signs in anew each time signs nobody else out.
    static let sessionsOfOnePersonMax = 32
    /// A working day: whoever comes back the next morning signs in again.
    static let sessionAge: Duration = .seconds(12 * 3600)
    /// Without a request or an open page.
    static let sessionIdleTime: Duration = .seconds(3600)
    /// Open streams of events, one for each page that somebody looks at. Each costs two calls that only wait, of which the server takes 500 on
    /// one connection.
    static let streamsMax = 200
    /// Of one person, so that nobody takes all of them.
    static let streamsOfOnePersonMax = 24
    /// Between two pushes of the server's health, which also tell proxies and browsers that the stream lives.
    static let healthInterval: Duration = .seconds(5)
    /// A page that takes nothing for so long gives its watches up until it does.
    static let stallTime: Duration = .seconds(10)
    /// Between a watch that was cut off and the next try.
    static let watchRetryDelay: Duration = .seconds(1)
    /// What the browser is told for the same.
    static let streamRetryMilliseconds = 1500
    /// A change is answered when it is written down; a plan may have to wait for the provider's catalogue.
    static let callTimeout: Duration = .seconds(30)
    /// Bytes of the history's name in a stream's position.
    static let historyBytesMax = 64
}
