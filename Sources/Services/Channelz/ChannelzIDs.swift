/// Channelz numbers everything of a process in one sequence, so each kind has a range of it.
enum ChannelzIDs {
    static let server: Int64 = 1
    static let listener: Int64 = 2
    private static let firstChannel: Int64 = 3
    /// After more channels than a process has.
    private static let firstServerSocket: Int64 = 1000
    /// After more connections than a server lives to see; then so many for each channel.
    private static let firstChannelSocket: Int64 = 1 << 48
    private static let socketsPerChannel: Int64 = 1 << 32

    enum Socket: Equatable {
        case listener
        /// A connection that the server has taken, by its number: those are counted from 1.
        case ofServer(UInt64)
        /// A connection of the channel with this index, by its number, likewise.
        case ofChannel(Int, UInt64)
    }

    static func id(of socket: Socket) -> Int64 {
        switch socket {
        case .listener: self.listener
        case .ofServer(let number): self.firstServerSocket - 1 + Int64(number)
        case .ofChannel(let index, let number): self.firstChannelSocket + Int64(index) * self.socketsPerChannel + Int64(number)
        }
    }

    /// Nil for what is no socket's number.
    static func socket(_ id: Int64) -> Socket? {
        switch id {
        case self.listener: return .listener
        case self.firstServerSocket..<self.firstChannelSocket: return .ofServer(UInt64(id - self.firstServerSocket + 1))
        case self.firstChannelSocket...:
            let (index, number) = (id - self.firstChannelSocket).quotientAndRemainder(dividingBy: self.socketsPerChannel)
            return .ofChannel(Int(index), UInt64(number))
        default: return nil
        }
    }

    /// Of the server's connections, the first whose socket's number is not below this one.
    static func firstConnection(from id: Int64) -> UInt64 { UInt64(max(0, id - self.firstServerSocket) + 1) }

    static func channel(_ index: Int) -> Int64 { self.firstChannel + Int64(index) }

    static func index(ofChannel id: Int64) -> Int? {
        (self.firstChannel..<self.firstServerSocket).contains(id) ? Int(id - self.firstChannel) : nil
    }
}
