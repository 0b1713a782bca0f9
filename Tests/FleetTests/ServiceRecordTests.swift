import Testing

@testable import Fleet

@Suite("When there was a server")
struct ServiceRecordTests {
    /// What a server says, in seconds after noon.
    private enum Word: Sendable {
        case starts(Int)
        /// A word every minute until then.
        case serves(until: Int)
        /// Nothing since the word before.
        case wakes(Int)
    }

    private static func record(
        _ words: [Word], from record: ServiceRecord = ServiceRecord(servedUntil: noon - .seconds(600))
    ) -> ServiceRecord {
        var record = record
        for word in words {
            switch word {
            case .starts(let second): record.serve(at: noon + .seconds(second), isStart: true)
            case .wakes(let second): record.serve(at: noon + .seconds(second), isStart: false)
            case .serves(let second):
                while let last = record.servedUntil, last < noon + .seconds(second) {
                    record.serve(at: min(last + .seconds(60), noon + .seconds(second)), isStart: false)
                }
            }
        }
        return record
    }

    private static let cases: [(String, [Word], seconds: Int)] = [
        ("there all the time", [.starts(0), .serves(until: 86_400)], 0),
        ("a restart, and the minute before it, whose signs may not be written down", [.starts(0), .serves(until: 60), .starts(400)], 400),
        ("restarts at once", [.starts(0), .serves(until: 300), .starts(301), .serves(until: 600), .starts(601)], 122),
        ("a server that dies again and again before it has said another word", [.starts(0), .starts(300), .starts(700)], 700),
        ("a host that was suspended", [.starts(0), .serves(until: 60), .wakes(3600), .serves(until: 7200)], 3540),
        ("a clock that was put back a little", [.starts(0), .serves(until: 60), .wakes(10), .wakes(100)], 0),
        ("a start with a clock that was put back a little", [.starts(0), .serves(until: 600), .starts(570), .serves(until: 640)], 60),
    ]

    @Test("The time without a server does not count, and only that", arguments: cases)
    private func away(_ name: String, _ words: [Word], _ seconds: Int) {
        #expect(Self.record(words).away(since: noon) == .seconds(seconds), "\(name)")
    }

    @Test("Only what comes after a sign is counted for it, and a part of an absence for a sign within it")
    func sinceSign() {
        let record = Self.record([.starts(0), .serves(until: 600), .starts(1000), .serves(until: 1600), .starts(2000)])
        let away = [(0, 920), (540, 920), (800, 660), (1000, 460), (1990, 10), (2000, 0), (3000, 0)]
        for (sign, seconds) in away { #expect(record.away(since: noon + .seconds(sign)) == .seconds(seconds), "\(sign)") }
    }

    @Test("What nobody has written down, or a clock that was ahead, says nothing: all clocks begin anew")
    func unknown() {
        for before in [ServiceRecord(), ServiceRecord(servedUntil: noon + .seconds(86_400))] {
            let record = Self.record([.starts(0), .serves(until: 60)], from: before)
            #expect(record.servedUntil == noon + .seconds(60) && record.away(since: noon - .seconds(5000)) == .seconds(5000))
        }
    }

    @Test("Restarts without an end take no more than so many places: the nearest become one, and those of the nights stay")
    func bounded() {
        let day = Duration.seconds(86_400)
        let nights = (1...ServiceRecord.absencesMax - 2).map { night in
            ServiceRecord.Absence(began: noon - day * (1024 - night) - .seconds(660), ended: noon - day * (1024 - night))
        }
        let before = ServiceRecord(servedUntil: nights.last?.ended, absences: nights)
        var words: [Word] = [.serves(until: 0)]
        for hour in 1...10 { words += [.starts(hour * 3600), .starts(hour * 3600 + 20), .serves(until: hour * 3600 + 3590)] }
        let record = Self.record(words, from: before)
        #expect(record.absences.count == ServiceRecord.absencesMax && Array(record.absences.prefix(nights.count)) == nights)
        #expect(zip(record.absences, record.absences.dropFirst()).allSatisfy { $0.ended < $1.began })
        // What lay between is taken for time without a server.
        #expect(record.away(since: noon) > .seconds(8 * 3600) && record.absences.last?.ended == noon + .seconds(36_020))
    }
}
