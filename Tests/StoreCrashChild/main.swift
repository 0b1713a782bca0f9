import Fleet
import Foundation
import SQLiteStore
import StoreContract

/// Creates instances as fast as it can, from 16 tasks at once, and says on standard output what became of each, so that a test
/// can kill it at any moment and knows what must be there afterwards. `acknowledged N`, `unavailable N`, `unknown N`; first of all
/// `open` or `in use`.
///
/// Arguments: the database's path, the first number, and how many (0: without an end).
let arguments = CommandLine.arguments
guard arguments.count == 4, let first = Int(arguments[2]), let count = Int(arguments[3]) else {
    print("usage: StoreCrashChild PATH FIRST COUNT")
    exit(64)
}

/// Unbuffered: a line is with the reader before the next commit begins. Without a reader there is nothing to do here.
func say(_ line: String) {
    do {
        try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
    } catch {
        exit(0)
    }
}

func create(_ number: Int, in store: SQLiteStore) async {
    do {
        _ = try await store.commit(Sample.creation(number))
        say("acknowledged \(number)")
    } catch .unknown {
        say("unknown \(number)")
    } catch {
        say("unavailable \(number)")
    }
}

let tasks = 16
var generator = SystemRandomNumberGenerator()
do {
    let store = try SQLiteStore(opening: SQLiteOptions(path: arguments[1]), now: Sample.start, using: &generator)
    say("open")
    let last = count == 0 ? Int.max : first + count
    await withDiscardingTaskGroup { group in
        for task in 0..<tasks {
            group.addTask {
                for number in stride(from: first + task, to: last, by: tasks) { await create(number, in: store) }
            }
        }
    }
    await store.close()
} catch {
    if case .inUse = error { say("in use") } else { say("\(error)") }
    exit(1)
}
